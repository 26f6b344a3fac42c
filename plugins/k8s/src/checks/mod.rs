//! One check per file; the file is named like the last part of the check's id.
//!
//! What ails a pod is diagnosed in one place, [`ailment`], and each kind of it is judged by one check: one crash loop is
//! one failure, and to the checks of replicas, endpoints and events no more than an explanation.

mod ailment;
mod job;
mod labels;
mod leftovers;
mod logs;
mod restarts;
#[cfg(test)]
mod testing;
mod ward;
mod workload;

mod api {
    mod connect;
    mod direct;
}

mod certificates {
    mod expiry;
}

mod events {
    mod warnings;

    pub(super) use warnings::last_seen;
}

mod jobs {
    mod failed;
}

mod list {
    pub(super) mod deployments;
    mod pods;
}

mod mongo {
    mod status;

    /// The short name of MongoDB among the components.
    pub(super) const COMPONENT: &str = "mongodb";
    /// The check that judges how MongoDB is.
    pub(super) const STATUS: &str = "k8s.mongo.status";
}

mod namespace {
    mod r#match;
}

mod nodes {
    mod ready;
}

mod pods {
    mod crashes;
    mod images;
    mod memory;
    mod pending;
}

mod resources {
    pub(super) mod set;
}

mod services {
    mod endpoints;
}

mod workloads {
    mod replicas;
}

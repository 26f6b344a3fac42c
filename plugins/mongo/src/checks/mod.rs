//! One check per file; the file is named like the last part of the check's id.

mod classes;
mod connect;
mod shapes;
mod survey;

mod ping {
    mod latency;
}

mod basepaths {
    mod guid;
}

mod collections {
    mod kinds;
    mod required;
}

pub(crate) mod indexes {
    pub(super) mod explain;
    pub(crate) mod index;
    pub(crate) mod list;
    mod required;
    mod used;
}

pub(crate) mod recordings {
    pub(super) mod census;
    mod duplicates;
    pub(crate) mod stale;
}

mod lifecycle {
    mod classes;
}

mod load {
    mod crowd;
    mod jobs;
    mod pool;
    mod query;
}

mod metadata {
    pub(super) mod required;
}

mod recognition {
    mod rate;
}

mod server {
    mod cache;
    mod connections;
    mod engine;
    mod health;
    mod operations;
    mod replication;
    mod shape;
    mod version;
}

mod schema {
    mod metadata;
    mod recordings;
    mod rules;
    mod unrecognized;
}

mod softdelete {
    mod totals;
}

mod time {
    mod order;
}

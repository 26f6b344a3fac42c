//! One check per file; the file is named like the last part of the check's id.

mod connect;

mod ping {
    mod latency;
}

mod basepaths {
    mod guid;
}

mod collections {
    mod required;
}

pub(crate) mod indexes {
    mod explain;
    pub(crate) mod index;
    mod required;
}

pub(crate) mod recordings {
    mod census;
    pub(crate) mod stale;
}

mod schema {
    mod recordings;
    mod rules;
    mod unrecognized;
}

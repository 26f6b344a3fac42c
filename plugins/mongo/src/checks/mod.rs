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

mod indexes {
    mod explain;
    mod index;
    mod required;
}

mod recordings {
    mod census;
    mod stale;
}

mod schema {
    mod recordings;
    mod rules;
    mod unrecognized;
}

//! Jobs that exist.

mod cancel;

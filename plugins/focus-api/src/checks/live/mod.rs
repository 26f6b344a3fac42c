//! Live views that last.

mod stability;

//! Views of recorded time.

mod e2e;
mod short;
mod valid;
mod window_limit;

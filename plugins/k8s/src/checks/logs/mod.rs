//! What the components log.

mod errors;
mod scan;

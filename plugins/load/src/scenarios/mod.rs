//! Those who only read.

mod reads;

pub(crate) use reads::{Choice, Reads};

//! Rows of the planned interface under load; [`reading`] is how they are read, for other checks too.

pub(in crate::checks) mod reading;
mod stream;

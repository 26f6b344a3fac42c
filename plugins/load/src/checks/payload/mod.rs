//! Requests that are larger than most.

mod large;

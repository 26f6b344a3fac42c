//! Whether there is a fiber to look at.

mod ready;

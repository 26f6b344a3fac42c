//! The search against systems whose limit is known, and the gap report as its readers see it.

mod bottleneck;
mod gap;
mod page;
mod search;

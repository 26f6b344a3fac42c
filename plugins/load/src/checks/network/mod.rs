//! How much the waterfalls carry, and whether it grows with their number.

mod bandwidth;
mod scaling;

//! Jobs as somebody sees them who has many: started by a few workers, asked about, and as many as possible.

mod concurrent;
mod max;
mod polling;

//! `load.capacity`: how many jobs an environment holds at once, and what limits it.
//!
//! [`held`] asks for jobs, keeps them, looks whether they really run, and ends them again; [`verdict`] judges that and names
//! the bottleneck. The checks differ in how many jobs they ask for, of which kind, and in what must come of it.

mod baseline;
mod extreme;
mod heavy;
mod held;
mod linear;
mod pods;
mod recovery;
mod search;
mod soak_1h;
#[path = "200.rs"]
mod two_hundred;
mod verdict;

/// What every check requires that holds many jobs: a server that starts one.
const HOLDS_ONE: &[&str] = &["focus-api.config.valid", "load.capacity.baseline"];

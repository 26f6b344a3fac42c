//! For tests of plugins: one check, run by itself, in the sandbox or anywhere else.
//!
//! A test links the plugin, starts a [`Bench`], breaks it, and reads what the check says:
//!
//! ```text
//! use shakedown_moon as _;
//!
//! let bench = Bench::sandbox(&["moon"], &["moon.eclipsed"]).await.expect("it needs nothing");
//! assert_eq!(brief(&bench.run("moon.shines").await), "failed moon-dark");
//! bench.stop().await;
//! ```
//!
//! Everything is bounded in time. A part of the sandbox that cannot be had on this machine makes a test skip what it would do;
//! with the variable `CI` set it makes the test fail.

mod bench;
mod outcome;
mod record;

pub use bench::{Bench, PATIENCE, connect, sandbox, spec};
pub use outcome::{brief, codes, finding};
pub use shakedown_sandbox::{Sandbox, Times, Truth};

//! The capacity model: how much the server can do at once, how long its work takes, and what it did.
//!
//! [`model`] holds the numbers, which are exact: whoever measures the server can be compared with them. [`desk`] is
//! where configurations are served, [`freeze`] when everything stands still, [`doors`] a connection that can be reset,
//! and [`strain`] what all requests have to go through. The [`book`] is kept of all that, and [`truth`] is what it says.

mod book;
mod desk;
mod doors;
mod freeze;
mod model;
mod strain;
mod truth;
mod window;

pub(super) use book::{Book, JobEnd, Visit};
pub(super) use desk::Desk;
pub(super) use doors::{Doom, Door};
pub(super) use model::{LEAK, Work, most_historic, most_jobs};
pub(super) use strain::{Strain, layer};
pub use truth::{JobTruth, OperationTruth, RowTruth, Served, Stall, Times, Truth};

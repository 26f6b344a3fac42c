//! Checks of Focus Server under load: how it serves many, for how long, and what becomes of it afterwards.
//!
//! The load engine knows nothing of Focus Server. Here [`trial`] runs a plan under the environment's policy and keeps the
//! result honest, [`jobs`] is the scenario of somebody who asks for a job and ends it again, [`scenarios`] are those who
//! only read, [`profile`] says what a check asks for and what must come of it, [`served`] counts what came of it, and
//! [`judge`] makes a verdict of that. The checks stand in [`checks`], one to a file.

mod checks;
mod jobs;
mod judge;
#[macro_use]
mod profile;
mod scenarios;
mod series;
mod served;
mod trial;
mod wire;

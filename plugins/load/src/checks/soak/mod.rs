//! Hours of light load: [`day`] looks for what grows, [`long_job`] holds one view.
//!
//! Both keep what they have seen in bounded memory ([`bins`]), note it in the journal, and go on from there.

mod bins;
#[path = "24h.rs"]
mod day;
mod early;
mod judgement;
mod long_job;
mod record;

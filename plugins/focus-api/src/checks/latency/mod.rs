//! How fast the server is, and whether it stays well when several ask.

mod judgement;
mod p95_p99;
mod samples;
mod survey;
mod suspects;

//! How fast the server is, and whether it stays well when several ask.

mod configure;
mod judgement;
mod p95_p99;
mod reads;
mod samples;
mod survey;

//! `GET /live_metadata`: what the fiber is like.

mod fields;
mod ok;

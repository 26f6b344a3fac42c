//! `POST /recordings_in_time_range`: what can be played back.

mod invalid;
mod range;

//! `GET /channels`: which channels there are.

mod ok;

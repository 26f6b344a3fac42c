//! `GET /ack`: is anybody there.

mod ok;

//! `GET /ack`: is anybody there?

mod headers;
mod load;
mod methods;
mod ok;

//! `GET /sensors`, of the planned interface.

mod list;

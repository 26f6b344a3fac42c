//! `GET /metadata/{task_id}`, of the planned interface.

mod valid;

//! `POST /config/{task_id}`, of the planned interface.

mod refused;
mod valid;

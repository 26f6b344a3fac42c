//! `GET /waterfall/{task_id}/{row_count}`, of the planned interface.

mod valid;

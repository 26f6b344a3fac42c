//! `GET /metadata/{job_id}`: what the server knows of a job.

mod invalid;
mod valid;

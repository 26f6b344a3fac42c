//! `POST /configure`, as clients mean it.

mod valid;

//! The checks, one to a file; a file's name is the last part of the check's id.

mod backlog;

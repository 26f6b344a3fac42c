//! Several at the same moment.

mod create;

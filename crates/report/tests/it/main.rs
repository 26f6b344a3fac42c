//! What people and programs get to read of a run.

mod files;
mod fixture;
mod hostile;
mod journal;
mod json;
mod junit;
mod scale;
mod summary;
mod terminal;

//! What people and programs get to read of a run.

mod browser;
mod compare;
mod files;
mod fixture;
mod hostile;
mod html;
mod html_large;
mod html_opened;
mod journal;
mod json;
mod junit;
mod junit_limits;
mod memory;
mod scale;
mod summary;
mod terminal;
mod xray;

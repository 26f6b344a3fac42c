//! What people and programs get to read of a run.

mod browser;
mod compare;
mod files;
mod fixture;
mod hostile;
mod html;
mod html_opened;
mod journal;
mod json;
mod junit;
mod scale;
mod summary;
mod terminal;
mod xray;

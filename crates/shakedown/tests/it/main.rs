//! The program as users meet it: every test runs the real binary in a project directory of its own.

mod bad_input;
mod catalogue;
mod doctor;
mod documents;
mod fix;
mod incident;
mod keys;
mod pages;
mod pipeline;
mod prove;
mod run;
mod sandbox;
mod scene;
mod shells;
mod stop;
mod upload;

//! The program as users meet it: every test runs the real binary in a project directory of its own.

mod bad_input;
mod catalogue;
mod doctor;
mod fix;
mod incident;
mod prove;
mod run;
mod sandbox;
mod scene;
mod stop;
mod upload;

//! The load engine, from outside.

mod counting;
mod engine;
mod http_hostile;
mod http_scenarios;
mod http_server;
mod http_wire;
mod threshold;
mod threshold_feasible;
mod workers;
mod workers_merge;
mod workers_protocol;

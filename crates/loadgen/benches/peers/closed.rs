//! 64 connections as fast as they go: this engine beside `wrk` and `oha`, on a local nginx, one core each.
//!
//! Pairs are interleaved, and ratios are taken within a pair: what disturbs the machine disturbs both.

use crate::nginx::Nginx;
use crate::options::Options;
use crate::process::{CLIENT_CORE, is_there, output, pinned, this_program};
use crate::rivals::{self, CONNECTIONS, GRACE};
use crate::table::median;
use crate::{Trouble, count, runtime};
use shakedown_core::limits::Limits;
use shakedown_core::measurement::{Measured, Threshold};
use shakedown_core::{HumanDuration, Unit};
use shakedown_loadgen::http::{Dialer, Discard, Endpoint, WireSettings};
use shakedown_loadgen::{Engine, Failure, Histogram, Load, Plan};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rates of one pair of measurements each, in the order of the rounds.
#[derive(Default)]
struct Rates {
    engine: Vec<f64>,
    wire: Vec<f64>,
    wrk: Vec<f64>,
    oha: Vec<f64>,
}

pub(crate) fn measure(options: &Options) -> Result<Measured, Trouble> {
    let oha = Some(options.oha.as_str()).filter(|program| is_there(program));
    if oha.is_none() {
        eprintln!(
            "`{}` does not start: it is left out (`cargo install --locked oha`, or `--oha PATH`)",
            options.oha
        );
    }
    let nginx = Nginx::start()?;
    let mut rates = Rates::default();
    // The first one finds cold caches, and is not counted.
    rivals::wrk(&nginx.address, Duration::from_secs(1))?;
    for round in 1..=options.rounds {
        rates.engine.push(own("engine", &nginx.address, options.round)?);
        rates.wrk.push(rivals::wrk(&nginx.address, options.round)?);
        if let Some(program) = oha {
            rates.oha.push(rivals::oha(program, &nginx.address, options.round)?);
        }
        rates.wire.push(own("wire", &nginx.address, options.round)?);
        eprintln!("  round {round} of {}", options.rounds);
    }
    Ok(rates.measured())
}

impl Rates {
    fn measured(&self) -> Measured {
        let Self { engine, wire, wrk, oha } = self;
        let ratio = |own: &[f64], peer: &[f64]| {
            median(&own.iter().zip(peer).map(|(own, peer)| own / peer).collect::<Vec<_>>())
        };
        let subject = format!("closed: {CONNECTIONS} connections, one core each for client and server");
        let measured = Measured::of(subject)
            .with("wrk", median(wrk), Unit::PerSecond)
            .with("the engine, with full accounting", median(engine), Unit::PerSecond)
            .with("its connections alone", median(wire), Unit::PerSecond)
            .with("the engine to wrk", ratio(engine, wrk), Unit::Ratio)
            .held_to(Threshold::AtLeast(0.9))
            .with("its connections alone to wrk", ratio(wire, wrk), Unit::Ratio);
        if oha.is_empty() {
            return measured;
        }
        measured
            .with("oha", median(oha), Unit::PerSecond)
            .with("the engine to oha", ratio(engine, oha), Unit::Ratio)
            .held_to(Threshold::AtLeast(1.0))
            .with("oha to wrk", ratio(oha, wrk), Unit::Ratio)
    }
}

/// The rate of this program in another role, in a process of its own as the peers are.
fn own(role: &str, address: &str, during: Duration) -> Result<f64, Trouble> {
    let mut command = pinned(CLIENT_CORE, this_program()?);
    command.args(["as", role, address, &during.as_secs().to_string()]);
    let text = output(&mut command, during + GRACE)?;
    text.trim().parse().map_err(|_| format!("`{role}` says no rate:\n{text}"))
}

fn dialer(address: &str) -> Result<Dialer, Trouble> {
    let url = format!("http://{address}").parse().map_err(|error| format!("`{address}`: {error}"))?;
    Dialer::new(WireSettings::new(url))
}

/// Prints the rate of the engine.
pub(crate) fn as_engine(address: &str, seconds: u64) -> Result<(), Trouble> {
    let dialer = dialer(address)?;
    let request = dialer.get("/")?;
    let users = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let plan = Plan::single(Load::Users { count: users, during: HumanDuration::secs(seconds) });
    let limits = Limits { requests_per_second: f64::INFINITY, requests_in_flight: CONNECTIONS };
    let scenario = Arc::new(Endpoint::new(dialer, "get", request));
    let report = crate::run_engine(Engine::new(plan, limits), scenario)?;
    let phase = report.phase("load").ok_or("the phase was not begun")?;
    let total = phase.total();
    if total.failures() > 0 {
        return Err(format!("{} requests failed: {:?}", total.failures(), total.failed.keys()));
    }
    println!("{}", count(total.succeeded.count) / phase.elapsed);
    Ok(())
}

/// Prints the rate of the connections without the engine: what the engine's accounting costs is the difference.
pub(crate) fn as_wire(address: &str, seconds: u64) -> Result<(), Trouble> {
    let dialer = dialer(address)?;
    let runtime = runtime()?;
    let request = dialer.get("/")?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let users: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (mut wire, request) = (dialer.wire(), request.clone());
            runtime.spawn(async move {
                let mut times = Histogram::new();
                loop {
                    let began = Instant::now();
                    if began > until {
                        return Ok::<_, Failure>(times);
                    }
                    wire.read(&request, &mut Discard).await?.success()?;
                    times.record(began.elapsed());
                }
            })
        })
        .collect();
    let mut all = Histogram::new();
    for user in users {
        let times = runtime.block_on(user).map_err(|error| error.to_string())?;
        all.merge(&times.map_err(|failure| failure.to_string())?);
    }
    println!("{}", count(all.count()) / count(seconds));
    Ok(())
}

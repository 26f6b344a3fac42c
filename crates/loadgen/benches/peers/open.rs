//! 5,000 requests a second in the open model, against a server that knows the truth: healthy, and stopped for 1 s.

use crate::rivals::CONNECTIONS;
use crate::server::{Recording, Stop};
use crate::{Trouble, count, milliseconds, run_engine};
use shakedown_core::limits::Limits;
use shakedown_core::measurement::{Measured, Threshold};
use shakedown_core::{HumanDuration, Unit};
use shakedown_loadgen::http::{Dialer, Endpoint, WireSettings};
use shakedown_loadgen::{Arrivals, Engine, Load, Phase, PhaseReport, Plan, Report};
use std::sync::Arc;
use std::time::{Duration, Instant};

const RATE: f64 = 5000.0;
const WARM_UP: Duration = Duration::from_secs(2);
const HEALTHY: Duration = Duration::from_secs(20);
/// The window in which the server stops.
const WINDOW: Duration = Duration::from_secs(8);
const STOPPED: Duration = Duration::from_secs(1);
const MEASURED: &str = "measured";

pub(crate) fn healthy() -> Result<Measured, Trouble> {
    let starts = Instant::now() + Duration::from_millis(500);
    let server = Recording::start(starts + WARM_UP, None)?;
    let report = load(&server, starts, HEALTHY)?;
    let phase = phase(&report)?;
    let total = phase.total();
    let achieved = count(total.succeeded.count) / (RATE * HEALTHY.as_secs_f64()) * 100.0;
    let (seen, truth) = (total.latency().percentile(99.0), server.times().percentile(99.0));
    let apart = seen.zip(truth).map(|(seen, truth)| seen.abs_diff(truth));
    let lag = report.generator.lag.percentile(99.0);
    Ok(Measured::of(format!("open: {RATE}/s for {HEALTHY:?} over {CONNECTIONS} connections"))
        .with("achieved", achieved, Unit::Percent)
        .held_to(Threshold::AtLeast(99.9))
        .with("p99, from when it was due", milliseconds(seen), Unit::Milliseconds)
        .with("p99, as the server recorded it", milliseconds(truth), Unit::Milliseconds)
        .with("apart", milliseconds(apart), Unit::Milliseconds)
        .held_to(Threshold::AtMost(0.1))
        .with(
            "median, from when it was due",
            milliseconds(total.latency().percentile(50.0)),
            Unit::Milliseconds,
        )
        .with("p99 of the generator's own lag", milliseconds(lag), Unit::Milliseconds)
        .with("missed", count(phase.missed), Unit::Count)
        .with("failed", count(total.failures()), Unit::Count))
}

pub(crate) fn stopped() -> Result<Measured, Trouble> {
    let starts = Instant::now() + Duration::from_millis(500);
    let at = starts + WARM_UP + WINDOW / 3;
    let server = Recording::start(starts + WARM_UP, Some(Stop { at, during: STOPPED }))?;
    let report = load(&server, starts, WINDOW)?;
    let phase = phase(&report)?;
    let total = phase.total();
    // What arrives within the stop waits for its end: all waits up to its length are equally frequent. The longest
    // hundredth of all arrivals of the window waits longer than this.
    let theory = STOPPED.saturating_sub(WINDOW / 100);
    let seen = total.latency().percentile(99.0);
    let off = seen.map(|seen| seen.abs_diff(theory).as_secs_f64() / theory.as_secs_f64() * 100.0);
    let hides = milliseconds(total.service().percentile(99.0));
    Ok(Measured::of(format!("open: the server stopped for {STOPPED:?} in a window of {WINDOW:?}"))
        .with("p99 by theory", milliseconds(Some(theory)), Unit::Milliseconds)
        .with("p99, from when it was due", milliseconds(seen), Unit::Milliseconds)
        .with("off by", off, Unit::Percent)
        .held_to(Threshold::AtMost(2.0))
        .with("p99 from when it was sent: what hides the stop", hides, Unit::Milliseconds)
        .with("longest", milliseconds(total.latency().max()), Unit::Milliseconds)
        .with("missed", count(phase.missed), Unit::Count)
        .with("failed", count(total.failures()), Unit::Count))
}

fn load(server: &Recording, starts: Instant, during: Duration) -> Result<Report, Trouble> {
    let url = format!("http://{}", server.address).parse().map_err(|error| format!("{error}"))?;
    let dialer = Dialer::new(WireSettings::new(url))?;
    let request = dialer.get("/")?;
    let rate = |during: Duration| Load::Rate {
        per_second: RATE,
        during: HumanDuration(during),
        arrivals: Arrivals::Even,
    };
    let plan =
        Plan::of([Phase::unmeasured("warm-up", rate(WARM_UP)), Phase::measured(MEASURED, rate(during))]);
    let limits = Limits { requests_per_second: f64::INFINITY, requests_in_flight: CONNECTIONS };
    let engine = Engine::new(plan, limits).starting_at(starts);
    run_engine(engine, Arc::new(Endpoint::new(dialer, "get", request)))
}

fn phase(report: &Report) -> Result<&PhaseReport, Trouble> {
    report.phase(MEASURED).ok_or_else(|| format!("the measured phase was not begun: {:?}", report.aborted))
}

//! 5,000 requests a second in the open model, against a server that knows the truth: healthy, and stopped for 1 s.

use crate::rivals::CONNECTIONS;
use crate::server::{Recording, Stop};
use crate::table::{Row, print};
use crate::{Trouble, milliseconds, run_engine};
use shakedown_core::HumanDuration;
use shakedown_core::limits::Limits;
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

pub(crate) fn measure() -> Result<(), Trouble> {
    healthy()?;
    stopped()
}

fn healthy() -> Result<(), Trouble> {
    let starts = Instant::now() + Duration::from_millis(500);
    let server = Recording::start(starts + WARM_UP, None)?;
    let report = load(&server, starts, HEALTHY)?;
    let phase = phase(&report)?;
    let total = phase.total();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let achieved = total.succeeded.count as f64 / (RATE * HEALTHY.as_secs_f64()) * 100.0;
    let (seen, truth) = (total.latency().percentile(99.0), server.times().percentile(99.0));
    let apart = seen.zip(truth).map(|(seen, truth)| seen.abs_diff(truth));
    let rows = [
        Row::judged("achieved", format!("{achieved:.3} %"), "at least 99.9 %", achieved >= 99.9),
        Row::told("p99, from when it was due", milliseconds(seen)),
        Row::told("p99, as the server recorded it", milliseconds(truth)),
        Row::judged(
            "apart",
            milliseconds(apart),
            "at most 0.1 ms",
            apart.is_some_and(|apart| apart <= Duration::from_micros(100)),
        ),
        Row::told("median, from when it was due", milliseconds(total.latency().percentile(50.0))),
        Row::told("p99 of the generator's own lag", milliseconds(report.generator.lag.percentile(99.0))),
        Row::told("missed", phase.missed.to_string()),
        Row::told("failed", total.failures().to_string()),
    ];
    print(&format!("open: {RATE}/s for {HEALTHY:?} over {CONNECTIONS} connections"), &rows);
    Ok(())
}

fn stopped() -> Result<(), Trouble> {
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
    let off =
        seen.map_or(f64::INFINITY, |seen| seen.abs_diff(theory).as_secs_f64() / theory.as_secs_f64() * 100.0);
    let rows = [
        Row::told("p99 by theory", milliseconds(Some(theory))),
        Row::told("p99, from when it was due", milliseconds(seen)),
        Row::judged("off by", format!("{off:.2} %"), "at most 2 %", off <= 2.0),
        Row::told(
            "p99 from when it was sent: what hides the stop",
            milliseconds(total.service().percentile(99.0)),
        ),
        Row::told("longest", milliseconds(total.latency().max())),
        Row::told("missed", phase.missed.to_string()),
        Row::told("failed", total.failures().to_string()),
    ];
    print(&format!("open: the server stopped for {STOPPED:?} in a window of {WINDOW:?}"), &rows);
    Ok(())
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

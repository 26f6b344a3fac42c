//! `POST /configure`: from a request to a job and its description.

use super::body;
use super::capacity::{LEAK, Visit, Work};
use super::errors::{Refusal, answer};
use super::faults::{Fault, Faults};
use super::jobs::NoJob;
use super::live;
use super::server::Server;
use super::validate::{self, Order, Range, Request};
use crate::kubernetes::Configured;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How much faster than it was recorded history is played back.
const PLAYBACK_SPEED: u64 = 10;
/// Playing back takes at least this long, and at most [`LONGEST_PLAYBACK`].
const SHORTEST_PLAYBACK: Duration = Duration::from_secs(2);
const LONGEST_PLAYBACK: Duration = Duration::from_mins(10);
/// The longest list of frequencies: what the largest transform has.
const MOST_BINS: i64 = 32_769;

/// How long a refusal takes under [`Fault::SlowRefusals`].
const SLOW_REFUSAL: Duration = Duration::from_millis(1500);
/// How long an outage of the database is hidden under [`Fault::SlowOutage`].
const SLOW_OUTAGE: Duration = Duration::from_secs(6);

/// Serves a request, with the faults that concern all requests of this kind.
pub(super) async fn configure(
    server: &Server,
    visit: &Visit,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let faults = server.faults();
    if let Some(kubernetes) = &server.kubernetes {
        kubernetes.asked();
    }
    let answer = serve(server, visit, headers, body, &faults).await;
    if let Err(refusal) = &answer
        && refusal.is_of_the_request()
        && faults.has(Fault::SlowRefusals)
    {
        tokio::time::sleep(SLOW_REFUSAL).await;
    }
    answer
}

async fn serve(
    server: &Server,
    visit: &Visit,
    headers: &HeaderMap,
    body: Body,
    faults: &Faults,
) -> Result<Response, Refusal> {
    let ticket = server.desk.enter(faults)?;
    let mut body = body::object_under(faults, headers, body).await?;
    let crashes = faults.has(Fault::MissingField500) && validate::lacks_a_field(&body)
        || faults.has(Fault::Waterfall500) && validate::is_minimal_waterfall(&body)
        || faults.has(Fault::Overflow500) && body::has_a_large_number(&body);
    if crashes {
        return Err(Refusal::Crash);
    }
    if faults.has(Fault::DefaultsMissingFields) {
        validate::add_defaults(&mut body);
    }
    let order = order(server, &body, faults);
    if order.is_err() && faults.has(Fault::RefusalLeaksJob) {
        leak_a_job(server, &body, faults);
    }
    let poisoned = server.mishaps.follows_poison(body.get("nfftSelection") == Some(&json!(0)));
    if order.is_ok() && poisoned && faults.has(Fault::RefusalPoisons) {
        return Err(Refusal::Crash);
    }
    if order.is_err() && server.mishaps.is_burst(&body) && faults.has(Fault::Burst500) {
        return Err(Refusal::Crash);
    }
    let order = order?;
    let turn = ticket.turn(faults).await;
    visit.begins(ticket.others(faults));
    ticket.work(Work::of(&order), faults).await?;
    drop(turn);
    if faults.has(Fault::ConfigureRefuses) && order.history.is_none()
        || faults.has(Fault::Historic500) && order.history.is_some()
    {
        return Err(Refusal::Crash);
    }
    if faults.has(Fault::Bare503) && order.history.is_none() {
        return Err(Refusal::Empty(StatusCode::SERVICE_UNAVAILABLE));
    }
    if let Some(range) = order.history {
        if faults.has(Fault::SlowOutage) {
            tokio::time::sleep(SLOW_OUTAGE).await;
        }
        if faults.has(Fault::SlowOutage) || faults.has(Fault::DatabaseDown) {
            return Err(Refusal::unavailable("Recordings database is not available"));
        }
        if !order.impossible_time && !faults.has(Fault::AcceptsEmptyWindow) {
            server.require_recordings(range).await?;
        }
    }
    match open(server, &order, faults) {
        Ok(description) => Ok(answer(StatusCode::OK, &description)),
        Err(NoJob::Full(most)) => {
            Err(Refusal::unavailable(format!("Too many concurrent jobs: {most} of {most} are running")))
        }
        Err(NoJob::FullOfHistory(most)) => Err(Refusal::unavailable(format!(
            "Too many concurrent jobs that play back history: {most} of {most} are running"
        ))),
        Err(NoJob::NoPort(error)) => {
            Err(Refusal::unavailable(format!("No stream port is available: {error}")))
        }
    }
}

/// What a request asks for, where it can be served.
fn order(server: &Server, body: &Map<String, Value>, faults: &Faults) -> Result<Order, Refusal> {
    let request = Request::read(body, faults)?;
    if faults.has(Fault::WaitingForFiber) {
        return Err(Refusal::Empty(StatusCode::SERVICE_UNAVAILABLE));
    }
    request.check(server.clock.epoch_seconds(), faults)
}

fn open(server: &Server, order: &Order, faults: &Faults) -> Result<Value, NoJob> {
    let playback = order.history.map(playback);
    let mut configured = None;
    let answer = server.jobs.open(playback, faults, |id, port| {
        let answer = describe(order, id, port, faults);
        configured = Some(configured_as(order, id, port, &answer));
        answer
    })?;
    if let (Some(kubernetes), Some(configured)) = (&server.kubernetes, configured) {
        kubernetes.configured(configured);
        if faults.has(Fault::Leaks) {
            kubernetes.leaked(LEAK);
        }
    }
    Ok(answer)
}

/// What the cluster is to know of a job.
fn configured_as(order: &Order, id: &str, port: u16, answer: &Value) -> Configured {
    Configured {
        id: id.to_owned(),
        port,
        channels: (order.channels.min, order.channels.max),
        nfft: order.nfft,
        frequencies: (order.frequency.min, order.frequency.max),
        streams: answer["stream_amount"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1),
        history: order.history.map(|range| (range.min, range.max)),
    }
}

/// Starts what a refused request asks for, as far as that can be made out.
fn leak_a_job(server: &Server, body: &Map<String, Value>, faults: &Faults) {
    let mut likely = body.clone();
    likely.insert("nfftSelection".to_owned(), Value::Null);
    validate::add_defaults(&mut likely);
    if let Ok(order) = order(server, &likely, faults) {
        // That there is no room is no worse than that there is no request.
        let _ = open(server, &order, faults);
    }
}

/// How long playing back a range (epoch seconds) takes.
pub(super) fn playback(range: Range) -> Duration {
    let recorded = u64::try_from(range.max.saturating_sub(range.min)).unwrap_or_default();
    Duration::from_secs(recorded / PLAYBACK_SPEED).clamp(SHORTEST_PLAYBACK, LONGEST_PLAYBACK)
}

fn describe(order: &Order, id: &str, port: u16, faults: &Faults) -> Value {
    let frequencies = frequencies(order.nfft, order.frequency);
    let amount = frequencies.len() + usize::from(faults.has(Fault::CountMismatch));
    let channels = order.channels.min.min(order.channels.max)..=order.channels.max.max(order.channels.min);
    let streams: Map<String, Value> =
        channels.zip(0_u64..).map(|(channel, stream)| (channel.to_string(), stream.into())).collect();
    let mut description = json!({
        "status": if faults.has(Fault::EmptyStatus) { "" } else { "success" },
        "job_id": id,
        "stream_url": "127.0.0.1",
        "stream_port": port,
        "view_type": order.view_echo,
        "frequencies_list": frequencies,
        "frequencies_amount": amount,
        "lines_dt": lines_dt(order.nfft),
        "channel_amount": streams.len(),
        "stream_amount": streams.len(),
        "channel_to_stream_index": streams,
        "metadata": live::metadata(faults),
    });
    if faults.has(Fault::WrongTypes) {
        description["stream_port"] = json!(port.to_string());
        description["frequencies_list"] = json!({});
    }
    description
}

/// The bins of the transform that lie in the range, in Hz.
fn frequencies(nfft: i64, range: Range) -> Vec<f64> {
    if nfft <= 0 {
        return Vec::new();
    }
    // Bin `k` lies at `k * prr / nfft`; whole numbers decide, so that rounding drops no bin at either end.
    let bins = (nfft / 2).saturating_add(1).min(MOST_BINS);
    let scaled = |frequency: i64| i128::from(frequency) * i128::from(nfft);
    (0..bins)
        .filter(|bin| {
            (scaled(range.min)..=scaled(range.max)).contains(&(i128::from(*bin) * i128::from(live::PRR)))
        })
        .map(|bin| float(bin) * float(live::PRR) / float(nfft))
        .collect()
}

/// Seconds between two lines: successive transforms share half of their samples.
fn lines_dt(nfft: i64) -> f64 {
    float(nfft - nfft / 2) / float(live::PRR)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53, save where a fault lets nonsense through")]
const fn float(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_follow_the_formulas() {
        for (nfft, bins) in [(256, 129), (512, 257), (1024, 513), (65536, 32769)] {
            let all = frequencies(nfft, Range { min: 0, max: 1000 });
            assert_eq!(all.len(), bins);
            assert_eq!(all.last().copied(), Some(1000.0));
        }
        assert_eq!(frequencies(128, Range { min: 100, max: 150 }), [109.375, 125.0, 140.625]);
        assert!(frequencies(0, Range { min: 0, max: 1000 }).is_empty());
        assert_eq!(frequencies(i64::MAX, Range { min: 0, max: 1 }).len(), 32769);
    }

    #[test]
    fn lines_overlap_by_half() {
        assert!((lines_dt(1024) - 0.256).abs() < 1e-9);
        assert!((lines_dt(1) - 0.0005).abs() < 1e-9);
    }

    #[test]
    fn playback_is_bounded() {
        let of = |seconds| playback(Range { min: 0, max: seconds }).as_secs();
        assert_eq!([of(5), of(60), of(300), of(1_000_000), of(-5)], [2, 6, 30, 600, 2]);
    }
}

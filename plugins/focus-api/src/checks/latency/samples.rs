//! The answers to many requests, as numbers and in words.

use serde_json::{Value, json};
use shakedown_focus::client::Configured;
use shakedown_http::{HttpError, HttpErrorKind};
use std::collections::BTreeMap;

/// One request and how it ended.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Which request, from 1.
    pub(super) number: usize,
    /// When it was sent, in milliseconds since the first.
    pub(super) sent_ms: f64,
    /// How it ended.
    pub(super) end: End,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// A job was started, after so many milliseconds.
    Started(f64),
    /// An answer without a job, with its status, after so many milliseconds.
    Status(u16, f64),
    /// No answer within the time allowed.
    TimedOut,
    /// No answer for another reason, in words.
    Broken(String),
}

impl End {
    /// How a request ended that was sent this way.
    pub(super) fn of(sent: &Result<Configured, HttpError>) -> Self {
        match sent {
            Ok(Configured { exchange, job: Some(_) }) => Self::Started(exchange.elapsed.millis()),
            Ok(Configured { exchange, job: None }) => {
                Self::Status(exchange.status.as_u16(), exchange.elapsed.millis())
            }
            Err(error) if error.kind == HttpErrorKind::TimedOut => Self::TimedOut,
            Err(error) => Self::Broken(error.to_string()),
        }
    }

    /// Whether the server said that it failed.
    pub(super) fn is_server_error(&self) -> bool {
        matches!(self, Self::Status(500.., _))
    }

    /// Whether no job was started for any other reason.
    pub(super) fn is_other_error(&self) -> bool {
        !matches!(self, Self::Started(_)) && !self.is_server_error()
    }

    fn label(&self) -> String {
        match self {
            Self::Started(_) => "started".to_owned(),
            Self::Status(status @ 200..300, _) => format!("{status} without a job"),
            Self::Status(status, _) => status.to_string(),
            Self::TimedOut => "timed out".to_owned(),
            Self::Broken(why) => why.clone(),
        }
    }
}

/// The milliseconds of the requests that started a job.
pub(super) fn successes(samples: &[Sample]) -> Vec<f64> {
    samples
        .iter()
        .filter_map(|sample| if let End::Started(ms) = sample.end { Some(ms) } else { None })
        .collect()
}

/// The share of samples for which `is` holds, in percent.
pub(super) fn share(samples: &[Sample], is: fn(&End) -> bool) -> f64 {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let those = samples.iter().filter(|sample| is(&sample.end)).count();
    f64::from(count(those)) / f64::from(count(samples.len()).max(1)) * 100.0
}

/// How those ended for which `is` holds: `500 × 12, 503 × 1`.
pub(super) fn kinds(samples: &[Sample], is: fn(&End) -> bool) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| is(&sample.end)) {
        *counts.entry(sample.end.label()).or_default() += 1;
    }
    counts.iter().map(|(label, count)| format!("{label} × {count}")).collect::<Vec<_>>().join(", ")
}

/// When those were sent for which `is` holds.
pub(super) fn timing(samples: &[Sample], is: fn(&End) -> bool) -> Option<String> {
    let those = || samples.iter().filter(|sample| is(&sample.end));
    let first = those().min_by(|a, b| a.sent_ms.total_cmp(&b.sent_ms))?;
    let last = those().max_by(|a, b| a.sent_ms.total_cmp(&b.sent_ms))?;
    let all = samples.iter().map(|sample| sample.sent_ms).fold(0.0, f64::max);
    Some(format!(
        "the first was sent {:.1} s after the start (request {}), the last {:.1} s (request {}); all requests were sent within {:.1} s",
        first.sent_ms / 1000.0,
        first.number,
        last.sent_ms / 1000.0,
        last.number,
        all / 1000.0,
    ))
}

/// Every sample as a row.
pub(super) fn table(samples: &[Sample]) -> Value {
    let rows = samples.iter().map(|sample| {
        let took_ms = match sample.end {
            End::Started(ms) | End::Status(_, ms) => Some((ms * 10.0).round() / 10.0),
            End::TimedOut | End::Broken(_) => None,
        };
        json!({ "request": sample.number, "sent_ms": sample.sent_ms.round(), "took_ms": took_ms, "end": sample.end.label() })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Sample> {
        let ends = [
            End::Started(12.0),
            End::Status(500, 3.0),
            End::Status(503, 4.0),
            End::TimedOut,
            End::Status(500, 5.0),
            End::Status(200, 6.0),
            End::Broken("connection lost".to_owned()),
            End::Started(14.0),
        ];
        let number = |(index, end)| Sample {
            number: index + 1,
            sent_ms: f64::from(u32::try_from(index).unwrap()) * 500.0,
            end,
        };
        ends.into_iter().enumerate().map(number).collect()
    }

    #[test]
    fn nothing_is_hidden() {
        let samples = samples();
        assert_eq!(successes(&samples), [12.0, 14.0]);
        assert!((share(&samples, End::is_server_error) - 37.5).abs() < 1e-9);
        assert!((share(&samples, End::is_other_error) - 37.5).abs() < 1e-9);
        assert_eq!(kinds(&samples, End::is_server_error), "500 × 2, 503 × 1");
        assert_eq!(
            kinds(&samples, End::is_other_error),
            "200 without a job × 1, connection lost × 1, timed out × 1"
        );
        assert_eq!(table(&samples).as_array().unwrap().len(), 8);
        assert!(share(&[], End::is_other_error).abs() < 1e-9);
    }

    #[test]
    fn timing_names_first_and_last() {
        insta::assert_snapshot!(
            timing(&samples(), End::is_server_error).unwrap(),
            @"the first was sent 0.5 s after the start (request 2), the last 2.0 s (request 5); all requests were sent within 3.5 s"
        );
        assert_eq!(timing(&samples()[..1], End::is_server_error), None);
    }
}

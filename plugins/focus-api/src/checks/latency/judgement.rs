//! Judging the answers to many requests.

use super::p95_p99::LatencyParams;
use super::samples::{End, Sample, kinds, share, successes, timing};
use super::survey::Repeated;
use shakedown_core::measurement::Threshold;
use shakedown_core::{Cause, Finding, HumanDuration, Measurement, Samples, Severity, Unit};
use std::fmt::Write as _;

impl LatencyParams {
    /// What was done, and why it was less than asked for.
    pub(super) fn summary(&self, sent: usize, planned: usize) -> String {
        let mut text = format!("{sent} requests to /configure, {} at a time", self.concurrency);
        if planned < self.requests {
            let _ = write!(text, "; max_concurrent_jobs allows no more than {planned} of {}", self.requests);
        }
        if sent < planned {
            let _ = write!(text, "; there was no time for the other {}", planned - sent);
        }
        text
    }

    fn percentiles(&self, samples: &[Sample]) -> Vec<(Measurement, &'static str)> {
        let Ok(times) = Samples::new("requests that started a job", successes(samples)) else {
            return Vec::new();
        };
        let measurement = |name, percent, limit: HumanDuration| {
            Measurement::new(name, times.percentile(percent), Unit::Milliseconds)
                .with_samples(&times)
                .held_to(Threshold::Below(limit.0.as_secs_f64() * 1000.0))
        };
        vec![
            (measurement("p95", 95.0, self.p95), "p95-exceeded"),
            (measurement("p99", 99.0, self.p99), "p99-exceeded"),
        ]
    }

    /// The numbers, with their limits.
    pub(super) fn measurements(&self, samples: &[Sample]) -> Vec<Measurement> {
        let errors = share(samples, End::is_server_error) + share(samples, End::is_other_error);
        let errors = Measurement::new("errors", errors, Unit::Percent)
            .held_to(Threshold::AtMost(self.max_error_share));
        self.percentiles(samples).into_iter().map(|(measurement, _)| measurement).chain([errors]).collect()
    }

    /// A finding for each percentile that breaks its limit.
    pub(super) fn too_slow(&self, samples: &[Sample]) -> Vec<Finding> {
        let slow = self.percentiles(samples).into_iter().filter(|(measurement, _)| !measurement.within());
        slow.map(|(measurement, code)| {
            let limit = if code == "p95-exceeded" { self.p95 } else { self.p99 };
            Finding::new(
                code,
                Cause::Capacity,
                "POST /configure",
                format!("/configure is slow: {measurement}"),
            )
            .expected(format!("below {limit}"), format!("{:.0} ms", measurement.value))
            .remedy("look at the start of the job's pod and at the database first", "days")
        })
        .collect()
    }

    /// Whether so many requests failed, in whatever way, that the check does.
    fn too_many_errors(&self, samples: &[Sample]) -> bool {
        share(samples, End::is_server_error) + share(samples, End::is_other_error) > self.max_error_share
    }

    fn weigh(&self, samples: &[Sample], finding: Finding) -> Finding {
        if self.too_many_errors(samples) { finding } else { finding.warn() }
    }

    /// A finding where requests failed without the server saying so.
    pub(super) fn other_errors(&self, samples: &[Sample]) -> Option<Finding> {
        let count = samples.iter().filter(|sample| sample.end.is_other_error()).count();
        if count == 0 {
            return None;
        }
        let message = format!(
            "{count} of {} requests started no job, without the server saying that it failed",
            samples.len()
        );
        let finding = Finding::new("requests-failed", Cause::Product, "POST /configure", message)
            .expected(
                format!("at most {} % errors", self.max_error_share),
                kinds(samples, End::is_other_error),
            )
            .remedy(
                "for time-outs look at the server's load, for broken connections at restarts and proxies",
                "days",
            );
        Some(self.weigh(samples, finding))
    }

    /// The finding where the server failed.
    pub(super) fn server_errors(
        &self,
        samples: &[Sample],
        repeated: Repeated,
        suspects: &[String],
    ) -> Finding {
        let count = samples.iter().filter(|sample| sample.end.is_server_error()).count();
        let share = share(samples, End::is_server_error);
        let nature = match repeated {
            Repeated { sent: 0, .. } => {
                "whether it needs concurrency is unknown: nothing could be sent afterwards".to_owned()
            }
            Repeated { sent, failed: 0 } => {
                format!("under concurrency only: none of {sent} requests failed when sent one at a time")
            }
            Repeated { sent, failed } => {
                format!("reproducible: {failed} of {sent} requests failed when sent one at a time as well")
            }
        };
        let message = format!(
            "{count} of {} valid requests failed with 5xx ({share:.0} %), {} at a time; {}",
            samples.len(),
            self.concurrency,
            nature.split(':').next().unwrap_or_default(),
        );
        let finding = Finding::new("server-errors", Cause::Product, "POST /configure", message)
            .severity(Severity::High)
            .expected(
                format!("at most {} % errors", self.max_error_share),
                kinds(samples, End::is_server_error),
            )
            .detail(nature)
            .remedy(
                "read the server's log at these times; look at restarts, memory and the suspects",
                "days",
            );
        let details = timing(samples, End::is_server_error).into_iter().chain(suspects.iter().cloned());
        self.weigh(samples, details.fold(finding, Finding::detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;

    fn samples(ends: impl IntoIterator<Item = End>) -> Vec<Sample> {
        ends.into_iter()
            .enumerate()
            .map(|(index, end)| Sample { number: index + 1, sent_ms: 0.0, end })
            .collect()
    }

    fn mostly(count: usize, other: &End) -> Vec<Sample> {
        let fine = std::iter::repeat_n(End::Started(20.0), 100 - count);
        samples(fine.chain(std::iter::repeat_n(other.clone(), count)))
    }

    const PARAMS: fn() -> LatencyParams = LatencyParams::default;

    #[test]
    fn percentiles_are_of_the_successes() {
        let codes = |samples: &[Sample]| -> Vec<String> {
            PARAMS().too_slow(samples).into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes(&mostly(5, &End::Started(9000.0))), ["p99-exceeded"]);
        assert_eq!(codes(&mostly(6, &End::Started(9000.0))), ["p95-exceeded", "p99-exceeded"]);
        assert_eq!(codes(&mostly(50, &End::Status(500, 9000.0))), [""; 0]);
        assert_eq!(
            codes(&samples([End::TimedOut])),
            [""; 0],
            "no successes have no percentiles, but an error each"
        );
    }

    #[test]
    fn every_kind_of_error_counts_towards_the_share() {
        let weight = |samples: &[Sample]| PARAMS().other_errors(samples).map(|finding| finding.weight);
        assert_eq!(weight(&mostly(0, &End::TimedOut)), None);
        assert_eq!(weight(&mostly(5, &End::TimedOut)), Some(Weight::Warn));
        assert_eq!(weight(&mostly(6, &End::TimedOut)), Some(Weight::Fail));
        assert_eq!(weight(&mostly(6, &End::Status(429, 1.0))), Some(Weight::Fail));
        let mut mixed = mostly(4, &End::Status(500, 1.0));
        mixed[0].end = End::TimedOut;
        mixed[1].end = End::TimedOut;
        assert_eq!(weight(&mixed), Some(Weight::Fail));
        assert!(!PARAMS().measurements(&mixed)[2].within());
    }

    #[test]
    fn server_errors_say_what_is_known() {
        let failing = mostly(23, &End::Status(500, 3.0));
        let finding =
            PARAMS().server_errors(&failing, Repeated { sent: 10, failed: 0 }, &["a suspect".to_owned()]);
        assert_eq!(finding.weight, Weight::Fail);
        insta::assert_snapshot!(finding.message, @"23 of 100 valid requests failed with 5xx (23 %), 4 at a time; under concurrency only");
        insta::assert_snapshot!(finding.details.join("\n"), @r"
        under concurrency only: none of 10 requests failed when sent one at a time
        the first was sent 0.0 s after the start (request 78), the last 0.0 s (request 100); all requests were sent within 0.0 s
        a suspect
        ");
        let finding = PARAMS().server_errors(&failing, Repeated { sent: 10, failed: 4 }, &[]);
        assert!(finding.message.ends_with("; reproducible"), "{}", finding.message);
        let few = mostly(5, &End::Status(500, 3.0));
        assert_eq!(PARAMS().server_errors(&few, Repeated { sent: 0, failed: 0 }, &[]).weight, Weight::Warn);
    }

    #[test]
    fn says_when_fewer_were_sent() {
        let params = LatencyParams { requests: 200, ..PARAMS() };
        insta::assert_snapshot!(
            params.summary(100, 120),
            @"100 requests to /configure, 4 at a time; max_concurrent_jobs allows no more than 120 of 200; there was no time for the other 20"
        );
    }
}

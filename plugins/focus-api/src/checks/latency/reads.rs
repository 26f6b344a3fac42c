//! `focus-api.latency.reads`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Params,
    Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// What clients read before they show anything is there within a second.
    ///
    /// `GET /channels` and `GET /live_metadata` are asked several times, one at a time. The slowest answer decides.
    ///
    /// # Why it matters
    /// Every client asks both before it can ask for a view.
    ///
    /// # How to mend it
    /// Both are read from memory in a healthy server. Where they are slow, look for a call to the database or to the
    /// analyzer in their way, for a starved CPU, or for a distant network.
    pub(super) struct Reads(ReadsParams) {
        id: "focus-api.latency.reads",
        title: "Channels and live metadata are there within a second",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13896", "PZ-14790", "PZ-14792", "PZ-14797"],
        tags: &["api", "latency"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.slow", "read-slow")],
    }
}

/// How quick the answers must be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ReadsParams {
    /// How often each is asked; at least once.
    samples: usize,
    /// An answer of `/channels` must take less than this.
    channels: HumanDuration,
    /// An answer of `/live_metadata` must take less than this.
    live_metadata: HumanDuration,
}

impl Default for ReadsParams {
    fn default() -> Self {
        Self { samples: 3, channels: HumanDuration::secs(1), live_metadata: HumanDuration::secs(1) }
    }
}

impl Params for ReadsParams {
    fn validate(&self) -> Result<(), String> {
        if (1..=20).contains(&self.samples) {
            Ok(())
        } else {
            Err(format!("`samples` is {}; expected 1 to 20: more is a load test", self.samples))
        }
    }
}

#[async_trait]
impl Check for Reads {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let Self { params } = self;
        let mut cases = Cases::new();
        let channels = params.time(cx, "/channels", params.channels).await?;
        cases.push(Case::new("/channels", &["PZ-13896", "PZ-14790", "PZ-14797"], channels));
        let metadata = params.time(cx, "/live_metadata", params.live_metadata).await?;
        cases.push(Case::new("/live_metadata", &["PZ-14792", "PZ-14797"], metadata));
        cases.verdict()
    }
}

impl ReadsParams {
    /// The outer error is that there was no answer at all, the inner one that there was none to time.
    async fn time(
        &self,
        cx: &Context,
        path: &str,
        limit: HumanDuration,
    ) -> Result<Result<Verdict, CheckError>, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut times = Vec::with_capacity(self.samples);
        let mut slowest = None;
        for _ in 0..self.samples {
            let exchange = client.get(cx, path).await?;
            if exchange.status != StatusCode::OK {
                let why = format!("only a 200 is timed: {}", exchange.summary());
                return Ok(Err(CheckError::not_applicable(why)));
            }
            let time = exchange.elapsed.millis();
            if times.iter().all(|earlier| time >= *earlier) {
                slowest = Some(exchange);
            }
            times.push(time);
        }
        let times = Samples::new(path, times)?;
        let measured = Measurement::new("slowest", times.max(), Unit::Milliseconds)
            .with_samples(&times)
            .held_to(Threshold::Below(limit.0.as_secs_f64() * 1000.0));
        let finding = (!measured.within()).then(|| {
            let subject = format!("GET {path}");
            let message = format!("{path} is slow: {measured}");
            Finding::new("read-slow", Cause::Capacity, subject, message)
                .expected(format!("below {limit}"), format!("{:.0} ms", measured.value))
                .remedy("look for a database call in its way, a starved CPU or a distant network", "hours")
        });
        let Some(slowest) = slowest else {
            return Err(CheckError::no_data(format!("no answer of {path} to time")));
        };
        let seen = format!("{} answers of {path}", times.count());
        let name = path.trim_start_matches('/');
        let verdict = document::verdict(cx, &slowest, name, seen, finding.into_iter().collect());
        Ok(verdict.map(|verdict| verdict.measured(measured)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_test_is_something_else() {
        assert_eq!(ReadsParams::default().validate(), Ok(()));
        for samples in [0, 21] {
            assert!(ReadsParams { samples, ..ReadsParams::default() }.validate().is_err());
        }
    }
}

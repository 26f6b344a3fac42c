//! `mongo.ping.latency`

use crate::Mongo;
use crate::client::patience;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};

/// Half of the default limit; a slower median is worth a note.
const IDEAL_MS: f64 = 50.0;

/// How often to ping, and how long it may take.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LatencyParams {
    /// How many pings to send, one after the other: 1 to 1000.
    pub(crate) samples: u32,
    /// The median must stay below this.
    pub(crate) max: HumanDuration,
}

impl Default for LatencyParams {
    fn default() -> Self {
        Self { samples: 5, max: HumanDuration::millis(100) }
    }
}

impl Params for LatencyParams {
    fn validate(&self) -> Result<(), String> {
        match self.samples {
            1..=1000 => Ok(()),
            other => Err(format!("`samples` is {other}; it must be from 1 to 1000")),
        }
    }
}

register_check! {
    /// MongoDB answers a ping quickly: the median of several stays below 100 ms, better below 50 ms.
    ///
    /// One ping that is not counted opens the connection. A median is judged, so that a single hiccup does not matter, and nothing else of
    /// the run asks the server meanwhile.
    ///
    /// # Why it matters
    /// Focus Server asks MongoDB several times for each request of history. Whatever a ping takes, each of these
    /// questions takes as well.
    ///
    /// # How to mend it
    /// Run the check from a machine near the server. If it is quick there, the network between is slow: a VPN or a
    /// tunnel is a common reason. If it is slow there as well, look at the server's load, memory and disk.
    pub(crate) struct Latency(LatencyParams) {
        id: "mongo.ping.latency",
        title: "MongoDB answers a ping in less than 100 ms",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13808"],
        tags: &["performance"],
        requires: &["mongo.connect"],
        alone: true,
        proofs: &[fault("mongo.slow", "ping-slow")],
    }
}

#[async_trait]
impl Check for Latency {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        mongo.ping(patience(cx).min(mongo.patience)).await?;
        let mut times = Vec::new();
        for done in 0..self.params.samples {
            cx.progress(u64::from(done), u64::from(self.params.samples), "pings");
            times.push(mongo.ping(patience(cx).min(mongo.patience)).await?.as_secs_f64() * 1000.0);
        }
        let samples = Samples::new("pings", times)?;
        Ok(judge(&samples, self.params.max, mongo.place.address())?)
    }
}

fn judge(samples: &Samples, max: HumanDuration, address: &str) -> Result<Verdict, CheckError> {
    let max_ms = max.0.as_secs_f64() * 1000.0;
    let median = Measurement::new("ping median", samples.percentile(50.0), Unit::Milliseconds)
        .held_to(Threshold::Below(max_ms))
        .with_samples(samples);
    let value = median.value;
    let in_words = format!("{value:.1} ms (from {:.1} to {:.1} ms)", samples.min(), samples.max());
    let note = (median.within() && value >= IDEAL_MS).then(|| {
        Finding::new(
            "ping-not-ideal",
            Cause::Environment,
            address,
            format!("a ping takes {value:.1} ms; below {IDEAL_MS} ms is ideal"),
        )
        .note()
    });
    let observation = Observation::counted(samples.count() as u64, "pings")?;
    Ok(Verdict::of(observation)
        .judged(median, |_| {
            Finding::new("ping-slow", Cause::Environment, address, format!("a ping takes {value:.1} ms"))
                .expected(format!("a median below {max}, better below {IDEAL_MS} ms"), in_words)
                .detail("possible causes: a slow network, VPN or tunnel; an overloaded server")
                .remedy("ping from a machine near the server to tell network and server apart", "30 minutes")
        })
        .with_all(note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn outcome(times: &[f64]) -> Outcome {
        let samples = Samples::new("pings", times.to_vec()).unwrap();
        judge(&samples, LatencyParams::default().max, "db.example.com:27017").unwrap().into()
    }

    #[test]
    fn the_median_decides() {
        let quick = outcome(&[1.0, 2.0, 3.0, 4.0, 900.0]);
        assert_eq!((quick.status, quick.findings.len()), (Status::Passed, 0));
        let fair = outcome(&[60.0, 70.0, 80.0]);
        assert_eq!((fair.status, fair.findings[0].code.as_str()), (Status::Passed, "ping-not-ideal"));
        let slow = outcome(&[100.0, 1.0, 150.0]);
        assert_eq!(
            (slow.status, slow.findings.len(), slow.findings[0].code.as_str()),
            (Status::Failed, 1, "ping-slow")
        );
        assert_eq!(slow.findings[0].actual.as_deref(), Some("100.0 ms (from 1.0 to 150.0 ms)"));
    }

    #[test]
    fn no_ping_at_all_is_refused() {
        assert!(LatencyParams { samples: 0, ..LatencyParams::default() }.validate().is_err());
        assert!(LatencyParams::default().validate().is_ok());
    }
}

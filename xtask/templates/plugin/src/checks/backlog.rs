//! Whether work piles up.

use crate::client::Health;
use crate::target::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Measurement, Observation, Params, Severity, Unit,
    Verdict, async_trait, fault, register_check,
};

/// The table `params` of an override in `checks.toml`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BacklogParams {
    /// How many jobs may wait.
    most: u32,
}

impl Default for BacklogParams {
    fn default() -> Self {
        Self { most: 100 }
    }
}

impl Params for BacklogParams {
    fn validate(&self) -> Result<(), String> {
        if self.most == 0 {
            return Err("`most` is 0, but a service that works has something to do; at least 1".to_owned());
        }
        Ok(())
    }
}

register_check! {
    /// Work does not pile up: no more jobs wait than may.
    ///
    /// # Why it matters
    /// Who asks for something now waits until everything before it is done.
    ///
    /// # How to mend it
    /// See whether the workers of __Title__ run, and whether one job holds up the others. Where more is asked of it than
    /// before, give it more workers.
    pub(crate) struct Backlog(BacklogParams) {
        id: "__name__.backlog",
        title: "Work does not pile up",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("__name__"),
        proofs: &[fault("__name__.backlogged", "work-piles-up")],
    }
}

#[async_trait]
impl Check for Backlog {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let (health, exchange) = cx.target::<Service>().await?.health(cx.remaining()).await?;
        let evidence = cx.attach(exchange.to_evidence("health.txt"))?;
        let verdict = judge(health, &self.params, exchange.summary());
        Ok(verdict.evidence(evidence))
    }
}

/// What its health says, as a pure function of what was read.
fn judge(health: Health, params: &BacklogParams, seen: String) -> Verdict {
    let most = f64::from(params.most);
    let waiting =
        Measurement::new("waiting", health.waiting.into(), Unit::Count).held_to(Threshold::AtMost(most));
    Verdict::of(Observation::seen(seen)).judged(waiting, |waiting| {
        Finding::new("work-piles-up", Cause::Capacity, "the queue", format!("{} jobs wait", waiting.value))
            .expected(format!("at most {most}"), waiting.value)
            .remedy("see whether the workers run; give it more where they do", "about 15 minutes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::Outcome;

    fn status(waiting: u32) -> String {
        let verdict = judge(Health { waiting }, &BacklogParams { most: 10 }, "it answered".to_owned());
        Outcome::from(Ok(verdict)).status.to_string()
    }

    #[test]
    fn the_bound_itself_is_allowed() {
        assert_eq!((status(10), status(11)), ("passed".to_owned(), "failed".to_owned()));
    }

    #[test]
    fn a_bound_of_nothing_is_refused() {
        assert!(BacklogParams { most: 0 }.validate().is_err());
    }
}

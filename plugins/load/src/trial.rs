//! One load: within the policy, shown while it runs, kept as evidence, and honest about whose limit was found.

use crate::served::{is_silence, silence};
use shakedown_core::Target as _;
use shakedown_core::duration::brief;
use shakedown_core::{CheckError, Context, Effect, Evidence, EvidenceRef, HumanDuration, Limits};
use shakedown_focus::target::FocusApi;
use shakedown_loadgen::feasible::{Facts, feasible};
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::report::{Completeness, Report};
use shakedown_loadgen::scenario::Scenario;
use shakedown_loadgen::{Engine, Failure};
use std::sync::Arc;

/// A load that is about to be put on.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    plan: Plan,
    file: String,
    requests_per_arrival: f64,
    facts: Facts,
}

/// A load that was put on, with the file that shows all its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) report: Report,
    pub(crate) evidence: EvidenceRef,
}

impl Trial {
    /// The load of this plan; each arrival is one request.
    pub(crate) fn of(plan: Plan) -> Self {
        Self { plan, file: "load.json".to_owned(), requests_per_arrival: 1.0, facts: Facts::default() }
    }

    /// The same with another name of the file that shows it.
    #[must_use]
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.file = format!("{name}.json");
        self
    }

    /// The same where each arrival sends so many requests.
    #[must_use]
    pub(crate) const fn costing(mut self, requests_per_arrival: f64) -> Self {
        self.requests_per_arrival = requests_per_arrival;
        self
    }

    /// The same with what is known of the scenario, for arithmetic that rules the plan out.
    #[must_use]
    pub(crate) const fn knowing(mut self, facts: Facts) -> Self {
        self.facts = facts;
        self
    }

    /// Puts the load on.
    ///
    /// # Errors
    /// [`CheckError::NotApplicable`] where the policy does not allow so much, [`CheckError::Unclear`] where it was the
    /// generator that set the limit or a part of the result is missing, [`CheckError::NoData`] where nothing was sent, and
    /// [`CheckError::Target`] where nobody answered.
    pub(crate) async fn run(self, cx: &Context, scenario: impl Scenario) -> Result<Loaded, CheckError> {
        cx.require(Effect::Load)?;
        self.admit(cx)?;
        let total = whole_seconds(self.plan.duration().as_secs_f64());
        let progress = cx.clone();
        let engine = Engine::new(self.plan, cx.limits)
            .on_progress(move |seen| {
                let done = whole_seconds(seen.elapsed);
                progress.progress(done.min(total), total, seen.to_string());
            })
            .cancelled_by(cx.cancelled.clone())
            .clock(cx.clock.clone());
        let report = engine.run(Arc::new(scenario)).await;
        let report = report.map_err(|error| CheckError::unclear(format!("the load failed: {error}")))?;
        let json = serde_json::to_value(&report)
            .map_err(|error| CheckError::unclear(format!("the load cannot be written down: {error}")))?;
        let evidence = cx.attach(Evidence::json(self.file, &json))?;
        honest(cx, &report).await?;
        Ok(Loaded { report, evidence })
    }

    /// Whether the policy and arithmetic allow it. Nothing has been sent yet.
    fn admit(&self, cx: &Context) -> Result<(), CheckError> {
        let Limits { requests_per_second, requests_in_flight } = cx.limits;
        let refused = |why: String| {
            CheckError::not_applicable(format!(
                "the policy of `{}` does not allow this load: {why}",
                cx.environment
            ))
        };
        let arrivals = Limits {
            requests_per_second: requests_per_second / self.requests_per_arrival,
            requests_in_flight,
        };
        self.plan.check(arrivals).map_err(|wrong| {
            let each = if self.requests_per_arrival > 1.0 {
                format!("; each arrival sends {} requests", self.requests_per_arrival)
            } else {
                String::new()
            };
            refused(format!("{}{each}", wrong.join("; ")))
        })?;
        // What waits for the policy's rate is no burst.
        let burst = self.plan.phases.iter().filter_map(|phase| match phase.load {
            Load::Burst { count } => Some(count),
            _ => None,
        });
        if let Some(count) = burst.max().filter(|count| f64::from(*count) > requests_per_second) {
            return Err(refused(format!(
                "{count} requests at once exceed the limit of {requests_per_second} requests/s"
            )));
        }
        feasible(&self.plan, &self.facts).map_err(refused)?;
        let (needed, left) = (self.plan.duration(), cx.remaining());
        if needed > left {
            return Err(CheckError::unclear(format!(
                "the load takes {}, and the check's `timeout` leaves {}: give it more",
                brief(needed),
                brief(left)
            )));
        }
        Ok(())
    }
}

/// Whether the numbers say something about the server.
async fn honest(cx: &Context, report: &Report) -> Result<(), CheckError> {
    if cx.cancelled.is_cancelled() {
        return Err(CheckError::unclear("the load was interrupted before its end"));
    }
    if let Some(limit) = &report.generator.limited {
        return Err(CheckError::unclear(format!("{limit}; the numbers say nothing about the server")));
    }
    let total = report.total();
    let own: u64 = total
        .failed
        .iter()
        .filter(|(class, _)| Failure::class_is_own_limit(class))
        .map(|(_, tally)| tally.count)
        .sum();
    if own > 0 {
        return Err(CheckError::unclear(format!(
            "generator-limited: {own} requests were not sent, for lack of ports or descriptors on this machine; the numbers \
             say nothing about the server"
        )));
    }
    if let Completeness::Degraded(why) = &report.complete {
        return Err(CheckError::unclear(format!("a part of the result is missing: {why}")));
    }
    if let Some(why) = &report.aborted {
        return Err(CheckError::unclear(format!("the load ended early: {why}")));
    }
    if total.attempts() == 0 {
        return Err(CheckError::no_data(format!(
            "no request was sent within {}",
            HumanDuration(report.elapsed.0)
        )));
    }
    if is_silence(&total) {
        let client = cx.target::<FocusApi>().await?;
        return Err(silence(FocusApi::KIND, &client.address(), &total).into());
    }
    Ok(())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and no load lasts 10^11 years"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.max(0.0).round() as u64
}

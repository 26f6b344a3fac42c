//! `load.capacity.pods`

use super::HOLDS_ONE;
use super::held::{Ask, PENDING, hold, light_jobs};
use super::verdict::{explained, usage};
use crate::profile::{Bounds, Profile, params};
use crate::series::count;
use shakedown_core::{
    Check, CheckError, Context, Effect, HumanDuration, Measurement, Observation, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_loadgen::plan::Plan;
use std::time::Duration;

register_check! {
    /// Jobs that are accepted get their pods.
    ///
    /// Thirty light jobs are asked for and held together. Then the cluster is asked whether pods wait that did not wait before:
    /// for a node, or for a network address. A job becomes two pods, so half as many jobs are stuck.
    ///
    /// # Why it matters
    /// The server answers 200 before the pods of a job exist. When the cluster's network has no addresses left, everything
    /// looks well at the door, and users wait for streams that never come.
    ///
    /// # How to mend it
    /// Enlarge the address range of the cluster's network, or free addresses that ended jobs still hold; add nodes where pods
    /// cannot be placed. The finding quotes what the cluster says.
    pub(super) struct Pods(PodsParams) {
        id: "load.capacity.pods",
        title: "Jobs that are accepted get their pods",
        severity: Severity::High,
        effect: Effect::Load,
        target: Some("focus-api"),
        also: &["k8s"],
        keys: &["PZ-13268"],
        tags: &["load", "capacity"],
        requires: HOLDS_ONE,
        timeout: Some(Duration::from_mins(5)),
        proofs: &[fault("k8s.addresses-exhausted", "jobs-pending")],
    }
}

params! {
    /// How many jobs, and how long their pods may take.
    PodsParams {
        /// How many jobs are held at once.
        jobs: u32 = 30,
        /// How many requests are in flight at once.
        in_flight: u32 = 10,
        /// How long pods may wait after the last job was accepted.
        settle: HumanDuration = HumanDuration::secs(30),
        /// The distance between two looks at the cluster.
        look_every: HumanDuration = HumanDuration::secs(2),
    }
}

impl PodsParams {
    fn ask(&self) -> Ask {
        Ask::of(self.jobs, self.in_flight, self.settle, self.look_every)
    }
}

impl Profile for PodsParams {
    fn plan(&self) -> Plan {
        self.ask().plan()
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(0.0)
    }
}

#[async_trait]
impl Check for Pods {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = light_jobs(cx, self.params.jobs).await?;
        let held = hold(cx, &jobs, &self.params.ask()).await?;
        let resources = held.resources();
        if resources.all("pods-pending").next().is_none() {
            let why = resources.unreadable.iter().map(|(_, why)| why.as_str()).next();
            return Err(CheckError::no_data(format!(
                "the cluster does not say which pods wait{}",
                why.map_or_else(String::new, |why| format!(": {why}"))
            )));
        }
        let accepted = Observation::counted(held.served.succeeded, "accepted jobs")?;
        let stuck = held.failures.get(PENDING).copied().unwrap_or(0);
        let mut verdict =
            Verdict::of(accepted).measured(Measurement::new("stuck", count(stuck), Unit::Count));
        if stuck > 0 {
            let message =
                format!("{stuck} of {} accepted jobs do not run: their pods wait", held.served.succeeded);
            let finding = explained("jobs-pending", message, &held.analysis(&resources));
            verdict = verdict.with(finding.expected("all accepted jobs run", format!("{stuck} wait")));
        }
        let verdict = verdict.with_all(held.left.clone()).with_series(usage(&resources));
        Ok(verdict.evidence(held.loaded.evidence))
    }
}

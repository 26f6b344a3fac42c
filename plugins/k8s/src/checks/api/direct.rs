//! `k8s.api.direct`

use crate::client::K8sClient;
use crate::target::Kubernetes;
use crate::trouble::Trouble;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::stats::Samples;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Params, Severity, Unit, Verdict, async_trait, duration, fault, register_check,
};
use std::time::{Duration, Instant};

/// How the API server must answer.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DirectParams {
    /// How often it is asked, one question after another.
    pub(crate) requests: u8,
    /// The longest that half of the answers may take.
    pub(crate) max_latency: HumanDuration,
}

impl Default for DirectParams {
    fn default() -> Self {
        Self { requests: 5, max_latency: HumanDuration::secs(1) }
    }
}

impl Params for DirectParams {
    fn validate(&self) -> Result<(), String> {
        if self.requests == 0 {
            return Err("`requests` is 0; ask at least once".to_owned());
        }
        Ok(())
    }
}

register_check! {
    /// The Kubernetes API answers, every time and soon.
    ///
    /// It is asked for its version a few times (`requests`). Every question must be answered, and half of the answers must
    /// come within `max_latency`. Two cases tell how it was reached: `direct` from here, or `ssh` through the hosts of the
    /// target's `tunnel`; the one that does not apply is skipped.
    ///
    /// # Why it matters
    /// All other checks of the cluster ask it. An API server that answers only now and then makes them fail at random, and
    /// controllers fall behind.
    ///
    /// # How to mend it
    /// Out of reach: see the address, the firewall and the VPN, or configure `tunnel`. Unsteady or slow: see the load of
    /// the control plane and of etcd, and the load balancer before them.
    pub(crate) struct Direct(DirectParams) {
        id: "k8s.api.direct",
        title: "The Kubernetes API answers, every time and soon",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        keys: &["PZ-13899", "PZ-13900"],
        tags: &["smoke"],
        proofs: &[fault("k8s.slow", "api-slow")],
    }
}

/// An answer: how long it took, or why there was none.
type Answer = Result<Duration, Trouble>;

#[async_trait]
impl Check for Direct {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let k8s = cx.target::<Kubernetes>().await?;
        let route = k8s.tunnel.as_ref().map(|tunnel| tunnel.route().to_owned());
        let answer = self.ask(cx, &k8s, route.as_deref()).await;
        let none = |why: String| Err(CheckError::not_applicable(why));
        let (direct, ssh) = match &route {
            Some(route) => (none(format!("the API is reached through SSH: {route}")), answer),
            None => (answer, none("the target has no `tunnel`: the API is reached directly".to_owned())),
        };
        let mut cases = Cases::new();
        cases.push(Case::new("direct", &["PZ-13899"], direct));
        cases.push(Case::new("ssh", &["PZ-13900"], ssh));
        cases.verdict()
    }
}

impl Direct {
    async fn ask(&self, cx: &Context, k8s: &K8sClient, route: Option<&str>) -> Result<Verdict, CheckError> {
        // Each question has its share of the time, so that one without an answer leaves some for the others.
        let share = crate::client::patience(cx) / u32::from(self.params.requests);
        let mut answers: Vec<Answer> = Vec::new();
        for _ in 0..self.params.requests {
            let began = Instant::now();
            let answer = k8s.ask_within(share, "ask for the version", k8s.kube.apiserver_version()).await;
            answers.push(answer.map(|_| began.elapsed()));
        }
        let way = route.map_or_else(|| "directly".to_owned(), |route| format!("through {route}"));
        judge(answers, k8s.place.address(), &way, &self.params)
    }
}

fn judge(
    answers: Vec<Answer>,
    address: &str,
    way: &str,
    params: &DirectParams,
) -> Result<Verdict, CheckError> {
    let all = answers.len();
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Ok(time) => times.push(time.as_secs_f64() * 1000.0),
            Err(trouble) => failures.push(trouble),
        }
    }
    if times.is_empty()
        && let Some(first) = failures.pop()
    {
        return Err(first.into());
    }
    let median = Samples::new("answers", times)?.percentile(50.0);
    let seen = format!("{} of {all} questions answered by {address}, asked {way}", all - failures.len());
    let limit = params.max_latency;
    let measured = Measurement::new("answer p50", median, Unit::Milliseconds)
        .held_to(Threshold::AtMost(limit.0.as_secs_f64() * 1000.0));
    let verdict = Verdict::of(Observation::seen(seen)).judged(measured, |_| {
        let took = duration::brief(Duration::from_secs_f64(median / 1000.0));
        Finding::new(
            "api-slow",
            Cause::Environment,
            address,
            format!("half of its answers take {took} or longer"),
        )
        .warn()
        .expected(format!("at most {limit}"), took)
        .remedy("see the load of the control plane and of etcd, and the network to it", "about an hour")
    });
    let Some(first) = failures.first() else { return Ok(verdict) };
    let message = format!("{} of {all} questions were not answered", failures.len());
    let finding = Finding::new("api-unsteady", Cause::Environment, address, message)
        .expected("every question answered", format!("{} of {all}", all - failures.len()))
        .detail(format!("the first: {}", first.words()))
        .remedy(
            "see the API servers one by one, and the load balancer before them: `kubectl get --raw='/readyz?verbose'`",
            "about an hour",
        );
    Ok(verdict.with(finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status, TargetErrorKind};

    fn lost() -> Answer {
        Err(Trouble::Target(shakedown_core::TargetError::new("k8s", "a", TargetErrorKind::Lost, "HTTP 503")))
    }

    fn outcome(answers: Vec<Answer>) -> Outcome {
        judge(answers, "api.example.com:6443", "directly", &DirectParams::default()).into()
    }

    #[test]
    fn every_question_must_be_answered_and_soon() {
        let quick = || Ok(Duration::from_millis(5));
        let slow = || Ok(Duration::from_secs(2));
        assert_eq!(outcome(vec![quick(), quick()]).status, Status::Passed);
        let unsteady = outcome(vec![quick(), lost(), quick()]);
        assert_eq!((unsteady.status, unsteady.findings[0].code.as_str()), (Status::Failed, "api-unsteady"));
        assert_eq!(unsteady.findings[0].message, "1 of 3 questions were not answered");
        let late = outcome(vec![slow(), slow(), quick()]);
        assert_eq!((late.status, late.findings[0].code.as_str()), (Status::Warned, "api-slow"));
        assert_eq!(outcome(vec![quick(), quick(), slow()]).status, Status::Passed, "one late answer is none");
        assert_eq!(outcome(vec![lost(), lost()]).status, Status::Errored);
        assert_eq!(outcome(Vec::new()).status, Status::Errored);
    }
}

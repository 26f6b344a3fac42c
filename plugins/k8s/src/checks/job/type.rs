//! `k8s.job.type`

use super::names::GRPC;
use super::started::Started;
use super::{ALSO, JOBS, RUNS};
use k8s_openapi::api::core::v1::Pod;
use shakedown_core::verdict::{Case, Cases};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::recordings::recorded;
use shakedown_focus::request::ConfigureRequest;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

register_check! {
    /// The command line of a job's pod is of the type that was asked for: live or historic.
    ///
    /// A live job is started and, where something was recorded, one for a minute of that. The analyzer plays back history
    /// when it is given both `--time-start` and `--time-end`, and looks at the fiber when it is given neither. Where the
    /// server refuses the historic job, `focus-api.prelaunch.historic-data` judges that.
    ///
    /// # Why it matters
    /// A live view that plays back an hour of last week looks just like the fiber of now.
    ///
    /// # How to mend it
    /// Compare the line "Running RPC command" in the log of Focus Server with the request: `start_time` and `end_time` have
    /// to arrive as both arguments, and null as neither.
    pub(super) struct JobType(NoParams) {
        id: "k8s.job.type",
        title: "The command line of a job's pod is live or historic, as was asked for",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("k8s"),
        also: ALSO,
        tags: &["jobs"],
        requires: RUNS,
        group: JOBS,
        timeout: Some(Duration::from_mins(2)),
        proofs: &[fault("k8s.job-type", "type-differs")],
    }
}

/// How much recorded time is asked for, in seconds.
const MINUTE: i64 = 60;

/// What a job looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Live,
    Historic,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Historic => "historic",
        })
    }
}

#[async_trait]
impl Check for JobType {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mut cases = Cases::new();
        let live = Started::live(cx).await?;
        let focus = Arc::clone(&live.focus);
        cases.push(Case::new("live", &[], examine(cx, &live, Type::Live).await));
        let historic = match historic(cx, focus).await {
            Ok(started) => examine(cx, &started, Type::Historic).await,
            Err(error) => Err(error),
        };
        cases.push(Case::new("historic", &[], historic));
        cases.verdict()
    }
}

/// Starts a job for recorded time.
async fn historic(cx: &Context, focus: Arc<FocusClient>) -> Result<Started, CheckError> {
    let (start, end) = recorded(cx, &focus, MINUTE).await?;
    let request = ConfigureRequest::live(&focus.fiber(cx).await?).historic(start, end);
    match focus.try_start(cx, &request, "a recorded minute").await? {
        Ok(job) => Started::of(cx, focus, job).await,
        Err((exchange, _)) => Err(CheckError::not_applicable(format!(
            "there is no historic job, which focus-api.prelaunch.historic-data judges: {}",
            exchange.summary()
        ))),
    }
}

async fn examine(cx: &Context, started: &Started, asked: Type) -> Result<Verdict, CheckError> {
    let (_, pod) = started.running(cx).await?;
    let words = words(&pod);
    Observation::counted(words.len() as u64, "words in the command line of the job's pod")?;
    let verdict = Verdict::of(Observation::seen(format!("the command line has {} words", words.len())));
    let Some(finding) = judge(&started.name(GRPC), &words, asked) else { return Ok(verdict) };
    let evidence = cx.attach(Evidence::text(format!("command-line-{asked}.txt"), words.join("\n")))?;
    Ok(verdict.with(finding.evidence(evidence)))
}

/// The words of the command line of a pod, also where a shell is given all of them as one.
fn words(pod: &Pod) -> Vec<String> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let given = containers.flat_map(|container| container.command.iter().chain(&container.args).flatten());
    given.flat_map(|word| word.split_whitespace()).map(str::to_owned).collect()
}

fn judge(job: &str, words: &[String], asked: Type) -> Option<Finding> {
    let has = |name: &str| {
        words
            .iter()
            .any(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    };
    let seen = match (has("--time-start"), has("--time-end")) {
        (true, true) if asked == Type::Historic => return None,
        (false, false) if asked == Type::Live => return None,
        (true, true) => "both `--time-start` and `--time-end`, as for a historic one",
        (false, false) => "neither `--time-start` nor `--time-end`, as for a live one",
        (true, false) => "`--time-start` without `--time-end`",
        (false, true) => "`--time-end` without `--time-start`",
    };
    let message = format!("a {asked} job was asked for, and the analyzer is given {seen}");
    Some(
        Finding::new("type-differs", Cause::Product, format!("Job {job}"), message)
            .expected(format!("the command line of a {asked} job"), seen)
            .remedy("hand both times of the request on to the analyzer, or neither", "hours"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::object;
    use serde_json::json;

    fn seen(command: serde_json::Value, asked: Type) -> Option<String> {
        let pod: Pod =
            object(json!({ "metadata": {}, "spec": { "containers": [{ "name": "a", "args": command }] } }));
        judge("grpc-job-1-3", &words(&pod), asked).and_then(|finding| finding.actual)
    }

    #[test]
    fn both_times_make_it_historic() {
        let both = json!(["--roi", "1", "10", "--time-start", "1", "--time-end", "2"]);
        assert_eq!(seen(both.clone(), Type::Historic), None);
        assert!(seen(both, Type::Live).is_some());
        let shell = json!(["analyzer --time-start=1 --time-end=2"]);
        assert_eq!(seen(shell, Type::Historic), None);
        let live = json!(["--roi", "1", "10", "--time-zone", "UTC"]);
        assert_eq!(seen(live.clone(), Type::Live), None);
        assert_eq!(
            seen(live, Type::Historic).unwrap(),
            "neither `--time-start` nor `--time-end`, as for a live one"
        );
        let half = json!(["--time-start", "1"]);
        assert!(seen(half.clone(), Type::Live).is_some() && seen(half, Type::Historic).is_some());
    }
}

//! `focus-api.single.consistent`

use crate::checks::{JOBS, STARTS};
use serde_json::Value;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::time::Duration;

register_check! {
    /// The same request is described the same way each time, and another request differently.
    ///
    /// Six jobs are started one right after the other: a channel twice, another channel, several channels twice, and the
    /// first channel again. All are accepted. What two jobs of one request say agrees in everything but the job itself
    /// and its stream; the map of another channel differs.
    ///
    /// # Why it matters
    /// A user who changes the view often, or opens the same one twice, gets these answers in quick succession. Where they
    /// mix, one view shows the other's data.
    ///
    /// # How to mend it
    /// Look for state that outlives a request: a map or a list that is extended instead of made anew.
    pub(super) struct Consistent(NoParams) {
        id: "focus-api.single.consistent",
        title: "The same request is described the same way each time",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13816", "PZ-13817", "PZ-13818", "PZ-13853", "PZ-13858", "PZ-14810"],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        timeout: Some(Duration::from_mins(2)),
        proofs: &[fault("focus-api.answers-mixed", "answers-differ")],
    }
}

/// What belongs to a job and not to its request.
const OWN: [&str; 5] = ["job_id", "stream_url", "stream_port", "status", "metadata"];

#[async_trait]
impl Check for Consistent {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let several = ConfigureRequest::live(&fiber);
        let channel = (fiber.channels.lowest + 6).min(fiber.channels.highest);
        let other = if channel > fiber.channels.lowest { channel - 1 } else { channel };
        let (one, another) = (several.of_channel(channel), several.of_channel(other));
        let asked = [&one, &one, &another, &several, &several, &one];
        let mut jobs = Vec::new();
        let mut refusals = Vec::new();
        for request in asked {
            match client.try_start(cx, request, "a request in quick succession").await? {
                Ok(job) => jobs.push(job),
                Err(refusal) => refusals.push(refusal),
            }
        }

        let mut cases = Cases::new();
        let accepted = match refusals.first() {
            None => Ok(Verdict::of(Observation::seen(format!("{} jobs in quick succession", jobs.len())))),
            Some((exchange, finding)) => {
                document::verdict(cx, exchange, "refused", exchange.summary(), vec![finding.clone()])
            }
        };
        cases.push(Case::new("rapid reconfiguration", &["PZ-13858"], accepted));
        let [first, second, unlike, group, regroup, again] = &jobs[..] else {
            return cases.verdict();
        };
        let mut compare = |name: &str, keys: &[&str], finding: Option<Finding>, job: &Job| {
            cases.push(Case::new(name, keys, job.verdict(cx, name, finding.into_iter().collect())));
        };
        compare("a channel twice", &["PZ-13817", "PZ-13853"], differing(first, second), second);
        compare("and after other views", &["PZ-13853", "PZ-14810"], differing(first, again), again);
        compare("several channels twice", &["PZ-14810"], differing(group, regroup), regroup);
        let same = (channel != other).then(|| alike(first, unlike, "channel_to_stream_index")).flatten();
        compare("different channels", &["PZ-13816"], same, unlike);
        let grouped = alike(first, group, "stream_amount").map(grouping);
        compare("one channel or several", &["PZ-13818"], grouped, group);
        cases.verdict()
    }
}

fn finding(code: &str, message: String) -> Finding {
    Finding::new(code, Cause::Product, "POST /configure", message)
        .remedy("look for state that outlives a request", "days")
}

/// What two answers to one request differ in.
fn differing(first: &Job, second: &Job) -> Option<Finding> {
    let (Value::Object(then), Value::Object(now)) = (&first.answer, &second.answer) else { return None };
    let fields = then.keys().chain(now.keys().filter(|field| !then.contains_key(*field)));
    let differing: Vec<&str> = fields
        .filter(|field| !OWN.contains(&field.as_str()) && then.get(*field) != now.get(*field))
        .map(String::as_str)
        .collect();
    let field = differing.first()?;
    let message = format!("two answers to one request differ in {}", differing.join(", "));
    let shown = |answer: &Value| format!("{field}: {}", document::shown(&answer[*field]));
    Some(finding("answers-differ", message).expected(shown(&first.answer), shown(&second.answer)))
}

/// Two answers to different requests that are the same where they must not be.
fn alike(first: &Job, second: &Job, field: &str) -> Option<Finding> {
    let value = &first.answer[field];
    let same = !value.is_null() && *value == second.answer[field];
    same.then(|| {
        let message = format!("two different requests have the same `{field}`, {}", document::shown(value));
        finding("answers-alike", message)
    })
}

/// A server may group several channels into one stream.
fn grouping(finding: Finding) -> Finding {
    finding.detail("the server groups channels into one stream").note()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shakedown_focus::testing::job;

    #[test]
    fn only_the_job_itself_may_differ() {
        let first = job(json!({ "job_id": "1-1", "stream_port": 1, "lines_dt": 0.2, "channel_amount": 1 }));
        let same = job(json!({ "job_id": "1-2", "stream_port": 2, "lines_dt": 0.2, "channel_amount": 1 }));
        assert_eq!(differing(&first, &same), None);
        let other = job(json!({ "lines_dt": 0.3, "channel_amount": 1, "more": 1 }));
        let finding = differing(&first, &other).unwrap();
        assert_eq!(finding.message, "two answers to one request differ in lines_dt, more");
    }

    #[test]
    fn other_requests_have_other_answers() {
        let of = |map: Value| job(json!({ "channel_to_stream_index": map }));
        let map = "channel_to_stream_index";
        assert!(alike(&of(json!({ "7": 0 })), &of(json!({ "6": 0 })), map).is_none());
        assert!(alike(&of(json!({ "7": 0 })), &of(json!({ "7": 0 })), map).is_some());
        assert!(alike(&job(json!({})), &job(json!({})), map).is_none());
    }
}

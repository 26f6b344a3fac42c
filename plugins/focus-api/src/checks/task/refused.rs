//! `focus-api.task.refused`

use crate::checks::{JOBS, TASKS};
use serde_json::{Value, json};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::planned;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// Tasks that make no sense are refused.
    ///
    /// An id with characters that an address cannot have, each field left out, and ranges of sensors and frequencies whose
    /// end is not above their start. Each is answered with 400, 404 or 422, or with the documented words "error parsing
    /// configuration".
    ///
    /// # Why it matters
    /// A task that was received is waited for. One that cannot be done is waited for in vain.
    ///
    /// # How to mend it
    /// Validate the id and the body before the answer that the task was received.
    pub(super) struct TaskRefused(NoParams) {
        id: "focus-api.task.refused",
        title: "Tasks that make no sense are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14751", "PZ-14752", "PZ-14753", "PZ-14754"],
        tags: &["api", "planned"],
        requires: TASKS,
        group: JOBS,
        proofs: &[fault("focus-api.tasks-unchecked", "task-nonsense-accepted")],
    }
}

const FIELDS: [&str; 5] =
    ["displayTimeAxisDuration", "nfftSelection", "canvasInfo", "sensors", "frequencyRange"];

#[async_trait]
impl Check for TaskRefused {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let sensors = planned::sensors(cx, &client).await?;
        let valid = planned::live(&sensors, client.fiber(cx).await?.nyquist());
        let mut cases = Cases::new();
        for (number, (what, key, id, request)) in nonsense(&valid).into_iter().enumerate() {
            let id = id.map_or_else(|| cx.scratch_name(&format!("refused-{number}")), str::to_owned);
            let exchange = planned::configure(cx, &client, &id, &request).await?;
            let findings = judge(&what, &exchange).into_iter().collect();
            let answer = document::verdict(cx, &exchange, "task", exchange.summary(), findings);
            cases.push(Case::new(what, &[key], answer));
        }
        cases.verdict()
    }
}

type Nonsense = (String, &'static str, Option<&'static str>, Value);

/// Requests that make no sense: in words, with a key, with an id where that is what is wrong.
fn nonsense(valid: &Value) -> Vec<Nonsense> {
    let mut all: Vec<Nonsense> =
        vec![("an id with blanks and brackets".to_owned(), "PZ-14751", Some("%20%3Cx%3E%20"), valid.clone())];
    for field in FIELDS {
        let mut request = valid.clone();
        if let Some(fields) = request.as_object_mut() {
            fields.remove(field);
        }
        all.push((format!("no `{field}`"), "PZ-14752", None, request));
    }
    for (field, key, min, max) in [
        ("sensors", "PZ-14753", 5, 5),
        ("sensors", "PZ-14753", 5, 2),
        ("frequencyRange", "PZ-14754", 50, 50),
        ("frequencyRange", "PZ-14754", 50, 10),
    ] {
        let mut request = valid.clone();
        request[field] = json!({ "min": min, "max": max });
        all.push((format!("`{field}` from {min} to {max}"), key, None, request));
    }
    all
}

fn judge(what: &str, exchange: &Exchange) -> Option<Finding> {
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, "POST /config/{task_id}", message)
            .expected("refused", exchange.status)
            .remedy("validate the task before it is received", "a day")
    };
    match exchange.status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => None,
        status if status.is_success() => {
            Some(finding("task-nonsense-accepted", format!("a task with {what} is received")))
        }
        StatusCode::INTERNAL_SERVER_ERROR if mentions(&words(exchange), &["error parsing"]) => {
            let message =
                format!("a task with {what} is refused with 500, as documented; 422 would be right");
            Some(finding("refused-as-error", message).note())
        }
        status if status.is_server_error() => {
            Some(finding("server-error", format!("the server fails at a task with {what} with {status}")))
        }
        status => {
            Some(finding("unexpected-status", format!("a task with {what} is answered with {status}")).note())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    #[test]
    fn refusals_come_in_several_forms() {
        let of = |status, body: &str| judge("x", &exchange(status, body)).map(|finding| finding.weight);
        assert_eq!([400, 404, 422].map(|status| of(status, "")), [None, None, None]);
        assert_eq!(of(500, "Error parsing configuration"), Some(Weight::Note));
        assert_eq!(of(500, ""), Some(Weight::Fail));
        assert_eq!(of(200, "{}"), Some(Weight::Fail));
        assert_eq!(nonsense(&planned::live(&[0, 1], 1000)).len(), 10);
    }
}

//! `focus-api.task.valid`

use crate::checks::{JOBS, SENSORS};
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::document;
use shakedown_focus::planned::{self, not_deployed};
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::mentions;
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// A valid task is received.
    ///
    /// `POST /config/{task_id}` with a live request for a few sensors is answered with 200 and words that say it was
    /// received. Where the answer repeats the id, it is the one that was sent.
    ///
    /// # Why it matters
    /// Everything else of the planned interface begins with it.
    ///
    /// # How to mend it
    /// Read the server's reason in the evidence, or the stack trace in its log.
    pub(super) struct TaskValid(NoParams) {
        id: "focus-api.task.valid",
        title: "A valid task is received",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14750"],
        tags: &["api", "planned"],
        requires: SENSORS,
        group: JOBS,
        proofs: &[fault("focus-api.tasks-refused", "task-refused")],
    }
}

#[async_trait]
impl Check for TaskValid {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let sensors = planned::sensors(cx, &client).await?;
        let request = planned::live(&sensors, client.fiber(cx).await?.nyquist());
        let id = cx.scratch_name("task");
        let exchange = planned::configure(cx, &client, &id, &request).await?;
        if exchange.status == StatusCode::NOT_FOUND {
            return Err(not_deployed(&exchange));
        }
        let findings = judge(&exchange, &id).into_iter().collect();
        document::verdict(cx, &exchange, "task", exchange.summary(), findings)
    }
}

fn judge(exchange: &Exchange, id: &str) -> Option<Finding> {
    let finding =
        |code, message: String| Finding::new(code, Cause::Product, "POST /config/{task_id}", message);
    let status = exchange.status;
    if !status.is_success() {
        let message = format!("a valid task is answered with {status}");
        return Some(
            finding("task-refused", message)
                .expected("200", status)
                .remedy("read the server's reason in the evidence, or the stack trace in its log", "hours"),
        );
    }
    let body: Value = exchange.json().unwrap_or_default();
    match body["task_id"].as_str() {
        Some(named) if named != id => {
            let message = format!("the answer names the task \"{named}\", not \"{id}\"");
            return Some(
                finding("task-mistaken", message)
                    .expected(id, named)
                    .remedy("repeat the id that was sent", "a day"),
            );
        }
        _ => {}
    }
    let received = mentions(&exchange.text(), &["received"]);
    (!received).then(|| {
        finding("task-unacknowledged", "the answer does not say that the task was received".to_owned())
            .expected("\"Config received successfully\"", document::shown(&body["status"]))
            .remedy("say in `status` that the task was received", "an hour")
            .warn()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn a_task_is_received_under_its_own_name() {
        let code = |status, body: &str| judge(&exchange(status, body), "t-1").map(|finding| finding.code);
        assert_eq!(code(200, r#"{"status":"Config received successfully"}"#), None);
        assert_eq!(code(200, r#"{"status":"received","task_id":"t-1"}"#), None);
        assert_eq!(code(200, r#"{"status":"received","task_id":"t-2"}"#).as_deref(), Some("task-mistaken"));
        assert_eq!(code(200, "{}").as_deref(), Some("task-unacknowledged"));
        assert_eq!(code(500, "{}").as_deref(), Some("task-refused"));
    }
}

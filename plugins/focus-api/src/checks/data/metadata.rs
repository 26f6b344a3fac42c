//! `focus-api.data.metadata`

use serde_json::Value;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;
use shakedown_http::StatusCode;

register_check! {
    /// What does not change is answered the same way each time.
    ///
    /// `GET /channels` and `GET /live_metadata` are asked three times in a row; every field has the same value each time.
    ///
    /// # Why it matters
    /// Clients read both once and rely on them from then on. Where answers differ, two instances of the server disagree,
    /// and each client has its own truth.
    ///
    /// # How to mend it
    /// Look for a second instance behind the same address, with other settings or an older start.
    pub(super) struct SameEachTime(NoParams) {
        id: "focus-api.data.metadata",
        title: "Channels and live metadata are the same each time",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14809", "PZ-13897"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.reads-unsteady", "answers-differ")],
    }
}

#[async_trait]
impl Check for SameEachTime {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut cases = Cases::new();
        for (path, keys) in [("/channels", &["PZ-13897", "PZ-14809"][..]), ("/live_metadata", &["PZ-14809"])]
        {
            cases.push(Case::new(path, keys, compare(cx, &client, path).await?));
        }
        cases.verdict()
    }
}

/// The outer error is that there was no answer at all, the inner one that there was none to compare.
async fn compare(
    cx: &Context,
    client: &FocusClient,
    path: &str,
) -> Result<Result<Verdict, CheckError>, CheckError> {
    let mut answers: Vec<Value> = Vec::new();
    let mut last = client.get(cx, path).await?;
    for again in [true, true, false] {
        let answer = (last.status == StatusCode::OK).then(|| last.json().ok()).flatten();
        let Some(answer) = answer else {
            let why = format!("there is no answer to compare: {}", last.summary());
            return Ok(Err(CheckError::not_applicable(why)));
        };
        answers.push(answer);
        if again {
            last = client.get(cx, path).await?;
        }
    }
    let finding = answers.windows(2).find_map(|pair| differing(path, &pair[0], &pair[1]));
    let seen = format!("{} answers of {path}", answers.len());
    let name = path.trim_start_matches('/');
    Ok(document::verdict(cx, &last, name, seen, finding.into_iter().collect()))
}

fn differing(path: &str, then: &Value, now: &Value) -> Option<Finding> {
    if then == now {
        return None;
    }
    let fields = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
    };
    let mut names = fields(then);
    names.extend(fields(now).into_iter().filter(|name| then.get(name).is_none()));
    names.retain(|name| then.get(name) != now.get(name));
    let first = names.first().cloned().unwrap_or_default();
    let message = format!("successive answers of {path} differ in {}", names.join(", "));
    let shown = |value: &Value| document::shown(value.get(&first).unwrap_or(value));
    Some(
        Finding::new("answers-differ", Cause::Environment, format!("GET {path}"), message)
            .expected(shown(then), shown(now))
            .remedy("look for a second instance of the server behind the same address", "hours"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_fields_does_not_matter() {
        let same: Value = serde_json::from_str(r#"{"b":1,"a":2}"#).unwrap();
        assert_eq!(differing("/x", &json!({ "a": 2, "b": 1 }), &same), None);
        let finding =
            differing("/x", &json!({ "a": 2, "b": 1 }), &json!({ "a": 3, "b": 1, "c": 0 })).unwrap();
        assert_eq!(finding.message, "successive answers of /x differ in a, c");
        assert_eq!(finding.actual.as_deref(), Some("3"));
    }
}

//! `focus-api.err.format`

use super::super::sec::provocations;
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::target::FocusApi;
use shakedown_http::Exchange;
use std::collections::BTreeMap;

register_check! {
    /// All errors have one form.
    ///
    /// Errors of every kind are provoked: a path and a job that do not exist, a method that is not allowed, text that is not
    /// JSON, a wrong type, a range of time that runs backwards. The form is free: the framework's `detail`, an envelope, a
    /// problem report, plain text; but it must be one. More than one is a warning, and so is an error without a body.
    ///
    /// # Why it matters
    /// A client that can read one kind of error shows the others as "unknown error".
    ///
    /// # How to mend it
    /// Let one handler make all errors, also those of the framework and of the ingress.
    pub(super) struct ErrorFormat(NoParams) {
        id: "focus-api.err.format",
        title: "All errors have one form",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14787"],
        tags: &["api", "errors"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.mixed-error-formats", "errors-differ")],
    }
}

/// The form of an error, as a client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// An object with `detail`: text or a list.
    Detail,
    /// An object with `title` and more, as RFC 9457 has it.
    Problem,
    /// An object with `error` or `message`.
    Envelope,
    /// Other JSON.
    Json,
    /// A page.
    Page,
    /// Other text.
    Text,
    /// No body.
    Nothing,
}

impl Form {
    fn of(exchange: &Exchange) -> Self {
        let text = exchange.text();
        let text = text.trim();
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(fields)) => {
                let has = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
                // A problem report has a `detail` as well, so its title goes first.
                if has(&["title"]) {
                    Self::Problem
                } else if has(&["error", "message", "errors"]) {
                    Self::Envelope
                } else if has(&["detail"]) {
                    Self::Detail
                } else {
                    Self::Json
                }
            }
            Ok(Value::String(_)) => Self::Text,
            Ok(_) => Self::Json,
            Err(_) if text.is_empty() => Self::Nothing,
            Err(_) if text.starts_with('<') => Self::Page,
            Err(_) => Self::Text,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Detail => "an object with `detail`",
            Self::Problem => "a problem report",
            Self::Envelope => "an object with `error` or `message`",
            Self::Json => "other JSON",
            Self::Page => "a page",
            Self::Text => "plain text",
            Self::Nothing => "nothing",
        }
    }
}

#[async_trait]
impl Check for ErrorFormat {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut forms: BTreeMap<Form, Vec<&str>> = BTreeMap::new();
        let mut transcript = String::new();
        for (name, request) in provocations(cx) {
            let exchange = client.ask(request).await?;
            // A failure is no error of the kind that has a form; `focus-api.err.json` and others judge it.
            if exchange.status.is_client_error() {
                forms.entry(Form::of(&exchange)).or_default().push(name);
            }
            transcript.push_str(&String::from_utf8_lossy(&exchange.to_evidence("").content));
            transcript.push_str("\n\n");
        }
        let count = forms.values().map(Vec::len).sum::<usize>();
        let verdict = Verdict::of(Observation::counted(count as u64, "errors")?);
        let Some(finding) = differ(&forms) else { return Ok(verdict) };
        let evidence = cx.attach(Evidence::text("errors.txt", transcript))?;
        Ok(verdict.with(finding.evidence(evidence)))
    }
}

fn differ(forms: &BTreeMap<Form, Vec<&str>>) -> Option<Finding> {
    if forms.len() == 1 && !forms.contains_key(&Form::Nothing) {
        return None;
    }
    let names: Vec<&str> = forms.keys().map(|form| form.name()).collect();
    let finding = Finding::new(
        "errors-differ",
        Cause::Product,
        "errors of the API",
        format!("errors come as {}", names.join(", and as ")),
    )
    .expected("one form for all errors", names.len())
    .remedy("let one handler make all errors, also those of the framework", "a day")
    .warn();
    Some(forms.iter().fold(finding, |finding, (form, kinds)| {
        finding.detail(format!("{}: {}", form.name(), kinds.join(", ")))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn forms_are_told_apart() {
        let form = |body: &str| Form::of(&exchange(400, body));
        assert_eq!(form(r#"{"detail":"Not Found"}"#), Form::Detail);
        assert_eq!(form(r#"{"detail":[{"msg":"no","loc":["body"]}]}"#), Form::Detail);
        assert_eq!(form(r#"{"title":"no","status":400,"detail":"why"}"#), Form::Problem);
        assert_eq!(form(r#"{"error":"no","code":7}"#), Form::Envelope);
        assert_eq!(form("[1]"), Form::Json);
        assert_eq!(form("<html>no</html>"), Form::Page);
        assert_eq!((form("no"), form("\"no\""), form(" \n")), (Form::Text, Form::Text, Form::Nothing));
    }

    #[test]
    fn one_form_will_do_unless_it_is_none() {
        let of = |forms: &[Form]| differ(&forms.iter().map(|form| (*form, vec!["an error"])).collect());
        assert_eq!(of(&[Form::Text]), None);
        assert!(of(&[Form::Nothing]).is_some());
        let finding = of(&[Form::Detail, Form::Page]).unwrap();
        insta::assert_snapshot!(finding.message, @"errors come as an object with `detail`, and as a page");
    }
}

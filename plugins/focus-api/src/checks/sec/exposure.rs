//! `focus-api.sec.exposure`

use crate::hostile::{self, Battery};
use crate::refusal::{leaked, server_error};
use shakedown_core::{
    Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Method, Request};

register_check! {
    /// Errors give nothing away.
    ///
    /// Errors of every kind are provoked: a path and a job that do not exist, a method that is not allowed, text that is not
    /// JSON, a range of time that runs backwards. None of the answers may show a stack trace, a path of the server's file
    /// system, or an address with credentials. Nothing that is sent can start a job.
    ///
    /// # Why it matters
    /// Paths, versions and addresses of databases are what an attacker looks for first.
    ///
    /// # How to mend it
    /// Answer with the field and the rule only, and keep the rest in the log. Turn the framework's debug mode off.
    pub(super) struct DataExposure(NoParams) {
        id: "focus-api.sec.exposure",
        title: "Errors give nothing away",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14779"],
        tags: &["api", "security"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.stack-trace-leaked", "internals-leaked")],
    }
}

#[async_trait]
impl Check for DataExposure {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut battery = Battery::begin(cx, &client).await?;
        for (name, request) in provocations(cx) {
            battery.ask((name, &["PZ-14779"]), request, |exchange| judge(name, exchange)).await;
        }
        battery.end().await
    }
}

/// Requests that are answered with an error of each kind, and start nothing.
pub(in crate::checks) fn provocations(cx: &Context) -> [(&'static str, Request); 6] {
    let within = patience(cx);
    let post = |path: &'static str, text: &'static str| Request::post_json(path, text, within);
    [
        ("an unknown path", Request::get("/no-such-path", within)),
        ("an unknown job", Request::get("/metadata/no-such-job", within)),
        ("a wrong method", Request::new(Method::PUT, "/channels", within)),
        ("text that is not JSON", post("/configure", "{\"channels\": ")),
        ("a wrong type", post("/recordings_in_time_range", r#"{"start_time":"soon","end_time":[]}"#)),
        ("a reversed range", post("/recordings_in_time_range", r#"{"start_time":2000,"end_time":1000}"#)),
    ]
}

fn judge(what: &str, exchange: &Exchange) -> Vec<Finding> {
    let subject = hostile::subject(exchange);
    let mut findings: Vec<Finding> = leaked(exchange, &subject, what).into_iter().collect();
    // That a server fails at such requests is for the checks of those fields; an error page may still tell tales.
    if exchange.status.is_server_error() {
        findings.push(Finding { subject, ..server_error(what, exchange.status) }.note());
    }
    findings
}

//! `focus-api.sec.injection`

use crate::checks::{JOBS, READY};
use crate::hostile::{self, Battery};
use serde_json::{Value, json};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Request};

register_check! {
    /// Operators of a query language are data, not commands.
    ///
    /// Where numbers belong, operators of MongoDB and pieces of SQL are sent, and the id of a job is asked for in the same
    /// way. `/configure` must refuse them; `/metadata` must not find a job for them. Afterwards the server must be well.
    ///
    /// # Why it matters
    /// A value that reaches a query as it came lets whoever sends it read, or delete, what the server can.
    ///
    /// # How to mend it
    /// Let nothing but numbers through where numbers belong, and build queries from values, never from text.
    pub(super) struct Injection(NoParams) {
        id: "focus-api.sec.injection",
        title: "Operators of a query language are data, not commands",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14774"],
        tags: &["api", "security"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.operators-evaluated", "payload-accepted")],
    }
}

#[async_trait]
impl Check for Injection {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let valid = ConfigureRequest::live(&client.fiber(cx).await?);
        let mut battery = Battery::begin(cx, &client).await?;
        let payloads: [(&str, &str, Value); 4] = [
            ("an operator as a time", "/start_time", json!({ "$gt": 0 })),
            ("an operator as a channel", "/channels/min", json!({ "$ne": null })),
            (
                "code for the database as a height",
                "/displayInfo/height",
                json!({ "$where": "sleep(5000) || true" }),
            ),
            ("SQL as a channel", "/channels/min", json!("1 OR 1=1; DROP TABLE recordings; --")),
        ];
        for (name, place, payload) in payloads {
            let request = battery.json(valid.clone().set(place, payload).text());
            battery
                .configure((name, &["PZ-14774"]), request, |answer| {
                    hostile::refused(name, "payload-accepted", answer)
                })
                .await;
        }
        for (name, path) in [
            ("an operator as the id of a job", "/metadata/%7B%22$ne%22:%20null%7D"),
            ("SQL as the id of a job", "/metadata/1'%20OR%20'1'='1"),
        ] {
            let request = Request::get(path, patience(cx));
            battery.ask((name, &["PZ-14774"]), request, |exchange| found(name, exchange)).await;
        }
        battery.end().await
    }
}

/// No job has such an id, so none may be found.
fn found(what: &str, exchange: &Exchange) -> Vec<Finding> {
    if !exchange.status.is_success() {
        return hostile::unharmed(what, exchange);
    }
    let message = format!("the server finds a job for {what}");
    vec![
        Finding::new("payload-evaluated", Cause::Product, hostile::subject(exchange), message)
            .expected("404", exchange.status)
            .remedy("compare ids as they are, and build queries from values", "a day"),
    ]
}

//! `focus-api.err.malformed`

use crate::checks::{JOBS, READY};
use crate::hostile::{self, Battery};
use serde_json::{Value, json};
use shakedown_core::{
    Check, CheckError, Context, Effect, NoParams, Severity, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Values of the wrong type are refused, and so is a body that is not declared as JSON.
    ///
    /// A list where an object belongs, a word where a number belongs, a boolean, a fraction, a null where something is
    /// required, and a list instead of the whole body: each must be refused with 400, 415 or 422. So must a valid request that
    /// is sent as plain text or as a form.
    ///
    /// # Why it matters
    /// What is silently turned into another type is not what was asked for. And a browser sends plain text and forms for any
    /// page, without asking first.
    ///
    /// # How to mend it
    /// Validate types strictly, and parse a body as JSON only where `Content-Type` says so.
    pub(super) struct MalformedRequest(NoParams) {
        id: "focus-api.err.malformed",
        title: "Values of the wrong type are refused",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14786"],
        tags: &["api", "errors"],
        requires: READY,
        group: JOBS,
        proofs: &[
            fault("focus-api.lax-types", "type-accepted"),
            fault("focus-api.any-content-type", "content-type-ignored"),
        ],
    }
}

#[async_trait]
impl Check for MalformedRequest {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        let keys = &["PZ-14786"];
        let rows: [(&str, &str, Value); 6] = [
            ("a list for an object", "/channels", json!([1, 2])),
            ("a word for a number", "/nfftSelection", json!("many")),
            ("a boolean for a number", "/displayInfo/height", json!(true)),
            ("a fraction for a whole number", "/nfftSelection", json!(1024.5)),
            ("null for a channel", "/channels/min", Value::Null),
            ("an object for a time", "/end_time", json!({})),
        ];
        let mut battery = Battery::begin(cx, &client).await?;
        for (name, place, value) in rows {
            let request = battery.json(valid.clone().set(place, value).text());
            battery
                .configure((name, keys), request, |answer| hostile::refused(name, "type-accepted", answer))
                .await;
        }
        for (name, body) in [("a list for the whole body", "[]"), ("a number for the whole body", "42")] {
            let request = battery.json(body);
            battery
                .configure((name, keys), request, |answer| hostile::refused(name, "type-accepted", answer))
                .await;
        }
        for (name, content_type) in [
            ("a request sent as plain text", "text/plain"),
            ("a request sent as a form", "application/x-www-form-urlencoded"),
        ] {
            let mut request = battery.json(valid.text());
            request.content_type = Some(content_type);
            battery
                .configure((name, keys), request, |answer| {
                    hostile::refused(name, "content-type-ignored", answer)
                })
                .await;
        }
        battery.end().await
    }
}

//! `focus-api.sec.xss`

use crate::checks::{JOBS, READY};
use crate::hostile::{self, Battery};
use serde_json::json;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Request};

register_check! {
    /// A script that is sent never comes back as one.
    ///
    /// A script is sent as a type of view, in a field that the contract does not know, as the id of a job and as a path. The
    /// server may refuse it, ignore it, or repeat it within JSON, where it is only text. It must not come back unescaped in an
    /// answer that a browser shows as a page: HTML, or one without a type.
    ///
    /// # Why it matters
    /// Whoever makes a user follow a link could then run a script in the user's name.
    ///
    /// # How to mend it
    /// Answer errors as JSON with `Content-Type: application/json`, or escape what is put into a page.
    pub(super) struct ScriptReflected(NoParams) {
        id: "focus-api.sec.xss",
        title: "A script that is sent never comes back as one",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14775"],
        tags: &["api", "security"],
        requires: READY,
        group: JOBS,
        proofs: &[fault("focus-api.reflects-script", "script-reflected")],
    }
}

const SCRIPT: &str = "<script>alert(14775)</script>";

#[async_trait]
impl Check for ScriptReflected {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        let mut battery = Battery::begin(cx, &client).await?;
        let keys = &["PZ-14775"];
        // A type of view that is refused, whatever the field beside it.
        let beside = valid.clone().set("/view_type", 999).with_extra("comment", json!(SCRIPT));
        for (name, request) in [
            ("a script as a view", valid.set("/view_type", SCRIPT)),
            ("a script in an unknown field", beside),
        ] {
            let request = battery.json(request.text());
            battery
                .configure((name, keys), request, |answer| {
                    let harm = hostile::refused_or_inert(name, &answer.exchange);
                    reflected(name, &answer.exchange).into_iter().chain(harm).collect()
                })
                .await;
        }
        let encoded = "%3Cscript%3Ealert(14775)%3C/script%3E";
        for (name, path) in [
            ("a script as the id of a job", format!("/metadata/{}", encoded.replace('/', "%2F"))),
            ("a script as a path", format!("/{encoded}")),
        ] {
            let request = Request::get(path, patience(cx));
            battery
                .ask((name, keys), request, |exchange| {
                    reflected(name, exchange).into_iter().chain(hostile::unharmed(name, exchange)).collect()
                })
                .await;
        }
        battery.end().await
    }
}

/// A finding where the script comes back in something that a browser shows as a page.
fn reflected(what: &str, exchange: &Exchange) -> Option<Finding> {
    let media =
        exchange.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_page =
        media.is_empty() || media.ends_with("html") || media.contains("xml") || media.contains("svg");
    (is_page && exchange.text().contains(SCRIPT)).then(|| {
        let shown_as = if media.is_empty() { "an answer without a type" } else { &media };
        let message = format!("{what} comes back unescaped in {shown_as}");
        Finding::new("script-reflected", Cause::Product, hostile::subject(exchange), message)
            .expected("refused, ignored, or repeated within JSON", format!("{SCRIPT} in {shown_as}"))
            .remedy("answer errors as application/json, or escape what is put into a page", "a day")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn an_echo_is_harmless_unless_it_is_shown_as_a_page() {
        let is_reflected = |media: &str, body: &str| {
            let mut exchange = exchange(422, body);
            exchange.headers.insert("content-type", media.parse().unwrap());
            reflected("a script", &exchange).is_some()
        };
        assert!(is_reflected("text/html; charset=utf-8", &format!("<p>{SCRIPT}</p>")));
        assert!(is_reflected("", SCRIPT));
        assert!(!is_reflected("application/json", SCRIPT));
        assert!(!is_reflected("application/problem+json", SCRIPT));
        assert!(!is_reflected("text/plain", SCRIPT));
        assert!(!is_reflected("text/html", "&lt;script&gt;alert(14775)&lt;/script&gt;"));
    }
}

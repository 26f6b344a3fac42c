//! `focus-api.sec.sanitise`

use crate::checks::JOBS;
use crate::hostile::{self, Battery};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Request};

register_check! {
    /// Odd characters and crooked paths do no harm.
    ///
    /// As a type of view are sent: special and control characters, a NUL, text that changes direction, half of a character
    /// (a surrogate by itself), and ten thousand letters; each must be refused, or have no visible effect. Paths that climb out of the server's folder
    /// must not find a file. Afterwards the server must be well.
    ///
    /// # Why it matters
    /// Half a character cannot be written back, and a server that tries fails with 500; a path that climbs reads the
    /// server's own files.
    ///
    /// # How to mend it
    /// Refuse what is not one of the values that are known, without repeating it. Resolve paths before they are used, and
    /// refuse those that lead out.
    pub(super) struct Sanitise(NoParams) {
        id: "focus-api.sec.sanitise",
        title: "Odd characters and crooked paths do no harm",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14788"],
        tags: &["api", "security"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.err.json",
        ],
        group: JOBS,
        proofs: &[
            fault("focus-api.surrogate-500", "server-error"),
            fault("focus-api.serves-files", "file-served"),
        ],
    }
}

/// The mark in a request that the text takes the place of, with its quotes.
const MARK: i64 = 777_777;

#[async_trait]
impl Check for Sanitise {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let template = ConfigureRequest::live(&client.fiber(cx).await?).set("/view_type", MARK).text();
        let mut battery = Battery::begin(cx, &client).await?;
        let keys = &["PZ-14788"];
        let long = "a".repeat(10_000);
        // Written as JSON text, since half a character can be escaped but not be put into a string here.
        for (name, text) in [
            ("special characters", r"'\\;|&$(){}[]<>*?~`%00%0d%0a"),
            ("control characters", r"\u0001\u0007\u0008\u001b[31m\u007f\r\n"),
            ("a NUL character", r"0\u0000"),
            ("text that changes direction", r"\u202e\u2066multichannel\u200b\ufeff"),
            ("characters beyond the first plane", r"\ud83d\ude80\ud834\udd1e"),
            ("a traversal", r"../../../../etc/passwd"),
            ("ten thousand letters", &long),
            ("half of a character", r"\ud800"),
        ] {
            let request = battery.json(template.replace(&MARK.to_string(), &format!("\"{text}\"")));
            battery
                .configure((name, keys), request, |answer| hostile::refused_or_inert(name, &answer.exchange))
                .await;
        }
        for (name, path) in [
            ("a path that climbs", "/metadata/..%2f..%2f..%2f..%2fetc%2fpasswd"),
            ("a path that climbs, encoded twice", "/metadata/%252e%252e%252f%252e%252e%252fetc%252fpasswd"),
            ("a path with a NUL", "/metadata/1-1%00.json"),
        ] {
            let request = Request::get(path, patience(cx));
            battery.ask((name, keys), request, |exchange| file(name, exchange)).await;
        }
        battery.end().await
    }
}

fn file(what: &str, exchange: &Exchange) -> Vec<Finding> {
    let text = exchange.text();
    if !exchange.status.is_success() && !text.contains("root:x:0:0") {
        return hostile::unharmed(what, exchange);
    }
    let message = format!("{what} is served with {}", exchange.status);
    vec![
        Finding::new("file-served", Cause::Product, hostile::subject(exchange), message)
            .expected("404 or 400", exchange.status)
            .severity(Severity::Critical)
            .remedy("resolve paths before they are used, and refuse those that lead out", "a day"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn whatever_is_served_for_a_crooked_path_is_a_file() {
        let codes = |status, body: &str| {
            file("a path", &exchange(status, body))
                .into_iter()
                .map(|finding| finding.code)
                .collect::<Vec<_>>()
        };
        assert_eq!(codes(404, "Not Found"), [""; 0]);
        assert_eq!(codes(200, "{}"), ["file-served"]);
        assert_eq!(codes(404, "root:x:0:0:root:/root:/bin/sh"), ["file-served"]);
        assert_eq!(codes(500, ""), ["server-error"]);
    }
}

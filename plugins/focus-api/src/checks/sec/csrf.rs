//! `focus-api.sec.csrf`

use crate::hostile::{self, Battery};
use crate::refusal::server_error;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::patience;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, HeaderValue, Method, Request};

register_check! {
    /// Other web pages cannot use the API in a user's name.
    ///
    /// A foreign `Origin` is sent with a read, as a browser does for a script of another page, and with the question whether
    /// such a page may post a configuration; then the origin `null`. The server may refuse or ignore them. It must not
    /// allow the foreign origin and credentials together; allowing everybody without credentials is noted.
    ///
    /// # Why it matters
    /// With that permission any page that a user has open can read the fiber and start jobs with the user's session.
    ///
    /// # How to mend it
    /// List the origins of your own clients, and never answer with whatever origin was sent.
    pub(super) struct CrossOrigin(NoParams) {
        id: "focus-api.sec.csrf",
        title: "Other web pages cannot use the API in a user's name",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14776"],
        tags: &["api", "security"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.trusts-any-origin", "origin-trusted")],
    }
}

const FOREIGN: &str = "https://attacker.example.com";

#[async_trait]
impl Check for CrossOrigin {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let mut battery = Battery::begin(cx, &client).await?;
        for (name, method, path, origin) in [
            ("a read", Method::GET, "/channels", FOREIGN),
            ("a read by a page without origin", Method::GET, "/channels", "null"),
            ("the question whether it may configure", Method::OPTIONS, "/configure", FOREIGN),
        ] {
            let mut request = Request::new(method.clone(), path, patience(cx));
            request.headers.insert("origin", HeaderValue::from_static(origin));
            if method == Method::OPTIONS {
                let headers = [
                    ("access-control-request-method", "POST"),
                    ("access-control-request-headers", "content-type"),
                ];
                for (name, value) in headers {
                    request.headers.insert(name, HeaderValue::from_static(value));
                }
            }
            battery.ask((name, &["PZ-14776"]), request, |exchange| judge(name, origin, exchange)).await;
        }
        battery.end().await
    }
}

fn judge(what: &str, origin: &str, exchange: &Exchange) -> Vec<Finding> {
    let header =
        |name: &str| exchange.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let allowed = header("access-control-allow-origin");
    let credentials = header("access-control-allow-credentials").eq_ignore_ascii_case("true");
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, hostile::subject(exchange), message).remedy(
            "list the origins of your own clients, and never answer with whatever was sent",
            "an hour",
        )
    };
    if exchange.status.is_server_error() {
        vec![server_error(&format!("{what} from another page"), exchange.status)]
    } else if allowed == origin && credentials {
        let message = format!("{what} from another page is allowed, with the user's credentials");
        vec![
            finding("origin-trusted", message)
                .expected("refused or ignored", format!("allowed to {allowed}")),
        ]
    } else if allowed == origin || allowed == "*" {
        vec![
            finding("origin-allowed", format!("{what} from another page is allowed, without credentials"))
                .note(),
        ]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    #[test]
    fn trust_is_a_foreign_origin_together_with_credentials() {
        let of = |status, origin: &'static str, credentials: &'static str| {
            let mut exchange = exchange(status, "");
            exchange.headers.insert("access-control-allow-origin", HeaderValue::from_static(origin));
            exchange
                .headers
                .insert("access-control-allow-credentials", HeaderValue::from_static(credentials));
            judge("a read", FOREIGN, &exchange).pop().map(|finding| (finding.code, finding.weight))
        };
        let is = |code: &str, weight| Some((code.to_owned(), weight));
        assert_eq!(of(200, "", ""), None);
        assert_eq!(of(200, "https://client.example.com", "true"), None);
        assert_eq!(of(200, FOREIGN, "true"), is("origin-trusted", Weight::Fail));
        assert_eq!(of(200, FOREIGN, ""), is("origin-allowed", Weight::Note));
        assert_eq!(of(200, "*", "true"), is("origin-allowed", Weight::Note));
        assert_eq!(of(500, "", ""), is("server-error", Weight::Fail));
    }
}

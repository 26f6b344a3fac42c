//! `focus-api.sec.https`

use crate::hostile;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::{FocusClient, patience};
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, HttpClient, Request, Url};
use std::net::IpAddr;

register_check! {
    /// Nobody on the way can read along.
    ///
    /// Plain HTTP is tried at `plain_url`; where that is not set, at the port 80 of an `https` server and at its TLS port.
    /// There it must be refused, or redirected to `https`; a 200 to `/channels` means that the API is served in the open.
    /// Where the address of the target is itself plain HTTP that is a warning, except on the loopback interface.
    ///
    /// # Why it matters
    /// Tokens, fiber data and commands travel in the open, and a client that is sent to the wrong address does not notice.
    ///
    /// # How to mend it
    /// Let the ingress redirect plain HTTP to `https`, or close the port.
    pub(super) struct Https(NoParams) {
        id: "focus-api.sec.https",
        title: "Nobody on the way can read along",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14778"],
        tags: &["api", "security"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.plain-http-served", "plain-http-served")],
    }
}

#[async_trait]
impl Check for Https {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        client.get(cx, "/ack").await?;
        let open = in_the_open(&client);
        let plain = &client.doors().plain;
        if plain.is_empty() {
            return match open {
                Some(finding) => Ok(Verdict::of(Observation::seen(client.address())).with(finding)),
                None => Err(CheckError::not_applicable(
                    "the target is on this machine, and `plain_url` names no address at which plain HTTP must be refused",
                )),
            };
        }
        let mut cases = Cases::new();
        for http in plain {
            cases.push(Case::new(http.address(), &["PZ-14778"], try_plain(cx, http).await));
        }
        Ok(cases.verdict()?.with_all(open))
    }
}

/// Whatever is no answer of the API will do.
async fn try_plain(cx: &Context, http: &HttpClient) -> Result<Verdict, CheckError> {
    match http.send(Request::get("/channels", patience(cx))).await {
        Err(error) => Ok(Verdict::of(Observation::seen(format!("plain HTTP is not answered: {error}")))),
        Ok(exchange) => {
            hostile::verdict(cx, &exchange, "plain-http", served(&exchange).into_iter().collect())
        }
    }
}

fn served(exchange: &Exchange) -> Option<Finding> {
    let status = exchange.status;
    let location = exchange.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let finding = |code, message: String| {
        Finding::new(code, Cause::Environment, hostile::subject(exchange), message)
            .expected("refused, or redirected to https", status)
            .remedy("let the ingress redirect plain HTTP to https, or close the port", "an hour")
    };
    if status.is_success() {
        Some(finding("plain-http-served", format!("the API is served over plain HTTP with {status}")))
    } else if status.is_redirection() && location.starts_with("http:") {
        let message = format!("plain HTTP is redirected to {location}, which is plain HTTP again");
        Some(finding("plain-http-redirected", message))
    } else {
        None
    }
}

/// A warning where the usual address is plain HTTP, and other machines lie on the way.
fn in_the_open(client: &FocusClient) -> Option<Finding> {
    let url: Url = client.address().parse().ok()?;
    let host = url.host_str()?;
    let is_here = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    (url.scheme() == "http" && !is_here).then(|| {
        let message = "the target is reached over plain HTTP: requests can be read on the way";
        Finding::new("base-url-plain", Cause::Environment, client.address(), message)
            .warn()
            .remedy("give the server's https address as `base_url`", "minutes")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;
    use shakedown_http::HttpSettings;
    use std::time::Duration;

    #[test]
    fn a_redirect_to_https_or_a_refusal_will_do() {
        let code = |status, location: &str| {
            let mut exchange = exchange(status, "");
            exchange.headers.insert("location", location.parse().unwrap());
            served(&exchange).map(|finding| finding.code)
        };
        assert_eq!(code(308, "https://focus.example.com/channels"), None);
        assert_eq!(code(400, ""), None);
        assert_eq!(code(200, "").as_deref(), Some("plain-http-served"));
        assert_eq!(code(301, "http://focus.example.com/x").as_deref(), Some("plain-http-redirected"));
    }

    #[test]
    fn plain_http_to_another_machine_is_in_the_open() {
        let warned = |url: &str| {
            let http = HttpClient::new(HttpSettings::new(url.parse().unwrap())).unwrap();
            in_the_open(&FocusClient::new(http, Duration::ZERO, Duration::ZERO)).is_some()
        };
        assert!(warned("http://focus.example.com/"));
        for url in ["http://127.0.0.1:5000/", "http://localhost/", "http://[::1]:5000/"] {
            assert!(!warned(url), "{url}");
        }
    }
}

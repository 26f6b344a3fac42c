//! `focus-api.sec.auth`

use crate::hostile;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::client::{away, patience};
use shakedown_focus::doors::{Guarded, Visitor};
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, Request, StatusCode};

register_check! {
    /// Nobody gets in without a valid token.
    ///
    /// `/channels` is asked for without a token, with one that nobody issued, and with one that has expired. Each must be
    /// answered with 401 or 403. Then it is asked for with the valid token, and must be served: a door that is shut to
    /// everybody is not guarded but broken. The question arises only where the target's settings have the table `auth`,
    /// and that of the expired token where it names one.
    ///
    /// # Why it matters
    /// Whoever reaches the server can look at the fiber, and start as many jobs as the cluster has room for.
    ///
    /// # How to mend it
    /// Check the token, with its expiry, before a request is routed. Look for paths that a proxy lets through.
    pub(super) struct Authentication(NoParams) {
        id: "focus-api.sec.auth",
        title: "Nobody gets in without a valid token",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14771", "PZ-14772", "PZ-14773"],
        tags: &["api", "security"],
        requires: &["focus-api.ack.ok"],
        proofs: &[
            fault("focus-api.auth-not-enforced", "auth-not-enforced"),
            fault("focus-api.accepts-expired-token", "auth-not-enforced"),
        ],
    }
}

const PATH: &str = "/channels";

#[async_trait]
impl Check for Authentication {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let Some(guarded) = &client.doors().guarded else {
            return Err(CheckError::not_applicable(
                "the target declares no authentication; where there is one, put its token into the table `auth`",
            ));
        };
        client.get(cx, "/ack").await?;
        let mut cases = Cases::new();
        for (name, keys, visitor) in [
            ("no token", &["PZ-14771"][..], Visitor::Nobody),
            ("forged token", &["PZ-14772"], Visitor::Forger),
            ("expired token", &["PZ-14773"], Visitor::Latecomer),
            ("valid token", &["PZ-14771"], Visitor::Guest),
        ] {
            cases.push(Case::new(name, keys, knock(cx, guarded, name, visitor).await));
        }
        cases.verdict()
    }
}

async fn knock(cx: &Context, guarded: &Guarded, name: &str, visitor: Visitor) -> Result<Verdict, CheckError> {
    let Some(http) = guarded.client(visitor)? else {
        return Err(CheckError::not_applicable("`auth` names no `expired_token`"));
    };
    let exchange = http.send(Request::get(PATH, patience(cx))).await.map_err(|error| away(&error))?;
    hostile::not_by_a_gateway(&exchange)?;
    let finding = judge(name, visitor, &exchange);
    hostile::verdict(cx, &exchange, name, finding.into_iter().collect())
}

fn judge(name: &str, visitor: Visitor, exchange: &Exchange) -> Option<Finding> {
    let status = exchange.status;
    let finding =
        |code, message: String| Finding::new(code, Cause::Product, hostile::subject(exchange), message);
    let shut = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    match visitor {
        Visitor::Guest if status.is_success() => None,
        Visitor::Guest => Some(
            Finding {
                cause: Cause::Environment,
                ..finding("token-refused", format!("the valid token is answered with {status}"))
            }
            .expected("200", status)
            .remedy("correct the token in `auth`, or renew it", "minutes"),
        ),
        _ if shut => None,
        _ if status.is_success() => Some(
            finding("auth-not-enforced", format!("a request with {name} is served"))
                .expected("401 or 403", status)
                .remedy("check the token, with its expiry, before a request is routed", "a day"),
        ),
        _ => Some(
            finding("auth-unclear", format!("a request with {name} is answered with {status}"))
                .expected("401 or 403", status)
                .remedy("answer 401 to whoever is not known", "an hour"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn the_door_is_shut_to_strangers_and_open_to_guests() {
        let code = |visitor, status| judge("x", visitor, &exchange(status, "")).map(|finding| finding.code);
        for visitor in [Visitor::Nobody, Visitor::Forger, Visitor::Latecomer] {
            assert_eq!((code(visitor, 401), code(visitor, 403)), (None, None));
            assert_eq!(code(visitor, 200).as_deref(), Some("auth-not-enforced"));
            assert_eq!(code(visitor, 500).as_deref(), Some("auth-unclear"));
        }
        assert_eq!(code(Visitor::Guest, 200), None);
        assert_eq!(code(Visitor::Guest, 401).as_deref(), Some("token-refused"));
    }
}

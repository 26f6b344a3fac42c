//! `focus-api.historic.window-limit`

use crate::checks::{HISTORY, JOBS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::recordings::recorded;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_http::Exchange;

register_check! {
    /// A historic view may span thirty windows.
    ///
    /// Windows of 5, 10 and 20 seconds are asked for with a range of exactly thirty of them, which is accepted. A range of
    /// sixty may be accepted or refused, as the limit may be the client's alone; the parameter `refuse_more` asks for the
    /// refusal.
    ///
    /// # Why it matters
    /// Clients offer thirty windows. A server that takes fewer refuses what they offer.
    ///
    /// # How to mend it
    /// Compare the server's limit with `displayTimeAxisDuration` × 30, both ends included.
    pub(super) struct WindowLimit(LimitParams) {
        id: "focus-api.historic.window-limit",
        title: "A historic view may span thirty windows",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        tags: &["api"],
        requires: HISTORY,
        group: JOBS,
        proofs: &[fault("focus-api.few-windows", "valid-refused")],
    }
}

/// How strict to be.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct LimitParams {
    /// Whether a range of more than thirty windows must be refused.
    refuse_more: bool,
}

impl Params for LimitParams {}

/// The windows, in seconds.
const WINDOWS: [i64; 3] = [5, 10, 20];
const MOST: i64 = 30;

#[async_trait]
impl Check for WindowLimit {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let live = ConfigureRequest::live(&client.fiber(cx).await?);
        // Only the beginning of a range has to be recorded; all of it has to be over.
        let (start, _) = recorded(cx, &client, WINDOWS[0] * MOST).await?;
        let now = cx.clock.epoch_seconds();
        let mut cases = Cases::new();
        for window in WINDOWS {
            let request = spanning(&live, start, window, MOST);
            let name = format!("{MOST} windows of {window} s");
            let answer = if request.number("/end_time") > now {
                Err(CheckError::not_applicable("what was recorded began too lately"))
            } else {
                client.accepted(cx, &request, &name, |_| Vec::new()).await
            };
            cases.push(Case::new(name, &[], answer));
        }
        let request = spanning(&live, start, WINDOWS[0], 2 * MOST);
        let answer = if request.number("/end_time") > now {
            Err(CheckError::not_applicable("what was recorded began too lately"))
        } else {
            self.beyond(cx, &client, &request).await
        };
        cases.push(Case::new(format!("{} windows of {} s", 2 * MOST, WINDOWS[0]), &[], answer));
        cases.verdict()
    }
}

fn spanning(live: &ConfigureRequest, start: i64, window: i64, count: i64) -> ConfigureRequest {
    live.clone().historic(start, start + window * count).set("/displayTimeAxisDuration", window)
}

impl WindowLimit {
    async fn beyond(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
    ) -> Result<Verdict, CheckError> {
        let exchange = client.configure(cx, &request.text()).await?.exchange;
        let findings = beyond(&exchange, self.params.refuse_more).into_iter().collect();
        document::verdict(cx, &exchange, "sixty-windows", exchange.summary(), findings)
    }
}

fn beyond(exchange: &Exchange, refuse: bool) -> Option<Finding> {
    let finding = |code, message: String| Finding::new(code, Cause::Product, "POST /configure", message);
    match exchange.status {
        status if status.is_success() => {
            let message = "the server accepts sixty windows: the limit is the client's alone".to_owned();
            let finding = finding("windows-unlimited", message).expected("refused", status);
            Some(if refuse {
                finding.remedy("compare the range with thirty windows", "a day")
            } else {
                finding.note()
            })
        }
        status if status.is_server_error() => {
            let message = format!("the server fails at sixty windows with {status}");
            Some(finding("server-error", message).remedy("read the stack trace in the server's log", "hours"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    #[test]
    fn more_windows_may_be_accepted_or_refused() {
        let of = |status, refuse| beyond(&exchange(status, ""), refuse).map(|finding| finding.weight);
        assert_eq!(of(400, true), None);
        assert_eq!(of(200, false), Some(Weight::Note));
        assert_eq!(of(200, true), Some(Weight::Fail));
        assert_eq!(of(500, false), Some(Weight::Fail));
    }
}

//! `focus-api.channels.ok`

use crate::channels::Channels;
use crate::document;
use crate::target::FocusApi;
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait, fault,
    register_check,
};

register_check! {
    /// The server reports a usable range of channels.
    ///
    /// `GET /channels` names the lowest channel, 1 or above, and the highest, not below the lowest. No number is assumed:
    /// installations differ.
    ///
    /// # Why it matters
    /// Every view is asked for in channels of this range. Where it is wrong, clients ask for channels that do not exist;
    /// the checks that start jobs are skipped.
    ///
    /// # How to mend it
    /// Correct the channel range in the server's configuration, or restart the server if it started before the fiber
    /// was known.
    pub(super) struct ChannelsOk(NoParams) {
        id: "focus-api.channels.ok",
        title: "The server reports a usable range of channels",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13895", "PZ-13762", "PZ-13560"],
        tags: &["api", "smoke"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.channels-reversed", "channel-range")],
    }
}

#[async_trait]
impl Check for ChannelsOk {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/channels").await?;
        let (seen, findings) = match document::json(&exchange, "/channels").and_then(|body| judge(&body)) {
            Ok(Channels { lowest, highest }) => {
                (format!("channels {lowest} to {highest}; {}", exchange.summary()), Vec::new())
            }
            Err(finding) => (exchange.summary(), vec![*finding]),
        };
        document::verdict(cx, &exchange, "channels", seen, findings)
    }
}

fn judge(body: &Value) -> Result<Channels, Box<Finding>> {
    let problem = match Channels::read(body) {
        Ok(channels) => match channels.problem() {
            None => return Ok(channels),
            Some(problem) => problem,
        },
        Err(problem) => problem,
    };
    let finding = Finding::new("channel-range", Cause::Product, "GET /channels", problem)
        .expected("1 ≤ lowest_channel ≤ highest_channel", body)
        .remedy("correct the channel range in the server's configuration", "an hour");
    Err(Box::new(finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_range_that_was_sent_is_shown() {
        assert!(judge(&json!({ "lowest_channel": 1, "highest_channel": 1 })).is_ok());
        let finding = judge(&json!({ "lowest_channel": 9, "highest_channel": 1 })).unwrap_err();
        assert_eq!(finding.actual.as_deref(), Some(r#"{"highest_channel":1,"lowest_channel":9}"#));
    }
}

//! `focus-api.channels.ok`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::channels::Channels;
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;

register_check! {
    /// The server reports a usable range of channels.
    ///
    /// `GET /channels` names the lowest channel, 1 or above, and the highest, not below the lowest. No number is assumed:
    /// installations differ. But no fiber has more than ten thousand channels, and where the server says of each whether
    /// it is enabled, all are.
    ///
    /// # Why it matters
    /// Every view is asked for in channels of this range. Where it is wrong, clients ask for channels that do not exist;
    /// the checks that start jobs are skipped.
    ///
    /// # How to mend it
    /// Correct the channel range in the server's configuration, or restart the server if it started before the fiber
    /// was known.
    pub(super) struct ChannelsOk(ChannelsParams) {
        id: "focus-api.channels.ok",
        title: "The server reports a usable range of channels",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13895", "PZ-13762", "PZ-13560", "PZ-13898", "PZ-13899"],
        tags: &["api", "smoke"],
        requires: &["focus-api.ack.ok"],
        proofs: &[
            fault("focus-api.channels-reversed", "channel-range"),
            fault("focus-api.channels-implausible", "channels-implausible"),
        ],
    }
}

/// What is plausible.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ChannelsParams {
    /// No channel has a number above this.
    most: i64,
}

impl Default for ChannelsParams {
    fn default() -> Self {
        Self { most: 10_000 }
    }
}

impl Params for ChannelsParams {}

#[async_trait]
impl Check for ChannelsOk {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/channels").await?;
        let body = match document::json(&exchange, "/channels") {
            Ok(body) => body,
            Err(finding) => {
                return document::verdict(cx, &exchange, "channels", exchange.summary(), vec![*finding]);
            }
        };
        let case = |seen: String, finding: Option<Finding>| {
            document::verdict(cx, &exchange, "channels", seen, finding.into_iter().collect())
        };
        let judged = judge(&body);
        let mut cases = Cases::new();
        let (range, plausible) = match judged {
            Ok(channels) => {
                let Channels { lowest, highest } = channels;
                let seen = format!("channels {lowest} to {highest}; {}", exchange.summary());
                let implausible = self.params.implausible(channels);
                (case(seen, None), case(format!("the highest is {highest}"), implausible))
            }
            Err(finding) => {
                let why = CheckError::not_applicable("there is no range to look at");
                (case(exchange.summary(), Some(*finding)), Err(why))
            }
        };
        cases.push(Case::new("a usable range", &["PZ-13895", "PZ-13762", "PZ-13560"], range));
        cases.push(Case::new("plausible numbers", &["PZ-13898", "PZ-13762"], plausible));
        let enabled = enabled(&body).and_then(|(seen, finding)| case(seen, finding));
        cases.push(Case::new("all enabled", &["PZ-13899", "PZ-13895"], enabled));
        cases.verdict()
    }
}

impl ChannelsParams {
    fn implausible(&self, channels: Channels) -> Option<Finding> {
        let Self { most } = self;
        (channels.highest > *most).then(|| {
            let message = format!(
                "the highest channel is {}; no fiber has more than {most} channels",
                channels.highest
            );
            Finding::new("channels-implausible", Cause::Data, "GET /channels", message)
                .expected(format!("at most {most}"), channels.highest)
                .remedy("compare it with the number of channels in live metadata", "an hour")
        })
    }
}

/// Whether each channel is enabled, where the server says so: it may list them under `channels`.
fn enabled(body: &Value) -> Result<(String, Option<Finding>), CheckError> {
    let list = body["channels"].as_array().filter(|list| !list.is_empty());
    let states: Vec<bool> =
        list.into_iter().flatten().filter_map(|channel| channel.get("enabled")?.as_bool()).collect();
    if states.is_empty() {
        return Err(CheckError::not_applicable("the server does not say which channels are enabled"));
    }
    let disabled = states.iter().filter(|enabled| !**enabled).count();
    let finding = (disabled > 0).then(|| {
        let message = format!("{disabled} of {} channels are disabled", states.len());
        Finding::new("channels-disabled", Cause::Environment, "GET /channels", message)
            .expected("all enabled", format!("{disabled} disabled"))
            .remedy("enable them in the server's configuration, if that is what they are for", "an hour")
            .warn()
    });
    Ok((format!("{} channels with a state", states.len()), finding))
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

    #[test]
    fn numbers_are_plausible_and_channels_enabled() {
        let params = ChannelsParams::default();
        assert!(params.implausible(Channels { lowest: 1, highest: 10_000 }).is_none());
        assert!(params.implausible(Channels { lowest: 1, highest: 10_001 }).is_some());
        assert!(matches!(enabled(&json!({ "channels": [] })), Err(CheckError::NotApplicable(_))));
        let of = |states: &[bool]| {
            let list: Vec<Value> = states.iter().map(|enabled| json!({ "enabled": enabled })).collect();
            enabled(&json!({ "channels": list })).unwrap().1.map(|finding| finding.message)
        };
        assert_eq!(of(&[true, true]), None);
        assert_eq!(of(&[true, false, false]).as_deref(), Some("2 of 3 channels are disabled"));
    }
}

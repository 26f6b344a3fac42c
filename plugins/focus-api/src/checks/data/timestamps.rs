//! `focus-api.data.timestamps`

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, HumanDuration, Measurement, Params, Severity,
    Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::target::FocusApi;
use shakedown_http::Exchange;

register_check! {
    /// The server's clock agrees with the one here.
    ///
    /// The time that the server puts on its answers, in the header `date`, is compared with the time here. A server that
    /// puts none leaves nothing to compare.
    ///
    /// # Why it matters
    /// Recorded time is asked for in seconds since 1970. Where two clocks disagree, the last minutes are "in the future",
    /// or the wrong ones are played back.
    ///
    /// # How to mend it
    /// Let the machine of the server, or the one here, take its time from the network.
    pub(super) struct ServerClock(ClockParams) {
        id: "focus-api.data.timestamps",
        title: "The server's clock agrees with the one here",
        severity: Severity::Low,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-14811"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        gate: Gate::Informational,
        proofs: &[fault("focus-api.clock-behind", "clock-off")],
    }
}

/// How far apart the clocks may be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ClockParams {
    /// More is a failure.
    max_difference: HumanDuration,
}

impl Default for ClockParams {
    fn default() -> Self {
        Self { max_difference: HumanDuration::secs(30) }
    }
}

impl Params for ClockParams {}

#[async_trait]
impl Check for ServerClock {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/ack").await?;
        let here = cx.clock.now();
        let there = date(&exchange)
            .ok_or_else(|| CheckError::not_applicable("the server puts no time on its answers"))?;
        let seconds = there.duration_since(here).as_secs_f64();
        let finding = self.params.judge(seconds);
        let seen = format!("{there} there, {here} here");
        let verdict = document::verdict(cx, &exchange, "ack", seen, finding.into_iter().collect())?;
        Ok(verdict.measured(Measurement::new("ahead of the clock here", seconds, Unit::Seconds)))
    }
}

fn date(exchange: &Exchange) -> Option<Timestamp> {
    let text = exchange.headers.get("date")?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

impl ClockParams {
    fn judge(&self, seconds: f64) -> Option<Finding> {
        if seconds.abs() <= self.max_difference.0.as_secs_f64() {
            return None;
        }
        let way = if seconds < 0.0 { "behind" } else { "ahead of" };
        let message = format!("the server's clock is {:.0} s {way} the one here", seconds.abs());
        Some(
            Finding::new("clock-off", Cause::Environment, "GET /ack", message)
                .expected(format!("at most {} apart", self.max_difference), format!("{seconds:.0} s"))
                .remedy("let both machines take their time from the network", "minutes"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let mut answer = exchange(200, "{}");
        assert_eq!(date(&answer), None);
        answer.headers.insert("date", "Sun, 23 Nov 2025 08:30:00 GMT".parse().unwrap());
        assert_eq!(date(&answer), Some("2025-11-23T08:30:00Z".parse().unwrap()));
        answer.headers.insert("date", "yesterday".parse().unwrap());
        assert_eq!(date(&answer), None);
    }

    #[test]
    fn clocks_may_be_a_little_apart() {
        let params = ClockParams::default();
        assert!(params.judge(30.0).is_none() && params.judge(-30.0).is_none());
        let finding = params.judge(-3600.0).unwrap();
        assert_eq!(finding.message, "the server's clock is 3600 s behind the one here");
    }
}

//! `load.historic.windows`

use super::HISTORY;
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Params, Samples, Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::outage;
use shakedown_focus::recordings::recorded;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::words;
use std::time::Duration;

register_check! {
    /// Several can play back the longest range of each window at the same time.
    ///
    /// A view of windows of 30, 60 and 300 seconds may span thirty of them: 15, 30 and 150 minutes. For each window three
    /// views of exactly that range are asked for at once, and all are served. `focus-api.historic.window-limit` asks for one at
    /// a time.
    ///
    /// # Why it matters
    /// These are the windows that clients offer. The longest range is the most that one view can ask of the database.
    ///
    /// # How to mend it
    /// Where only long ranges are refused, compare the server's limit with `displayTimeAxisDuration` × 30. Where they are
    /// slow, look at the index of the recordings' times.
    pub(super) struct Windows(WindowsParams) {
        id: "load.historic.windows",
        title: "The longest range of each window can be played back",
        severity: Severity::Low,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: HISTORY,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.few-windows", "window-refused")],
    }
}

/// Which windows, and how many views of each.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WindowsParams {
    /// The windows.
    windows: Vec<HumanDuration>,
    /// How many views of each are asked for at once.
    at_once: u32,
}

impl Default for WindowsParams {
    fn default() -> Self {
        Self { windows: [30, 60, 300].map(HumanDuration::secs).to_vec(), at_once: 3 }
    }
}

impl Params for WindowsParams {
    fn validate(&self) -> Result<(), String> {
        if self.at_once == 0 || self.windows.is_empty() {
            Err("`windows` and `at_once` must be more than nothing".to_owned())
        } else if let Some(window) = self.windows.iter().find(|window| window.0.as_secs() == 0) {
            Err(format!("a window of {window} is less than a second"))
        } else {
            Ok(())
        }
    }
}

/// How many windows a view may span.
const MOST: i64 = 30;
/// How many seconds must have been recorded at the beginning of a range.
const RECORDED: i64 = 150;

#[async_trait]
impl Check for Windows {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let live = ConfigureRequest::live(&client.fiber(cx).await?);
        // Only the beginning of a range has to be recorded; all of it has to be over.
        let (start, _) = recorded(cx, &client, RECORDED).await?;
        let now = cx.clock.epoch_seconds();
        let mut cases = Cases::new();
        for window in &self.params.windows {
            let seconds = i64::try_from(window.0.as_secs()).unwrap_or(i64::MAX / MOST);
            let end = start.saturating_add(seconds.saturating_mul(MOST));
            let answer = if end > now {
                Err(CheckError::not_applicable("what was recorded began too lately"))
            } else {
                let request = live.clone().historic(start, end).set("/displayTimeAxisDuration", seconds);
                self.views(cx, &client, &request, *window).await
            };
            cases.push(Case::new(format!("{MOST} windows of {window}"), &[], answer));
        }
        cases.verdict()
    }
}

impl Windows {
    /// Some views of the same range at once.
    async fn views(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
        window: HumanDuration,
    ) -> Result<Verdict, CheckError> {
        let at_once =
            usize::try_from(self.params.at_once).unwrap_or(usize::MAX).min(cx.limits.requests_in_flight);
        let body = request.text();
        let asked = join_all((0..at_once).map(|_| client.configure(cx, &body))).await;
        let mut answers = Vec::new();
        for answer in asked {
            let answer = answer?;
            outage::answered(cx, &answer.exchange)?;
            answers.push(answer);
        }
        let refused: Vec<_> =
            answers.iter().filter(|answer| answer.job.is_none()).map(|answer| &answer.exchange).collect();
        let times = answers.iter().map(|answer| answer.exchange.elapsed.millis()).collect();
        let times = Samples::new("views", times)?;
        let seen = format!(
            "{} of {} views of {MOST} × {window} served",
            answers.len() - refused.len(),
            answers.len()
        );
        let verdict = Verdict::of(Observation::seen(&seen)).measured(
            Measurement::new("slowest answer", times.max(), Unit::Milliseconds).with_samples(&times),
        );
        let Some(first) = refused.first() else { return Ok(verdict) };
        let finding = Finding::new(
            "window-refused",
            Cause::Product,
            "POST /configure",
            format!("{seen}; {}", first.summary()),
        )
        .expected("all served", first.status)
        .remedy("compare the server's limit with `displayTimeAxisDuration` × 30, both ends included", "a day")
        .evidence(cx.attach(first.to_evidence("window-refused"))?);
        let said = words(first);
        let said = said.trim();
        Ok(verdict.with(if said.is_empty() {
            finding
        } else {
            finding.detail(format!("the server says: {said}"))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_make_sense() {
        let params = WindowsParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(WindowsParams { at_once: 0, ..params() }.validate().is_err());
        assert!(WindowsParams { windows: vec![HumanDuration::millis(500)], ..params() }.validate().is_err());
    }
}

//! `focus-api.recordings.range`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Measurement, Params, Severity, Unit, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::recordings::{self, PATH, Recording, Shape, WEEK};
use shakedown_focus::target::FocusApi;

register_check! {
    /// The server lists what was recorded in the last seven days, and nothing else.
    ///
    /// Each entry is a pair of epoch seconds that touches the range, its end not before its start; −1 or null ends a
    /// recording that still runs. The list may be bare, or stand under `recordings`; the parameter `shape` asks for one of
    /// the two. A week without recordings leaves nothing to judge.
    ///
    /// # Why it matters
    /// Users choose from this list what to play back. What it leaves out cannot be found; what it makes up ends in an
    /// error.
    ///
    /// # How to mend it
    /// Compare the query of this endpoint with the recordings in MongoDB: deleted ones do not count, open ones do.
    pub(super) struct RecordingsInRange(RangeParams) {
        id: "focus-api.recordings.range",
        title: "Recordings of the last seven days are listed",
        severity: Severity::Medium,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13564", "PZ-13766"],
        tags: &["api"],
        requires: &["focus-api.ack.ok"],
        proofs: &[fault("focus-api.recordings-out-of-range", "recording-outside")],
    }
}

/// How strict to be.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RangeParams {
    /// The shape of the list.
    shape: WantedShape,
}

/// The shape of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WantedShape {
    /// Either will do.
    #[default]
    Any,
    /// A bare array.
    Array,
    /// An object with the key `recordings`.
    Object,
}

impl Params for RangeParams {}

#[async_trait]
impl Check for RecordingsInRange {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let end = cx.clock.epoch_seconds();
        let start = end - WEEK;
        let exchange = recordings::ask(cx, &client, start, end).await?;
        let finding = |code, message: String| {
            Finding::new(code, Cause::Product, format!("POST {PATH}"), message)
                .remedy("compare the endpoint's query with the recordings in MongoDB", "a day")
        };
        let refused =
            |finding| document::verdict(cx, &exchange, "recordings", exchange.summary(), vec![finding]);
        if !exchange.status.is_success() {
            let message = format!("a valid range is answered with {}", exchange.status);
            return refused(finding("recordings-refused", message).expected("200", exchange.status));
        }
        let listed = exchange.json::<Value>().map_err(|error| error.to_string());
        let (shape, list) = match listed.and_then(|body| recordings::read(&body)) {
            Ok(read) => read,
            Err(problem) => return refused(finding("recordings-malformed", problem)),
        };
        let mut findings = Vec::new();
        if !self.params.shape.admits(shape) {
            let message =
                format!("the list comes as {shape:?}; the configuration asks for {:?}", self.params.shape);
            findings.push(finding("recordings-shape", message));
        }
        if list.is_empty() {
            return Err(CheckError::no_data("no recordings of the last seven days are listed"));
        }
        let wrong: Vec<&Recording> =
            list.iter().filter(|recording| !touches(recording, start, end)).collect();
        if let Some(first) = wrong.first() {
            let message = format!("{} of {} recordings lie outside the range", wrong.len(), list.len());
            findings.push(
                finding("recording-outside", message)
                    .expected(format!("pairs that touch {start} to {end}"), format!("{first:?}")),
            );
        }
        let open = list.iter().filter(|recording| recording.end.is_none()).count();
        let seen = format!("{} recordings, {open} still open, as {shape:?}", list.len());
        let count = u32::try_from(list.len()).unwrap_or(u32::MAX);
        let verdict = document::verdict(cx, &exchange, "recordings", seen, findings)?;
        Ok(verdict.measured(Measurement::new("recordings", f64::from(count), Unit::Count)))
    }
}

impl WantedShape {
    fn admits(self, shape: Shape) -> bool {
        match self {
            Self::Any => true,
            Self::Array => shape == Shape::Array,
            Self::Object => shape == Shape::Object,
        }
    }
}

/// Whether a recording runs forward and touches the range. It may begin before it, or end after it.
fn touches(recording: &Recording, start: i64, end: i64) -> bool {
    let Recording { start: from, end: to } = *recording;
    from <= end && to.is_none_or(|to| to >= from && to >= start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contained_overlapping_clipped_and_open_ones_touch() {
        let of = |from, to| touches(&Recording { start: from, end: to }, 100, 200);
        assert!(
            of(120, Some(150))
                && of(90, Some(110))
                && of(190, Some(300))
                && of(100, Some(200))
                && of(50, None)
        );
        assert!(!of(20, Some(90)) && !of(201, Some(300)) && !of(150, Some(140)) && !of(300, None));
        assert!(WantedShape::Any.admits(Shape::Object) && !WantedShape::Array.admits(Shape::Object));
        assert!(WantedShape::Object.admits(Shape::Object));
    }
}

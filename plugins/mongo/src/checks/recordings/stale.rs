//! `mongo.recordings.stale`

use super::census::{self, Census};
use crate::checks::survey::Survey;
use crate::{brief, time};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Observation, Params, Severity,
    Verdict, async_trait, fault, register_check,
};

/// From when on a recording without an end is stale.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StaleParams {
    /// An open recording that started longer ago than this is stale; a younger one is live.
    pub(crate) max_age: HumanDuration,
}

impl Default for StaleParams {
    fn default() -> Self {
        Self { max_age: HumanDuration::secs(24 * 3600) }
    }
}

impl Params for StaleParams {
    fn validate(&self) -> Result<(), String> {
        if self.max_age.0.is_zero() { Err("`max_age` must be more than nothing".to_owned()) } else { Ok(()) }
    }
}

register_check! {
    /// No recording was left open: what is neither ended nor deleted has started within the last 24 hours.
    ///
    /// A recording without an end is live as long as it is younger than that, and live recordings are only counted.
    /// The server counts all of them; the ten oldest are named. Start times are dates as a rule. Those that are numbers
    /// or text are read as what they mean, in UTC; those that mean no instant are a warning, since their age cannot be
    /// told.
    ///
    /// # Why it matters
    /// A recording that was never closed looks as if it were still running. History shows it without an end, players
    /// wait for data that will never come, and clean-up does not touch it.
    ///
    /// # How to mend it
    /// Make sure that nothing writes it any more. Then let `fix` close it: it marks the recording as deleted, with an end
    /// time and a note, and can undo that. Physical deletion is for those who are certain: `fix` does it only when asked
    /// for by name.
    pub(crate) struct Stale(StaleParams) {
        id: "mongo.recordings.stale",
        title: "No recording has been left open for more than 24 hours",
        severity: Severity::Critical,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13812"],
        tags: &["data-quality"],
        requires: &["mongo.connect", "mongo.basepaths.guid", "mongo.collections.required"],
        proofs: &[
            fault("mongo.stale-recording", "stale-recording"),
            fault("mongo.start-unreadable", "start-time-unreadable"),
        ],
    }
}

#[async_trait]
impl Check for Stale {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let survey = Survey::of_recordings(cx).await?;
        let collection = &survey.collection;
        let total = survey.population("recordings").await?;
        let now = cx.clock.now();
        let limit = now
            .checked_sub(self.params.max_age.0)
            .map_err(|_| CheckError::unclear("`max_age` reaches beyond the calendar"))?;
        let census = census::take(&survey, limit).await?;
        let max_age = hours(self.params.max_age);
        let open = brief::count(census.live, "is live", "are live");
        let seen = format!(
            "{}, of which {open} (open for less than {max_age})",
            brief::count(total, "recording", "recordings")
        );
        Ok(Verdict::of(Observation::seen(seen)).with_all(judge(collection, &census, now, &max_age)))
    }
}

pub(in crate::checks) fn hours(duration: HumanDuration) -> String {
    let hours = duration.0.as_secs_f64() / 3600.0;
    if hours.fract().abs() < 1e-9 { format!("{hours:.0} h") } else { format!("{hours:.1} h") }
}

fn judge(collection: &str, census: &Census, now: Timestamp, max_age: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(oldest) = census.oldest.first() {
        let number = census.stale;
        let (subject, message) = match census.stale {
            1 => (
                format!("recording {}", oldest.uuid),
                format!("left open: it started {} ago", time::age(oldest.started, now)),
            ),
            _ => (
                format!("collection `{collection}`"),
                format!(
                    "{number} recordings were left open, the oldest started {} ago",
                    time::age(oldest.started, now)
                ),
            ),
        };
        let mut finding = Finding::new("stale-recording", Cause::Data, subject, message)
            .severity(Severity::Critical)
            .expected(format!("no open recording older than {max_age}"), number);
        for open in &census.oldest {
            let age = time::age(open.started, now);
            finding = finding.detail(format!("{} started {}, {age} ago", open.uuid, time::utc(open.started)));
        }
        let more = census.stale.saturating_sub(census.oldest.len() as u64);
        if more > 0 {
            finding = finding.detail(format!("and {more} more"));
        }
        findings.push(
            finding
                .detail("possible causes: a crash, a lost connection, a restart, a failed write, a killed process")
                .detail("physical deletion is for those who are certain: only when asked for by name")
                .remedy(remedy(census.stale), "5 minutes")
                .fix("mongo.recordings.close"),
        );
    }
    if census.undatable > 0 {
        let open = brief::count(census.undatable, "open recording has", "open recordings have");
        let message = format!("{open} a start_time that means no instant, so that the age cannot be told");
        let mut finding =
            Finding::new("start-time-unreadable", Cause::Data, format!("collection `{collection}`"), message)
                .warn()
                .severity(Severity::High)
                .remedy("find out when they started, and store it as a date", "30 minutes");
        finding.details.clone_from(&census.undatable_examples);
        findings.push(finding);
    }
    findings
}

/// What to do.
fn remedy(stale: u64) -> &'static str {
    match stale {
        1 => "`fix` marks it deleted today, with an end time and a note",
        _ => "`fix` marks them deleted today, each with an end time and a note",
    }
}

#[cfg(test)]
mod tests {
    use super::super::census::Open;
    use super::*;

    const NOW: i64 = 1_762_684_200; // 2025-11-09T10:30:00Z

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn open(uuid: &str, seconds_ago: i64) -> Open {
        Open { uuid: uuid.to_owned(), started: Timestamp::from_second(NOW - seconds_ago).unwrap() }
    }

    #[test]
    fn live_recordings_are_no_finding() {
        assert!(judge("abc", &Census { live: 3, ..Census::default() }, now(), "24 h").is_empty());
    }

    #[test]
    fn one_stale_recording_is_named_with_start_and_age() {
        let census = Census { stale: 1, oldest: vec![open("r-1", 422_280)], live: 2, ..Census::default() };
        let findings = judge("abc", &census, now(), "24 h");
        assert_eq!(findings.len(), 1);
        let stale = &findings[0];
        assert_eq!(
            (stale.code.as_str(), stale.cause, stale.severity),
            ("stale-recording", Cause::Data, Some(Severity::Critical))
        );
        assert_eq!(stale.message, "left open: it started 117.3 h ago");
        assert_eq!(stale.details[0], "r-1 started 2025-11-04T13:12:00Z, 117.3 h ago");
        assert!(
            stale.details[1]
                .contains("a crash, a lost connection, a restart, a failed write, a killed process")
        );
        assert_eq!(stale.effort.as_deref(), Some("5 minutes"));
        assert_eq!(
            (stale.remedy.as_deref(), stale.fix.as_deref()),
            (
                Some("`fix` marks it deleted today, with an end time and a note"),
                Some("mongo.recordings.close")
            )
        );
    }

    #[test]
    fn many_are_counted_and_ten_are_named() {
        let oldest: Vec<Open> = (0..10).map(|n| open(&format!("r-{n}"), 100_000 - n)).collect();
        let census = Census { stale: 37, oldest, ..Census::default() };
        let findings = judge("abc", &census, now(), "24 h");
        assert_eq!(findings[0].message, "37 recordings were left open, the oldest started 27.8 h ago");
        assert_eq!(findings[0].details[10], "and 27 more");
        assert_eq!(
            findings[0].remedy.as_deref(),
            Some("`fix` marks them deleted today, each with an end time and a note")
        );
    }

    #[test]
    fn an_age_that_cannot_be_told_is_a_warning() {
        use shakedown_core::{Outcome, Status};
        let census = Census {
            undatable: 1,
            undatable_examples: vec!["r: start_time soon".to_owned()],
            ..Census::default()
        };
        let findings = judge("abc", &census, now(), "24 h");
        assert_eq!(
            findings[0].message,
            "1 open recording has a start_time that means no instant, so that the age cannot be told"
        );
        assert_eq!(
            Outcome::from(Verdict::of(Observation::seen("x")).with_all(findings)).status,
            Status::Warned
        );
    }

    #[test]
    fn the_default_is_a_day() {
        assert_eq!(hours(StaleParams::default().max_age), "24 h");
        assert!(StaleParams { max_age: HumanDuration::secs(0) }.validate().is_err());
        assert_eq!(hours(HumanDuration::secs(5400)), "1.5 h");
    }
}

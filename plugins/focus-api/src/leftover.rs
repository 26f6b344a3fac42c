//! Whether a refused request started something all the same, as far as the API can tell.
//!
//! The server counts its jobs: `1-7` follows `1-6`. A refused request between two valid ones may take no number. Others
//! may start jobs meanwhile, so a missing number alone proves nothing; but a marked request asks for channels and
//! frequencies of its own, by which the server's description of a job tells whose it is.

use serde_json::Value;
use shakedown_core::{Cause, CheckError, Context, Finding};
use shakedown_focus::channels::Channels;
use shakedown_focus::client::{Fiber, FocusClient};
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;

/// How many numbers between two jobs are looked at.
const MOST: u64 = 20;

/// What lies between two jobs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// Nothing was started: the numbers follow each other.
    Nothing,
    /// This job was: it bears the mark of the refused request.
    Ours(String),
    /// Jobs of others, or such as the server knows nothing of; how many.
    Others(u64),
    /// The ids are not numbers that follow each other.
    Unknown,
}

/// What nobody else asks for by chance, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// The first and the last channel.
    pub(crate) channels: (i64, i64),
    /// The lowest and the highest frequency, in Hz.
    pub(crate) frequencies: (i64, i64),
}

impl Mark {
    /// Seven channels near the end of the fiber, and an odd range of frequencies.
    pub(crate) fn of(fiber: &Fiber) -> Self {
        let Channels { lowest, highest } = fiber.channels;
        let first = (highest - 8).max(lowest);
        Self { channels: (first, (first + 6).min(highest)), frequencies: (37, 113.min(fiber.nyquist())) }
    }

    /// A request that bears it.
    pub(crate) fn request(self, fiber: &Fiber) -> ConfigureRequest {
        ConfigureRequest::live(fiber)
            .set("/channels/min", self.channels.0)
            .set("/channels/max", self.channels.1)
            .set("/frequencyRange/min", self.frequencies.0)
            .set("/frequencyRange/max", self.frequencies.1)
    }

    /// Whether a description of a job bears it: its channels or, where the request had none, its frequencies.
    fn is_on(self, body: &Value) -> bool {
        self.is_in_channels(body).unwrap_or(false) || self.is_in_frequencies(body).unwrap_or(false)
    }

    fn is_in_channels(self, body: &Value) -> Option<bool> {
        let keys = body["channel_to_stream_index"].as_object()?.keys();
        let mut channels: Vec<i64> = keys.map(|channel| channel.parse().ok()).collect::<Option<_>>()?;
        channels.sort_unstable();
        Some(channels == (self.channels.0..=self.channels.1).collect::<Vec<_>>())
    }

    /// Frequencies bear it where they fill the range up to less than one step at either end.
    fn is_in_frequencies(self, body: &Value) -> Option<bool> {
        let bins: Vec<f64> =
            body["frequencies_list"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        let [first, second, .., last] = &bins[..] else { return None };
        let step = second - first;
        #[expect(clippy::cast_precision_loss, reason = "both are small")]
        let (low, high) = (self.frequencies.0 as f64, self.frequencies.1 as f64);
        Some((low..low + step).contains(first) && (high - step..=high).contains(last) && *last > *first)
    }
}

/// Looks for a job between two others that bears the mark.
pub(crate) async fn between(
    cx: &Context,
    client: &FocusClient,
    (before, after): (&Job, &Job),
    mark: Mark,
) -> Result<Between, CheckError> {
    let Some(ids) = ids_between(&before.id, &after.id) else { return Ok(Between::Unknown) };
    let count = ids.len() as u64;
    for id in ids {
        let exchange = client.get(cx, &format!("/metadata/{id}")).await?;
        if exchange.json::<Value>().is_ok_and(|body| mark.is_on(&body)) {
            return Ok(Between::Ours(id));
        }
    }
    Ok(if count == 0 { Between::Nothing } else { Between::Others(count) })
}

impl Between {
    /// In words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Nothing => "no job was started in between".to_owned(),
            Self::Ours(id) => format!("job {id} was started for the refused request"),
            Self::Others(count) => {
                format!("{count} jobs were started in between, by others as far as can be told")
            }
            Self::Unknown => "the ids of jobs do not tell whether one was started in between".to_owned(),
        }
    }

    /// The finding, where something was left behind.
    pub(crate) fn finding(&self, what: &str) -> Option<Finding> {
        let Self::Ours(id) = self else { return None };
        let message = format!("the server refuses {what}, and starts job {id} for it all the same");
        Some(
            Finding::new("job-left-behind", Cause::Product, "POST /configure", message)
                .expected("nothing is started", format!("job {id}"))
                .remedy("validate the whole request before any work starts", "a day"),
        )
    }
}

/// The ids between two of the form `<n>-<number>`, at most [`MOST`]; none where they are of another form.
fn ids_between(before: &str, after: &str) -> Option<Vec<String>> {
    let (group, first) = before.rsplit_once('-')?;
    let (same, last) = after.rsplit_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let is_word = group.bytes().all(|b| b.is_ascii_alphanumeric());
    (group == same && is_word && first < last).then_some(())?;
    Some(
        (first + 1..last)
            .take(usize::try_from(MOST).ok()?)
            .map(|number| format!("{group}-{number}"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_between_two_jobs() {
        let ids = |before, after| ids_between(before, after).map(|ids| ids.join(" "));
        assert_eq!(ids("1-6", "1-7").as_deref(), Some(""));
        assert_eq!(ids("1-6", "1-9").as_deref(), Some("1-7 1-8"));
        assert_eq!(ids_between("1-1", "1-999").map(|ids| ids.len()), Some(20));
        for (before, after) in
            [("1-6", "2-7"), ("1-7", "1-6"), ("a", "b"), ("1-x", "1-y"), ("../a-1", "../a-3")]
        {
            assert_eq!(ids(before, after), None, "{before} {after}");
        }
    }

    #[test]
    fn a_job_is_known_by_its_mark() {
        let mark = Mark { channels: (9, 10), frequencies: (37, 113) };
        let channels = |map: Value| mark.is_on(&json!({ "channel_to_stream_index": map }));
        assert!(channels(json!({ "10": 0, "9": 1 })));
        assert!(
            !channels(json!({ "9": 0 }))
                && !channels(json!({ "9": 0, "10": 1, "11": 2 }))
                && !channels(json!([]))
        );
        let frequencies = |list: Value| mark.is_on(&json!({ "frequencies_list": list }));
        assert!(frequencies(json!([39.0, 78.0, 112.0])));
        assert!(!frequencies(json!([50.0, 60.0, 70.0])), "somebody else's narrow range");
        assert!(
            !frequencies(json!([0.0, 50.0, 1000.0])) && !frequencies(json!([])) && !frequencies(json!({}))
        );
        let fiber = Fiber { channels: Channels { lowest: 1, highest: 2337 }, prr: 2000.0 };
        assert_eq!(Mark::of(&fiber).channels, (2329, 2335));
        assert_eq!(Mark::of(&fiber).request(&fiber).number("/channels/min"), 2329);
    }
}

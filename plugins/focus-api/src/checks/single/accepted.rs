//! `focus-api.single.accepted`

use crate::checks::{JOBS, STARTS};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict,
    async_trait, fault, register_check,
};
use shakedown_focus::client::{Fiber, FocusClient};
use shakedown_focus::document::whole;
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use std::time::Duration;

register_check! {
    /// Any channel that the fiber has can be viewed by itself, in any range of frequencies.
    ///
    /// The first channel, some further ones, the one in the middle and the last are asked for, then the first in four
    /// ranges of frequencies. Each starts a job with one stream, to which the channel is mapped with index 0. Which
    /// channels there are is read from the server.
    ///
    /// # Why it matters
    /// This is how a user listens to one place. Edges are where indexes are counted wrongly.
    ///
    /// # How to mend it
    /// A refusal names its reason. Where only the last channel is refused, look for a comparison that is off by one.
    pub(super) struct SingleAccepted(NoParams) {
        id: "focus-api.single.accepted",
        title: "Any channel can be viewed by itself",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &[
            "PZ-13814", "PZ-13815", "PZ-13833", "PZ-13834", "PZ-13861", "PZ-13813", "PZ-13819", "PZ-13854",
            "PZ-14069",
        ],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[
            fault("focus-api.single-channel-many-streams", "single-map"),
            fault("focus-api.last-channel-refused", "valid-refused"),
        ],
    }
}

#[async_trait]
impl Check for SingleAccepted {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let live = ConfigureRequest::live(&fiber);
        let mut cases = Cases::new();
        for (name, channel, keys) in channels(&fiber) {
            let name = format!("{name}, {channel}");
            let answer = view(cx, &client, &live.of_channel(channel), &name).await;
            cases.push(Case::new(name, keys, answer));
        }
        for (low, high) in frequencies(&fiber) {
            let name = format!("{low} to {high} Hz");
            let request = live
                .of_channel(fiber.channels.lowest)
                .set("/frequencyRange/min", low)
                .set("/frequencyRange/max", high);
            let answer = view(cx, &client, &request, &name).await;
            cases.push(Case::new(name, &["PZ-13819", "PZ-13854"], answer));
        }
        cases.verdict()
    }
}

/// Channels worth asking for, each once.
fn channels(fiber: &Fiber) -> Vec<(&'static str, i64, &'static [&'static str])> {
    let (lowest, highest) = (fiber.channels.lowest, fiber.channels.highest);
    let middle = lowest + (highest - lowest) / 2;
    let mut all: Vec<(&str, i64, &[&str])> = vec![
        ("the first channel", lowest, &["PZ-13814", "PZ-13861", "PZ-13813", "PZ-14069"]),
        ("the last channel", highest, &["PZ-13833"]),
        ("the middle channel", middle, &["PZ-13834"]),
        ("the hundredth channel", lowest + 99, &["PZ-13815", "PZ-14069"]),
        ("the fifth channel", lowest + 4, &["PZ-14069"]),
        ("the tenth channel", lowest + 9, &["PZ-14069"]),
        ("the fiftieth channel", lowest + 49, &["PZ-14069"]),
    ];
    // A short fiber has fewer; a key stays with the nearest channel that there is.
    for (_, channel, _) in &mut all {
        *channel = (*channel).min(highest);
    }
    let names: Vec<i64> = all.iter().map(|(_, channel, _)| *channel).collect();
    let repeats = |at: usize| names[..at].contains(&names[at]) && all[at].2 == ["PZ-14069"];
    let kept: Vec<bool> = (0..all.len()).map(|at| !repeats(at)).collect();
    all.into_iter().zip(kept).filter_map(|(channel, keep)| keep.then_some(channel)).collect()
}

/// Four ranges within what the fiber can tell apart, in Hz.
fn frequencies(fiber: &Fiber) -> [(i64, i64); 4] {
    let most = fiber.nyquist().min(1000);
    [(0, most / 10), (most / 10, most / 2), (most / 2, most), (0, most)]
}

async fn view(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
    name: &str,
) -> Result<Verdict, CheckError> {
    let channel = request.number("/channels/min");
    client.accepted(cx, request, name, |job| mapped(job, channel)).await
}

/// What is wrong with the one stream that a single channel has.
fn mapped(job: &Job, channel: i64) -> Vec<Finding> {
    let finding = |field: &str, must: String| {
        let message = format!("`{field}` of a single channel is {}; it must be {must}", job.answer[field]);
        Finding::new("single-map", Cause::Product, "POST /configure", message)
            .remedy("map the one channel to the one stream", "a day")
    };
    let mut findings = Vec::new();
    // A field that is missing or of another type is judged with the answer as a whole.
    if let Some(map) = job.answer["channel_to_stream_index"].as_object()
        && (map.len() != 1 || map.get(&channel.to_string()).and_then(whole) != Some(0))
    {
        findings.push(finding("channel_to_stream_index", format!("{{\"{channel}\":0}}")));
    }
    for field in ["stream_amount", "channel_amount"] {
        if whole(&job.answer[field]).is_some_and(|amount| amount != 1) {
            findings.push(finding(field, "1".to_owned()));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use shakedown_focus::channels::Channels;
    use shakedown_focus::testing::job;

    fn fiber(lowest: i64, highest: i64) -> Fiber {
        Fiber { channels: Channels { lowest, highest }, prr: 2000.0 }
    }

    #[test]
    fn channels_are_those_of_the_fiber() {
        let of = |lowest, highest| -> Vec<i64> {
            channels(&fiber(lowest, highest)).into_iter().map(|(_, channel, _)| channel).collect()
        };
        assert_eq!(of(1, 2337), [1, 2337, 1169, 100, 5, 10, 50]);
        assert_eq!(of(3, 66), [3, 66, 34, 66, 7, 12, 52]);
        assert_eq!(of(7, 7), [7, 7, 7, 7]);
        assert_eq!(frequencies(&fiber(1, 9)), [(0, 100), (100, 500), (500, 1000), (0, 1000)]);
    }

    #[test]
    fn one_channel_has_one_stream() {
        let of = |answer: Value| mapped(&job(answer), 7).len();
        let with =
            |map: Value| json!({ "channel_to_stream_index": map, "stream_amount": 1, "channel_amount": 1 });
        assert_eq!(of(with(json!({ "7": 0 }))), 0);
        assert_eq!(of(with(json!({ "7": 1 }))), 1);
        assert_eq!(of(with(json!({ "7": 0, "8": 0 }))), 1);
        assert_eq!(of(json!({ "channel_to_stream_index": { "7": 0 }, "stream_amount": 6 })), 1);
        assert_eq!(of(json!({})), 0, "what is missing is judged elsewhere");
    }
}

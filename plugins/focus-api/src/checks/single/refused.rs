//! `focus-api.single.refused`

use crate::checks::{JOBS, STARTS};
use crate::refusal::{self, Nonsense};
use serde_json::Value;
use shakedown_core::{
    Case, Cases, Check, CheckError, Context, Effect, Finding, NoParams, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::client::{Configured, FocusClient};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A view of a single channel is of exactly one channel that the fiber has.
    ///
    /// Two ends that differ are refused, and so are channels beyond both ends, a height of zero, frequencies that do not
    /// run upwards, and transforms of no size. A size that is no power of two, or too large, may be accepted, which is
    /// noted.
    ///
    /// What a server accepts in views of several channels, too, is judged there; here it is only noted.
    ///
    /// # Why it matters
    /// Where a range is accepted, the user sees several channels in place of one, and cannot tell.
    ///
    /// # How to mend it
    /// Compare both ends of `channels` where `view_type` is 1, before any work starts.
    pub(super) struct SingleRefused(NoParams) {
        id: "focus-api.single.refused",
        title: "A single channel is exactly one channel",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &[
            "PZ-13669", "PZ-13823", "PZ-13852", "PZ-13820", "PZ-13821", "PZ-13855", "PZ-13822", "PZ-13857",
            "PZ-13824", "PZ-13832", "PZ-13835", "PZ-13836", "PZ-13837",
        ],
        tags: &["api"],
        requires: STARTS,
        group: JOBS,
        proofs: &[fault("focus-api.single-channel-range", "single-channel-range-accepted")],
    }
}

/// One thing that is wrong with a request.
struct Wrong {
    what: String,
    keys: &'static [&'static str],
    fields: &'static [&'static str],
    request: ConfigureRequest,
    weight: Judged,
}

/// Where its acceptance is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// Here.
    Here,
    /// In views of several channels, unless only views of one accept it.
    Elsewhere,
    /// Nowhere: a server may accept it.
    Nowhere,
}

const CHANNELS: &[&str] = &["channel"];
const FREQUENCY: &[&str] = &["frequency"];
const NFFT: &[&str] = &["nfft"];

#[async_trait]
impl Check for SingleRefused {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let several = ConfigureRequest::live(&fiber);
        let (lowest, highest) = (fiber.channels.lowest, fiber.channels.highest);
        let mut cases = Cases::new();
        for wrong in wrongs(&several, lowest, highest) {
            let answer = examine(cx, &client, &wrong).await;
            cases.push(Case::new(wrong.what, wrong.keys, answer));
        }
        cases.verdict()
    }
}

fn wrongs(several: &ConfigureRequest, lowest: i64, highest: i64) -> Vec<Wrong> {
    let one = several.of_channel(lowest);
    let wrong = |what: String, keys, fields, request, weight| Wrong { what, keys, fields, request, weight };
    let (there, elsewhere) = (Judged::Here, Judged::Elsewhere);
    let mut wrongs = Vec::new();
    if highest > lowest {
        let last = (lowest + 5).min(highest);
        let range = one.clone().set("/channels/max", last);
        let keys = &["PZ-13669", "PZ-13823", "PZ-13852"];
        wrongs.push(wrong(format!("a single channel from {lowest} to {last}"), keys, CHANNELS, range, there));
    }
    for (channel, keys) in [
        (lowest - 1, &["PZ-13824", "PZ-13832"][..]),
        (highest + 1, &["PZ-13835"]),
        (-1, &["PZ-13836", "PZ-13837"]),
    ] {
        wrongs.push(wrong(
            format!("the channel {channel}"),
            keys,
            CHANNELS,
            several.of_channel(channel),
            elsewhere,
        ));
    }
    let frequency = one.clone().set("/frequencyRange/min", 50).set("/frequencyRange/max", 10);
    wrongs.push(wrong(
        "frequencies from 50 to 10 Hz".to_owned(),
        &["PZ-13820"],
        FREQUENCY,
        frequency,
        elsewhere,
    ));
    let height = one.clone().set("/displayInfo/height", 0);
    wrongs.push(wrong("a height of 0".to_owned(), &["PZ-13821", "PZ-13855"], &["height"], height, elsewhere));
    let of_size = |nfft: i64| one.clone().set("/nfftSelection", nfft);
    wrongs.push(wrong("an NFFT of 0".to_owned(), &["PZ-13857"], NFFT, of_size(0), elsewhere));
    for nfft in [1000, 131_072] {
        wrongs.push(wrong(format!("an NFFT of {nfft}"), &["PZ-13822"], NFFT, of_size(nfft), Judged::Nowhere));
    }
    wrongs
}

async fn examine(cx: &Context, client: &FocusClient, wrong: &Wrong) -> Result<Verdict, CheckError> {
    let Configured { exchange, job } = client.configure(cx, &wrong.request.text()).await?;
    let accepted =
        if wrong.weight == Judged::Here { "single-channel-range-accepted" } else { "nonsense-accepted" };
    let nonsense = Nonsense { what: &wrong.what, accepted, fields: wrong.fields };
    let findings = refusal::judge(nonsense, &exchange, job.as_deref());
    let streams = exchange.json::<Value>().ok().and_then(|body| body["stream_amount"].as_i64());
    let weigh = |finding: Finding| match wrong.weight {
        Judged::Here => match streams {
            Some(streams) if exchange.status.is_success() => {
                finding.detail(format!("it has {streams} streams"))
            }
            _ => finding,
        },
        Judged::Elsewhere if finding.code == accepted => {
            finding.detail("judged in views of several channels").note()
        }
        Judged::Nowhere if finding.code == accepted => finding.detail("a server may accept it").note(),
        Judged::Elsewhere | Judged::Nowhere => finding,
    };
    let findings = findings.into_iter().map(weigh).collect();
    refusal::verdict(cx, &exchange, &wrong.what, findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::channels::Channels;
    use shakedown_focus::client::Fiber;

    #[test]
    fn each_request_is_wrong_in_one_way() {
        let fiber = Fiber { channels: Channels { lowest: 3, highest: 66 }, prr: 2000.0 };
        let live = ConfigureRequest::live(&fiber);
        let names: Vec<String> = wrongs(&live, 3, 66).into_iter().map(|wrong| wrong.what).collect();
        insta::assert_snapshot!(names.join("\n"), @r"
        a single channel from 3 to 8
        the channel 2
        the channel 67
        the channel -1
        frequencies from 50 to 10 Hz
        a height of 0
        an NFFT of 0
        an NFFT of 1000
        an NFFT of 131072
        ");
        assert_eq!(wrongs(&live, 7, 7).len(), 8, "a fiber of one channel has no range");
    }
}

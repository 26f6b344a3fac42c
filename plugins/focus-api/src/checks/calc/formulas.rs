//! `focus-api.calc.formulas`

use super::view::{Held, View};
use crate::checks::JOBS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::client::{Fiber, FocusClient};
use shakedown_focus::document;
use shakedown_focus::job::{Job, file_name, refused};
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::response;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};
use shakedown_http::Exchange;
use std::time::Duration;

register_check! {
    /// The numbers that describe a view follow from the fiber and the request.
    ///
    /// Four live jobs with transforms of different sizes and different ranges of channels. The pulse rate is read from
    /// live metadata first. Held against the formulas are the distance and the number of the frequency bins, the time
    /// between lines, the amounts and the map of channels; sizes that follow from them are measured. A server may leave
    /// out bins and group channels into fewer streams: that is noted.
    ///
    /// Then transforms whose size is no power of two are asked for. A server may refuse them or accept them; the parameter
    /// `refuse_odd_sizes` asks for the refusal.
    ///
    /// # Why it matters
    /// The client labels its axes with these numbers. A wrong one does not fail: it shows a signal at the wrong frequency
    /// or at the wrong time.
    ///
    /// # How to mend it
    /// The finding names the formula. Look for a pulse rate that is written down in the server instead of read.
    pub(super) struct Formulas(FormulaParams) {
        id: "focus-api.calc.formulas",
        title: "The numbers that describe a view follow from the fiber",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &[
            "PZ-14060", "PZ-14061", "PZ-14062", "PZ-14066", "PZ-14067", "PZ-14068", "PZ-14069", "PZ-14070",
            "PZ-14071", "PZ-14072", "PZ-14073", "PZ-14078", "PZ-14079",
        ],
        tags: &["api"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.config.nfft",
        ],
        group: JOBS,
        timeout: Some(Duration::from_mins(2)),
        proofs: &[fault("focus-api.formulas-of-another-prr", "formula-broken")],
    }
}

/// How strict to be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct FormulaParams {
    /// How far a value may be off, as a share of what the formula says.
    tolerance: f64,
    /// The share of samples that successive transforms have in common.
    overlap: f64,
    /// Whether a size that is no power of two must be refused.
    refuse_odd_sizes: bool,
}

impl Default for FormulaParams {
    fn default() -> Self {
        Self { tolerance: 0.1, overlap: 0.5, refuse_odd_sizes: false }
    }
}

impl Params for FormulaParams {
    fn validate(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.tolerance) {
            Err(format!("`tolerance` is {}; it is a share from 0 to below 1", self.tolerance))
        } else if !(0.0..1.0).contains(&self.overlap) {
            Err(format!("`overlap` is {}; it is a share from 0 to below 1", self.overlap))
        } else {
            Ok(())
        }
    }
}

/// The sizes of transforms, each with how many channels, and with how much of the frequencies that the fiber has.
const VIEWS: [(i64, i64, Highest); 4] = [
    (256, 8, Highest::Nyquist),
    (512, 1, Highest::BelowNyquist),
    (1024, 50, Highest::Nyquist),
    (2048, 3, Highest::BelowNyquist),
];
const ODD_SIZES: [i64; 4] = [100, 300, 500, 1000];

#[derive(Clone, Copy)]
enum Highest {
    Nyquist,
    BelowNyquist,
}

type Formula = fn(&View<'_>, &FormulaParams) -> Option<Held>;

/// What is held against each view: a name, a key, a formula.
const FORMULAS: [(&str, &str, Formula); 11] = [
    ("frequency step", "PZ-14060", |view, params| view.frequency_step(params.tolerance)),
    ("number of bins", "PZ-14061", |view, _| view.bin_count()),
    ("time between lines", "PZ-14066", |view, params| view.line_time(params.overlap, params.tolerance)),
    ("output rate", "PZ-14067", |view, _| view.output_rate()),
    ("transform window", "PZ-14068", |view, _| view.window()),
    ("number of channels", "PZ-14069", |view, _| view.channel_amount()),
    ("map of channels", "PZ-14070", |view, _| view.map()),
    ("number of streams", "PZ-14071", |view, _| view.streams()),
    ("overlap", "PZ-14073", |view, _| view.overlap()),
    ("data rate", "PZ-14078", |view, _| view.data_rate()),
    ("memory of a frame", "PZ-14079", |view, _| view.frame_memory()),
];

/// A view that was asked for, in words, and what came of it.
struct Asked {
    what: String,
    highest: Highest,
    request: ConfigureRequest,
    started: Result<Job, Box<(Exchange, Finding)>>,
}

#[async_trait]
impl Check for Formulas {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let mut asked = Vec::new();
        for (nfft, channels, highest) in VIEWS {
            asked.push(ask(cx, &client, &fiber, nfft, channels, highest).await?);
        }
        let mut cases = Cases::new();
        for (name, key, formula) in FORMULAS {
            let answer = self.hold(cx, &fiber, &asked, name, formula);
            cases.push(Case::new(name, &[key], answer));
        }
        cases.push(Case::new("frequencies up to Nyquist", &["PZ-14062"], up_to_nyquist(cx, &asked)));
        for view in &asked {
            let nfft = view.request.number("/nfftSelection");
            cases.push(Case::new(format!("NFFT {nfft}"), &["PZ-14072"], size(cx, view)));
        }
        for nfft in ODD_SIZES {
            let request = ConfigureRequest::live(&fiber).set("/nfftSelection", nfft);
            let answer = self.odd_size(cx, &client, &request, nfft).await;
            cases.push(Case::new(format!("NFFT {nfft}"), &["PZ-14072"], answer));
        }
        cases.verdict()
    }
}

async fn ask(
    cx: &Context,
    client: &FocusClient,
    fiber: &Fiber,
    nfft: i64,
    channels: i64,
    highest: Highest,
) -> Result<Asked, CheckError> {
    let lowest = fiber.channels.lowest;
    // Above 1000 Hz a server may have a limit of its own, which is another question.
    let nyquist = fiber.nyquist().min(1000);
    let frequency = match highest {
        Highest::Nyquist => nyquist,
        Highest::BelowNyquist => nyquist * 4 / 5,
    };
    let request = ConfigureRequest::live(fiber)
        .set("/nfftSelection", nfft)
        .set("/channels/max", (lowest + channels - 1).min(fiber.channels.highest))
        .set("/frequencyRange/max", frequency);
    let what = format!("NFFT {nfft}, up to {frequency} Hz, {channels} channels");
    let started = client.try_start(cx, &request, &what).await?.map_err(Box::new);
    Ok(Asked { what, highest, request, started })
}

impl Formulas {
    /// Holds a formula against every view that was started.
    fn hold(
        &self,
        cx: &Context,
        fiber: &Fiber,
        asked: &[Asked],
        name: &str,
        formula: Formula,
    ) -> Result<Verdict, CheckError> {
        let mut findings = Vec::new();
        let mut measurements = Vec::new();
        let mut shown = None;
        let mut looked_at = 0_u64;
        for Asked { what, request, started, .. } in asked {
            let Ok(job) = started else { continue };
            // Amounts that contradict each other are judged elsewhere; a formula cannot be held against them.
            let deviations = response::deviations(request, &job.answer);
            let held = formula(&View::new(fiber.prr, request, &job.answer), &self.params);
            let Some(held) = held.filter(|_| deviations.is_empty()) else { continue };
            looked_at += 1;
            if shown.is_none() || !held.findings.is_empty() {
                shown = Some(&job.exchange);
            }
            findings.extend(held.findings.into_iter().map(|finding| finding.detail(what.clone())));
            measurements.extend(held.measurements.into_iter().map(|mut measured| {
                measured.name = format!("{} at {what}", measured.name);
                measured
            }));
        }
        let Some(exchange) = shown else {
            let why =
                format!("no answer to hold against the formula; {} judges the answers", response::JUDGE);
            return Err(CheckError::not_applicable(why));
        };
        let seen = format!("{looked_at} views");
        let verdict = document::verdict(cx, exchange, &file_name(name), seen, findings)?;
        Ok(measurements.into_iter().fold(verdict, Verdict::measured))
    }

    /// A size that is no power of two: refused or accepted, as the configuration asks for.
    async fn odd_size(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
        nfft: i64,
    ) -> Result<Verdict, CheckError> {
        let exchange = client.configure(cx, &request.text()).await?.exchange;
        let finding = odd(nfft, &exchange, self.params.refuse_odd_sizes);
        let seen = exchange.summary();
        document::verdict(cx, &exchange, &format!("nfft-{nfft}"), seen, finding.into_iter().collect())
    }
}

fn odd(nfft: i64, exchange: &Exchange, must_refuse: bool) -> Option<Finding> {
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, "POST /configure", message)
            .expected("refused, or accepted with a warning", exchange.status)
            .remedy("refuse sizes that are no power of two", "a day")
    };
    match exchange.status {
        status if status.is_success() => {
            let warned = mentions(&words(exchange), &["warn", "power of two", "power of 2"]);
            let how = if warned { "with a warning" } else { "without a warning" };
            let message = format!("an NFFT of {nfft}, no power of two, is accepted {how}");
            let finding = finding("odd-size-accepted", message);
            Some(if must_refuse { finding } else { finding.note() })
        }
        status if status.is_server_error() => {
            Some(finding("server-error", format!("the server fails at an NFFT of {nfft} with {status}")))
        }
        _ => None,
    }
}

/// Frequencies below half the pulse rate are accepted, and half the pulse rate itself.
fn up_to_nyquist(cx: &Context, asked: &[Asked]) -> Result<Verdict, CheckError> {
    let mut findings = Vec::new();
    let mut shown = None;
    for view in asked {
        match &view.started {
            Ok(job) => drop(shown.get_or_insert(&job.exchange)),
            Err(refusal) if matches!(view.highest, Highest::Nyquist) => {
                findings.push(refused(&view.what, &refusal.0));
                shown = Some(&refusal.0);
            }
            Err(_) => {}
        }
    }
    let exchange = shown.ok_or_else(|| CheckError::no_data("no view was answered"))?;
    document::verdict(cx, exchange, "nyquist", format!("{} views", asked.len()), findings)
}

/// A size that is a power of two is accepted.
fn size(cx: &Context, view: &Asked) -> Result<Verdict, CheckError> {
    match &view.started {
        Ok(job) => job.verdict(cx, &view.what, Vec::new()),
        Err(_) if matches!(view.highest, Highest::Nyquist) => Err(CheckError::not_applicable(
            "it was refused with frequencies up to Nyquist, which is judged above",
        )),
        Err(refusal) => {
            let (exchange, finding) = &**refusal;
            document::verdict(cx, exchange, "nfft", exchange.summary(), vec![finding.clone()])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::finding::Weight;
    use shakedown_focus::testing::exchange;

    #[test]
    fn odd_sizes_may_be_refused_or_accepted() {
        let of = |status, body: &str, strict| {
            odd(300, &exchange(status, body), strict).map(|finding| (finding.code, finding.weight))
        };
        let is = |code: &str, weight| Some((code.to_owned(), weight));
        assert_eq!(of(400, "no", true), None);
        assert_eq!(of(200, "{}", false), is("odd-size-accepted", Weight::Note));
        assert_eq!(of(200, "{}", true), is("odd-size-accepted", Weight::Fail));
        assert_eq!(of(500, "", false), is("server-error", Weight::Fail));
    }

    #[test]
    fn parameters_are_shares() {
        assert_eq!(FormulaParams::default().validate(), Ok(()));
        assert!(FormulaParams { tolerance: 1.0, ..FormulaParams::default() }.validate().is_err());
        assert!(FormulaParams { overlap: -0.1, ..FormulaParams::default() }.validate().is_err());
    }
}

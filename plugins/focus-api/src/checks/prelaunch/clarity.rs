//! `focus-api.prelaunch.clarity`

use crate::checks::{JOBS, READY};
use crate::refusal::leaked;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, Gate, Measurement, Observation, Params, Samples,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::outage::answered;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{has_number, mentions, words};
use shakedown_http::Exchange;

register_check! {
    /// Refusals help whoever is refused.
    ///
    /// Three kinds of nonsense are sent: an NFFT of zero, a negative channel, a reversed range of frequencies. Each refusal
    /// is scored: half for naming the field, three tenths for naming the rule, two tenths for a value. The mean must reach
    /// `min_score`. What is accepted, or answered with a 5xx, is
    /// no refusal; the check of its field judges it. A refusal that shows the inside of the server is a warning.
    ///
    /// # Why it matters
    /// A message that does not say what was wrong costs a support case; one that does costs nothing.
    ///
    /// # How to mend it
    /// Keep the framework's own validation errors, which name field, rule and value, or word yours like them.
    pub(super) struct ErrorClarity(ClarityParams) {
        id: "focus-api.prelaunch.clarity",
        title: "Refusals name field, rule and value",
        severity: Severity::Low,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13878"],
        tags: &["api", "prelaunch"],
        requires: READY,
        group: JOBS,
        gate: Gate::Informational,
        proofs: &[fault("focus-api.vague-errors", "errors-unclear")],
    }
}

/// How clear is clear enough.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct ClarityParams {
    /// The mean score that refusals must reach, from 0 to 1.
    min_score: f64,
}

impl Default for ClarityParams {
    fn default() -> Self {
        Self { min_score: 0.7 }
    }
}

impl Params for ClarityParams {
    fn validate(&self) -> Result<(), String> {
        if (0.0..=1.0).contains(&self.min_score) {
            Ok(())
        } else {
            Err(format!("`min_score` is {}; it must lie between 0 and 1", self.min_score))
        }
    }
}

/// Something to be refused, and what a clear refusal says about it.
struct Question {
    what: &'static str,
    fields: &'static [&'static str],
    rules: &'static [&'static str],
    values: Vec<i64>,
    request: ConfigureRequest,
}

const POSITIVE: &[&str] = &["positive", "greater than", "at least", "must be", "> 0", "minimum", "power of"];
const NOT_NEGATIVE: &[&str] =
    &["negative", "greater than", "at least", "must be", ">=", "≥", "within", "out of range", "minimum"];
const ORDERED: &[&str] =
    &["less than", "greater than", "below", "above", "exceed", "must be", "before", "order", "<", ">"];

fn questions(valid: &ConfigureRequest) -> [Question; 3] {
    [
        Question {
            what: "an NFFT of 0",
            fields: &["nfftSelection", "nfft"],
            rules: POSITIVE,
            values: vec![0],
            request: valid.clone().set("/nfftSelection", 0),
        },
        Question {
            what: "channel −5",
            fields: &["channels.min", "channel"],
            rules: NOT_NEGATIVE,
            values: vec![-5, 0, 1],
            request: valid.clone().set("/channels/min", -5),
        },
        Question {
            what: "frequencies from 200 to 100 Hz",
            fields: &["frequencyRange", "frequency"],
            rules: ORDERED,
            values: vec![200, 100],
            request: valid.clone().set("/frequencyRange/min", 200).set("/frequencyRange/max", 100),
        },
    ]
}

#[async_trait]
impl Check for ErrorClarity {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let valid = ConfigureRequest::live(&client.fiber(cx).await?);
        let mut scores = Vec::new();
        let mut details = Vec::new();
        let mut transcript = String::new();
        let mut leaks = Vec::new();
        for question in questions(&valid) {
            let exchange = ask(cx, &client, &question).await?;
            leaks.extend(leaked(&exchange, "POST /configure", question.what).map(Finding::warn));
            let Some(score) = score(&question, &exchange) else { continue };
            details.push(format!(
                "{}: {score:.1} for {} \"{}\"",
                question.what,
                exchange.status,
                words(&exchange).trim()
            ));
            transcript.push_str(&String::from_utf8_lossy(&exchange.to_evidence("").content));
            transcript.push_str("\n\n");
            scores.push(score);
        }
        let samples = Samples::new("refusals", scores)?;
        let mean = Measurement::new("mean clarity", samples.mean(), Unit::Count)
            .with_samples(&samples)
            .held_to(Threshold::AtLeast(self.params.min_score));
        let evidence = cx.attach(shakedown_core::Evidence::text("refusals.txt", transcript))?;
        let verdict =
            Verdict::of(Observation::counted(samples.count() as u64, "refusals")?).with_all(leaks.pop());
        Ok(verdict.judged(mean, |mean| {
            let finding = Finding::new(
                "errors-unclear",
                Cause::Product,
                "POST /configure",
                format!("refusals do not help: {mean}"),
            )
            .expected(format!("at least {}", self.params.min_score), format!("{:.2}", mean.value))
            .remedy("name the field, the rule and the value in every refusal", "a day")
            .evidence(evidence);
            details.into_iter().fold(finding, Finding::detail)
        }))
    }
}

async fn ask(cx: &Context, client: &FocusClient, question: &Question) -> Result<Exchange, CheckError> {
    let exchange = client.configure(cx, &question.request.text()).await?.exchange;
    answered(cx, &exchange)?;
    Ok(exchange)
}

/// How clear a refusal is, from 0 to 1; none where it is no refusal.
fn score(question: &Question, exchange: &Exchange) -> Option<f64> {
    exchange.status.is_client_error().then_some(())?;
    let text = words(exchange);
    let worth = |holds: bool, points: f64| if holds { points } else { 0.0 };
    let value = question.values.iter().any(|&value| has_number(&text, value));
    Some(
        worth(mentions(&text, question.fields), 0.5)
            + worth(mentions(&text, question.rules), 0.3)
            + worth(value, 0.2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::channels::Channels;
    use shakedown_focus::client::Fiber;
    use shakedown_focus::testing::exchange;

    fn tenths(question: usize, status: u16, body: &str) -> String {
        let fiber = Fiber { channels: Channels { lowest: 1, highest: 2337 }, prr: 2000.0 };
        let questions = questions(&ConfigureRequest::live(&fiber));
        score(&questions[question], &exchange(status, body))
            .map_or("none".to_owned(), |score| format!("{score:.1}"))
    }

    #[test]
    fn field_rule_and_value_add_up() {
        let framework = r#"{"detail":[{"loc":["body","nfftSelection"],"msg":"Input should be greater than 0","input":0}]}"#;
        assert_eq!(tenths(0, 422, framework), "1.0");
        assert_eq!(tenths(1, 400, r#"{"detail":"channels.min must be at least 1"}"#), "1.0");
        assert_eq!(
            tenths(2, 400, r#"{"detail":"frequencyRange.min must be less than frequencyRange.max"}"#),
            "0.8"
        );
        assert_eq!(tenths(2, 400, r#"{"detail":"Invalid frequency range"}"#), "0.5");
        assert_eq!(tenths(0, 400, r#"{"detail":"Bad request"}"#), "0.0");
    }

    #[test]
    fn an_acceptance_or_a_crash_is_no_refusal() {
        assert_eq!(tenths(0, 200, r#"{"detail":"nfft must be positive"}"#), "none");
        assert_eq!(tenths(0, 500, r#"{"detail":"nfft must be positive"}"#), "none");
    }
}

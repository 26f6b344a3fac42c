//! `focus-api.historic.valid`

use crate::checks::{HISTORY, JOBS};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, Measurement, NoParams, Severity, Unit,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::document;
use shakedown_focus::job::Job;
use shakedown_focus::recordings::recorded;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;
use shakedown_focus::wording::{mentions, words};
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// Five recorded minutes can be played back, and what was never recorded is said to be missing.
    ///
    /// Which minutes were recorded is asked of the server first. A view of five of them starts a job, whose answer says
    /// how many lines and bins the picture has. The same five minutes a year earlier are answered with 404 or 400, saying
    /// that there is no data; where they were recorded, with a job.
    ///
    /// # Why it matters
    /// Playing back what happened is half of the product. A server that fails where nothing was recorded looks broken to
    /// everybody who mistypes a date.
    ///
    /// # How to mend it
    /// For a 5xx read the server's log, and look at MongoDB and the indexes of its recordings first.
    pub(super) struct Playback(NoParams) {
        id: "focus-api.historic.valid",
        title: "Recorded minutes can be played back",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13863", "PZ-13548", "PZ-13866", "PZ-14080"],
        tags: &["api"],
        requires: HISTORY,
        group: JOBS,
        proofs: &[
            fault("focus-api.historic-500", "valid-refused"),
            fault("focus-api.absence-unexplained", "absence-unexplained"),
        ],
    }
}

const FIVE_MINUTES: i64 = 300;
const YEAR: i64 = 365 * 86_400;

#[async_trait]
impl Check for Playback {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let live = ConfigureRequest::live(&client.fiber(cx).await?);
        let (start, end) = recorded(cx, &client, FIVE_MINUTES).await?;
        let request = live.clone().historic(start, end);
        let started = client.try_start(cx, &request, "five recorded minutes").await?;

        let mut cases = Cases::new();
        let (job, dimensions) = match &started {
            Ok(job) => (job.verdict(cx, "five recorded minutes", Vec::new()), dimensions(cx, &request, job)),
            Err((exchange, finding)) => (
                document::verdict(cx, exchange, "five-minutes", exchange.summary(), vec![finding.clone()]),
                Err(CheckError::not_applicable("there is no picture to measure")),
            ),
        };
        cases.push(Case::new("five minutes", &["PZ-13863", "PZ-13548"], job));
        cases.push(Case::new("the size of the picture", &["PZ-14080"], dimensions));
        let old = live.historic(start - YEAR, end - YEAR);
        cases.push(Case::new("a year earlier", &["PZ-13866"], long_ago(cx, &client, &old).await));
        cases.verdict()
    }
}

/// How many lines the recorded time has, and how many bins each.
fn dimensions(cx: &Context, request: &ConfigureRequest, job: &Job) -> Result<Verdict, CheckError> {
    let dt = job.answer["lines_dt"].as_f64().filter(|dt| *dt > 0.0);
    let bins = job.answer["frequencies_list"].as_array().map(Vec::len).filter(|bins| *bins > 0);
    let (Some(dt), Some(bins)) = (dt, bins) else {
        return Err(CheckError::not_applicable("the answer says neither `lines_dt` nor the bins"));
    };
    let seconds = request.number("/end_time") - request.number("/start_time");
    let lines = f64::from(u32::try_from(seconds).unwrap_or(u32::MAX)) / dt;
    let bins = f64::from(u32::try_from(bins).unwrap_or(u32::MAX));
    Ok(job
        .verdict(cx, "the size of the picture", Vec::new())?
        .measured(Measurement::new("lines", lines.round(), Unit::Count))
        .measured(Measurement::new("bins", bins, Unit::Count)))
}

async fn long_ago(
    cx: &Context,
    client: &FocusClient,
    request: &ConfigureRequest,
) -> Result<Verdict, CheckError> {
    let exchange = client.configure(cx, &request.text()).await?.exchange;
    let findings = absent(&exchange).into_iter().collect();
    document::verdict(cx, &exchange, "a-year-earlier", exchange.summary(), findings)
}

fn absent(exchange: &Exchange) -> Option<Finding> {
    let finding = |code, message: String| {
        Finding::new(code, Cause::Product, "POST /configure", message)
            .expected("404 or 400, saying that there is no data", exchange.status)
            .remedy("look for recordings before any work starts, and say that there are none", "a day")
    };
    match exchange.status {
        status if status.is_success() => None,
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
            let explained = mentions(&words(exchange), &["data", "recording"]);
            let message = "what was not recorded is refused without saying so".to_owned();
            (!explained).then(|| finding("absence-unexplained", message))
        }
        status => {
            Some(finding("absence-unexplained", format!("what was not recorded is answered with {status}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_focus::testing::exchange;

    #[test]
    fn absence_is_a_refusal_with_a_reason() {
        let fine = |status, body: &str| absent(&exchange(status, body)).is_none();
        assert!(fine(404, r#"{"detail":"No recordings found"}"#) && fine(400, "no data") && fine(200, "{}"));
        assert!(!fine(404, r#"{"detail":"Not Found"}"#) && !fine(500, "no data") && !fine(422, "no data"));
    }
}

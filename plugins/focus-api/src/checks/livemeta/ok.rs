//! `focus-api.livemeta.ok`

use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, NoParams, Observation, Severity,
    Verdict, async_trait, fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::metadata::LiveMetadata;
use shakedown_focus::target::FocusApi;
use shakedown_http::{Exchange, StatusCode};

register_check! {
    /// Live metadata is complete and makes sense.
    ///
    /// `GET /live_metadata` gives a pulse rate and a channel spacing above zero, a number of channels, the extent of the
    /// fiber and two texts, each of the right type. While the server waits for its fiber the values are placeholders, and
    /// only their form is judged. Where there is no metadata at all, the answer is 404.
    ///
    /// # Why it matters
    /// Clients compute frequencies from the pulse rate and positions from the channel spacing. A wrong one does not fail:
    /// it draws the wrong picture.
    ///
    /// # How to mend it
    /// The finding names each field. Compare it with the settings of the interrogator; the server takes the values from
    /// there.
    pub(super) struct LiveMetadataOk(NoParams) {
        id: "focus-api.livemeta.ok",
        title: "Live metadata is complete and makes sense",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("focus-api"),
        keys: &["PZ-13764", "PZ-13561", "PZ-13765", "PZ-13562"],
        tags: &["api", "smoke"],
        requires: &["focus-api.ack.ok"],
        proofs: &[
            fault("focus-api.metadata-invalid", "metadata-invalid"),
            fault("focus-api.metadata-crash", "absence-unclear"),
        ],
    }
}

#[async_trait]
impl Check for LiveMetadataOk {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let exchange = client.get(cx, "/live_metadata").await?;
        let (present, absent) = match exchange.status {
            StatusCode::OK => (present(cx, &exchange), Err(CheckError::not_applicable("there is metadata"))),
            StatusCode::NOT_FOUND => {
                let absent = Verdict::of(Observation::seen(exchange.summary()));
                (
                    document::verdict(cx, &exchange, "live_metadata", exchange.summary(), vec![missing()]),
                    Ok(absent),
                )
            }
            status => {
                let absent = unclear(status);
                let absent =
                    document::verdict(cx, &exchange, "live_metadata", exchange.summary(), vec![absent]);
                (Err(CheckError::not_applicable(format!("there is no metadata: {status}"))), absent)
            }
        };
        let mut cases = Cases::new();
        cases.push(Case::new("complete and sensible", &["PZ-13764", "PZ-13561"], present));
        cases.push(Case::new("404 where there is none", &["PZ-13765", "PZ-13562"], absent));
        cases.verdict()
    }
}

fn present(cx: &Context, exchange: &Exchange) -> Result<Verdict, CheckError> {
    let (seen, findings) = match document::json(exchange, "/live_metadata") {
        Err(finding) => (exchange.summary(), vec![*finding]),
        Ok(body) => match LiveMetadata::read(&body) {
            Err(problem) => (exchange.summary(), vec![invalid(problem)]),
            Ok(metadata) => {
                let state = match metadata.ready() {
                    Ok(prr) => format!("{prr} pulses per second"),
                    Err(why) => format!("no fiber yet ({why})"),
                };
                let findings = metadata.problems().into_iter().map(invalid).collect();
                (format!("{state}; {}", exchange.summary()), findings)
            }
        },
    };
    document::verdict(cx, exchange, "live_metadata", seen, findings)
}

fn missing() -> Finding {
    let message = "there is no live metadata".to_owned();
    Finding::new("metadata-unavailable", Cause::Environment, "GET /live_metadata", message)
        .expected("200 with metadata", StatusCode::NOT_FOUND)
        .remedy("look at the recorder and at the server's start: metadata is loaded then", "an hour")
}

fn unclear(status: StatusCode) -> Finding {
    let message = format!("live metadata is answered with {status}; where there is none that must be 404");
    Finding::new("absence-unclear", Cause::Product, "GET /live_metadata", message)
        .expected("200, or 404 where there is none", status)
        .remedy("read the stack trace in the server's log; answer 404 with the reason", "hours")
}

fn invalid(problem: String) -> Finding {
    Finding::new("metadata-invalid", Cause::Product, "GET /live_metadata", problem)
        .remedy("compare the field with the settings of the interrogator", "an hour")
}

//! `focus-api.response.invariants`

use crate::checks::{JOBS, STARTS};
use crate::description::{Description, contradictions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait,
    fault, register_check,
};
use shakedown_focus::document;
use shakedown_focus::job::Job;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::response::{self, Deviation, Kind};
use shakedown_focus::target::FocusApi;

register_check! {
    /// The answer to `/configure` is complete, has the documented types, and agrees with itself.
    ///
    /// One live job is started. Every documented field is there; the port and the amounts are whole numbers and the
    /// frequencies a list; amounts equal the length of what they count; the map of channels has an entry for each channel
    /// that was asked for; `status` is a documented word; and the answer is what the server's own description promises.
    ///
    /// A port or a view type in digits is only noted, unless `strict_types` is set. Other checks that start jobs look at
    /// their answers too, and leave the judgement to this one.
    ///
    /// # Why it matters
    /// A client builds its view from these numbers. It does not fail where they are wrong: it draws the wrong picture.
    ///
    /// # How to mend it
    /// The finding names each field, and the evidence has the whole answer. Correct the server's description of the job.
    pub(super) struct ResponseInvariants(InvariantParams) {
        id: "focus-api.response.invariants",
        title: "The answer to /configure is complete and agrees with itself",
        severity: Severity::Medium,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-14812", "PZ-13271", "PZ-13272", "PZ-13667", "PZ-13270"],
        tags: &["api", "contract"],
        requires: STARTS,
        group: JOBS,
        proofs: &[
            fault("focus-api.wrong-types", "field-type"),
            fault("focus-api.count-mismatch", "amount-wrong"),
            fault("focus-api.response-incomplete", "field-missing"),
            fault("focus-api.empty-status", "status-undocumented"),
        ],
    }
}

/// How strict to be.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct InvariantParams {
    /// Whether a whole number in digits is a failure.
    strict_types: bool,
}

impl Params for InvariantParams {}

#[async_trait]
impl Check for ResponseInvariants {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let request = ConfigureRequest::live(&client.fiber(cx).await?);
        let job = client.start(cx, &request).await?;
        let deviations = response::deviations(&request, &job.answer);
        let spelled = response::spelling(&job.answer).into_iter().map(|text| {
            let finding = finding("number-as-text", text);
            if self.params.strict_types { finding } else { finding.note() }
        });
        let status = response::status(&job.answer).map(|text| finding("status-undocumented", text).warn());

        let mut cases = Cases::new();
        let mut case = |name: &str, key: &str, findings: Vec<Finding>| {
            let answer = document::verdict(cx, &job.exchange, "configure", job.exchange.summary(), findings);
            cases.push(Case::new(name, &[key], answer));
        };
        case("every documented field", "PZ-14812", of(&deviations, Kind::Missing, "field-missing"));
        let types = of(&deviations, Kind::Type, "field-type").into_iter().chain(spelled).collect();
        case("the documented types", "PZ-13271", types);
        case("amounts agree", "PZ-13272", of(&deviations, Kind::Amount, "amount-wrong"));
        case("a documented status", "PZ-13667", status.into_iter().collect());
        let described = described(cx, &job, Description::fetch(cx, &client).await?.1, &deviations);
        cases.push(Case::new("as the server describes it", &["PZ-13270"], described));
        cases.verdict()
    }
}

fn finding(code: &str, text: String) -> Finding {
    Finding::new(code, Cause::Product, "POST /configure", text)
        .remedy("correct the server's description of the job", "a day")
}

fn of(deviations: &[Deviation], kind: Kind, code: &str) -> Vec<Finding> {
    let those = deviations.iter().filter(|deviation| deviation.kind == kind);
    those.map(|deviation| finding(code, deviation.text.clone())).collect()
}

fn described(
    cx: &Context,
    job: &Job,
    description: Result<Description, String>,
    deviations: &[Deviation],
) -> Result<Verdict, CheckError> {
    let unknown = |why: &str| CheckError::not_applicable(format!("there is no usable description: {why}"));
    let description = description.map_err(|why| unknown(&why))?;
    let schema =
        description.answers("post", "/configure").ok_or_else(|| unknown("it leaves the answer open"))?;
    let schema = schema.map_err(|why| unknown(&why))?;
    // What the server says of its fiber is the question of focus-api.livemeta.*.
    let contradictions =
        contradictions(&schema, &job.answer).into_iter().filter(|text| !text.starts_with("`/metadata"));
    let findings = contradictions.map(|text| {
        let finding = finding("description-contradicted", text);
        // What deviates from the contract has been judged above; here it is the same thing again.
        let judged = !deviations.is_empty() || !response::spelling(&job.answer).is_empty();
        if judged { finding.note() } else { finding }
    });
    document::verdict(cx, &job.exchange, "configure", job.exchange.summary(), findings.collect())
}

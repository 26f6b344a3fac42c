//! `focus-api.config.missing`

use crate::checks::{JOBS, STARTS};
use crate::refusal::{self, Nonsense};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_core::verdict::Case;
use shakedown_core::{
    Cases, Cause, Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::FocusClient;
use shakedown_focus::outage;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// A field that is left out is named in the refusal, or has a default.
    ///
    /// From a valid live request one field at a time is left out. Without channels, height or type of view there is
    /// nothing to show: that must be refused with 400, 422 or 404. Without a range of frequencies (also where it is null),
    /// an NFFT or a duration, the server may refuse, or use a default; which of the two was seen is noted, and `strict`
    /// asks for the refusal. None of this may end in a 5xx.
    ///
    /// # Why it matters
    /// The server was seen to answer such requests with 500. Whoever writes a client is then told that the server is
    /// broken, not that a field is missing.
    ///
    /// # How to mend it
    /// Declare each field as required, or give it a default, where the request is validated; let no code behind that
    /// assume that it is there.
    pub(super) struct MissingFields(MissingParams) {
        id: "focus-api.config.missing",
        title: "A missing field is named in the refusal, or has a default",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &[
            "PZ-14099", "PZ-13879", "PZ-14098", "PZ-13267", "PZ-14097", "PZ-14095", "PZ-13266", "PZ-13878",
        ],
        tags: &["api", "validation"],
        requires: STARTS,
        group: JOBS,
        proofs: &[
            fault("focus-api.missing-field-500", "server-error"),
            fault("focus-api.defaults-missing-fields", "missing-accepted"),
        ],
    }
}

/// How much is asked where defaults are possible.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MissingParams {
    /// Whether the fields that may have a default must be there as well.
    strict: bool,
}

impl Params for MissingParams {}

/// A field without which there is nothing to show: where it stands, its keys, and the words that name it.
type Field = (&'static str, &'static [&'static str], &'static [&'static str]);

const REQUIRED: [Field; 6] = [
    ("/channels", &["PZ-14099", "PZ-13879", "PZ-13266"], &["channels"]),
    ("/channels/min", &["PZ-13879", "PZ-13266"], &["min"]),
    ("/channels/max", &["PZ-13879", "PZ-13266"], &["max"]),
    ("/displayInfo", &["PZ-13879", "PZ-13266"], &["displayInfo", "display", "height"]),
    ("/displayInfo/height", &["PZ-13878", "PZ-13879", "PZ-13266"], &["height"]),
    ("/view_type", &["PZ-13879", "PZ-13266"], &["view_type", "view"]),
];

const WITH_DEFAULT: [Field; 3] = [
    ("/frequencyRange", &["PZ-14098", "PZ-13267"], &["frequencyRange", "frequency"]),
    ("/nfftSelection", &["PZ-14097"], &["nfftSelection", "nfft"]),
    ("/displayTimeAxisDuration", &["PZ-14095"], &["displayTimeAxisDuration", "duration"]),
];

#[async_trait]
impl Check for MissingFields {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 2);
        let mut cases = Cases::new();
        for (place, keys, fields) in REQUIRED {
            let (name, what) = words(place, "without");
            let nonsense = Nonsense { what: &what, accepted: "missing-accepted", fields };
            let request = valid.clone().without(place);
            cases.push(refusal::case(cx, &client, (&name, keys), &request, nonsense).await);
        }
        let left_out = WITH_DEFAULT.map(|field| (field, valid.clone().without(field.0), "without"));
        let null = (WITH_DEFAULT[0], valid.clone().set(WITH_DEFAULT[0].0, Value::Null), "with null for");
        for ((place, keys, fields), request, how) in left_out.into_iter().chain([null]) {
            let (name, what) = words(place, how);
            let nonsense = Nonsense { what: &what, accepted: "missing-accepted", fields };
            let answer = self.perhaps(cx, &client, &request, nonsense).await;
            cases.push(Case::new(name, keys, answer));
        }
        cases.verdict()
    }
}

/// The name of a row, and what is wrong with its request.
fn words(place: &str, how: &str) -> (String, String) {
    let field = place.trim_start_matches('/').replace('/', ".");
    (format!("{how} {field}"), format!("a request {how} `{field}`"))
}

impl MissingFields {
    /// Refused or served, but no crash.
    async fn perhaps(
        &self,
        cx: &Context,
        client: &FocusClient,
        request: &ConfigureRequest,
        nonsense: Nonsense<'_>,
    ) -> Result<Verdict, CheckError> {
        let configured = client.configure(cx, &request.text()).await?;
        let exchange = &configured.exchange;
        outage::answered(cx, exchange)?;
        let findings = if exchange.status.is_success() && !self.params.strict {
            let message = format!("the server serves {}, with a default", nonsense.what);
            vec![Finding::new("default-used", Cause::Expected, "POST /configure", message).note()]
        } else {
            refusal::judge(nonsense, exchange, configured.job.as_deref())
        };
        refusal::verdict(cx, exchange, nonsense.what, findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_named_by_what_is_left_out() {
        let (name, what) = words("/displayInfo/height", "without");
        assert_eq!(
            (name.as_str(), what.as_str()),
            ("without displayInfo.height", "a request without `displayInfo.height`")
        );
    }
}

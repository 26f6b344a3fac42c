//! `focus-api.sec.malformed`

use crate::checks::JOBS;
use crate::hostile::{self, Battery};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::{
    Check, CheckError, Context, Effect, Finding, Params, Severity, Verdict, async_trait, fault,
    register_check,
};
use shakedown_focus::client::Configured;
use shakedown_focus::request::ConfigureRequest;
use shakedown_focus::target::FocusApi;

register_check! {
    /// Bodies made to break a parser do not break the server.
    ///
    /// A number too long for any type, a body of `size` bytes, a field named twice, thousands of fields, and a structure
    /// `depth` levels deep. They must be refused, or have no effect; what the server does with a field that is named twice is
    /// noted. Afterwards it must be well. When it goes down, nothing more is sent.
    ///
    /// # Why it matters
    /// One such request costs its sender nothing. Where it takes the server down, every user's view goes with it.
    ///
    /// # How to mend it
    /// Bound the size and the depth of bodies before they are parsed, at the ingress or in the server.
    pub(super) struct MalformedInput(MalformedParams) {
        id: "focus-api.sec.malformed",
        title: "Bodies made to break a parser do not break the server",
        severity: Severity::High,
        effect: Effect::Create,
        target: Some("focus-api"),
        keys: &["PZ-13572", "PZ-13769"],
        tags: &["api", "security"],
        requires: &[
            "focus-api.ack.ok", "focus-api.channels.ok", "focus-api.fiber.ready", "focus-api.err.json",
        ],
        group: JOBS,
        // When it takes the server down, nobody else must be there.
        alone: true,
        proofs: &[fault("focus-api.deep-nesting-crash", "server-down")],
    }
}

/// How bad it gets.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MalformedParams {
    /// How many bytes the largest body has.
    size: usize,
    /// How many levels the deepest one has.
    depth: usize,
}

impl Default for MalformedParams {
    fn default() -> Self {
        Self { size: 2 << 20, depth: 20_000 }
    }
}

impl Params for MalformedParams {
    fn validate(&self) -> Result<(), String> {
        let Self { size, depth } = *self;
        if !(1024..=16 << 20).contains(&size) {
            Err(format!("`size` is {size}; it must lie between 1024 and {}", 16 << 20))
        } else if !(10..=1_000_000).contains(&depth) {
            Err(format!("`depth` is {depth}; it must lie between 10 and 1000000"))
        } else {
            Ok(())
        }
    }
}

/// What a number takes the place of.
const MARK: i64 = 777_777;

#[async_trait]
impl Check for MalformedInput {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let client = cx.target::<FocusApi>().await?;
        let fiber = client.fiber(cx).await?;
        let valid = ConfigureRequest::live(&fiber).channels(&fiber, 1);
        // None of them may start a job: the type of view is one that does not exist, unless it is what is spoilt.
        let spoilt = valid.clone().set("/view_type", 999).text();
        let number =
            |text: &str| valid.clone().set("/nfftSelection", MARK).text().replace(&MARK.to_string(), text);
        let inside = |extra: &str| format!("{},\"extra\":{extra}}}", spoilt.trim_end_matches('}'));
        let many: Vec<String> = (0..5000).map(|number| format!("\"f{number}\":{number}")).collect();
        let bodies = [
            ("a number of four hundred digits", number(&"9".repeat(400))),
            ("a number beyond every type", number("1e999")),
            ("thousands of fields", inside(&format!("{{{}}}", many.join(",")))),
            ("a very large body", inside(&format!("\"{}\"", "x".repeat(self.params.size)))),
            ("a very deep structure", inside(&nested(self.params.depth))),
            ("nothing but depth", nested(self.params.depth)),
        ];
        let mut battery = Battery::begin(cx, &client).await?;
        let twice = valid.text();
        let twice = format!("{},\"view_type\":999}}", twice.trim_end_matches('}'));
        let request = battery.json(twice);
        battery.configure(("a field named twice", &["PZ-13769"]), request, named_twice).await;
        for (name, body) in bodies {
            let request = battery.json(body);
            battery
                .configure((name, &["PZ-13572", "PZ-13769"]), request, |answer| {
                    hostile::refused_or_inert(name, &answer.exchange)
                })
                .await;
        }
        battery.end().await
    }
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// JSON leaves it open which of two counts, and whether there may be two.
fn named_twice(answer: &Configured) -> Vec<Finding> {
    let status = answer.exchange.status;
    if status.is_success() {
        let message =
            "the server takes the first of two fields of one name: it accepts the request".to_owned();
        return vec![hostile::seen("field-twice", message)];
    }
    let mut findings = hostile::unharmed("a field named twice", &answer.exchange);
    findings
        .push(hostile::seen("field-twice", format!("the server refuses a field named twice with {status}")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gets_only_as_bad_as_is_bearable() {
        assert_eq!(MalformedParams::default().validate(), Ok(()));
        let worse = |size, depth| MalformedParams { size, depth }.validate().unwrap_err();
        insta::assert_snapshot!(worse(1, 100), @"`size` is 1; it must lie between 1024 and 16777216");
        insta::assert_snapshot!(worse(2048, 1), @"`depth` is 1; it must lie between 10 and 1000000");
        assert_eq!(nested(3), "[[[]]]");
    }
}

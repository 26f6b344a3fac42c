//! The answer to an accepted `/configure`: whether it is complete, of the right types, and agrees with itself and with
//! the request.
//!
//! One validator for every check that starts a job. `focus-api.response.invariants` judges what it finds; the others
//! only note it.

use crate::document::{shown, whole, whole_or_digits};
use crate::request::ConfigureRequest;
use serde_json::Value;
use shakedown_core::{Cause, Finding};

/// The check that judges what this module finds.
pub const JUDGE: &str = "focus-api.response.invariants";

/// The words that `status` may be.
const STATUSES: [&str; 6] = ["success", "error", "pending", "failed", "running", "ok"];

/// What a deviation from the contract is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A documented field is not there.
    Missing,
    /// A field has another type than documented.
    Type,
    /// Two fields contradict each other, or one contradicts the request.
    Amount,
}

/// One deviation from the contract, in a sentence that begins with the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// What it is about.
    pub kind: Kind,
    /// The sentence.
    pub text: String,
}

/// The stream's port, written as a number or in digits.
pub fn port(body: &Value) -> Option<i64> {
    whole_or_digits(&body["stream_port"]).filter(|port| (1..=65535).contains(port))
}

/// Host and port of the stream, for comparison.
pub fn stream(body: &Value) -> Option<(String, i64)> {
    Some((body["stream_url"].as_str().unwrap_or_default().to_owned(), port(body)?))
}

/// What is wrong with an answer, one sentence each.
pub fn problems(request: &ConfigureRequest, body: &Value) -> Vec<String> {
    deviations(request, body).into_iter().map(|deviation| deviation.text).collect()
}

/// A note where an answer deviates from the contract, for checks with another question.
pub fn guard(request: &ConfigureRequest, body: &Value) -> Option<Finding> {
    let problems = problems(request, body);
    let first = problems.first()?;
    let message = format!("the answer deviates from the contract: {first}");
    let note = Finding::new("response-deviates", Cause::Product, "POST /configure", message).note();
    Some(problems.iter().skip(1).fold(note, Finding::detail).detail(format!("{JUDGE} judges this")))
}

/// What is wrong with an answer.
///
/// Neither `status` nor the spelling of numbers is judged here, see [`status`] and [`spelling`]. Neither are the
/// frequencies themselves: a server may list all bins or those inside the requested range.
pub fn deviations(request: &ConfigureRequest, body: &Value) -> Vec<Deviation> {
    if !body.is_object() {
        return vec![Deviation {
            kind: Kind::Type,
            text: format!("the answer is {}, not an object", shown(body)),
        }];
    }
    let view = request.number("/view_type");
    let mut found = Found { body, deviations: Vec::new() };
    for rule in RULES {
        found.apply(&rule, view == WATERFALL);
    }
    found.amounts(request, view);
    found.deviations
}

const SINGLE_CHANNEL: i64 = 1;
const WATERFALL: i64 = 2;

/// What one field has to be.
struct Rule {
    field: &'static str,
    must: &'static str,
    holds: fn(&Value) -> bool,
    /// Whether it also holds for a waterfall, which has neither bins nor a formula for its lines.
    of_waterfall: bool,
}

const fn rule(field: &'static str, must: &'static str, holds: fn(&Value) -> bool) -> Rule {
    Rule { field, must, holds, of_waterfall: true }
}

const RULES: [Rule; 11] = [
    rule("status", "a text", Value::is_string),
    rule("job_id", "the id of the job", filled),
    rule("stream_url", "the host of the stream", filled),
    rule("stream_port", "a port from 1 to 65535", |port| {
        whole_or_digits(port).is_some_and(|port| (1..=65535).contains(&port))
    }),
    rule("view_type", "a whole number", |view| whole_or_digits(view).is_some()),
    Rule {
        of_waterfall: false,
        ..rule("frequencies_list", "a list of numbers", |list| {
            list.as_array().is_some_and(|bins| bins.iter().all(Value::is_number))
        })
    },
    Rule { of_waterfall: false, ..rule("frequencies_amount", "a whole number from 0 up", amount) },
    Rule {
        of_waterfall: false,
        ..rule("lines_dt", "a number of seconds above 0", |dt| dt.as_f64().is_some_and(|dt| dt > 0.0))
    },
    rule("channel_amount", "a whole number from 0 up", amount),
    rule("stream_amount", "a whole number from 0 up", amount),
    rule("channel_to_stream_index", "an object of stream numbers", |map| {
        map.as_object().is_some_and(|map| map.values().all(amount))
    }),
];

fn filled(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn amount(value: &Value) -> bool {
    whole(value).is_some_and(|number| number >= 0)
}

struct Found<'a> {
    body: &'a Value,
    deviations: Vec<Deviation>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, text: String) {
        self.deviations.push(Deviation { kind, text });
    }

    fn apply(&mut self, rule: &Rule, is_waterfall: bool) {
        let Rule { field, must, holds, of_waterfall } = rule;
        if is_waterfall && !of_waterfall {
            return;
        }
        match self.body.get(*field) {
            None => self.add(Kind::Missing, format!("`{field}` is missing; it must be {must}")),
            Some(value) if holds(value) => {}
            Some(value) => {
                self.add(Kind::Type, format!("`{field}` is {}; it must be {must}", shown(value)));
            }
        }
    }

    /// What contradicts what. A field of the wrong type has been named already, and contradicts nothing.
    fn amounts(&mut self, request: &ConfigureRequest, view: i64) {
        let (lowest, highest) = (request.number("/channels/min"), request.number("/channels/max"));
        let channels = highest - lowest + 1;
        let body = self.body;
        let mut unless = |holds: bool, field: &str, must: String| {
            if !holds {
                let text = format!("`{field}` is {}; it must be {must}", shown(&body[field]));
                self.deviations.push(Deviation { kind: Kind::Amount, text });
            }
        };
        if let Some(echo) = whole_or_digits(&body["view_type"]) {
            unless(echo == view, "view_type", format!("{view}, as was asked for"));
        }
        if let (Some(bins), Some(amount)) =
            (body["frequencies_list"].as_array(), whole(&body["frequencies_amount"]))
        {
            let count = bins.len();
            let must = format!("{count}, the length of `frequencies_list`");
            unless(usize::try_from(amount).is_ok_and(|amount| amount == count), "frequencies_amount", must);
        }
        if let Some(amount) = whole(&body["channel_amount"]) {
            unless(amount == channels, "channel_amount", format!("{channels}, as many as were asked for"));
        }
        let streams = whole(&body["stream_amount"]);
        if let Some(streams) = streams {
            unless((1..=channels).contains(&streams), "stream_amount", format!("from 1 to {channels}"));
        }
        let Some(map) = body["channel_to_stream_index"].as_object() else { return };
        let asked =
            |name: &String| name.parse::<i64>().is_ok_and(|channel| (lowest..=highest).contains(&channel));
        unless(
            i64::try_from(map.len()).is_ok_and(|length| length == channels) && map.keys().all(asked),
            "channel_to_stream_index",
            format!("an object with an entry for each of the {channels} channels"),
        );
        let below = |index: &Value, bound: i64| whole(index).is_none_or(|index| index < bound);
        if let Some(streams) = streams {
            unless(
                map.values().all(|index| below(index, streams)),
                "channel_to_stream_index",
                "a map to stream numbers below `stream_amount`".to_owned(),
            );
        }
        if view == SINGLE_CHANNEL && map.len() == 1 {
            unless(
                map.values().all(|index| below(index, 1)),
                "channel_to_stream_index",
                "a map to stream 0, the only one".to_owned(),
            );
        }
    }
}

/// Numbers that were written as text: allowed, and worth knowing.
pub fn spelling(body: &Value) -> Vec<String> {
    let in_digits = ["stream_port", "view_type"].into_iter().filter(|field| body[*field].is_string());
    let told = in_digits.map(|field| {
        format!("`{field}` is {}, a text; the contract says a whole number", shown(&body[field]))
    });
    told.collect()
}

/// What is wrong with the word in `status`; nothing, where it is of another type, which has been named already.
pub fn status(body: &Value) -> Option<String> {
    let word = body["status"].as_str()?;
    let known = STATUSES.iter().any(|known| word.trim().eq_ignore_ascii_case(known));
    (!known).then(|| format!("`status` is {}; it must be a word such as \"success\"", shown(&body["status"])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Channels;
    use crate::client::Fiber;
    use serde_json::json;
    use shakedown_core::finding::Weight;

    fn request() -> ConfigureRequest {
        let fiber = Fiber { channels: Channels { lowest: 1, highest: 3 }, prr: 2000.0 };
        ConfigureRequest::live(&fiber)
    }

    fn healthy() -> Value {
        json!({
            "status": "", "job_id": "1-3", "stream_url": "focus.example.com", "stream_port": 12301, "view_type": 0,
            "frequencies_list": [0.0, 1.95], "frequencies_amount": 2, "lines_dt": 0.25, "channel_amount": 3,
            "stream_amount": 1, "channel_to_stream_index": { "1": 0, "2": 0, "3": 0 },
        })
    }

    #[test]
    fn what_the_contract_leaves_open_is_fine() {
        let mut body = healthy();
        assert_eq!(problems(&request(), &body), [""; 0]);
        body["stream_port"] = json!("12301");
        body["view_type"] = json!("0");
        body["channel_amount"] = json!(3.0);
        body["more"] = json!([]);
        assert_eq!(problems(&request(), &body), [""; 0]);
        assert_eq!(guard(&request(), &body), None);
        assert_eq!(spelling(&body).len(), 2);
        assert_eq!(spelling(&healthy()), [""; 0]);
    }

    #[test]
    fn contradictions_are_named() {
        let mut body = healthy();
        body["job_id"] = json!("");
        body["stream_port"] = json!(65536);
        body["frequencies_amount"] = json!(3);
        body["channel_amount"] = json!(true);
        body["lines_dt"] = json!(0);
        body["view_type"] = json!(2);
        body["channel_to_stream_index"] = json!({ "1": 0, "2": 1 });
        insta::assert_snapshot!(problems(&request(), &body).join("\n"), @r#"
        `job_id` is ""; it must be the id of the job
        `stream_port` is 65536; it must be a port from 1 to 65535
        `lines_dt` is 0; it must be a number of seconds above 0
        `channel_amount` is true; it must be a whole number from 0 up
        `view_type` is 2; it must be 0, as was asked for
        `frequencies_amount` is 3; it must be 2, the length of `frequencies_list`
        `channel_to_stream_index` is {"1":0,"2":1}; it must be an object with an entry for each of the 3 channels
        `channel_to_stream_index` is {"1":0,"2":1}; it must be a map to stream numbers below `stream_amount`
        "#);
        body = healthy();
        body["frequencies_list"] = json!({});
        assert_eq!(problems(&request(), &body), ["`frequencies_list` is {}; it must be a list of numbers"]);
        assert_eq!(problems(&request(), &json!("ok")), ["the answer is \"ok\", not an object"]);
        body.as_object_mut().unwrap().remove("lines_dt");
        let kinds: Vec<Kind> = deviations(&request(), &body).iter().map(|deviation| deviation.kind).collect();
        assert_eq!(kinds, [Kind::Type, Kind::Missing]);
        let note = guard(&request(), &body).unwrap();
        assert_eq!((note.weight, note.details.len()), (Weight::Note, 2));
    }

    #[test]
    fn channels_that_nobody_asked_for_are_named() {
        let mut body = healthy();
        body["channel_to_stream_index"] = json!({ "1": 0, "2": 0, "4": 0 });
        assert_eq!(problems(&request(), &body).len(), 1);
        body["channel_to_stream_index"] = json!({ "1": 0, "2": 0, "x": 0 });
        assert_eq!(problems(&request(), &body).len(), 1);
    }

    #[test]
    fn a_waterfall_has_no_bins_and_a_single_channel_stream_0() {
        let mut body = healthy();
        body["view_type"] = json!(2);
        body["lines_dt"] = json!(0);
        body["frequencies_list"] = json!(null);
        assert_eq!(problems(&request().set("/view_type", 2), &body), [""; 0]);
        let single = request().set("/view_type", 1).set("/channels/max", 1);
        let mut body = healthy();
        body["view_type"] = json!(1);
        body["channel_amount"] = json!(1);
        body["channel_to_stream_index"] = json!({ "1": 1 });
        assert_eq!(problems(&single, &body).len(), 2);
    }

    #[test]
    fn status_is_a_known_word() {
        for (word, known) in [("success", true), ("Pending", true), ("", false), ("fine", false)] {
            assert_eq!(status(&json!({ "status": word })).is_none(), known, "{word}");
        }
        assert_eq!(status(&json!({ "status": 3 })), None);
    }

    #[test]
    fn streams_are_told_apart_by_host_and_port() {
        let mut other = healthy();
        assert_eq!(stream(&other), stream(&healthy()));
        other["stream_url"] = json!("other.example.com");
        assert_ne!(stream(&other), stream(&healthy()));
        assert_eq!(stream(&json!({})), None);
    }
}

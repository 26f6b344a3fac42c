//! The answer to an accepted `/configure`: whether it agrees with itself and with the request.

use crate::document::{shown, whole, whole_or_digits};
use crate::request::ConfigureRequest;
use serde_json::Value;

/// The stream's port, written as a number or in digits.
pub(crate) fn port(body: &Value) -> Option<i64> {
    whole_or_digits(&body["stream_port"]).filter(|port| (1..=65535).contains(port))
}

/// Host and port of the stream, for comparison.
pub(crate) fn stream(body: &Value) -> Option<(String, i64)> {
    Some((body["stream_url"].as_str().unwrap_or_default().to_owned(), port(body)?))
}

/// What is wrong with an answer, one sentence each, beginning with the field.
///
/// `status` is not judged: it is empty in practice. Neither are the frequencies themselves: a server may list all bins
/// or those inside the requested range.
pub(crate) fn problems(request: &ConfigureRequest, body: &Value) -> Vec<String> {
    if !body.is_object() {
        return vec![format!("the answer is {}, not an object", shown(body))];
    }
    let mut problems = Vec::new();
    let mut unless = |holds: bool, field: &str, must: &str| {
        if !holds {
            let seen = body.get(field).map_or_else(|| "missing".to_owned(), shown);
            problems.push(format!("`{field}` is {seen}; it must be {must}"));
        }
    };
    let filled = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
    let positive = |field: &str| body[field].as_f64().is_some_and(|number| number > 0.0);
    let entries = body["channel_to_stream_index"].as_object();
    let bins = body["frequencies_list"].as_array();
    let channels = request.number("/channels/max") - request.number("/channels/min") + 1;
    let view = request.number("/view_type");
    let streams = whole(&body["stream_amount"]).unwrap_or(i64::MAX);
    let length = |length: Option<usize>| length.and_then(|length| i64::try_from(length).ok());

    unless(filled("job_id"), "job_id", "the id of the job");
    unless(filled("stream_url"), "stream_url", "the host of the stream");
    unless(port(body).is_some(), "stream_port", "a port from 1 to 65535");
    unless(
        whole_or_digits(&body["view_type"]) == Some(view),
        "view_type",
        &format!("{view}, as was asked for"),
    );
    unless(positive("lines_dt"), "lines_dt", "a number of seconds above 0");
    unless(
        bins.is_some_and(|bins| bins.iter().all(Value::is_number)),
        "frequencies_list",
        "a list of numbers",
    );
    if let Some(count) = length(bins.map(Vec::len)) {
        let amount = whole(&body["frequencies_amount"]);
        unless(
            amount == Some(count),
            "frequencies_amount",
            &format!("{count}, the length of `frequencies_list`"),
        );
    }
    let amount = whole(&body["channel_amount"]);
    unless(amount == Some(channels), "channel_amount", &format!("{channels}, as many as were asked for"));
    unless(
        whole(&body["stream_amount"]).is_some_and(|amount| amount > 0),
        "stream_amount",
        "a whole number above 0",
    );
    unless(
        length(entries.map(serde_json::Map::len)) == Some(channels),
        "channel_to_stream_index",
        &format!("an object with an entry for each of the {channels} channels"),
    );
    if let Some(entries) = entries {
        let known = |index: &Value| whole(index).is_some_and(|index| (0..streams).contains(&index));
        unless(
            entries.values().all(known),
            "channel_to_stream_index",
            "a map to stream numbers below `stream_amount`",
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Channels;
    use crate::client::Fiber;
    use serde_json::json;

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
        assert_eq!(problems(&request(), &body), [""; 0]);
    }

    #[test]
    fn contradictions_are_named() {
        let mut body = healthy();
        body["job_id"] = json!("");
        body["stream_port"] = json!(65536);
        body["frequencies_amount"] = json!(3);
        body["channel_amount"] = json!(true);
        body["lines_dt"] = json!(0);
        body["channel_to_stream_index"] = json!({ "1": 0, "2": 1 });
        insta::assert_snapshot!(problems(&request(), &body).join("\n"), @r#"
        `job_id` is ""; it must be the id of the job
        `stream_port` is 65536; it must be a port from 1 to 65535
        `lines_dt` is 0; it must be a number of seconds above 0
        `frequencies_amount` is 3; it must be 2, the length of `frequencies_list`
        `channel_amount` is true; it must be 3, as many as were asked for
        `channel_to_stream_index` is {"1":0,"2":1}; it must be an object with an entry for each of the 3 channels
        `channel_to_stream_index` is {"1":0,"2":1}; it must be a map to stream numbers below `stream_amount`
        "#);
        body = healthy();
        body["frequencies_list"] = json!({});
        assert_eq!(problems(&request(), &body), ["`frequencies_list` is {}; it must be a list of numbers"]);
        assert_eq!(problems(&request(), &json!("ok")), ["the answer is \"ok\", not an object"]);
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

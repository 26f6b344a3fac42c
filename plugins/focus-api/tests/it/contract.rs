//! What the small server answers: the contract, in the usual spelling and in the other ones that it leaves open.

use crate::server::Desk;
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;

/// How answers are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Usual,
    /// Numbers as text, lists in objects, more fields than documented, other words.
    Unusual,
}

/// The present time, as the bench's clock has it.
pub(crate) const NOW: i64 = 1_800_000_000;
const PRR: i64 = 1500;
const LOWEST: i64 = 3;
const HIGHEST: i64 = 66;

/// What was recorded: an hour that has ended, and one that still runs.
const RECORDED: [(i64, i64); 2] = [(NOW - 9000, NOW - 5400), (NOW - 3000, -1)];

pub(crate) fn metadata() -> Value {
    json!({
        "prr": 1500.0, "dx": 1.02, "number_of_channels": 64, "fiber_start_meters": 0, "fiber_length_meters": 70,
        "sw_version": "10.7.5", "fiber_description": "north", "num_samples_per_trace": 64, "dtype": "float32",
    })
}

/// The answer to a request.
pub(crate) fn answers(desk: &Desk, route: &str, body: &Value) -> (u16, Value) {
    let unusual = desk.style == Style::Unusual;
    match route {
        "GET /ack" if unusual => (200, Value::Null),
        "GET /ack" => (200, json!({})),
        "GET /channels" => {
            (200, json!({ "highest_channel": HIGHEST, "lowest_channel": LOWEST, "unit": "m" }))
        }
        "GET /live_metadata" => (200, metadata()),
        "POST /configure" => match refusal(body) {
            Some((status, detail)) => (status, worded(unusual, &detail)),
            None => (200, start(desk, body)),
        },
        "POST /recordings_in_time_range" => match recordings(unusual, body) {
            Ok(list) => (200, list),
            Err((status, detail)) => (status, worded(unusual, &detail)),
        },
        "GET /openapi.json" if !unusual => (200, description()),
        _ if route.ends_with(" /ack") => {
            (if unusual { 400 } else { 405 }, worded(unusual, "Method Not Allowed"))
        }
        _ => match route.strip_prefix("GET /metadata/1-").and_then(|number| of_job(desk, number)) {
            Some(answer) => (200, answer),
            None => (404, worded(unusual, "Not Found")),
        },
    }
}

/// A refusal in one of its forms.
fn worded(unusual: bool, detail: &str) -> Value {
    if unusual {
        json!({ "error": "invalid", "details": { "reason": detail } })
    } else {
        json!({ "detail": detail })
    }
}

fn start(desk: &Desk, body: &Value) -> Value {
    let number = desk.jobs.fetch_add(1, Ordering::SeqCst) + 1;
    let mut answer = job(body, number);
    let port = desk.open_stream();
    answer["stream_port"] = json!(port);
    if desk.style == Style::Unusual {
        answer["stream_port"] = json!(port.to_string());
        answer["view_type"] = json!(answer["view_type"].to_string());
        answer["stream_url"] = json!("http://127.0.0.1/");
        answer["channel_amount"] = json!(answer["channel_amount"].as_f64());
        answer["engine"] = json!({ "name": "other" });
    }
    desk.started.lock().unwrap().push(answer.clone());
    answer
}

fn of_job(desk: &Desk, number: &str) -> Option<Value> {
    let number: usize = number.parse().ok()?;
    desk.started.lock().unwrap().get(number.checked_sub(1)?).cloned()
}

fn recordings(unusual: bool, body: &Value) -> Result<Value, (u16, String)> {
    let (Some(start), Some(end)) = (body["start_time"].as_i64(), body["end_time"].as_i64()) else {
        return Err((422, "start_time and end_time are required".to_owned()));
    };
    if start >= end {
        return Err((400, "start_time must be before end_time".to_owned()));
    }
    let list: Vec<Value> = RECORDED
        .into_iter()
        .filter(|(from, to)| *from <= end && (*to == -1 || *to >= start))
        .map(|(from, to)| if unusual && to == -1 { json!([from, null]) } else { json!([from, to]) })
        .collect();
    Ok(if unusual { json!({ "recordings": list, "count": list.len() }) } else { json!(list) })
}

/// Why a configuration is not served.
pub(crate) fn refusal(body: &Value) -> Option<(u16, String)> {
    for field in ["channels", "displayInfo", "view_type"] {
        if body.get(field).is_none_or(Value::is_null) {
            return Some((422, format!("{field} is required")));
        }
    }
    let number = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64);
    for pointer in ["/channels/min", "/channels/max", "/displayInfo/height", "/view_type"] {
        if number(pointer).is_none() {
            return Some((422, format!("{} must be a whole number", pointer.replace('/', "."))));
        }
    }
    for field in ["nfftSelection", "displayTimeAxisDuration", "start_time", "end_time"] {
        if body.get(field).is_some_and(|value| !value.is_null() && !value.is_i64()) {
            return Some((422, format!("{field} must be a whole number")));
        }
    }
    let of = |pointer: &str| number(pointer).unwrap_or_default();
    let (min, max, view) = (of("/channels/min"), of("/channels/max"), of("/view_type"));
    let bad = |detail: String| Some((400, detail));
    let nfft = number("/nfftSelection").unwrap_or(if view == 2 { 1 } else { 1024 });
    if nfft < 1 || nfft.count_ones() != 1 || nfft > 65_536 {
        return bad(format!("nfftSelection is {nfft}; it must be a positive power of two"));
    }
    if min < LOWEST || max > HIGHEST || min > max {
        return bad(format!("channels {min} to {max} must lie within {LOWEST} to {HIGHEST}, min ≤ max"));
    }
    if view == 1 && min != max {
        return bad(format!("channels {min} to {max} must be one channel for view_type 1"));
    }
    if !(0..=2).contains(&view) {
        return bad("view_type must be 0, 1 or 2".to_owned());
    }
    if of("/displayInfo/height") <= 0 {
        return bad("displayInfo.height must be positive".to_owned());
    }
    frequencies(body).or_else(|| times(body))
}

fn frequencies(body: &Value) -> Option<(u16, String)> {
    let range = body.get("frequencyRange").filter(|range| !range.is_null())?;
    let (Some(low), Some(high)) = (range["min"].as_i64(), range["max"].as_i64()) else {
        return Some((422, "frequencyRange needs min and max".to_owned()));
    };
    if high > PRR / 2 {
        Some((400, format!("frequencyRange.max is {high}; Nyquist allows {} Hz", PRR / 2)))
    } else if low < 0 || low >= high {
        Some((400, format!("frequencyRange.min ({low}) must be less than frequencyRange.max ({high})")))
    } else {
        None
    }
}

fn times(body: &Value) -> Option<(u16, String)> {
    let time = |field: &str| body[field].as_i64();
    match (time("start_time"), time("end_time")) {
        (None, None) => None,
        (Some(start), Some(end)) => {
            let recorded =
                RECORDED.into_iter().any(|(from, to)| from < end && (to == -1 && start < NOW || to > start));
            if start < 0 || end <= start || end > NOW + 60 {
                Some((400, "start_time must be before end_time, and neither in the future".to_owned()))
            } else {
                (!recorded).then(|| (404, "No recordings found in the time range".to_owned()))
            }
        }
        _ => Some((400, "start_time and end_time must be given together".to_owned())),
    }
}

/// The answer to an accepted configuration.
pub(crate) fn job(body: &Value, number: u64) -> Value {
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64);
    let channels = at("/channels/min").unwrap()..=at("/channels/max").unwrap();
    let streams: Map<String, Value> = channels.map(|channel| (channel.to_string(), json!(0))).collect();
    let nfft = at("/nfftSelection").unwrap_or(1024).clamp(1, 65_536);
    let float = |number: i64| f64::from(i32::try_from(number).unwrap());
    let step = float(PRR) / float(nfft);
    let (low, high) = (at("/frequencyRange/min").unwrap_or(0), at("/frequencyRange/max").unwrap_or(PRR / 2));
    let bins: Vec<f64> = (0..=nfft / 2)
        .map(|bin| float(bin) * step)
        .filter(|bin| (float(low)..=float(high)).contains(bin))
        .collect();
    let historic = body.get("start_time").is_some_and(Value::is_number);
    json!({
        "status": if historic { "completed" } else { "success" },
        "job_id": format!("1-{number}"), "stream_url": "127.0.0.1", "stream_port": 12300 + number,
        "view_type": at("/view_type").unwrap_or_default(), "frequencies_amount": bins.len(), "frequencies_list": bins,
        "lines_dt": float(nfft) / 2.0 / float(PRR), "channel_amount": streams.len(), "stream_amount": 1,
        "channel_to_stream_index": streams,
    })
}

/// The server's description of itself, in OpenAPI 3.0.
fn description() -> Value {
    let content = |schema: Value| json!({ "content": { "application/json": { "schema": schema } } });
    let ok = |schema: Value| {
        let mut answer = content(schema);
        answer["description"] = json!("yes");
        json!({ "200": answer })
    };
    let integer = || json!({ "type": "integer" });
    let range = json!({ "type": "object", "required": ["min", "max"], "properties": { "min": integer(), "max": integer() } });
    let maybe = |mut schema: Value| {
        schema["nullable"] = json!(true);
        schema
    };
    let number = || json!({ "type": "number" });
    json!({
        "openapi": "3.0.2", "info": { "title": "Focus", "version": "1" },
        "paths": {
            "/focus-server/ack": { "get": { "responses": ok(json!({ "type": "object" })) } },
            "/focus-server/channels": { "get": { "responses": ok(json!({
                "type": "object", "required": ["lowest_channel", "highest_channel"],
                "properties": { "lowest_channel": { "type": "integer", "minimum": 0, "exclusiveMinimum": true } },
            })) } },
            "/focus-server/live_metadata": { "get": { "responses": ok(json!({
                "type": "object", "properties": { "prr": number(), "dx": maybe(number()) },
            })) } },
            "/focus-server/metadata/{id}": { "get": { "responses": { "200": { "description": "yes" } } } },
            "/focus-server/recordings_in_time_range": { "post": { "responses": ok(json!({ "type": "array" })) } },
            "/focus-server/configure": { "post": {
                "requestBody": content(json!({ "$ref": "#/components/schemas/Configure" })),
                "responses": ok(json!({ "type": "object", "required": ["job_id", "stream_port"] })),
            } },
            "/focus-server/extra": { "get": { "responses": { "200": { "description": "yes" } } } },
        },
        "components": { "schemas": { "Configure": {
            "type": "object", "required": ["displayInfo", "channels", "view_type"],
            "properties": {
                "displayInfo": { "type": "object", "required": ["height"], "properties": { "height": integer() } },
                "channels": range, "frequencyRange": maybe(range.clone()), "view_type": integer(),
                "nfftSelection": maybe(integer()), "start_time": maybe(integer()), "end_time": maybe(integer()),
            },
        } } },
    })
}

//! The planned interface, in which the client names its task and fetches the rows itself. Where it is not deployed,
//! every path of it answers 404.

use crate::client::FocusClient;
use crate::document::{shown, whole};
use crate::target::FocusApi;
use jiff::Timestamp;
use serde_json::{Value, json};
use shakedown_core::ledger::Resource;
use shakedown_core::{CheckError, Context, Target};
use shakedown_http::{Exchange, StatusCode};
use std::time::Duration;

/// How long an analyzer lives after it was read for the last time, with leeway.
const LIFETIME: Duration = Duration::from_mins(4);
/// How many sensors a request asks for, where there are as many.
const SENSORS: i64 = 10;

/// The sensors that the server has.
///
/// # Errors
/// [`CheckError::NotApplicable`] where the interface is not deployed; [`CheckError::Unclear`] where there are none to ask
/// for, which `focus-api.sensors.list` judges.
pub async fn sensors(cx: &Context, client: &FocusClient) -> Result<Vec<i64>, CheckError> {
    let exchange = client.get(cx, "/sensors").await?;
    if exchange.status == StatusCode::NOT_FOUND {
        return Err(not_deployed(&exchange));
    }
    let body: Value = exchange.json().map_err(CheckError::unclear)?;
    read_sensors(&body).map_err(CheckError::unclear)
}

/// That a path of the interface is not there.
pub fn not_deployed(exchange: &Exchange) -> CheckError {
    CheckError::not_applicable(format!("the planned interface is not deployed: {}", exchange.summary()))
}

/// Reads the list of sensors; the error says what is wrong with it.
pub fn read_sensors(body: &Value) -> Result<Vec<i64>, String> {
    let Some(list) = body["sensors"].as_array() else {
        return Err(format!("`sensors` is {}, not a list", shown(&body["sensors"])));
    };
    let ids: Option<Vec<i64>> = list.iter().map(|id| whole(id).filter(|id| *id >= 0)).collect();
    match ids {
        None => Err("`sensors` has an entry that is no number from 0 up".to_owned()),
        Some(ids) if ids.is_empty() => Err("`sensors` is empty".to_owned()),
        Some(ids) => Ok(ids),
    }
}

/// A valid live request for a few sensors.
pub fn live(sensors: &[i64], nyquist: i64) -> Value {
    let first = sensors.iter().copied().min().unwrap_or_default();
    let last = sensors.iter().copied().max().unwrap_or_default();
    json!({
        "displayTimeAxisDuration": 30.0,
        "nfftSelection": 1024,
        "canvasInfo": { "height": 800 },
        "sensors": { "min": first, "max": (first + SENSORS - 1).min(last) },
        "frequencyRange": { "min": 0, "max": nyquist.min(500) },
        "start_time": null,
        "end_time": null,
    })
}

/// A time as the interface writes it: `yymmddHHMMSS`, in UTC.
pub fn compact(seconds: i64) -> Result<String, CheckError> {
    let time = Timestamp::from_second(seconds).map_err(CheckError::unclear)?;
    Ok(time.strftime("%y%m%d%H%M%S").to_string())
}

/// `POST /config/{task_id}`, whatever the answer. The task is on the ledger before it exists, and counts as a job.
///
/// # Errors
/// [`CheckError::NotApplicable`] where the interface is not deployed.
pub async fn configure(
    cx: &Context,
    client: &FocusClient,
    id: &str,
    request: &Value,
) -> Result<Exchange, CheckError> {
    let room = client.room(cx, cx.remaining().mul_f32(0.9)).await?;
    let task = Resource {
        target: FocusApi::KIND.to_owned(),
        kind: "task".to_owned(),
        id: id.to_owned(),
        ends_by: Some(cx.clock.now() + LIFETIME),
    };
    cx.created(task.clone())?;
    let exchange = client.post(cx, &format!("/config/{id}"), request).await?;
    if exchange.status.is_client_error() || exchange.status == StatusCode::INTERNAL_SERVER_ERROR {
        cx.removed(&task)?;
        room.release();
    }
    Ok(exchange)
}

/// Starts a task for a check whose question begins with one; `focus-api.task.valid` judges requests.
pub async fn start(
    cx: &Context,
    client: &FocusClient,
    name: &str,
    request: &Value,
) -> Result<String, CheckError> {
    let id = cx.scratch_name(name);
    let exchange = configure(cx, client, &id, request).await?;
    match exchange.status {
        status if status.is_success() => Ok(id),
        StatusCode::NOT_FOUND => Err(not_deployed(&exchange)),
        _ => Err(CheckError::unclear(format!("there is no task to look at: {}", exchange.summary()))),
    }
}

/// One row of a waterfall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Epoch milliseconds.
    pub start: i64,
    /// Epoch milliseconds.
    pub end: i64,
    /// How many sensors it has.
    pub sensors: usize,
}

/// The rows in an answer of `/waterfall`, and what is wrong with them, one sentence for each kind of fault.
pub fn rows(body: &Value) -> (Vec<Row>, Vec<String>) {
    let mut problems: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    let mut say = |problem: String| {
        if problems.len() < 5 && !problems.contains(&problem) {
            problems.push(problem);
        }
    };
    let Some(blocks) = body.as_array() else {
        return (rows, vec![format!("the answer is {}, not a list of blocks", shown(body))]);
    };
    for block in blocks {
        match (block["current_min_amp"].as_f64(), block["current_max_amp"].as_f64()) {
            (Some(low), Some(high)) if low <= high => {}
            (Some(low), Some(high)) => {
                say(format!("`current_min_amp`, {low}, exceeds `current_max_amp`, {high}"));
            }
            _ => say("a block lacks its amplitudes".to_owned()),
        }
        let Some(list) = block["rows"].as_array() else {
            say("a block has no `rows`".to_owned());
            continue;
        };
        for row in list {
            match read_row(row) {
                Ok(row) => rows.push(row),
                Err(problem) => say(problem),
            }
        }
    }
    (rows, problems)
}

fn read_row(row: &Value) -> Result<Row, String> {
    let time = |field: &str| {
        whole(&row[field]).ok_or_else(|| format!("a row's `{field}` is {}", shown(&row[field])))
    };
    let (start, end) = (time("startTimestamp")?, time("endTimestamp")?);
    if start >= end {
        return Err("a row does not end after its start".to_owned());
    }
    if !row["canvasId"].is_string() {
        return Err("a row's `canvasId` is no text".to_owned());
    }
    let sensors = row["sensors"].as_array().filter(|list| !list.is_empty());
    let sensors = sensors.ok_or_else(|| "a row has no sensors".to_owned())?;
    let mut ids = Vec::with_capacity(sensors.len());
    for sensor in sensors {
        ids.push(whole(&sensor["id"]).filter(|id| *id >= 0).ok_or("a sensor's `id` is no number from 0 up")?);
        let intensity = sensor["intensity"].as_array();
        if !intensity.is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_number)) {
            return Err("a sensor's `intensity` is no list of numbers".to_owned());
        }
    }
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("a row names a sensor twice".to_owned());
    }
    Ok(Row { start, end, sensors: ids.len() })
}

/// What is wrong with the order of rows: they ascend and do not overlap.
pub fn disorder(rows: &[Row]) -> Option<String> {
    let pair = rows.windows(2).find(|pair| pair[1].start < pair[0].end)?;
    Some(format!("a row begins at {}, before the one before it ends at {}", pair[1].start, pair[0].end))
}

/// Whether an answer carries nothing.
pub fn is_empty(exchange: &Exchange) -> bool {
    match exchange.json::<Value>() {
        Ok(Value::Null) => true,
        Ok(Value::Array(list)) => list.is_empty(),
        Ok(Value::Object(fields)) => fields.values().all(Value::is_null),
        Ok(_) => false,
        Err(_) => exchange.text().trim().is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exchange;

    fn block(rows: &Value) -> Value {
        json!([{ "current_max_amp": 1.0, "current_min_amp": -1.0, "rows": rows }])
    }

    fn row(start: i64, end: i64) -> Value {
        json!({ "canvasId": "w", "startTimestamp": start, "endTimestamp": end,
            "sensors": [{ "id": 0, "intensity": [0.5, -0.5] }, { "id": 1, "intensity": [1] }] })
    }

    #[test]
    fn rows_are_read_and_judged() {
        let (found, problems) = rows(&block(&json!([row(10, 20), row(20, 30)])));
        assert_eq!(found, [Row { start: 10, end: 20, sensors: 2 }, Row { start: 20, end: 30, sensors: 2 }]);
        assert_eq!((problems.len(), disorder(&found)), (0, None));
        let mut bad = row(10, 20);
        bad["sensors"][1]["id"] = json!(0);
        let (found, problems) = rows(&block(&json!([row(20, 20), bad, row(10, 20), row(15, 25)])));
        assert_eq!(found.len(), 2);
        assert!(disorder(&found).is_some());
        assert_eq!(problems, ["a row does not end after its start", "a row names a sensor twice"]);
        let reversed = json!([{ "current_max_amp": 0, "current_min_amp": 1, "rows": [] }, {}]);
        assert_eq!(rows(&reversed).1.len(), 3);
        assert_eq!(rows(&json!({})).1.len(), 1);
    }

    #[test]
    fn times_are_twelve_digits_of_utc() {
        assert_eq!(compact(1_763_886_600).unwrap(), "251123083000");
    }

    #[test]
    fn sensors_are_numbers_from_0_up() {
        assert_eq!(read_sensors(&json!({ "sensors": [0, 1.0, 7] })).unwrap(), [0, 1, 7]);
        for bad in
            [json!({}), json!({ "sensors": [] }), json!({ "sensors": [-1] }), json!({ "sensors": ["1"] })]
        {
            assert!(read_sensors(&bad).is_err(), "{bad}");
        }
        assert_eq!(live(&[0, 1, 2], 1000)["sensors"], json!({ "min": 0, "max": 2 }));
    }

    #[test]
    fn nothing_comes_in_several_spellings() {
        for body in ["", "[]", "{}", "null", r#"{"data":null}"#] {
            assert!(is_empty(&exchange(200, body)), "{body}");
        }
        assert!(!is_empty(&exchange(200, "[1]")) && !is_empty(&exchange(200, "7")));
    }
}

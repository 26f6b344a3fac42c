//! What was recorded: the answer of `/recordings_in_time_range`, and a range that can be played back.

use crate::client::FocusClient;
use crate::document::{shown, whole};
use serde_json::{Value, json};
use shakedown_core::{CheckError, Context};
use shakedown_http::Exchange;

/// The path that is asked.
pub const PATH: &str = "/recordings_in_time_range";
/// How far back recordings are looked for.
pub const WEEK: i64 = 7 * 86_400;

/// One recording, in epoch seconds; without an end it still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its first second.
    pub start: i64,
    /// Its last second.
    pub end: Option<i64>,
}

/// How the list was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A bare array.
    Array,
    /// An object with the array under `recordings`.
    Object,
}

/// Reads a list in either shape: pairs, where −1 or null is the end of a recording that still runs.
pub fn read(body: &Value) -> Result<(Shape, Vec<Recording>), String> {
    let (shape, list) = match (body, &body["recordings"]) {
        (Value::Array(list), _) => (Shape::Array, list),
        (_, Value::Array(list)) => (Shape::Object, list),
        _ => {
            return Err(format!(
                "the answer is {}, neither a list nor an object with `recordings`",
                shown(body)
            ));
        }
    };
    let pair = |pair: &Value| {
        let wrong = || format!("an entry is {}; it must be a pair of epoch seconds", shown(pair));
        let [start, end] = pair.as_array().map(Vec::as_slice).unwrap_or_default() else {
            return Err(wrong());
        };
        let start = whole(start).ok_or_else(wrong)?;
        let end = match end {
            Value::Null => None,
            end => Some(whole(end).ok_or_else(wrong)?).filter(|end| *end != -1),
        };
        Ok(Recording { start, end })
    };
    Ok((shape, list.iter().map(pair).collect::<Result<_, _>>()?))
}

/// Asks what was recorded in a range of epoch seconds, whatever the answer.
pub async fn ask(cx: &Context, client: &FocusClient, start: i64, end: i64) -> Result<Exchange, CheckError> {
    client.post(cx, PATH, &json!({ "start_time": start, "end_time": end })).await
}

/// A range of `length` seconds that was recorded and lies in the past: what a historic view is asked for.
///
/// # Errors
/// [`CheckError::NotApplicable`] where nothing that long was recorded in the last seven days;
/// [`CheckError::Unclear`] where the server does not say.
pub async fn recorded(cx: &Context, client: &FocusClient, length: i64) -> Result<(i64, i64), CheckError> {
    let now = cx.clock.epoch_seconds();
    let exchange = ask(cx, client, now - WEEK, now).await?;
    let listed = exchange.json::<Value>().ok().filter(|_| exchange.status.is_success());
    let (_, recordings) = listed
        .ok_or_else(|| CheckError::unclear(format!("what was recorded is not known: {}", exchange.summary())))
        .and_then(|body| read(&body).map_err(CheckError::unclear))?;
    longest(&recordings, length).ok_or_else(|| {
        CheckError::not_applicable(format!("nothing of {length} seconds was recorded in the last seven days"))
    })
}

/// The middle of the longest recording that has ended, if that is long enough.
fn longest(recordings: &[Recording], length: i64) -> Option<(i64, i64)> {
    let ended = recordings.iter().filter_map(|recording| Some((recording.start, recording.end?)));
    let (start, end) = ended.max_by_key(|(start, end)| end - start)?;
    let spare = end - start - length;
    (spare >= 0).then(|| (start + spare / 2, start + spare / 2 + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_and_both_ways_to_be_open() {
        let (shape, list) = read(&json!([[100, 200], [150, -1], [160.0, null]])).unwrap();
        assert_eq!(shape, Shape::Array);
        assert_eq!(list[0], Recording { start: 100, end: Some(200) });
        assert!(list[1].end.is_none() && list[2] == Recording { start: 160, end: None });
        assert_eq!(read(&json!({ "recordings": [], "more": 1 })).unwrap(), (Shape::Object, Vec::new()));
        for bad in [json!({}), json!("x"), json!([[1]]), json!([[1, 2, 3]]), json!([["1", 2]]), json!([null])]
        {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_lies_within_what_was_recorded() {
        let list = [
            Recording { start: 0, end: None },
            Recording { start: 100, end: Some(200) },
            Recording { start: 500, end: Some(520) },
        ];
        assert_eq!(longest(&list, 60), Some((120, 180)));
        assert_eq!(longest(&list, 100), Some((100, 200)));
        assert_eq!(longest(&list, 101), None);
        assert_eq!(longest(&list[..1], 1), None);
    }
}

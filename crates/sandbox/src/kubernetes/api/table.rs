//! Tables as `kubectl get` shows them.

use super::columns;
use super::form;
use crate::kubernetes::kinds::Kind;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A table of rows.
pub(super) fn of(kind: &Kind, rows: &[Value], list: &Value) -> Value {
    let columns: Vec<Value> = columns::of(kind)
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": column.shape(),
                "format": if column.name == "Name" { "name" } else { "" },
                "description": "",
                "priority": i32::from(column.is_wide),
            })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// The row of an object.
pub(super) fn row(kind: &Kind, object: &Value, now: Timestamp, is_whole: bool) -> Value {
    let cells: Vec<Value> = columns::of(kind).iter().map(|column| (column.cell)(object, now)).collect();
    let object = if is_whole { object.clone() } else { form::metadata(object) };
    json!({ "cells": cells, "object": object })
}

/// The time between two moments as `kubectl` words it: `95s`, `3m12s`, `5d2h`.
pub(super) fn duration(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.as_second() - from.as_second();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let both = |large: i64, large_unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit}{small}{small_unit}"),
    };
    if seconds < 120 {
        format!("{}s", seconds.max(0))
    } else if minutes < 10 {
        both(minutes, "m", seconds % 60, "s")
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        both(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if days < 8 {
        both(days, "d", hours % 24, "h")
    } else if days < 730 {
        format!("{days}d")
    } else if days < 2_920 {
        both(days / 365, "y", days % 365, "d")
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_kubectl_writes_them() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (192, "3m12s"),
            (660, "11m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (90_000, "25h"),
            (439_200, "5d2h"),
            (10 * 86_400, "10d"),
            (800 * 86_400, "2y70d"),
            (3_000 * 86_400, "8y"),
        ];
        for (seconds, text) in cases {
            let to = Timestamp::from_second(seconds).unwrap();
            assert_eq!(duration(Timestamp::UNIX_EPOCH, to), text);
        }
    }
}

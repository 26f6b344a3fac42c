//! The description of the deployed interface: six operations, as the web framework would serve it.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const DESCRIPTION: &str = include_str!("openapi.json");

/// `GET /openapi.json`.
pub(super) fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn it_describes_exactly_six_operations() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        let mut operations: Vec<String> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
            })
            .collect();
        operations.sort();
        let expected = [
            "get /ack",
            "get /channels",
            "get /live_metadata",
            "get /metadata/{job_id}",
            "post /configure",
            "post /recordings_in_time_range",
        ];
        assert_eq!(operations, expected);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        let mut left = vec![&description];
        let mut references = 0;
        while let Some(value) = left.pop() {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                references += 1;
                assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
            }
            match value {
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.values()),
                _ => {}
            }
        }
        assert!(references > 10, "{references}");
    }
}

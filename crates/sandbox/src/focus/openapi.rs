//! The description of the interface, as the web framework would serve it: six operations and, where the planned
//! interface is served, its own.

use super::errors::answer;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

const DESCRIPTION: &str = include_str!("openapi.json");
/// The operations of the planned interface. The metadata of tasks is at the path of the metadata of jobs.
const PLANNED: [(&str, &str, &str); 4] = [
    ("/config/{task_id}", "post", "Config"),
    ("/sensors", "get", "Sensors"),
    ("/waterfall/{task_id}/{row_count}", "get", "Waterfall"),
    ("/job/{job_id}", "delete", "Cancel"),
];

/// `GET /openapi.json`.
pub(super) fn description(with_planned: bool) -> Response {
    if with_planned && let Ok(mut description) = serde_json::from_str::<Value>(DESCRIPTION) {
        for (path, method, summary) in PLANNED {
            description["paths"][path][method] = operation(path, summary);
        }
        return answer(StatusCode::OK, &description);
    }
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}

fn operation(path: &str, summary: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter =
        |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    json!({
        "summary": summary,
        "parameters": names.map(parameter).collect::<Vec<_>>(),
        "responses": { "200": { "description": "Successful Response" } },
    })
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

//! A test plan as both products answer it, and as strict as they are about how it is asked for.

use super::{Inside, refuse};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The plan that there is.
pub(crate) const PLAN: &str = "PZ-14024";

/// What the schema knows of what may be asked; everything else is an error of the whole query.
const WORDS: [&str; 18] = [
    "query",
    "jql",
    "String",
    "start",
    "Int",
    "limit",
    "getTestPlans",
    "total",
    "results",
    "issueId",
    "tests",
    "jira",
    "fields",
    "key",
    "summary",
    "status",
    "true",
    "false",
];

/// The tests of the plan, by their number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How many there are.
    pub(crate) tests: usize,
    /// How many the product says there are.
    pub(crate) said: usize,
    /// How many it gives in one page, whatever is asked for.
    pub(crate) page: usize,
}

impl Plan {
    pub(crate) fn of(tests: usize) -> Self {
        Self { tests, said: tests, page: usize::MAX }
    }

    fn page(self, start: usize, limit: usize) -> impl Iterator<Item = usize> {
        (start..self.tests).take(limit.min(self.page)).map(|index| index + 1)
    }
}

/// `GET /api/testplan/{key}/test` of Data Center: pages are counted from one, and an unknown plan is a bad request.
pub(super) fn data_center(inside: &Inside, plan: &str, query: &BTreeMap<String, String>) -> Response {
    if let Some(strange) = query.keys().find(|name| !["page", "limit"].contains(&name.as_str())) {
        return refuse(StatusCode::BAD_REQUEST, format!("the parameter `{strange}` is not known"));
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (Some(page @ 1..), Some(limit @ 1..=100)) = (number("page"), number("limit")) else {
        return refuse(StatusCode::BAD_REQUEST, "page counts from 1, limit goes to 100");
    };
    if plan != PLAN {
        return refuse(StatusCode::BAD_REQUEST, format!("Test Plan with key {plan} not found"));
    }
    let size = limit.min(inside.plan.page);
    let tests: Vec<Value> = inside
        .plan
        .page((page - 1) * size, size)
        .map(|number| json!({ "id": number, "key": format!("PZ-{number}"), "latestStatus": "TODO" }))
        .collect();
    Value::from(tests).to_string().into_response()
}

/// `POST /graphql` of Cloud. What is wrong is said with 200, as GraphQL does.
pub(super) async fn cloud(inside: &Inside, request: Request) -> Response {
    if request.headers().get("content-type").is_none_or(|given| given != "application/json") {
        return refuse(StatusCode::BAD_REQUEST, "a query is sent as application/json");
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
    let answer = match serde_json::from_slice::<Value>(&body) {
        Ok(body) => plans(inside, &body),
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let answer = answer.unwrap_or_else(|why| json!({ "errors": [{ "message": why }], "data": null }));
    answer.to_string().into_response()
}

fn plans(inside: &Inside, body: &Value) -> Result<Value, String> {
    let query = body["query"].as_str().ok_or("Must provide query string.")?;
    let mut words = query.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    if let Some(strange) = words.find(|word| !WORDS.contains(word) && word.parse::<u32>().is_err()) {
        return Err(format!("Cannot query field \"{strange}\"."));
    }
    if query.matches('{').count() != query.matches('}').count() {
        return Err("Syntax Error: Expected Name, found <EOF>.".to_owned());
    }
    if query.matches(" limit:").count() < 2 {
        return Err(
            "Field argument \"limit\" of type \"Int!\" is required, but it was not provided.".to_owned()
        );
    }
    let given = body["variables"].as_object().ok_or("Variables are required.")?;
    if let Some(strange) = given.keys().find(|name| !query.contains(&format!("${name}:"))) {
        return Err(format!("Variable \"${strange}\" is not defined."));
    }
    let number =
        |name: &str| given.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
    let (Some(start), Some(limit)) = (number("start"), number("limit")) else {
        return Err("Variable of required type \"Int!\" was not provided.".to_owned());
    };
    if !(1..=100).contains(&limit) {
        return Err("limit must be between 1 and 100".to_owned());
    }
    let key = given.get("jql").and_then(Value::as_str).and_then(|jql| jql.strip_prefix("key = "));
    let key = key.filter(|key| shakedown_core::key::is_key(key)).ok_or("Error in the JQL Query.")?;
    if key != PLAN {
        return Ok(json!({ "data": { "getTestPlans": { "results": [] } } }));
    }
    let results: Vec<Value> = inside
        .plan
        .page(start, limit)
        .map(|number| json!({ "jira": { "key": format!("PZ-{number}"), "summary": format!("Test {number}") } }))
        .collect();
    let tests = json!({ "total": inside.plan.said, "results": results });
    Ok(json!({ "data": { "getTestPlans": { "results": [{ "tests": tests }] } } }))
}

//! Stands in for Xray, and refuses what it refuses.

pub(crate) mod plan;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest as _, Multipart, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use plan::Plan;
use serde_json::{Value, json};
use shakedown_config::Product;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How it takes what is asked next, logins apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// 429, with this Retry-After.
    Busy(&'static str),
    /// The gateway before it gives up.
    GatewayTimeout,
    /// It breaks the connection.
    HangsUp,
    /// It never answers.
    Silent,
    /// 200 without a key.
    NoKey,
    /// 200, and the key is the word "undefined".
    Undefined,
    /// 200 and a page.
    NotJson,
    /// 302, to where people log in.
    Elsewhere,
    /// 500.
    Broken,
    /// It knows none of the tests.
    UnknownTest,
}

/// An import that it took.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) info: Option<Value>,
    /// `KEY STATUS`, in the order of the document.
    pub(crate) statuses: Vec<String>,
}

struct Inside {
    product: Product,
    plan: Plan,
    moods: Mutex<VecDeque<Mood>>,
    imports: Mutex<Vec<Taken>>,
    asked: Mutex<usize>,
}

pub(crate) struct Double {
    address: SocketAddr,
    inside: Arc<Inside>,
    server: JoinHandle<()>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Double {
    pub(crate) async fn start(product: Product, moods: Vec<Mood>) -> Self {
        Self::with_plan(product, moods, Plan::of(0)).await
    }

    pub(crate) async fn with_plan(product: Product, moods: Vec<Mood>, plan: Plan) -> Self {
        let inside = Arc::new(Inside {
            product,
            plan,
            moods: Mutex::new(moods.into()),
            imports: Mutex::default(),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&inside));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inside, server }
    }

    fn prefix(product: Product) -> &'static str {
        match product {
            Product::Cloud => "/api/v2",
            Product::DataCenter => "/rest/raven/2.0",
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address, Self::prefix(self.inside.product))
    }

    /// Its address, at which nobody listens any more.
    pub(crate) async fn url_after_its_end(mut self) -> String {
        self.server.abort();
        let _ = (&mut self.server).await;
        self.url()
    }

    pub(crate) fn imports(&self) -> Vec<Taken> {
        self.inside.imports.lock().unwrap().clone()
    }

    /// How often something was asked for, logins apart.
    pub(crate) fn asked(&self) -> usize {
        *self.inside.asked.lock().unwrap()
    }
}

fn refuse(status: StatusCode, why: impl Into<String>) -> Response {
    (status, json!({ "error": why.into() }).to_string()).into_response()
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix(Double::prefix(inside.product)) else {
        return refuse(StatusCode::NOT_FOUND, "no such path");
    };
    let plan = path.strip_prefix("/api/testplan/").and_then(|rest| rest.strip_suffix("/test"));
    match (request.method(), path, inside.product, plan) {
        (&Method::POST, "/authenticate", Product::Cloud, _) => authenticate(request).await,
        (&Method::POST, "/import/execution/junit", ..) => import(&inside, request, false).await,
        (&Method::POST, "/import/execution/junit/multipart", ..) => import(&inside, request, true).await,
        (&Method::POST, "/graphql", Product::Cloud, _) => match admit(&inside, request.headers()).await {
            Ok(mood) => match strange(mood) {
                Some(answer) => answer,
                None => plan::cloud(&inside, request).await,
            },
            Err(refusal) => refusal,
        },
        (&Method::GET, _, Product::DataCenter, Some(plan)) => {
            match (admit(&inside, request.headers()).await, query_of(&request)) {
                (Ok(mood), Ok(query)) => {
                    strange(mood).unwrap_or_else(|| plan::data_center(&inside, plan, &query))
                }
                (Err(refusal), _) | (_, Err(refusal)) => refusal,
            }
        }
        _ => refuse(StatusCode::NOT_FOUND, "no such path"),
    }
}

/// An answer that has nothing to do with what was asked.
fn strange(mood: Option<Mood>) -> Option<Response> {
    match mood {
        Some(Mood::NotJson) => Some("<html>welcome</html>".into_response()),
        Some(Mood::NoKey) => Some("{}".into_response()),
        _ => None,
    }
}

#[expect(clippy::result_large_err, reason = "the answer of a test double, made once in a test")]
fn query_of(request: &Request) -> Result<BTreeMap<String, String>, Response> {
    let query = Query::try_from_uri(request.uri());
    query.map(|Query(query)| query).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))
}

async fn authenticate(request: Request) -> Response {
    let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
    let right = json!({ "client_id": "the-id", "client_secret": "the-secret" });
    match serde_json::from_slice::<Value>(&body) {
        Ok(given) if given == right => "\"a-token\"".into_response(),
        _ => refuse(StatusCode::UNAUTHORIZED, "Invalid client credentials"),
    }
}

fn is_allowed(product: Product, headers: &HeaderMap) -> bool {
    let right = match product {
        Product::Cloud => "Bearer a-token",
        Product::DataCenter => "Bearer the-token",
    };
    headers.get("authorization").is_some_and(|given| given == right)
}

/// Counts what is asked, and answers it in place of the product where the mood is such.
async fn admit(inside: &Inside, headers: &HeaderMap) -> Result<Option<Mood>, Response> {
    *inside.asked.lock().unwrap() += 1;
    if !is_allowed(inside.product, headers) {
        return Err(refuse(StatusCode::UNAUTHORIZED, "who are you?"));
    }
    let mood = inside.moods.lock().unwrap().pop_front();
    match mood {
        Some(Mood::Busy(wait)) => {
            Err((StatusCode::TOO_MANY_REQUESTS, [("retry-after", wait)], "slow down").into_response())
        }
        Some(Mood::GatewayTimeout) => Err((StatusCode::GATEWAY_TIMEOUT, "<html>504</html>").into_response()),
        Some(Mood::Broken) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong")),
        Some(Mood::Elsewhere) => {
            Err((StatusCode::FOUND, [("location", "https://jira.example.com/login")]).into_response())
        }
        Some(Mood::HangsUp) => {
            // Half an answer: the connection breaks in the midst of it.
            let halves = [Ok("{"), Err(std::io::Error::other("gone"))];
            let broken = Body::from_stream(futures_util::stream::iter(halves));
            Err(Response::builder().header("content-length", "100").body(broken).unwrap())
        }
        Some(Mood::Silent) => std::future::pending().await,
        _ => Ok(mood),
    }
}

async fn import(inside: &Inside, request: Request, multipart: bool) -> Response {
    let (mood, query) = match (admit(inside, request.headers()).await, query_of(&request)) {
        (Ok(mood), Ok(query)) => (mood, query),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    };
    let query: Vec<(String, String)> = query.into_iter().collect();
    let (document, info) = match parts(inside.product, request, multipart).await {
        Ok(parts) => parts,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why),
    };
    if let Err(why) = check_form(inside.product, &query, info.as_ref(), multipart) {
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    let known = if mood == Some(Mood::UnknownTest) { &[][..] } else { &["PZ-1", "PZ-2", "PZ-3"][..] };
    let statuses = match read(&document, known) {
        Ok(statuses) => statuses,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, why),
    };
    let fixed = query.iter().find(|(name, _)| name == "testExecKey").map(|(_, key)| key.clone());
    inside.imports.lock().unwrap().push(Taken { query, info, statuses });
    let key = fixed.unwrap_or_else(|| "PZ-900".to_owned());
    match (mood, inside.product) {
        (Some(Mood::NoKey | Mood::NotJson), _) => strange(mood).unwrap(),
        (Some(Mood::Undefined), _) => json!({ "key": "undefined" }).to_string().into_response(),
        (_, Product::Cloud) => json!({ "id": "1", "key": key }).to_string().into_response(),
        (_, Product::DataCenter) => {
            json!({ "testExecIssue": { "id": "1", "key": key } }).to_string().into_response()
        }
    }
}

/// The document and the fields, from whichever form the product takes.
async fn parts(
    product: Product,
    request: Request,
    multipart: bool,
) -> Result<(String, Option<Value>), String> {
    let media_type =
        request.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !multipart && product == Product::Cloud {
        if media_type != "text/xml" {
            return Err(format!("the standard form takes text/xml, not `{media_type}`"));
        }
        let body =
            axum::body::to_bytes(request.into_body(), 1 << 24).await.map_err(|error| error.to_string())?;
        return Ok((String::from_utf8(body.into()).map_err(|error| error.to_string())?, None));
    }
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| error.body_text())?;
    let (mut document, mut info) = (None, None);
    let results = if product == Product::Cloud { "results" } else { "file" };
    while let Some(field) = form.next_field().await.map_err(|error| error.body_text())? {
        let name = field.name().unwrap_or_default().to_owned();
        let text = field.text().await.map_err(|error| error.body_text())?;
        match name.as_str() {
            name if name == results => document = Some(text),
            "info" if multipart => {
                info = Some(serde_json::from_str(&text).map_err(|error| error.to_string())?);
            }
            name => return Err(format!("unexpected part `{name}`")),
        }
    }
    Ok((document.ok_or_else(|| format!("part `{results}` is missing"))?, info))
}

fn check_form(
    product: Product,
    query: &[(String, String)],
    info: Option<&Value>,
    multipart: bool,
) -> Result<(), String> {
    const KNOWN: [&str; 6] =
        ["projectKey", "testExecKey", "testPlanKey", "testEnvironments", "revision", "fixVersion"];
    if multipart {
        let info = info.ok_or("part `info` is missing")?;
        if !query.is_empty() {
            return Err("the multipart form takes no query".to_owned());
        }
        let allowed: &[&str] =
            if product == Product::Cloud { &["fields", "xrayFields"] } else { &["fields"] };
        let strange = info
            .as_object()
            .ok_or("`info` is no object")?
            .keys()
            .find(|key| !allowed.contains(&key.as_str()));
        if let Some(strange) = strange {
            return Err(format!("`{strange}` of `info` is not known"));
        }
        for (table, known) in [
            ("fields", &["project", "summary", "issuetype", "fixVersions", "labels"][..]),
            ("xrayFields", &["testPlanKey", "environments"][..]),
        ] {
            let fields = info[table].as_object().into_iter().flatten();
            for (field, _) in fields.filter(|(field, _)| !known.contains(&field.as_str())) {
                if table == "xrayFields" || !field.starts_with("customfield_") {
                    return Err(format!("the field `{field}` is not on the screen"));
                }
            }
        }
        return ["project", "summary", "issuetype"].iter().try_for_each(|field| {
            if info["fields"][field].is_null() {
                Err(format!("the field `{field}` is required"))
            } else {
                Ok(())
            }
        });
    }
    match query.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("the parameter `{name}` is not known")),
        None if !query.iter().any(|(name, _)| name == "projectKey") => {
            Err("projectKey is required".to_owned())
        }
        None => match query.iter().find(|(name, value)| {
            value.is_empty()
                || (name.ends_with("Key") && name != "projectKey" && !shakedown_core::key::is_key(value))
        }) {
            Some((name, value)) => Err(format!("`{value}` is no {name}")),
            None => Ok(()),
        },
    }
}

/// What each test case says, as Xray reads it.
fn read(document: &str, known: &[&str]) -> Result<Vec<String>, String> {
    use quick_xml::events::Event;
    const PROPERTIES: [&str; 3] = ["test_key", "testrun_comment", "testrun_evidence"];
    let mut reader = quick_xml::Reader::from_str(document);
    let (mut statuses, mut seen) = (Vec::new(), BTreeSet::new());
    let (mut key, mut status, mut properties, mut comment) = (String::new(), "PASS", 0, 0);
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let attribute = |name: &str| {
                    let found =
                        element.attributes().flatten().find(|one| one.key.as_ref() == name.as_bytes());
                    found.map(|one| String::from_utf8_lossy(&one.value).into_owned()).unwrap_or_default()
                };
                match element.name().as_ref() {
                    b"testcase" => (status, properties, comment) = ("PASS", 0, 0),
                    b"property" => {
                        properties += 1;
                        let name = attribute("name");
                        if !PROPERTIES.contains(&name.as_str()) {
                            return Err(format!("the property `{name}` is not known"));
                        }
                        if name == "test_key" {
                            key = attribute("value");
                        }
                    }
                    b"failure" | b"error" => status = "FAIL",
                    b"skipped" => status = "TODO",
                    _ => {}
                }
            }
            Event::CData(text) => comment += text.len(),
            Event::End(element) if element.name().as_ref() == b"properties" && properties == 0 => {
                return Err("empty properties".to_owned());
            }
            Event::End(element) if element.name().as_ref() == b"testcase" => {
                if comment > 8_192 {
                    return Err("the comment is too long".to_owned());
                }
                if !known.contains(&key.as_str()) {
                    return Err(format!("the test `{key}` does not exist"));
                }
                if !seen.insert(key.clone()) {
                    return Err(format!("the test `{key}` comes twice"));
                }
                statuses.push(format!("{key} {status}"));
            }
            Event::Eof => return Ok(statuses),
            _ => {}
        }
    }
}

//! Which tests a test plan has, read page by page.
//!
//! An answer is the whole plan or an error: a plan without tests, a page that is not what was asked for, and pages that
//! end too early are never taken for "no tests".

use crate::error::XrayError;
use crate::session::{Pace, Repeat, Session, said};
use serde_json::{Value, json};
use shakedown_config::{Product, Xray};
use shakedown_core::Clock;
use shakedown_core::key::is_key;
use shakedown_http::{Exchange, Request};
use std::collections::BTreeMap;
use std::time::Duration;

/// Tests of one page: what both products take.
const PAGE: usize = 50;

/// Pages that are read at most: a server that never comes to an end is none to wait for.
const PAGES: usize = 1_000;

/// A page of a plan in Xray Cloud, which finds a plan by its key through JQL alone.
const QUERY: &str = r#"query ($jql: String!, $start: Int!, $limit: Int!) {
  getTestPlans(jql: $jql, limit: 1) {
    results {
      tests(start: $start, limit: $limit) {
        total
        results { jira(fields: ["key", "summary"]) }
      }
    }
  }
}"#;

/// A test of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTest {
    /// Its key.
    pub key: String,
    /// What it is called in Jira, where the product says so.
    pub summary: Option<String>,
}

/// The tests of a plan, sorted by key; at least one.
///
/// # Errors
/// See [`XrayError`].
pub async fn tests_of(
    xray: &Xray,
    plan: &str,
    pace: Pace,
    clock: &Clock,
) -> Result<Vec<PlannedTest>, XrayError> {
    if !is_key(plan) {
        return Err(XrayError::Settings(format!("`{plan}` is no key of a test plan, as `PZ-14024` is one")));
    }
    let session = Session::open(xray, pace, clock).await?;
    let reader = Reader { session, plan, timeout: xray.timeout };
    let tests = match xray.product {
        Product::Cloud => reader.cloud().await?,
        Product::DataCenter => reader.data_center().await?,
    };
    if tests.is_empty() {
        return Err(reader.wrong("has no tests: add them in Jira, or name another plan"));
    }
    Ok(tests.into_iter().map(|(key, summary)| PlannedTest { key, summary }).collect())
}

/// The summaries by key.
type Tests = BTreeMap<String, Option<String>>;

struct Reader<'a> {
    session: Session<'a>,
    plan: &'a str,
    timeout: Duration,
}

impl Reader<'_> {
    fn wrong(&self, why: impl Into<String>) -> XrayError {
        XrayError::Plan { plan: self.plan.to_owned(), why: why.into() }
    }

    async fn ask(&self, request: Request) -> Result<(Exchange, Value), XrayError> {
        let what = format!("the test plan `{}`", self.plan);
        let answer = self.session.send(&what, &request, Repeat::Safe).await?;
        let body =
            answer.json().map_err(|_| self.wrong(format!("is answered with no JSON: {}", said(&answer))))?;
        Ok((answer, body))
    }

    fn unreadable(&self, answer: &Exchange) -> XrayError {
        self.wrong(format!("is answered with something else than its tests: {}", said(answer)))
    }

    /// Cloud says how many there are; fewer is an error.
    async fn cloud(&self) -> Result<Tests, XrayError> {
        let (mut tests, mut read) = (Tests::new(), 0);
        for _ in 0..PAGES {
            let jql = format!("key = {}", self.plan);
            let variables = json!({ "jql": jql, "start": read, "limit": PAGE });
            let body = json!({ "query": QUERY, "variables": variables }).to_string();
            let (answer, body) = self.ask(Request::post_json("/graphql", body, self.timeout)).await?;
            if let Some(error) = body["errors"].as_array().and_then(|errors| errors.first()) {
                let why = error["message"].as_str().unwrap_or("without a reason");
                return Err(self.wrong(format!("cannot be read: {}", shakedown_report::text::clean(why))));
            }
            let plans = body["data"]["getTestPlans"]["results"].as_array();
            let plans = plans.ok_or_else(|| self.unreadable(&answer))?;
            let Some(plan) = plans.first() else {
                return Err(
                    self.wrong("is not there, is no test plan, or may not be seen with these credentials")
                );
            };
            let (total, page) = (plan["tests"]["total"].as_u64(), plan["tests"]["results"].as_array());
            let (Some(total), Some(page)) = (total, page) else { return Err(self.unreadable(&answer)) };
            for test in page {
                let (key, summary) = test_of(&test["jira"]).ok_or_else(|| self.unreadable(&answer))?;
                tests.insert(key, summary);
            }
            read += page.len() as u64;
            if read >= total {
                return Ok(tests);
            }
            if page.is_empty() {
                return Err(self.wrong(format!("has {total} tests, of which only {read} were answered")));
            }
        }
        Err(self.endless())
    }

    /// Data Center does not say how many there are, and may be set to smaller pages than are asked for: the end is a
    /// page without tests, or one without new ones where pages are not known.
    async fn data_center(&self) -> Result<Tests, XrayError> {
        let mut tests = Tests::new();
        for page in 1..=PAGES {
            let query = [("page", page), ("limit", PAGE)];
            let request = Request {
                query: query.map(|(name, value)| (name.to_owned(), value.to_string())).to_vec(),
                ..Request::get(format!("/api/testplan/{}/test", self.plan), self.timeout)
            };
            let (answer, body) = self.ask(request).await?;
            let known = tests.len();
            for test in body.as_array().ok_or_else(|| self.unreadable(&answer))? {
                let (key, summary) = test_of(test).ok_or_else(|| self.unreadable(&answer))?;
                tests.insert(key, summary);
            }
            if tests.len() == known {
                return Ok(tests);
            }
        }
        Err(self.endless())
    }

    fn endless(&self) -> XrayError {
        self.wrong(format!("does not end after {PAGES} pages"))
    }
}

/// The key of a test, and what it is called.
fn test_of(test: &Value) -> Option<(String, Option<String>)> {
    let key = test["key"].as_str().filter(|key| is_key(key))?;
    Some((key.to_owned(), test["summary"].as_str().map(str::to_owned)))
}

//! What stands behind the question mark.

use crate::kubernetes::error::ApiError;
use crate::kubernetes::kinds::Kind;
use crate::kubernetes::selectors::Selector;
use serde_json::Value;
use std::str::FromStr;
use std::time::Duration;
use url::form_urlencoded;

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn read(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// A parameter; empty, where it is not given.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
    }

    /// A parameter that switches something on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), "true" | "1")
    }

    /// A number; none, where it is not given.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let unreadable = || ApiError::bad_request(format!("{name}: Invalid value: \"{text}\": not a number"));
        text.parse().map(Some).map_err(|_| unreadable())
    }

    /// A number of seconds.
    pub(super) fn seconds(&self, name: &str) -> Result<Option<Duration>, ApiError> {
        Ok(self.number(name)?.map(Duration::from_secs))
    }

    /// Whether nothing is to be changed. What a body says of it counts too.
    pub(super) fn is_dry_run(&self, options: &Value) -> bool {
        self.text("dryRun") == "All" || options["dryRun"].as_array().is_some_and(|dry| !dry.is_empty())
    }

    /// The objects that are meant.
    pub(super) fn selector(&self, kind: &Kind) -> Result<Selector, ApiError> {
        Selector::read(kind, self.text("labelSelector"), self.text("fieldSelector"))
    }
}

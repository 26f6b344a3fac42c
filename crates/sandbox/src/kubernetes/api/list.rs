//! One object, and pages of many.

use super::Api;
use super::form::Form;
use super::path::Target;
use super::query::Query;
use crate::kubernetes::error::ApiError;
use crate::kubernetes::faults::Fault;
use crate::kubernetes::store::Place;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// One object.
pub(super) fn get(api: &Api, target: &Target, name: &str, form: Form) -> Result<String, ApiError> {
    let object = api.store().get(target.kind, target.place(), name)?;
    Ok(form.one(target.kind, &object, api.now()))
}

/// A page of objects.
pub(super) fn list(api: &Api, target: &Target, query: &Query, form: Form) -> Result<String, ApiError> {
    let selector = query.selector(target.kind)?;
    let limit = query.number::<usize>("limit")?.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let token = Token::read(query.text("continue"))?;
    if let Some(Token { version, .. }) = &token {
        let expired = "The provided continue parameter is too old to display a consistent list result. You must \
                       start a new list without the continue parameter.";
        api.store().check_known(*version).map_err(|_| ApiError::expired(expired))?;
    }
    let from = token.as_ref().map(|token| &token.place);
    let page = api
        .store()
        .page(target.kind, target.namespace.as_deref(), from, limit, |object| selector.matches(object));

    let version = token.as_ref().map_or(page.version, |token| token.version);
    check_version(query, version, page.version)?;
    let mut next = page.next.clone();
    if api.has(Fault::Endless) {
        let here = from.cloned().unwrap_or_default();
        next = Some(if here.0.is_empty() { (target.place().to_owned(), String::new()) } else { here });
    }
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if let Some(place) = next {
        metadata["continue"] = json!(Token { version, place }.text());
    }
    Ok(form.many(target.kind, &page, &metadata, api.now()))
}

/// Refuses a version that is not there yet, or of which exactly that is wanted and gone.
fn check_version(query: &Query, listed: u64, current: u64) -> Result<(), ApiError> {
    let Some(wanted) = query.number::<u64>("resourceVersion")? else { return Ok(()) };
    if wanted > current {
        return Err(ApiError::timeout(format!("Too large resource version: {wanted}, current: {current}")));
    }
    if query.text("resourceVersionMatch") == "Exact" && wanted != listed {
        return Err(ApiError::expired(format!(
            "The resourceVersion for the provided list is too old: {wanted}"
        )));
    }
    Ok(())
}

/// Where a list goes on, and which version of it is shown.
#[derive(Debug, PartialEq, Eq)]
struct Token {
    version: u64,
    place: Place,
}

impl Token {
    fn text(&self) -> String {
        let token = json!({ "rv": self.version, "namespace": self.place.0, "name": self.place.1 });
        BASE64_URL_SAFE_NO_PAD.encode(token.to_string())
    }

    /// Reads what `continue` says; none, where it says nothing.
    fn read(text: &str) -> Result<Option<Self>, ApiError> {
        if text.is_empty() {
            return Ok(None);
        }
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let token: Value = serde_json::from_slice(&decoded).unwrap_or_default();
        let field = |name: &str| token[name].as_str().map(str::to_owned);
        match (token["rv"].as_u64(), field("namespace"), field("name")) {
            (Some(version), Some(namespace), Some(name)) => {
                Ok(Some(Self { version, place: (namespace, name) }))
            }
            _ => Err(ApiError::bad_request("continue key is not valid")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written() {
        let token = Token { version: 7, place: ("panda".to_owned(), "a-b".to_owned()) };
        assert_eq!(Token::read(&token.text()).unwrap(), Some(token));
        assert_eq!(Token::read("").unwrap(), None);
        insta::assert_snapshot!(Token::read("nonsense").unwrap_err(), @"continue key is not valid");
    }
}

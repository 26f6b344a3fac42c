//! Who may do what: one user who may do everything, until faults take rights away.

use crate::kubernetes::error::ApiError;
use crate::kubernetes::faults::{Fault, Faults};
use crate::kubernetes::kinds::KINDS;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Who asks.
const USER: &str = "system:serviceaccount:panda:shakedown";
const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// A thing to do, in the words of the authoriser.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) verb: String,
    pub(super) group: String,
    /// In the plural.
    pub(super) resource: String,
    pub(super) subresource: String,
    /// Empty for cluster scope, and for all namespaces.
    pub(super) namespace: String,
    /// Empty for all objects.
    pub(super) name: String,
}

impl Access {
    /// Refuses it, where the right was taken away.
    pub(super) fn check(&self, faults: &Faults) -> Result<(), ApiError> {
        if self.is_allowed(faults) {
            return Ok(());
        }
        let (verb, group, whole) = (&self.verb, &self.group, self.whole_resource());
        let place = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", self.namespace)
        };
        let dot = if group.is_empty() { "" } else { "." };
        let subject = format!("{}{dot}{group}", self.resource);
        let named = if self.name.is_empty() { String::new() } else { format!(" \"{}\"", self.name) };
        Err(ApiError::forbidden(format!(
            "{subject}{named} is forbidden: User \"{USER}\" cannot {verb} resource \"{whole}\" in API group \
             \"{group}\" {place}"
        )))
    }

    fn is_allowed(&self, faults: &Faults) -> bool {
        let is_log = self.resource == "pods" && self.subresource == "log";
        let is_denied = faults.has(Fault::Forbidden) || is_log && faults.has(Fault::LogsForbidden);
        !is_denied
    }

    fn whole_resource(&self) -> String {
        let slash = if self.subresource.is_empty() { "" } else { "/" };
        format!("{}{slash}{}", self.resource, self.subresource)
    }
}

/// Answers a question about rights: a review, filled in.
pub(super) fn review(faults: &Faults, plural: &str, mut asked: Value) -> Result<Value, ApiError> {
    let (kind, status) = match plural {
        "selfsubjectaccessreviews" => ("SelfSubjectAccessReview", access_review(faults, &asked)),
        "selfsubjectrulesreviews" => ("SelfSubjectRulesReview", rules_review(faults)),
        _ => return Err(ApiError::no_such_path()),
    };
    asked["kind"] = json!(kind);
    asked["apiVersion"] = json!("authorization.k8s.io/v1");
    asked["status"] = status;
    Ok(asked)
}

fn access_review(faults: &Faults, asked: &Value) -> Value {
    let attributes = &asked["spec"]["resourceAttributes"];
    if !attributes.is_object() {
        // Paths that are no resources: everyone who is known may look around.
        return json!({ "allowed": asked["spec"]["nonResourceAttributes"]["verb"] == "get" });
    }
    let text = |field: &str| attributes[field].as_str().unwrap_or_default().to_owned();
    let access = Access {
        verb: text("verb"),
        group: text("group"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
    };
    match access.check(faults) {
        Ok(()) => json!({ "allowed": true, "reason": "the sandbox allows everything" }),
        Err(refusal) => json!({ "allowed": false, "reason": refusal.message }),
    }
}

fn rules_review(faults: &Faults) -> Value {
    let mut resources: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for kind in KINDS {
        let whole = [("", true), ("/status", kind.status), ("/scale", kind.scale)];
        let served = whole.iter().filter(|(_, is_served)| *is_served);
        resources
            .entry(kind.group)
            .or_default()
            .extend(served.map(|(sub, _)| format!("{}{sub}", kind.plural)));
    }
    resources.entry("").or_default().extend(["pods/log", "pods/eviction"].map(str::to_owned));
    resources.entry(super::path::METRICS).or_default().extend(["nodes", "pods"].map(str::to_owned));
    let rules: Vec<Value> = resources
        .into_iter()
        .map(|(group, resources)| {
            let allowed = resources.into_iter().filter(|whole| {
                let (resource, subresource) = whole.split_once('/').unwrap_or((whole, ""));
                let access = Access {
                    verb: "get".to_owned(),
                    group: group.to_owned(),
                    resource: resource.to_owned(),
                    subresource: subresource.to_owned(),
                    namespace: String::new(),
                    name: String::new(),
                };
                access.is_allowed(faults)
            });
            json!({ "verbs": VERBS, "apiGroups": [group], "resources": allowed.collect::<Vec<_>>() })
        })
        .filter(|rule| rule["resources"].as_array().is_some_and(|resources| !resources.is_empty()))
        .chain([json!({
            "verbs": ["create"],
            "apiGroups": [super::path::AUTHORIZATION],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        })])
        .collect();
    let open = json!([{ "verbs": ["get"], "nonResourceURLs": ["/api", "/apis", "/healthz", "/openapi/*", "/version"] }]);
    json!({ "resourceRules": rules, "nonResourceRules": open, "incomplete": false })
}

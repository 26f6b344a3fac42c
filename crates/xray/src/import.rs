//! What an import is to say beside the results: plan, environments, revision, version.

use serde_json::{Map, Value, json};
use shakedown_config::{Product, Xray};
use shakedown_core::key::is_key;
use shakedown_core::run::Run;

/// What an import says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The Jira project.
    pub project: String,
    /// The execution that results go to; without it a new one comes to be.
    pub execution: Option<String>,
    /// The test plan.
    pub plan: Option<String>,
    /// The test environments.
    pub environments: Vec<String>,
    /// The revision of what was tested.
    pub revision: Option<String>,
    /// The version of what was tested.
    pub fix_version: Option<String>,
    /// The summary of a new execution.
    pub summary: String,
}

impl Import {
    /// What the settings say of the results of this run.
    pub fn new(xray: &Xray, run: &Run, project: &str) -> Self {
        let environments = match xray.environments.as_slice() {
            [] => vec![run.info.environment.clone()],
            environments => environments.to_vec(),
        };
        Self {
            project: project.to_owned(),
            execution: xray.execution.clone(),
            plan: xray.plan.clone(),
            environments,
            revision: xray.revision.clone(),
            fix_version: xray.fix_version.clone(),
            summary: format!("{} on {}: run {}", run.info.project, run.info.environment, run.info.id),
        }
    }

    /// The query of the standard form.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let environments = (!self.environments.is_empty()).then(|| self.environments.join(";"));
        let pairs = [
            ("projectKey", Some(self.project.clone())),
            ("testExecKey", self.execution.clone()),
            ("testPlanKey", self.plan.clone()),
            ("testEnvironments", environments),
            ("revision", self.revision.clone()),
            ("fixVersion", self.fix_version.clone()),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// What no product would take.
    ///
    /// # Errors
    /// In words, naming the value.
    pub(crate) fn check(&self) -> Result<(), String> {
        let keys = [("plan", &self.plan), ("execution", &self.execution)];
        for (name, key) in keys.into_iter().filter_map(|(name, key)| Some((name, key.as_ref()?))) {
            if !is_key(key) {
                return Err(format!(
                    "`{name}` is `{key}`, which is no key of a Jira issue, as `PZ-14024` is one"
                ));
            }
        }
        match self.environments.iter().find(|name| name.contains(';')) {
            Some(name) => Err(format!(
                "the test environment `{name}` has a `;`, which separates them: name each by itself"
            )),
            None => Ok(()),
        }
    }

    /// Whether the standard form cannot say what is to be said: a new execution with fields of its own.
    pub(crate) fn needs_multipart(&self, xray: &Xray) -> bool {
        self.execution.is_none() && !xray.fields.is_empty()
    }

    /// The `info` of the multipart form: the fields of the new execution.
    ///
    /// # Errors
    /// Where something is to be said that this form has no field for, and the custom field for it is not named.
    pub(crate) fn info(&self, xray: &Xray) -> Result<Value, String> {
        let custom = |field: &Option<String>, key: &str| {
            field
                .clone()
                .ok_or_else(|| format!("`fields` are given, so `{key}` must name the custom field too"))
        };
        let mut fields = Map::from_iter([
            ("project".to_owned(), json!({ "key": self.project })),
            ("summary".to_owned(), json!(self.summary)),
            ("issuetype".to_owned(), json!({ "name": "Test Execution" })),
        ]);
        if let Some(version) = &self.fix_version {
            fields.insert("fixVersions".to_owned(), json!([{ "name": version }]));
        }
        if let Some(revision) = &self.revision {
            fields.insert(custom(&xray.revision_field, "revision_field")?, json!(revision));
        }
        fields.extend(xray.fields.clone());
        match xray.product {
            Product::Cloud => {
                let mut own = Map::new();
                if let Some(plan) = &self.plan {
                    own.insert("testPlanKey".to_owned(), json!(plan));
                }
                if !self.environments.is_empty() {
                    own.insert("environments".to_owned(), json!(self.environments));
                }
                Ok(json!({ "fields": fields, "xrayFields": own }))
            }
            Product::DataCenter => {
                if let Some(plan) = &self.plan {
                    fields.insert(custom(&xray.plan_field, "plan_field")?, json!([plan]));
                }
                if !self.environments.is_empty() {
                    let field = custom(&xray.environments_field, "environments_field")?;
                    fields.insert(field, json!(self.environments));
                }
                Ok(json!({ "fields": fields }))
            }
        }
    }
}

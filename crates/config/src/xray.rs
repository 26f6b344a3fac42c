//! `[environments.E.xray]`: where and how results are uploaded, and test plans read.

use crate::diagnostic::Problems;
use crate::reader::{Reader, array, duration, filled_text, word};
use crate::target::refuse_literal;
use crate::tree::Node;
use serde_json::Value as Json;
use shakedown_core::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long an import may take, unless the file says otherwise: gateways give up after a minute.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Which Xray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Xray Cloud: client id and secret.
    Cloud,
    /// Xray Server or Data Center, within Jira: a personal access token, or user and password.
    DataCenter,
}

impl Product {
    /// Every value.
    pub const ALL: &[Self] = &[Self::Cloud, Self::DataCenter];

    /// The word users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cloud => "cloud",
            Self::DataCenter => "data-center",
        }
    }
}

/// Who uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Xray Cloud's API key.
    Client {
        /// Its id.
        id: Secret,
        /// Its secret.
        secret: Secret,
    },
    /// Jira's personal access token.
    Token(Secret),
    /// A user of Jira.
    User {
        /// Its name.
        name: String,
        /// Its password.
        password: Secret,
    },
}

/// Where and how the results of an environment are uploaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Xray {
    /// Which Xray.
    pub product: Product,
    /// The address of its API, up to and without `/authenticate` or `/import`.
    pub url: String,
    /// Who uploads.
    pub credentials: Credentials,
    /// The test plan that an execution belongs to.
    pub plan: Option<String>,
    /// The execution that results go to; without it each upload makes a new one.
    pub execution: Option<String>,
    /// The test environments; the environment's name where there are none.
    pub environments: Vec<String>,
    /// The revision of what was tested.
    pub revision: Option<String>,
    /// The version of what was tested.
    pub fix_version: Option<String>,
    /// Further fields of a new execution, as Jira's API names them.
    pub fields: BTreeMap<String, Json>,
    /// On Data Center the custom fields of plan and environments, which differ from Jira to Jira.
    pub plan_field: Option<String>,
    /// See `plan_field`.
    pub environments_field: Option<String>,
    /// The custom field of the revision, which only the form without `fields` has a word for.
    pub revision_field: Option<String>,
    /// A PEM file of further certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// How long an import, or a page of a plan, may take.
    pub timeout: Duration,
}

/// The keys that hold secrets.
const SECRETS: [&str; 4] = ["client_id", "client_secret", "token", "password"];

/// Reads the table. What is missing is an error only where its variables are filled in.
pub(crate) fn read(node: &Node, name: &str, filled: bool, problems: &mut Problems) -> Option<Xray> {
    let reader = Reader::of(node, "`xray`", problems)?;
    let text = |key: &'static str, problems: &mut Problems| {
        reader.optional(key, problems, filled_text).map(str::to_owned)
    };
    // A variable that is empty stands for a setting that is not there.
    let maybe = |key: &'static str, problems: &mut Problems| {
        let read = |node: &Node, key: &str, problems: &mut Problems| {
            crate::reader::text(node, key, problems).map(str::to_owned)
        };
        reader.optional(key, problems, read).filter(|text| !text.trim().is_empty())
    };
    let [client_id, client_secret, token, password] = SECRETS.map(|key| {
        let read = |node: &Node, key: &str, problems: &mut Problems| {
            refuse_literal(key, node, problems);
            crate::reader::text(node, key, problems).map(Secret::new)
        };
        reader.optional(key, problems, read).filter(|secret| !secret.expose().trim().is_empty())
    });
    let product = reader
        .require("product", "\"cloud\"", problems)
        .and_then(|node| word(Product::ALL, |product: &Product| product.as_str())(node, "product", problems));
    let url = reader.require("url", "\"${SHAKEDOWN_XRAY_URL}\"", problems);
    let url = url
        .and_then(|node| filled_text(node, "url", problems))
        .map(|url| url.trim_end_matches('/').to_owned());
    let environments = reader.optional("environments", problems, |node, key, problems| {
        array(node, key, problems, |node, key, problems| filled_text(node, key, problems).map(str::to_owned))
    });
    let fields = reader.table("fields", problems).map(|fields| match fields.to_json() {
        Json::Object(fields) => fields.into_iter().collect(),
        _ => BTreeMap::new(),
    });
    let user = text("user", problems);
    let (plan, execution) = (maybe("plan", problems), maybe("execution", problems));
    let (revision, fix_version) = (maybe("revision", problems), maybe("fix_version", problems));
    let (plan_field, environments_field) =
        (text("plan_field", problems), text("environments_field", problems));
    let (revision_field, ca_file) = (text("revision_field", problems), text("ca_file", problems));
    let timeout = reader.optional("timeout", problems, duration);
    reader.finish(problems);

    let product = product?;
    let credentials = match (product, client_id, client_secret, token, user, password) {
        (Product::Cloud, Some(id), Some(secret), ..) => Some(Credentials::Client { id, secret }),
        (Product::DataCenter, _, _, Some(token), ..) => Some(Credentials::Token(token)),
        (Product::DataCenter, _, _, _, Some(name), Some(password)) => {
            Some(Credentials::User { name, password })
        }
        _ => None,
    };
    if filled && credentials.is_none() {
        let help = match product {
            Product::Cloud => "give `client_id` and `client_secret`, each as `${VARIABLE}`",
            Product::DataCenter => "give `token`, or `user` and `password`, secrets as `${VARIABLE}`",
        };
        problems
            .error(&node.span, format!("`xray` of `{name}` has no credentials for {}", product.as_str()))
            .help(help);
    }
    Some(Xray {
        product,
        url: url?,
        credentials: credentials?,
        plan,
        execution,
        environments: environments.unwrap_or_default(),
        revision,
        fix_version,
        fields: fields.unwrap_or_default(),
        plan_field,
        environments_field,
        revision_field,
        ca_file: ca_file.map(PathBuf::from),
        timeout: timeout.unwrap_or(TIMEOUT),
    })
}

impl Xray {
    /// What must stay out of every output.
    pub fn secrets(&self) -> Vec<String> {
        let secrets = match &self.credentials {
            Credentials::Client { id, secret } => vec![id, secret],
            Credentials::Token(token) => vec![token],
            Credentials::User { password, .. } => vec![password],
        };
        secrets.into_iter().map(|secret| secret.expose().to_owned()).collect()
    }
}

//! The format as types, for its JSON Schema alone. The doc comments are what editors show; a test holds the keys against
//! those that the reader asks for.

#![expect(dead_code, reason = "only the schema is made of these")]

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use shakedown_core::{Effect, Secret, Severity};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What is run where, with which settings, and what may be done to it.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The version of the format.
    version: Version,
    /// The project.
    project: Option<Project>,
    /// The environments, by name.
    environments: BTreeMap<String, Environment>,
    /// The suites, by name.
    suites: Option<BTreeMap<String, Suite>>,
}

/// The project.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Project {
    /// Its name.
    name: String,
    /// Its key in Jira.
    jira: Option<String>,
    /// The address of Jira, for links.
    jira_url: Option<String>,
    /// Checks that are in no suite, and are meant to be.
    unselected: Option<Vec<Id>>,
}

/// A system that checks are run against, or a sandbox.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Environment {
    /// The environment that this one inherits from.
    extends: Option<String>,
    /// What it is for; `capacity-target` must meet capacity, elsewhere capacity is informational.
    role: Option<String>,
    /// The embedded environment, in place of real targets.
    sandbox: Option<Sandbox>,
    /// What holds for every check unless an override says otherwise.
    defaults: Option<Defaults>,
    /// How many checks of a named group may run at the same time.
    groups: Option<Groups>,
    /// How to reach what checks talk to, by kind.
    targets: Option<Targets>,
    /// What may be done to the environment.
    policy: Option<Policy>,
    /// Where results are uploaded and test plans are read; read by `upload` and `keys` alone.
    xray: Option<Xray>,
    /// Settings of the checks that a selection selects; later ones win.
    #[serde(rename = "override")]
    overrides: Option<Vec<Override>>,
    /// Checks that are known to fail and are tolerated until a day.
    #[serde(rename = "waiver")]
    waivers: Option<Vec<Waiver>>,
}

/// The embedded environment.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Sandbox {
    /// The incident to replay.
    incident: Option<Id>,
    /// The faults to turn on.
    faults: Option<Vec<Id>>,
    /// How many recordings the database holds.
    recordings: Option<Limit>,
    /// Whether Focus Server also serves its planned API.
    planned_api: Option<bool>,
    /// How many further pods the cluster has, to make it big.
    pods: Option<u32>,
    /// How many further events the cluster has.
    events: Option<u32>,
    /// A MongoDB to use in place of a private one.
    mongo_uri: Option<Secret>,
}

/// What holds for every check unless an override says otherwise.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Defaults {
    /// How long a check may take; "30s" unless set.
    timeout: Option<Duration>,
    /// How many checks may run at the same time; 8 unless set.
    concurrency: Option<Limit>,
    /// How long the whole run may take; without limit unless set.
    run_timeout: Option<Duration>,
    /// How often a check that failed or errored is asked again.
    retries: Option<Retries>,
}

/// How often a check that failed or errored is asked again.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Retries {
    /// How often; 0 (never) unless set.
    count: Option<u32>,
    /// The pause before the first retry, which doubles with each; "1s" unless set.
    backoff: Option<Duration>,
    /// The longest pause; "30s" unless set.
    max_backoff: Option<Duration>,
    /// Whether pauses vary at random; true unless set.
    jitter: Option<bool>,
}

/// What every target takes besides its own settings.
#[derive(JsonSchema)]
pub(super) struct Target {
    /// How long connecting may take; "5s" unless set.
    connect_timeout: Option<Duration>,
    /// What tells this target from all others, for example `uid`: `doctor` shows what it says of itself. Where it says
    /// something else, nothing but reading is done in the whole environment.
    identity: Option<BTreeMap<String, String>>,
    /// What it means when the target cannot be reached: its checks are errored (unless set otherwise) or skipped.
    unreachable: Option<Unreachable>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unreachable {
    Error,
    Skip,
}

/// What may be done to the environment.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Policy {
    /// The effects that checks may have; only "read" unless set.
    allow: Option<Vec<Effect>>,
    /// The fixes that may write to a live environment; none unless set. The sandbox allows all.
    fixes: Option<Vec<Id>>,
    /// How many jobs may run at the same time; 10 unless set.
    max_concurrent_jobs: Option<Limit>,
    /// How many requests load may begin per second; 50 unless set.
    max_requests_per_second: Option<Limit>,
    /// How many requests of load may wait for their answers at the same time; 50 unless set.
    max_requests_in_flight: Option<Limit>,
}

/// Where and how results are uploaded to Jira Xray.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Xray {
    /// Which Xray: "cloud" or "data-center".
    product: Product,
    /// The address of its API, up to and without `/authenticate` or `/import`.
    url: String,
    /// Cloud: the id of the API key.
    client_id: Option<Secret>,
    /// Cloud: its secret.
    client_secret: Option<Secret>,
    /// Data Center: a personal access token.
    token: Option<Secret>,
    /// Data Center, without a token: the user.
    user: Option<String>,
    /// Data Center, without a token: the user's password.
    password: Option<Secret>,
    /// The test plan that executions belong to.
    plan: Option<String>,
    /// The execution that results go to; without it each upload makes a new one.
    execution: Option<String>,
    /// The test environments; the environment's name unless set.
    environments: Option<Vec<String>>,
    /// The revision of what was tested.
    revision: Option<String>,
    /// The version of what was tested.
    fix_version: Option<String>,
    /// Further fields of a new execution, as Jira's API names them.
    fields: Option<BTreeMap<String, serde_json::Value>>,
    /// Data Center: the custom field of the plan, for example `customfield_10200`.
    plan_field: Option<String>,
    /// Data Center: the custom field of the environments.
    environments_field: Option<String>,
    /// With `fields`: the custom field of the revision.
    revision_field: Option<String>,
    /// A PEM file of further certificate authorities to trust.
    ca_file: Option<String>,
    /// How long an import, or a page of a plan, may take; "2m" unless set.
    timeout: Option<Duration>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Product {
    Cloud,
    DataCenter,
}

/// Settings of the checks that a selection selects.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Override {
    /// Which checks, for example `plugin(mongo) & !tag(smoke)`.
    select: String,
    /// How long a check may take.
    timeout: Option<Duration>,
    /// How often a check that failed or errored is asked again.
    retries: Option<Retries>,
    /// How much its findings matter.
    severity: Option<Severity>,
    /// Whether it decides the verdict.
    gate: Option<Id>,
    /// Its parameters. Every selected check must have them.
    params: Option<Params>,
}

/// A check that is known to fail and is tolerated until a day.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Waiver {
    /// The check.
    check: Id,
    /// What is known, and why it is tolerated.
    reason: String,
    /// Where it is followed up.
    ticket: String,
    /// The last day (UTC) on which the waiver counts.
    expires: Day,
}

/// A named selection.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
struct Suite {
    /// Which checks, for example `tag(smoke) | severity(>=high)`.
    select: String,
    /// What it is for.
    description: Option<String>,
}

/// Declares a type by its schema.
macro_rules! schema_of {
    ($(#[doc = $doc:literal] $inline:literal $type:ident = $schema:tt;)+) => {
        $(
            #[doc = $doc]
            struct $type;

            impl JsonSchema for $type {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($type).into()
                }

                fn inline_schema() -> bool {
                    $inline
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )+
    };
}

schema_of! {
    /// The only version.
    true Version = { "const": 1 };
    /// A word that is replaced by those of the registry.
    true Id = { "type": "string" };
    /// A number of at least one.
    false Limit = { "type": "integer", "minimum": 1 };
    /// A day, as a TOML date or as text.
    true Day = { "type": "string", "format": "date" };
    /// A duration, or what will be one.
    false Duration = {
        "type": "string",
        "description": "A duration such as \"500ms\", \"30s\" or \"1m 30s\"",
        "pattern": r"^\s*(\d+\s*[a-zA-Z]+\s*)+$|\$\{",
    };
    /// By group; filled in from the registry.
    true Groups = { "type": "object", "properties": {}, "additionalProperties": false };
    /// By kind; filled in from the registry.
    true Targets = { "type": "object", "properties": {}, "additionalProperties": false };
    /// By key; filled in from the registry.
    true Params = { "type": "object", "properties": {}, "additionalProperties": false };
}

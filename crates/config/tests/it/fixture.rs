//! A small registry: two plugins with targets, faults and an incident.

use jiff::civil::{Date, date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shakedown_config::{Config, Diagnostics, Profile};
use shakedown_core::check::{Source, read_params};
use shakedown_core::registry::Entries;
use shakedown_core::sandbox::{
    FaultSpec, IncidentSpec, Part, PartContext, PartSpec, RunningPart, Unavailable,
};
use shakedown_core::target::{ConnectContext, Connected};
use shakedown_core::{
    Check, CheckError, CheckSpec, Context, Docs, Effect, FixSpec, Gate, HumanDuration, NoParams, Observation,
    Params, Registry, Secret, Severity, Target, TargetError, TargetSpec, Verdict, async_trait,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;

struct Nothing;

#[async_trait]
impl Check for Nothing {
    async fn run(&self, _: &Context) -> Result<Verdict, CheckError> {
        Ok(Verdict::of(Observation::seen("nothing")))
    }
}

/// How old recordings may be.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ages {
    /// Younger ones are still being written
    pub(crate) youngest: HumanDuration,
    /// Older ones are stale
    pub(crate) oldest: HumanDuration,
    /// How many of them there may be
    pub(crate) at_most: u32,
    /// Where to look
    pub(crate) place: Place,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Place {
    /// Folders to leave out
    pub(crate) skip: Vec<String>,
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            youngest: HumanDuration::secs(60),
            oldest: HumanDuration::secs(3600),
            at_most: 0,
            place: Place::default(),
        }
    }
}

impl Params for Ages {
    fn validate(&self) -> Result<(), String> {
        if self.youngest < self.oldest { Ok(()) } else { Err("youngest must be less than oldest".to_owned()) }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "nothing connects")]
pub(crate) struct MongoSettings {
    /// Where it listens, and who we are
    uri: Secret,
    /// The database
    #[serde(default)]
    database: String,
    #[serde(default)]
    tls_ca_file: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "nothing connects")]
pub(crate) struct ApiSettings {
    base_url: String,
    #[serde(default)]
    verify_tls: bool,
    #[serde(default)]
    timeout: Option<HumanDuration>,
    #[serde(default)]
    token: Option<Secret>,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
}

struct Mongo;
struct FocusApi;

macro_rules! target {
    ($type:ident, $kind:literal, $settings:ty) => {
        #[async_trait]
        impl Target for $type {
            const KIND: &'static str = $kind;
            type Settings = $settings;
            type Client = ();

            async fn connect(_: Self::Settings, _: &ConnectContext) -> Result<Connected<()>, TargetError> {
                unreachable!("configuration connects to nothing")
            }

            async fn probe((): &()) -> Result<(), TargetError> {
                unreachable!("configuration connects to nothing")
            }
        }
    };
}

target!(Mongo, "mongo", MongoSettings);
target!(FocusApi, "focus-api", ApiSettings);

struct MongoPart;

#[async_trait]
impl Part for MongoPart {
    const KIND: &'static str = "mongo";
    const NEEDS: &'static [&'static str] = &[];

    async fn start(_: &PartContext) -> Result<Box<dyn RunningPart>, Unavailable> {
        unreachable!("configuration starts nothing")
    }
}

const MONGO: Source = Source { package: "shakedown-mongo", file: "plugins/mongo/src/lib.rs", line: 1 };
const FOCUS_API: Source =
    Source { package: "shakedown-focus-api", file: "plugins/focus-api/src/lib.rs", line: 1 };

pub(crate) const BLANK: CheckSpec = CheckSpec {
    id: "mongo.connect",
    title: "A check",
    severity: Severity::Medium,
    effect: Effect::Read,
    target: Some("mongo"),
    also: &[],
    keys: &[],
    tags: &[],
    requires: &[],
    group: None,
    alone: false,
    gate: Gate::Required,
    required_in: None,
    timeout: None,
    proofs: &[],
    docs: Docs(" A check."),
    source: MONGO,
    schema: || schemars::schema_for!(NoParams),
    build: |value| {
        read_params::<NoParams>(value)?;
        Ok(Box::new(Nothing))
    },
};

static CHECKS: [CheckSpec; 6] = [
    CheckSpec { tags: &["smoke"], severity: Severity::Critical, ..BLANK },
    CheckSpec {
        id: "mongo.indexes.required",
        tags: &["smoke", "data-quality"],
        keys: &["PZ-13686"],
        ..BLANK
    },
    CheckSpec {
        id: "mongo.recordings.stale",
        tags: &["data-quality"],
        severity: Severity::Low,
        schema: || schemars::schema_for!(Ages),
        build: |value| {
            read_params::<Ages>(value)?;
            Ok(Box::new(Nothing))
        },
        ..BLANK
    },
    CheckSpec {
        id: "focus-api.ack",
        target: Some("focus-api"),
        tags: &["smoke", "api"],
        source: FOCUS_API,
        ..BLANK
    },
    CheckSpec {
        id: "focus-api.configure",
        target: Some("focus-api"),
        tags: &["api"],
        effect: Effect::Create,
        group: Some("jobs"),
        timeout: Some(std::time::Duration::from_secs(90)),
        source: FOCUS_API,
        ..BLANK
    },
    CheckSpec {
        id: "focus-api.latency",
        target: Some("focus-api"),
        tags: &["latency"],
        effect: Effect::Load,
        severity: Severity::High,
        gate: Gate::Informational,
        required_in: None,
        source: FOCUS_API,
        ..BLANK
    },
];

static TARGETS: [TargetSpec; 2] =
    [TargetSpec::of::<Mongo>("MongoDB", MONGO), TargetSpec::of::<FocusApi>("Focus Server", FOCUS_API)];
static PARTS: [PartSpec; 1] = [PartSpec::of::<MongoPart>(MONGO)];
const INDEX_MISSING: FaultSpec =
    FaultSpec { id: "mongo.index-missing", part: "mongo", keys: &[], docs: Docs(" x"), source: MONGO };
static FAULTS: [FaultSpec; 3] = [
    INDEX_MISSING,
    FaultSpec { id: "mongo.away", ..INDEX_MISSING },
    FaultSpec { id: "mongo.silent", ..INDEX_MISSING },
];
static FIXES: [FixSpec; 1] = [FixSpec {
    id: "mongo.recordings.close",
    title: "Close them",
    check: "mongo.recordings.stale",
    target: "mongo",
    instead_of: None,
    proofs: &["mongo.index-missing"],
    docs: Docs(" x"),
    source: MONGO,
    build: |_| Err("not here".to_owned()),
}];
static INCIDENTS: [IncidentSpec; 1] = [IncidentSpec {
    id: "production-2025-11",
    faults: &["mongo.index-missing"],
    docs: Docs(" x"),
    source: MONGO,
}];

pub(crate) static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    Registry::from_entries(Entries {
        checks: CHECKS.iter().collect(),
        observers: vec![],
        collectors: Vec::new(),
        fixes: FIXES.iter().collect(),
        targets: TARGETS.iter().collect(),
        parts: PARTS.iter().collect(),
        faults: FAULTS.iter().collect(),
        incidents: INCIDENTS.iter().collect(),
    })
    .unwrap()
});

pub(crate) const TODAY: Date = date(2026, 6, 30);

pub(crate) fn parse(text: &str) -> Result<Config, Diagnostics> {
    Config::parse("checks.toml", text, &REGISTRY)
}

/// What is wrong with a file that consists of this and a valid beginning.
pub(crate) fn problems(body: &str) -> String {
    match parse(&format!("version = 1\n{body}")) {
        Ok(_) => "no problem".to_owned(),
        Err(diagnostics) => diagnostics.render(false),
    }
}

/// What is wrong with an environment that consists of this, one line each.
pub(crate) fn brief(body: &str) -> String {
    match parse(&format!("version = 1\n[environments.local]\n{body}")) {
        Ok(_) => "no problem".to_owned(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

/// The profile of the environment `local`, of which this is the text.
pub(crate) fn profile(body: &str, variables: &[(&str, &str)]) -> Result<Profile, Diagnostics> {
    let config = parse(&format!("version = 1\n[environments.local]\n{body}"))?;
    resolve(&config, "local", variables)
}

pub(crate) fn resolve(
    config: &Config,
    environment: &str,
    variables: &[(&str, &str)],
) -> Result<Profile, Diagnostics> {
    let lookup =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    config.profile(environment, &lookup, TODAY)
}

pub(crate) fn settings(profile: &Profile, target: &str) -> Value {
    profile.targets[target].settings.clone()
}

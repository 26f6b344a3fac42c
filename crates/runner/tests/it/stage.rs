//! A registry of scripted checks, a target that does as it is told, and a sink that remembers.

use serde::Deserialize;
use shakedown_config::{
    CheckSettings, Policy, Profile, Project, Retries, Selection, TargetConfig, Unreachable,
};
use shakedown_core::check::Source;
use shakedown_core::event::{Event, EventKind, RunInfo};
use shakedown_core::ledger::{Removal, Resource};
use shakedown_core::redact::Redactor;
use shakedown_core::registry::Entries;
use shakedown_core::run::Run;
use shakedown_core::sandbox::Unavailable;
use shakedown_core::sink::Sink;
use shakedown_core::target::{ConnectContext, Connected, TargetInfo};
use shakedown_core::{
    Cause, Check, CheckError, CheckSpec, Clock, CollectContext, Collector, CollectorSpec, Context, Docs,
    Effect, Evidence, Finding, Gate, NoParams, Observation, ObserveContext, Observer, ObserverSpec, Reading,
    Registry, Severity, Target, TargetError, TargetErrorKind, TargetSpec, Unit, Verdict, async_trait,
};
use shakedown_runner::{Confirmation, Finished, Interrupt, Plan, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a scripted check does.
#[derive(Clone, Deserialize)]
pub(crate) struct Script {
    does: String,
    #[serde(default)]
    flag: String,
}

struct Scripted(Script);

/// How often something has happened, by a name that only one test uses.
static COUNTS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

pub(crate) fn count(name: &str) -> u32 {
    COUNTS.lock().unwrap().get(name).copied().unwrap_or_default()
}

fn bump(name: &str) -> u32 {
    let mut counts = COUNTS.lock().unwrap();
    let count = counts.entry(name.to_owned()).or_default();
    *count += 1;
    *count
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a check returns")]
fn seen() -> Result<Verdict, CheckError> {
    Ok(Verdict::of(Observation::seen("it is there")))
}

#[async_trait]
impl Check for Scripted {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let flag = &self.0.flag;
        match self.0.does.as_str() {
            "ask" => {
                cx.target::<Moon>().await?;
                seen()
            }
            "fail" => {
                Ok(seen()?.with(Finding::new("moon-missing", Cause::Environment, "moon", "there is no moon")))
            }
            "fail-once" if bump(flag) == 1 => {
                Ok(seen()?.with(Finding::new("moon-missing", Cause::Product, "moon", "gone")))
            }
            "pass" | "fail-once" => seen(),
            "no-data" => Err(CheckError::no_data("no craters to examine")),
            "panic" => panic!("the moon fell down"),
            "block" => {
                std::thread::sleep(Duration::from_secs(5));
                seen()
            }
            "hang" => std::future::pending().await,
            "leak" => {
                tokio::spawn(async {
                    loop {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                });
                seen()
            }
            "flood" => {
                let evidence = cx.attach(Evidence::text("flood.txt", "tide\n".repeat(20 << 20)))?;
                Ok(seen()?.evidence(evidence))
            }
            "tell" => Ok(seen()?.with(Finding::new(
                "told",
                Cause::Data,
                flag.clone(),
                format!("the server said {flag}"),
            ))),
            "create" => {
                cx.require(Effect::Create)?;
                cx.created(Resource {
                    target: "moon".into(),
                    kind: "crater".into(),
                    id: flag.clone(),
                    ends_by: None,
                })?;
                seen()
            }
            "overreach" => {
                cx.require(Effect::Disrupt)?;
                seen()
            }
            // Counts how often it was begun, as it would count hours.
            "climb" => {
                let before = cx.resumed::<u32>().map_or(0, |(steps, _)| steps);
                cx.checkpoint(&(before + 1))?;
                if before == 0 {
                    return std::future::pending().await;
                }
                Ok(Verdict::of(Observation::seen(format!("step {}", before + 1))))
            }
            "observe" => {
                let seen = cx.observe().await.into_iter().map(|seen| match seen.readings {
                    Ok(readings) => readings.iter().map(|reading| reading.value.to_string()).collect(),
                    Err(error) => error,
                });
                Ok(Verdict::of(Observation::seen(seen.collect::<Vec<_>>().join(", "))))
            }
            "lose" => {
                Err(TargetError::new("moon", "moon.example.com", TargetErrorKind::Lost, "it set").into())
            }
            other => Err(CheckError::unclear(format!("no such script: {other}"))),
        }
    }
}

/// A target that behaves as its settings say.
pub(crate) struct Moon;

#[derive(Deserialize, schemars::JsonSchema)]
pub(crate) struct MoonSettings {
    is: String,
    #[serde(default)]
    flag: String,
}

pub(crate) struct MoonClient {
    settings: MoonSettings,
    probes: AtomicU32,
}

#[async_trait]
impl Target for Moon {
    const KIND: &'static str = "moon";
    type Settings = MoonSettings;
    type Client = MoonClient;

    async fn connect(
        settings: MoonSettings,
        _: &ConnectContext,
    ) -> Result<Connected<MoonClient>, TargetError> {
        bump(&format!("connect {}", settings.flag));
        match settings.is.as_str() {
            "refused" => {
                Err(TargetError::new("moon", "moon.example.com", TargetErrorKind::Refused, "nothing listens"))
            }
            "silent" => std::future::pending().await,
            _ => {
                let info = TargetInfo {
                    address: "moon.example.com".into(),
                    identity: BTreeMap::from([("uid".into(), "luna".into())]),
                    ..TargetInfo::default()
                };
                Ok(Connected { client: MoonClient { settings, probes: AtomicU32::new(0) }, info })
            }
        }
    }

    async fn probe(client: &MoonClient) -> Result<(), TargetError> {
        client.probes.fetch_add(1, Ordering::Relaxed);
        if client.settings.is == "setting" {
            return Err(TargetError::new("moon", "moon.example.com", TargetErrorKind::Lost, "it set"));
        }
        Ok(())
    }

    async fn remove(client: &MoonClient, resource: &Resource) -> Result<Removal, TargetError> {
        bump(&format!("remove {}", resource.id));
        if client.settings.is == "clinging" {
            return Err(TargetError::new(
                "moon",
                "moon.example.com",
                TargetErrorKind::Forbidden,
                "it clings",
            ));
        }
        Ok(Removal::Removed)
    }
}

/// Looks at the sky, unless the target's settings say that it cannot.
struct Sky;

#[async_trait]
impl Collector for Sky {
    type Target = Moon;

    async fn collect(client: &MoonClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        bump(&format!("collect {}", client.settings.flag));
        match client.settings.is.as_str() {
            "clouded" => {
                Err(TargetError::new("moon", "moon.example.com", TargetErrorKind::Forbidden, "clouds"))
            }
            "panicking" => panic!("the sky fell down"),
            _ => Ok(vec![Evidence::text("sky.txt", format!("c4nary-secret stars, after {}", cx.check))]),
        }
    }
}

/// Tells how high the tide is, unless the target's settings say that it cannot.
struct Tide;

#[async_trait]
impl Observer for Tide {
    type Target = Moon;

    async fn observe(client: &MoonClient, _: &ObserveContext) -> Result<Vec<Reading>, TargetError> {
        match client.settings.is.as_str() {
            "clouded" => {
                Err(TargetError::new("moon", "moon.example.com", TargetErrorKind::Forbidden, "clouds"))
            }
            "panicking" => panic!("the sea fell down"),
            _ => Ok(vec![Reading::new("sea", "tide", 4.0, Unit::Count).of(Some(8.0))]),
        }
    }
}

/// What a test sets up.
pub(crate) struct Stage {
    pub(crate) specs: Vec<CheckSpec>,
    pub(crate) profile: Profile,
    pub(crate) unavailable: Vec<Unavailable>,
    pub(crate) interrupt: Interrupt,
    pub(crate) resume: Option<Run>,
    pub(crate) fail_fast: bool,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) ledgers: Option<PathBuf>,
    pub(crate) selection: String,
    pub(crate) confirm: Option<String>,
    pub(crate) full_disk: bool,
}

/// What came of it.
pub(crate) struct Played {
    pub(crate) finished: Finished,
    pub(crate) events: Vec<Event>,
    pub(crate) lines: Vec<String>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let profile = Profile {
            project: Project { name: "moon".into(), jira: None, jira_url: None },
            environment: "night".into(),
            role: None,
            concurrency: 8,
            run_timeout: None,
            groups: BTreeMap::new(),
            targets: BTreeMap::new(),
            policy: Policy { allow: BTreeSet::from([Effect::Read, Effect::Create]), ..Policy::default() },
            sandbox: None,
            checks: BTreeMap::new(),
            secrets: vec![],
            warnings: vec![],
        };
        Self {
            specs: vec![],
            profile,
            unavailable: vec![],
            interrupt: Interrupt::default(),
            resume: None,
            fail_fast: false,
            directory: None,
            ledgers: None,
            selection: "all()".into(),
            confirm: None,
            full_disk: false,
        }
    }

    /// Adds the target.
    pub(crate) fn moon(mut self, is: &str, flag: &str) -> Self {
        let settings = serde_json::json!({ "is": is, "flag": flag });
        let config = TargetConfig {
            settings,
            connect_timeout: Duration::from_millis(300),
            identity: BTreeMap::new(),
            unreachable: Unreachable::Error,
        };
        self.profile.targets.insert("moon".into(), config);
        self
    }

    /// Adds a check that follows a script.
    pub(crate) fn check(self, id: &'static str, does: &str) -> Self {
        self.check_with(id, does, "", |spec| spec)
    }

    /// Adds a check that follows a script, with a flag of its own, and a specification of its own.
    pub(crate) fn check_with(
        mut self,
        id: &'static str,
        does: &str,
        flag: &str,
        adjust: impl FnOnce(CheckSpec) -> CheckSpec,
    ) -> Self {
        let spec = adjust(CheckSpec {
            id,
            title: "A scripted check",
            severity: Severity::High,
            effect: Effect::Read,
            target: None,
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
            docs: Docs(" A scripted check."),
            source: Source { package: "shakedown-moon", file: "moon.rs", line: 1 },
            schema: || schemars::schema_for!(NoParams),
            build: |value| {
                Ok(Box::new(Scripted(Script::deserialize(value).map_err(|error| error.to_string())?)))
            },
        });
        let millis = Duration::from_millis;
        let settings = CheckSettings {
            timeout: Duration::from_secs(10),
            retries: Retries { count: 0, backoff: millis(1), max_backoff: millis(5), jitter: true },
            severity: spec.severity,
            gate: spec.gate.clone(),
            params: serde_json::json!({ "does": does, "flag": flag }),
        };
        self.profile.checks.insert(id, settings);
        self.specs.push(spec);
        self
    }

    pub(crate) fn settings(mut self, id: &str, adjust: impl FnOnce(&mut CheckSettings)) -> Self {
        adjust(self.profile.checks.get_mut(id).unwrap());
        self
    }

    pub(crate) fn plan(&mut self) -> (Registry, Plan) {
        let checks = self.specs.drain(..).map(|spec| &*Box::leak(Box::new(spec))).collect();
        let target = TargetSpec::of::<Moon>(
            "The moon",
            Source { package: "shakedown-moon", file: "moon.rs", line: 1 },
        );
        let targets = vec![&*Box::leak(Box::new(target))];
        let source = Source { package: "shakedown-moon", file: "moon.rs", line: 1 };
        let sky = CollectorSpec::of::<Sky>("moon.sky", Docs(" The sky."), source);
        let collectors = vec![&*Box::leak(Box::new(sky))];
        let tide = ObserverSpec::of::<Tide>("moon.tide", Docs(" The tide."), source);
        let observers = vec![&*Box::leak(Box::new(tide))];
        let entries = Entries { checks, targets, collectors, observers, ..Entries::default() };
        let registry = Registry::from_entries(entries).unwrap();
        let selection = Selection::parse(&self.selection, &registry, &BTreeMap::new()).unwrap();
        let confirmation = Confirmation { environment: self.confirm.clone() };
        let plan = shakedown_runner::plan(&registry, &self.profile, &selection, &confirmation);
        (registry, plan)
    }

    pub(crate) async fn play(mut self) -> Played {
        let (registry, plan) = self.plan();
        let script = Arc::new(Mutex::new((vec![], vec![])));
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(Memory(Arc::clone(&script)))];
        if self.full_disk {
            sinks.insert(0, Box::new(FullDisk));
        }
        let request = Request {
            registry: &registry,
            profile: &self.profile,
            plan,
            info: RunInfo {
                id: format!("night-{}", uuid::Uuid::new_v4().simple()),
                version: "0".into(),
                started: Clock::system().now(),
                project: "moon".into(),
                jira: None,
                jira_url: None,
                environment: "night".into(),
                role: None,
                sandbox: false,
                faults: vec![],
                selection: self.selection.clone(),
            },
            sinks,
            redactor: Redactor::new(["c4nary-secret"]),
            directory: self.directory,
            ledgers: self.ledgers,
            unavailable: self.unavailable,
            clock: Clock::system(),
            interrupt: self.interrupt,
            resume: self.resume,
            fail_fast: self.fail_fast,
        };
        let finished = tokio::time::timeout(Duration::from_mins(1), shakedown_runner::run(request)).await;
        let finished = finished.expect("a run ends").expect("a run starts");
        let (events, lines) = std::mem::take(&mut *script.lock().unwrap());
        Played { finished, events, lines }
    }
}

impl Played {
    /// `id: status (summary)`, in the order of the plan.
    pub(crate) fn story(&self) -> String {
        let line = |record: &shakedown_core::run::CheckRecord| {
            let flaky = if record.flaky { ", flaky" } else { "" };
            format!("{}: {}{flaky} ({})", record.info.id, record.outcome.status, record.outcome.summary)
        };
        self.finished.run.checks.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn count(&self, wanted: impl Fn(&EventKind) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(&event.kind)).count()
    }
}

type Remembered = Arc<Mutex<(Vec<Event>, Vec<String>)>>;

struct Memory(Remembered);

impl Sink for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn event(&mut self, event: &Event, line: &str) -> io::Result<()> {
        let mut memory = self.0.lock().unwrap();
        memory.0.push(event.clone());
        memory.1.push(line.to_owned());
        Ok(())
    }
}

struct FullDisk;

impl Sink for FullDisk {
    fn name(&self) -> &'static str {
        "full disk"
    }

    fn event(&mut self, _: &Event, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

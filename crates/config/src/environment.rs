//! Reading one environment, once what it inherits is merged into it.

use crate::diagnostic::Problems;
use crate::profile::{Policy, TargetConfig, Unreachable};
use crate::reader::{Reader, array, date, duration, filled_text, flag, number, text, unknown, word};
use crate::selection::{Lowering, Selection, Suites, parse};
use crate::source::Source;
use crate::suite::{self, SuiteTable};
use crate::target;
use crate::tree::{Entry, Node, Table};
use jiff::civil::Date;
use serde_json::Value as Json;
use shakedown_core::suggest::nearest;
use shakedown_core::{Effect, Gate, Registry, Severity};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// The key of `sandbox` that may hold a password.
pub(crate) const SANDBOX_URI: &str = "mongo_uri";

/// The role that checks know.
const ROLES: [&str; 1] = ["capacity-target"];

/// What reading an environment may look up.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) suites: &'a SuiteTable,
    pub(crate) source: &'a Source,
}

/// An environment as it is written.
#[derive(Default)]
pub(crate) struct Environment<'a> {
    pub(crate) role: Option<String>,
    pub(crate) sandbox: Option<Json>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) run_timeout: Option<Duration>,
    pub(crate) retries: RetriesPatch,
    pub(crate) groups: BTreeMap<String, usize>,
    pub(crate) targets: BTreeMap<String, TargetConfig>,
    pub(crate) policy: Policy,
    pub(crate) overrides: Vec<Override<'a>>,
    pub(crate) waivers: Vec<Waiver<'a>>,
}

/// The retry settings that are written down.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetriesPatch {
    pub(crate) count: Option<u32>,
    pub(crate) backoff: Option<Duration>,
    pub(crate) max_backoff: Option<Duration>,
    pub(crate) jitter: Option<bool>,
}

/// `[[environments.E.override]]`
pub(crate) struct Override<'a> {
    /// Nothing while the selection is not known yet.
    pub(crate) selection: Option<Selection>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: RetriesPatch,
    pub(crate) severity: Option<Severity>,
    pub(crate) gate: Option<Gate>,
    pub(crate) params: Option<(&'a Table, &'a Range<usize>)>,
}

/// `[[environments.E.waiver]]`
pub(crate) struct Waiver<'a> {
    pub(crate) check: String,
    pub(crate) reason: String,
    pub(crate) ticket: String,
    pub(crate) expires: Date,
    pub(crate) expires_at: &'a Range<usize>,
}

impl<'a> Environment<'a> {
    /// Reads it. Unless it is `complete` (others extend it), what targets lack is no error yet.
    pub(crate) fn read(
        table: &'a Table,
        span: &'a Range<usize>,
        complete: bool,
        lookup: Lookup<'_>,
        problems: &mut Problems,
    ) -> Self {
        let reader = Reader::new(table, span, "an environment");
        // Inheritance was settled before.
        reader.get("extends");
        // Read by itself, when results are uploaded.
        reader.get("xray");
        let mut environment = Self { role: reader.optional("role", problems, role), ..Self::default() };
        if let Some(sandbox) = reader.table("sandbox", problems) {
            environment.sandbox = Some(read_sandbox(sandbox, lookup.registry, problems));
        }
        if let Some(defaults) = reader.table("defaults", problems) {
            environment.read_defaults(defaults, problems);
        }
        if let Some(groups) = reader.table("groups", problems) {
            environment.groups = read_groups(&groups, lookup.registry, problems);
        }
        if let Some(targets) = reader.table("targets", problems) {
            environment.targets = read_targets(&targets, complete, lookup.registry, problems);
        }
        if let Some(policy) = reader.table("policy", problems) {
            environment.policy = read_policy(policy, lookup.registry, problems);
        }
        environment.overrides = reader
            .optional("override", problems, |node, key, problems| {
                array(node, key, problems, |node, _, problems| Override::read(node, lookup, problems))
            })
            .unwrap_or_default();
        environment.waivers = reader
            .optional("waiver", problems, |node, key, problems| {
                array(node, key, problems, |node, _, problems| Waiver::read(node, lookup.registry, problems))
            })
            .unwrap_or_default();
        reader.finish(problems);
        environment
    }

    fn read_defaults(&mut self, reader: Reader<'_>, problems: &mut Problems) {
        self.timeout = reader.optional("timeout", problems, duration);
        self.concurrency = reader.optional("concurrency", problems, number(1));
        self.run_timeout = reader.optional("run_timeout", problems, duration);
        self.retries = RetriesPatch::read(&reader, problems);
        reader.finish(problems);
    }
}

fn role(node: &Node, key: &str, problems: &mut Problems) -> Option<String> {
    let role = filled_text(node, key, problems)?;
    if !ROLES.contains(&role) && nearest(role, ROLES).is_some() {
        unknown(&node.span, "role", &node.shown(), "", ROLES, problems);
    }
    Some(role.to_owned())
}

fn read_sandbox(reader: Reader<'_>, registry: &Registry, problems: &mut Problems) -> Json {
    let incidents = registry.incidents().iter().map(|incident| incident.id);
    reader.optional("incident", problems, |node, key, problems| known(node, key, incidents, problems));
    reader.optional("faults", problems, |node, key, problems| {
        array(node, key, problems, |node, _, problems| {
            known(node, "fault", registry.faults().iter().map(|fault| fault.id), problems)
        })
    });
    reader.optional("recordings", problems, number::<u32>(1));
    reader.optional("planned_api", problems, flag);
    reader.optional("pods", problems, number::<u32>(0));
    reader.optional("events", problems, number::<u32>(0));
    reader.optional(SANDBOX_URI, problems, |node, key, problems| {
        target::refuse_literal(key, node, problems);
        filled_text(node, key, problems)
    });
    let options = reader.to_json();
    reader.finish(problems);
    options
}

/// A word that is one of `all`.
fn known(
    node: &Node,
    what: &str,
    all: impl Iterator<Item = &'static str>,
    problems: &mut Problems,
) -> Option<&'static str> {
    let word = text(node, what, problems)?;
    let all: Vec<_> = all.collect();
    let found = all.iter().copied().find(|candidate| *candidate == word);
    if found.is_none() {
        unknown(&node.span, what, &node.shown(), "", all, problems);
    }
    found
}

fn read_groups(reader: &Reader<'_>, registry: &Registry, problems: &mut Problems) -> BTreeMap<String, usize> {
    let known: Vec<&str> = registry.checks().iter().filter_map(|spec| spec.group).collect();
    let mut groups = BTreeMap::new();
    for (name, entry) in reader.entries() {
        if !known.contains(&name.as_str()) {
            unknown(&entry.key, "group", name, "", known.iter().copied(), problems);
        }
        groups.extend(number(1)(&entry.node, name, problems).map(|limit: usize| (name.clone(), limit)));
    }
    groups
}

fn read_targets(
    reader: &Reader<'_>,
    complete: bool,
    registry: &Registry,
    problems: &mut Problems,
) -> BTreeMap<String, TargetConfig> {
    let mut targets = BTreeMap::new();
    for (kind, entry) in reader.entries() {
        match registry.target(kind) {
            Some(spec) => {
                targets.extend(
                    target::read(spec, &entry.node, complete, problems).map(|target| (kind.clone(), target)),
                );
            }
            None => unknown(
                &entry.key,
                "target",
                kind,
                "",
                registry.targets().iter().map(|spec| spec.kind),
                problems,
            ),
        }
    }
    targets
}

/// The keys of a target's table that are not the target's own.
pub(crate) fn read_target_keys(reader: &Reader<'_>, problems: &mut Problems) -> TargetKeys {
    let connect_timeout = reader.optional("connect_timeout", problems, duration);
    let identity = reader.table("identity", problems).map(|table| {
        let read = |(name, entry): (&String, &Entry), problems: &mut Problems| {
            Some((name.clone(), filled_text(&entry.node, name, problems)?.to_owned()))
        };
        table.entries().into_iter().filter_map(|entry| read(entry, problems)).collect()
    });
    let unreachable = reader.optional("unreachable", problems, |node, key, problems| {
        word(Unreachable::ALL, |value: &Unreachable| value.as_str())(
            node,
            &format!("value of `{key}`:"),
            problems,
        )
    });
    TargetKeys {
        connect_timeout,
        identity: identity.unwrap_or_default(),
        unreachable: unreachable.unwrap_or_default(),
    }
}

/// The keys that every target takes.
pub(crate) struct TargetKeys {
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) identity: BTreeMap<String, String>,
    pub(crate) unreachable: Unreachable,
}

fn read_policy(reader: Reader<'_>, registry: &Registry, problems: &mut Problems) -> Policy {
    let mut policy = Policy::default();
    let allow = reader.optional("allow", problems, |node, _, problems| {
        array(node, "allow", problems, |node, _, problems| {
            word(Effect::ALL, |effect: &Effect| effect.as_str())(node, "effect", problems)
        })
    });
    if let Some(allow) = allow {
        policy.allow = allow.into_iter().collect();
    }
    let fixes = reader.optional("fixes", problems, |node, _, problems| {
        array(node, "fixes", problems, |node, _, problems| {
            known(node, "fix", registry.fixes().iter().map(|fix| fix.id), problems)
        })
    });
    policy.fixes.extend(fixes.unwrap_or_default());
    if let Some(jobs) = reader.optional("max_concurrent_jobs", problems, number(1)) {
        policy.max_concurrent_jobs = jobs;
    }
    if let Some(rate) = reader.optional("max_requests_per_second", problems, number::<u32>(1)) {
        policy.load.requests_per_second = f64::from(rate);
    }
    if let Some(requests) = reader.optional("max_requests_in_flight", problems, number(1)) {
        policy.load.requests_in_flight = requests;
    }
    reader.finish(problems);
    policy
}

impl RetriesPatch {
    /// Reads the key `retries` of a table.
    fn read(reader: &Reader<'_>, problems: &mut Problems) -> Self {
        let Some(reader) = reader.table("retries", problems) else { return Self::default() };
        let patch = Self {
            count: reader.optional("count", problems, number(0)),
            backoff: reader.optional("backoff", problems, duration),
            max_backoff: reader.optional("max_backoff", problems, duration),
            jitter: reader.optional("jitter", problems, flag),
        };
        reader.finish(problems);
        patch
    }
}

impl<'a> Override<'a> {
    fn read(node: &'a Node, lookup: Lookup<'_>, problems: &mut Problems) -> Option<Self> {
        let reader = Reader::of(node, "an override", problems)?;
        let select = reader.require("select", "\"plugin(mongo)\"", problems);
        let this = Self {
            selection: select.and_then(|node| selection(node, lookup, problems)),
            timeout: reader.optional("timeout", problems, duration),
            retries: RetriesPatch::read(&reader, problems),
            severity: reader.optional(
                "severity",
                problems,
                word(Severity::ALL, |severity| severity.as_str()),
            ),
            gate: reader.optional("gate", problems, gate),
            params: reader.optional("params", problems, |node, key, problems| {
                Reader::of(node, format!("`{key}`"), problems)
                    .and_then(|_| node.table().map(|table| (table, &node.span)))
            }),
        };
        reader.finish(problems);
        Some(this)
    }
}

/// A selection that selects something.
fn selection(node: &Node, lookup: Lookup<'_>, problems: &mut Problems) -> Option<Selection> {
    let select = filled_text(node, "select", problems)?;
    let source = &lookup.source.text;
    let syntax = match parse(select) {
        Ok(syntax) => syntax,
        Err(problem) => {
            suite::report(node, select, &[problem], source, problems);
            return None;
        }
    };
    let SuiteTable { suites, wrong } = lookup.suites;
    let mut lowering = Lowering::new(lookup.registry, Suites { known: suites, others: wrong });
    let selection = lowering.selection(&syntax);
    suite::report(node, select, &lowering.problems, source, problems);
    if !lowering.problems.is_empty() {
        return None;
    }
    // With a suite that is wrong itself, nobody knows what was meant.
    if wrong.is_empty() && !lookup.registry.checks().iter().any(|spec| selection.selects(spec, spec.severity))
    {
        problems
            .error(&node.span, "this override matches no check")
            .help("`list -E '…'` shows what a selection selects");
    }
    Some(selection)
}

fn gate(node: &Node, key: &str, problems: &mut Problems) -> Option<Gate> {
    let word = text(node, key, problems)?;
    let gates = [Gate::Required, Gate::Informational];
    let gate = gates.iter().find(|gate| gate.as_str() == word).cloned();
    if gate.is_none() {
        let problem = problems.error(&node.span, format!("unknown gate `{}`", node.shown()));
        if word == "waived" {
            problem.help(
                "a waiver has its own table, with a reason, a ticket and a date: `[[environments.….waiver]]`",
            );
        } else {
            problem.help(crate::hint::hint(word, gates.iter().map(Gate::as_str)).unwrap_or_default());
        }
    }
    gate
}

impl<'a> Waiver<'a> {
    fn read(node: &'a Node, registry: &Registry, problems: &mut Problems) -> Option<Self> {
        let reader = Reader::of(node, "a waiver", problems)?;
        let check = reader.require("check", "\"mongo.connect\"", problems);
        let reason = reader.require("reason", "\"what is known, and why it is tolerated\"", problems);
        let ticket = reader.require("ticket", "\"PZ-1\"", problems);
        let expires = reader.require("expires", "2026-12-31", problems);
        reader.finish(problems);
        let check = check
            .and_then(|node| known(node, "check", registry.checks().iter().map(|spec| spec.id), problems));
        let reason = reason.and_then(|node| filled_text(node, "reason", problems));
        let ticket = ticket.and_then(|node| filled_text(node, "ticket", problems));
        let expires = expires.and_then(|node| Some((date(node, "expires", problems)?, &node.span)));
        let (expires, expires_at) = expires?;
        Some(Self {
            check: check?.to_owned(),
            reason: reason?.to_owned(),
            ticket: ticket?.to_owned(),
            expires,
            expires_at,
        })
    }
}

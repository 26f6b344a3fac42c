//! The whole page: the run from above, then its checks one by one.

use super::answer::{Facts, SCOPE};
use super::beside::{self, Left};
use super::check::CheckView;
use super::docs;
use super::link::{self, Links};
use super::room::{Docs, MOST_CHECKS, Room};
use super::times::{self, Span};
use super::{Look, Options};
use crate::prose;
use crate::style::{status_of, symbol};
use crate::text::counted;
use askama::Template;
use jiff::Timestamp;
use shakedown_core::duration::brief;
use shakedown_core::passage::{Passage, passages};
use shakedown_core::run::{CheckRecord, Counts, Exit, Run, ToDo};
use shakedown_core::target::TargetInfo;
use shakedown_core::{Gate, Severity, Status, id};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// More items than this under one heading stand only with their checks.
const MOST_ITEMS: usize = 30;

/// More names than this in one list are only counted.
const MOST_NAMES: usize = 40;

/// The order in which numbers of checks are said: what matters first.
const STATUSES: [Status; 5] =
    [Status::Failed, Status::Errored, Status::Warned, Status::Passed, Status::Skipped];

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
pub(super) struct Page<'a> {
    look: Look,
    run: &'a Run,
    links: Links<'a>,
    options: Options<'a>,
    counts: Counts,
    exit: Exit,
    status: Status,
    seal: char,
    /// How many checks there are, in words.
    all: String,
    took: Option<String>,
    /// How soon something needs someone, and what: an item's place in the plan is with its check.
    to_do: Vec<Urgency<'a>>,
    /// What fails, warns or has no answer without deciding anything.
    known: Urgency<'a>,
    plugins: Vec<Plugin<'a>>,
    /// The checks that are shown one by one, and how many more there are.
    shown: Vec<&'a CheckRecord>,
    more_checks: usize,
    left: Vec<Left<'a>>,
    spans: Vec<Span<'a>>,
    pub(super) room: Room,
}

/// A Jira key, and where it leads.
pub(super) struct Key<'a> {
    pub(super) text: &'a str,
    pub(super) href: Option<String>,
}

/// A heading of the to-do list and what stands under it.
struct Urgency<'a> {
    heading: &'static str,
    items: Vec<Item<'a>>,
    more: usize,
}

/// One thing to do.
struct Item<'a> {
    status: Status,
    symbol: char,
    words: String,
    anchor: String,
    name: String,
    title: &'a str,
    headline: String,
    facts: Facts,
}

/// A row of the matrix.
struct Plugin<'a> {
    name: &'a str,
    /// The name as an address shows it.
    encoded: String,
    /// In the order of [`STATUSES`].
    counts: [usize; STATUSES.len()],
}

impl Plugin<'_> {
    fn cells(&self) -> impl Iterator<Item = (Status, usize)> {
        STATUSES.into_iter().zip(self.counts)
    }

    fn total(&self) -> usize {
        self.counts.iter().sum()
    }
}

impl<'a> Page<'a> {
    pub(super) fn new(run: &'a Run, options: &Options<'a>) -> Self {
        let all = run.to_do();
        let (deciding, known): (Vec<ToDo<'a>>, Vec<ToDo<'a>>) =
            all.into_iter().partition(|item| item.record.decides());
        let to_do = [Severity::Critical, Severity::High, Severity::Medium].map(|severity| {
            let heading = severity.urgency();
            Urgency::new(heading, deciding.iter().filter(|item| prose::urgency(item) == heading))
        });
        let (shown, more_checks) = shown(run);
        let ended =
            run.finished.and_then(|end| Duration::try_from(end.duration_since(run.info.started)).ok());
        Self {
            look: Look::FILTERED,
            run,
            links: Links::new(run.info.jira_url.as_deref()),
            options: *options,
            counts: run.counts(),
            exit: run.exit(),
            status: status_of(run.exit()),
            seal: symbol(status_of(run.exit())),
            all: counted(run.checks.len(), "check", "checks"),
            took: ended.map(brief),
            to_do: to_do.into_iter().filter(|urgency| !urgency.items.is_empty()).collect(),
            known: Urgency::new("known or informational, decides nothing", known.iter()),
            plugins: plugins(run),
            shown,
            more_checks,
            left: run.checks.iter().filter_map(beside::left).collect(),
            spans: times::longest(run),
            room: Room::none(),
        }
    }

    /// The checks, each made when its turn comes.
    fn checks(&self) -> impl Iterator<Item = CheckView<'a>> {
        self.shown.iter().map(|record| CheckView::new(self, record))
    }

    /// Gives what can be done without the room that the page leaves, which takes so many bytes without it.
    pub(super) fn make_room(&self, bytes: usize) {
        let docs = |way| self.shown.iter().map(|record| docs::weight(&self.passages(record, way))).sum();
        self.room.give(bytes, docs);
    }

    pub(super) fn keys<'k>(&self, keys: impl Iterator<Item = &'k String>) -> Vec<Key<'k>> {
        keys.map(|key| Key { text: key, href: self.links.issue(key) }).collect()
    }

    /// What is written about a check, as far as there is room for it.
    pub(super) fn docs(&self, record: &CheckRecord) -> Vec<Passage> {
        self.room.docs().map(|way| self.passages(record, way)).unwrap_or_default()
    }

    fn passages(&self, record: &CheckRecord, way: Docs) -> Vec<Passage> {
        let is_worth_a_look = record.outcome.status > Status::Passed;
        let docs = self.options.docs.filter(|_| is_worth_a_look || way != Docs::Needed);
        let passages = docs
            .and_then(|docs| docs(&record.info.id))
            .map(|docs| passages(&docs.text()))
            .unwrap_or_default();
        if is_worth_a_look || way == Docs::Whole { passages } else { docs::question(passages) }
    }

    fn has_whole_docs(&self) -> bool {
        self.options.docs.is_none() || self.room.docs() == Some(Docs::Whole)
    }

    /// How far into the run something was.
    pub(super) fn since_start(&self, at: Timestamp) -> String {
        brief(Duration::try_from(at.duration_since(self.run.info.started)).unwrap_or_default())
    }

    /// How many checks have a fault under which they must fail, and which have none; nothing where the run does not say.
    fn proofs(&self) -> Option<String> {
        let (proven, not): (Vec<&CheckRecord>, Vec<&CheckRecord>) =
            self.run.checks.iter().partition(|record| !record.info.proofs.is_empty());
        let faults: BTreeSet<&str> =
            proven.iter().flat_map(|record| &record.info.proofs).map(|proof| proof.fault.as_str()).collect();
        let faults = counted(faults.len(), "fault", "faults");
        let words = format!(
            "`shakedown prove` shows that {} of {} fail where they must, by {faults}",
            proven.len(),
            self.all
        );
        let unproven = prose::names(not.iter().map(|record| record.info.id.as_str()), MOST_NAMES);
        match (proven.len(), not.len()) {
            (0, _) => None,
            (_, 0) => Some(words),
            _ => Some(format!("{words}; not {unproven}")),
        }
    }

    /// How many checks ended how, and what only those show.
    fn tiles(&self) -> impl Iterator<Item = (Status, char, usize)> {
        let counts = &self.counts;
        let of = |status| match status {
            Status::Passed => counts.passed,
            Status::Warned => counts.warned,
            Status::Failed => counts.failed,
            Status::Errored => counts.errored,
            Status::Skipped => counts.skipped,
        };
        STATUSES.into_iter().map(move |status| (status, symbol(status), of(status)))
    }

    fn flaky(&self) -> Vec<String> {
        let flaky = self.run.checks.iter().filter(|record| record.flaky);
        flaky.map(|record| format!("{} (on attempt {})", record.info.id, record.attempts)).collect()
    }

    /// Checks that were not asked, and why, in the words of the summary.
    fn skipped(&self) -> Vec<(String, usize, String)> {
        let skipped = self.run.checks.iter().filter(|record| record.outcome.status == Status::Skipped);
        grouped(skipped.map(|record| (prose::skip_reason(&record.outcome), record.info.id.as_str())))
    }

    fn left_out(&self) -> Vec<(String, usize, String)> {
        grouped(self.run.left_out.iter().map(|left| (left.reason.clone(), left.check.as_str())))
    }

    fn leftovers(&self) -> impl Iterator<Item = String> {
        self.run.leftovers.iter().map(prose::resource_name)
    }

    /// Checks that are known to fail: the check, why that is tolerated, where it is followed up, until when.
    fn waivers(&self) -> Vec<(&'a CheckRecord, &'a str, Key<'a>, &'a str)> {
        let waived = self.run.checks.iter().filter_map(|record| match &record.info.gate {
            Gate::Waived { reason, ticket, expires } => {
                let ticket = Key { text: ticket, href: self.links.issue(ticket) };
                Some((record, reason.as_str(), ticket, expires.as_str()))
            }
            Gate::Required | Gate::Informational => None,
        });
        waived.collect()
    }

    /// What a reader must know before the answers mean anything.
    fn remarks(&self) -> Vec<String> {
        let run = self.run;
        let mut remarks = Vec::new();
        if !run.info.faults.is_empty() {
            let faults = run.info.faults.iter().map(String::as_str);
            let faults = prose::names(faults, MOST_NAMES);
            remarks.push(format!("faults were injected into the sandbox: {faults}"));
        }
        if let Some(by) = &run.interrupted_by {
            remarks.push(format!("stopped early: {by}"));
        }
        if run.finished.is_none() {
            remarks.push("the process ended before the run did: what was running then is errored".to_owned());
        }
        for at in &run.resumed {
            remarks.push(format!("the process ended, and the run was gone on with at {}", moment(at)));
        }
        if !run.leftovers.is_empty() {
            let things = counted(run.leftovers.len(), "thing", "things");
            remarks.push(format!("{things} left behind, which `shakedown cleanup` tries to remove again"));
        }
        for (target, info) in &run.targets {
            remarks.extend(info.warnings.iter().map(|warning| format!("{target}: {warning}")));
        }
        remarks
    }
}

impl<'a> Urgency<'a> {
    fn new<'i>(heading: &'static str, under: impl Iterator<Item = &'i ToDo<'a>>) -> Self
    where
        'a: 'i,
    {
        let under: Vec<&ToDo<'a>> = under.collect();
        let before = |index: usize| index.checked_sub(1).map(|before| under[before]);
        let shown = under.iter().take(MOST_ITEMS).enumerate();
        let items = shown.map(|(index, item)| Item::new(item, before(index))).collect();
        Self { heading, items, more: under.len().saturating_sub(MOST_ITEMS) }
    }
}

impl<'a> Item<'a> {
    fn new(item: &ToDo<'a>, before: Option<&ToDo<'a>>) -> Self {
        let gate = prose::gate_words(&item.record.info.gate);
        let status = prose::item_status(item);
        Self {
            status: item.status,
            symbol: symbol(item.status),
            words: gate.map_or_else(|| status.clone(), |gate| format!("{gate}: {status}")),
            anchor: link::anchor(&item.record.info.id),
            name: prose::item_name(item),
            title: &item.record.info.title,
            headline: prose::item_headline(item, SCOPE.text),
            facts: Facts::new(prose::of_item(item, before, SCOPE)),
        }
    }
}

/// The checks that are shown one by one, in the order of the plan, and how many more there are. Of too many, those that
/// matter are shown.
fn shown(run: &Run) -> (Vec<&CheckRecord>, usize) {
    let mut shown: Vec<(usize, &CheckRecord)> = run.checks.iter().enumerate().collect();
    let more = shown.len().saturating_sub(MOST_CHECKS);
    if more > 0 {
        shown.sort_by_key(|(_, record)| std::cmp::Reverse(record.outcome.status));
        shown.truncate(MOST_CHECKS);
        shown.sort_by_key(|(place, _)| *place);
    }
    (shown.into_iter().map(|(_, record)| record).collect(), more)
}

/// What each target says of itself, in words.
fn identity(info: &TargetInfo) -> String {
    info.identity.iter().map(|(what, value)| format!("{what} {value}")).collect::<Vec<_>>().join(", ")
}

fn plugins(run: &Run) -> Vec<Plugin<'_>> {
    let mut plugins: BTreeMap<&str, [usize; STATUSES.len()]> = BTreeMap::new();
    for record in &run.checks {
        let counts = plugins.entry(id::plugin_of(&record.info.id)).or_default();
        for (count, status) in counts.iter_mut().zip(STATUSES) {
            *count += usize::from(record.outcome.status == status);
        }
    }
    plugins.into_iter().map(|(name, counts)| Plugin { name, encoded: link::encoded(name), counts }).collect()
}

/// Names by what they have in common: the reason, how many, and which.
fn grouped<'n>(members: impl Iterator<Item = (String, &'n str)>) -> Vec<(String, usize, String)> {
    let groups = prose::by_reason(members).into_iter();
    groups
        .map(|(reason, names)| (reason, names.len(), prose::names(names.iter().copied(), MOST_NAMES)))
        .collect()
}

fn moment(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

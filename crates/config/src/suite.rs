//! Suites: named selections, which may name each other.

use crate::diagnostic::Problems;
use crate::escape;
use crate::reader::{Reader, check_name, filled_text, text};
use crate::selection::{self, Lowering, Selection, SelectionProblem, Suites, Syntax};
use crate::tree::Node;
use shakedown_core::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Suites may name suites that name suites, this many times.
const DEEPEST: usize = 16;

/// A named selection.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The selection as it is written.
    pub select: String,
    /// What it selects.
    pub selection: Selection,
    /// What it is for.
    pub description: Option<String>,
}

/// A suite whose selection may name others that are not read yet.
struct Pending<'a> {
    node: &'a Node,
    select: &'a str,
    description: Option<String>,
    syntax: Syntax,
    needs: Vec<(String, Range<usize>)>,
}

/// What `[suites]` holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct SuiteTable {
    pub(crate) suites: BTreeMap<String, Suite>,
    /// The names of those whose selection cannot be used.
    pub(crate) wrong: BTreeSet<String>,
}

/// Reads `[suites]`.
pub(crate) fn read(
    reader: &Reader<'_>,
    source: &str,
    registry: &Registry,
    problems: &mut Problems,
) -> SuiteTable {
    let mut pending = BTreeMap::new();
    // Every name starts out as one that cannot be used.
    let mut table = SuiteTable { suites: BTreeMap::new(), wrong: BTreeSet::new() };
    for (name, entry) in reader.entries() {
        check_name("a suite", name, &entry.key, problems);
        table.wrong.insert(name.clone());
        pending.extend(begin(name, &entry.node, source, problems).map(|suite| (name.clone(), suite)));
    }
    for _ in 0..DEEPEST {
        let is_ready = |suite: &Pending<'_>| suite.needs.iter().all(|(need, _)| !pending.contains_key(need));
        let ready: Vec<String> =
            pending.iter().filter(|(_, suite)| is_ready(suite)).map(|(name, _)| name.clone()).collect();
        for name in ready {
            let Some(suite) = pending.remove(&name) else { continue };
            let Pending { node, select, description, syntax, .. } = suite;
            let mut lowering = Lowering::new(registry, Suites { known: &table.suites, others: &table.wrong });
            let selection = lowering.selection(&syntax);
            report(node, select, &lowering.problems, source, problems);
            if lowering.problems.is_empty() {
                table.wrong.remove(&name);
                table.suites.insert(name, Suite { select: select.to_owned(), selection, description });
            }
        }
    }
    left_over(&pending, source, problems);
    table
}

fn begin<'a>(name: &str, node: &'a Node, source: &str, problems: &mut Problems) -> Option<Pending<'a>> {
    let reader = Reader::of(node, format!("`suites.{name}`"), problems)?;
    let description = reader.optional("description", problems, text).map(str::to_owned);
    let select = reader.require("select", "\"tag(smoke)\"", problems);
    reader.finish(problems);
    let node = select?;
    let select = filled_text(node, "select", problems)?;
    match selection::parse(select) {
        Ok(syntax) => {
            let mut needs = Vec::new();
            suites_of(&syntax, &mut needs);
            Some(Pending { node, select, description, syntax, needs })
        }
        Err(problem) => {
            report(node, select, &[problem], source, problems);
            None
        }
    }
}

fn suites_of(syntax: &Syntax, needs: &mut Vec<(String, Range<usize>)>) {
    match syntax {
        Syntax::Predicate { name, argument } if name.text == "suite" => {
            needs.push((argument.text.clone(), argument.span.clone()));
        }
        Syntax::Predicate { .. } | Syntax::Bare(_) => {}
        Syntax::Not(inner) => suites_of(inner, needs),
        Syntax::And(members) | Syntax::Or(members) => {
            for member in members {
                suites_of(member, needs);
            }
        }
    }
}

/// What is left names itself in the end, or is nested too deeply.
fn left_over(pending: &BTreeMap<String, Pending<'_>>, source: &str, problems: &mut Problems) {
    let next = |name: &str| pending[name].needs.iter().find(|(need, _)| pending.contains_key(need));
    let mut visited = BTreeSet::new();
    for name in pending.keys() {
        let mut path = Vec::new();
        let mut at = name.as_str();
        while visited.insert(at) {
            path.push(at);
            let Some((need, _)) = next(at) else { break };
            at = need;
        }
        // A walk that ends in an earlier one's path adds nothing to what was told of it.
        let Some(start) = path.iter().position(|name| *name == at) else { continue };
        let Some((_, span)) = next(at) else {
            problems.error(&pending[name].node.span, format!("suites name suites more than {DEEPEST} deep"));
            continue;
        };
        let span = escape::inner(source, &pending[at].node.span, pending[at].select, span);
        let members: Vec<String> =
            path[start..].iter().chain([&at]).map(|name| format!("`{name}`")).collect();
        problems.error(&span, format!("these suites name each other: {}", members.join(" names ")));
    }
}

/// Notes the problems of a selection at their place in the string.
pub(crate) fn report(
    node: &Node,
    select: &str,
    selection_problems: &[SelectionProblem],
    source: &str,
    problems: &mut Problems,
) {
    for problem in selection_problems {
        if node.is_filled() {
            problems.error(&node.span, format!("the selection `{}` cannot be used", node.shown()));
            continue;
        }
        let span = escape::inner(source, &node.span, select, &problem.span);
        let noted = problems.error(&span, &problem.message);
        if let Some(help) = &problem.help {
            noted.help(help);
        }
    }
}

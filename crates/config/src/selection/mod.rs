//! The selection language: `tag(smoke) & !plugin(mongo)`. Its grammar is in `docs/selection.md`.

mod error;
mod glob;
mod lower;
mod parse;

pub use error::{SelectionError, SelectionProblem};
pub(crate) use lower::{Lowering, Suites};
pub(crate) use parse::{Syntax, parse};

use crate::suite::Suite;
use glob::Glob;
use shakedown_core::{CheckSpec, Effect, Registry, Severity};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Parentheses, negations and suites within suites may be nested this deep.
pub(crate) const DEEPEST: usize = 64;

/// A set of checks, described. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Arc<Expr>);

/// What a selection is made of. `And` and `Or` have at least two members, none of their own kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    All,
    Plugin(String),
    Tag(String),
    Id(Glob),
    Key(String),
    Effect(Effect),
    Severity(Comparison, Severity),
    Suite(String, Selection),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Selection {
    /// Every check.
    pub fn all() -> Self {
        Self(Arc::new(Expr::All))
    }

    /// Reads an expression; every plugin, tag, id, key and suite in it must exist.
    ///
    /// # Errors
    /// The first syntax error, or else every unknown name.
    pub fn parse(
        text: &str,
        registry: &Registry,
        suites: &BTreeMap<String, Suite>,
    ) -> Result<Self, SelectionError> {
        let failed = |problems| SelectionError { text: text.to_owned(), problems };
        let syntax = parse(text).map_err(|problem| failed(vec![problem]))?;
        let none = BTreeSet::new();
        let mut lowering = Lowering::new(registry, Suites { known: suites, others: &none });
        let selection = lowering.selection(&syntax);
        if lowering.problems.is_empty() { Ok(selection) } else { Err(failed(lowering.problems)) }
    }

    pub(crate) fn of(expr: Expr) -> Self {
        Self(Arc::new(expr))
    }

    /// Whether a check is in the set. `severity` is the check's own, or what the configuration made of it.
    pub fn selects(&self, spec: &CheckSpec, severity: Severity) -> bool {
        Question { spec, severity, suites: Vec::new() }.ask(&self.0)
    }
}

/// Suites may name suites over and over: each is asked once.
struct Question<'a> {
    spec: &'a CheckSpec,
    severity: Severity,
    suites: Vec<(&'a str, bool)>,
}

impl<'a> Question<'a> {
    fn ask(&mut self, expr: &'a Expr) -> bool {
        match expr {
            Expr::All => true,
            Expr::Plugin(plugin) => self.spec.plugin() == plugin,
            Expr::Tag(tag) => self.spec.tags.contains(&tag.as_str()),
            Expr::Id(glob) => glob.matches(self.spec.id),
            Expr::Key(key) => self.spec.keys.contains(&key.as_str()),
            Expr::Effect(effect) => self.spec.effect == *effect,
            Expr::Severity(comparison, severity) => comparison.holds(self.severity, *severity),
            Expr::Suite(name, selection) => {
                if let Some((_, answer)) = self.suites.iter().find(|(known, _)| known == name) {
                    return *answer;
                }
                let answer = self.ask(&selection.0);
                self.suites.push((name, answer));
                answer
            }
            Expr::Not(inner) => !self.ask(inner),
            Expr::And(members) => members.iter().all(|member| self.ask(member)),
            Expr::Or(members) => members.iter().any(|member| self.ask(member)),
        }
    }
}

impl Comparison {
    pub(crate) const ALL: [Self; 5] =
        [Self::LessOrEqual, Self::GreaterOrEqual, Self::Less, Self::Greater, Self::Equal];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    fn holds(self, left: Severity, right: Severity) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::GreaterOrEqual => left >= right,
            Self::Greater => left > right,
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all()"),
            Self::Plugin(plugin) => write!(f, "plugin({plugin})"),
            Self::Tag(tag) => write!(f, "tag({tag})"),
            Self::Id(glob) => write!(f, "id({glob})"),
            Self::Key(key) => write!(f, "key({key})"),
            Self::Effect(effect) => write!(f, "effect({effect})"),
            Self::Severity(comparison, severity) => write!(f, "severity({}{severity})", comparison.as_str()),
            Self::Suite(name, _) => write!(f, "suite({name})"),
            Self::Not(inner) => {
                f.write_str("!")?;
                member(f, inner, matches!(**inner, Self::And(_) | Self::Or(_)))
            }
            Self::And(members) => joined(f, members, " & ", |member| matches!(member, Self::Or(_))),
            Self::Or(members) => joined(f, members, " | ", |_| false),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    members: &[Expr],
    separator: &str,
    wrap: fn(&Expr) -> bool,
) -> fmt::Result {
    for (index, expr) in members.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        member(f, expr, wrap(expr))?;
    }
    Ok(())
}

fn member(f: &mut fmt::Formatter<'_>, expr: &Expr, wrapped: bool) -> fmt::Result {
    if wrapped { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

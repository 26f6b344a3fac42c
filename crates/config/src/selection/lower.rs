//! Looking up every name in an expression.

use super::error::SelectionProblem;
use super::glob::Glob;
use super::parse::{Syntax, Word};
use super::{Comparison, Expr, Selection};
use crate::hint::{hint, list};
use crate::suite::Suite;
use shakedown_core::suggest::nearest;
use shakedown_core::{Effect, Registry, Severity};
use std::collections::{BTreeMap, BTreeSet};

const PREDICATES: [&str; 8] = ["plugin", "tag", "id", "key", "effect", "severity", "suite", "all"];

/// What `suite(…)` may name.
#[derive(Clone, Copy)]
pub(crate) struct Suites<'a> {
    /// Those that can be used.
    pub(crate) known: &'a BTreeMap<String, Suite>,
    /// Those that are told to be wrong already, or whose turn is still to come.
    pub(crate) others: &'a BTreeSet<String>,
}

/// One pass over one expression.
pub(crate) struct Lowering<'a> {
    registry: &'a Registry,
    suites: Suites<'a>,
    pub(crate) problems: Vec<SelectionProblem>,
}

impl<'a> Lowering<'a> {
    pub(crate) fn new(registry: &'a Registry, suites: Suites<'a>) -> Self {
        Self { registry, suites, problems: Vec::new() }
    }

    /// The selection; of use only if no problem was noted.
    pub(crate) fn selection(&mut self, syntax: &Syntax) -> Selection {
        Selection::of(self.expr(syntax))
    }

    fn expr(&mut self, syntax: &Syntax) -> Expr {
        match syntax {
            Syntax::Predicate { name, argument } => self.predicate(name, argument),
            Syntax::Bare(word) => self.bare(word),
            Syntax::Not(inner) => Expr::Not(Box::new(self.expr(inner))),
            Syntax::And(members) => Expr::And(members.iter().map(|member| self.expr(member)).collect()),
            Syntax::Or(members) => Expr::Or(members.iter().map(|member| self.expr(member)).collect()),
        }
    }

    fn predicate(&mut self, name: &Word, argument: &Word) -> Expr {
        let registry = self.registry;
        let text = argument.text.as_str();
        if text.is_empty() && name.text != "all" && PREDICATES.contains(&name.text.as_str()) {
            let at = name.span.start..argument.span.end;
            return self.problem(at, format!("`{}` needs an argument", name.text), None);
        }
        match name.text.as_str() {
            "all" if text.is_empty() => Expr::All,
            "all" => self.problem(argument.span.clone(), "`all` takes no argument".to_owned(), None),
            "plugin" => {
                self.known("plugin", argument, registry.plugins()).unwrap_or(Expr::Plugin(text.to_owned()))
            }
            "tag" => self.known("tag", argument, registry.tags()).unwrap_or(Expr::Tag(text.to_owned())),
            "key" => {
                let keys = registry.checks().iter().flat_map(|spec| spec.keys).copied().collect();
                self.known("key", argument, keys).unwrap_or(Expr::Key(text.to_owned()))
            }
            "id" => self.id(argument),
            "effect" => match text.parse::<Effect>() {
                Ok(effect) => Expr::Effect(effect),
                Err(_) => self.unknown("effect", argument, &effects()),
            },
            "severity" => self.severity(argument),
            "suite" => self.suite(argument),
            other => self.problem(
                name.span.clone(),
                format!("unknown predicate `{other}`"),
                hint(other, PREDICATES),
            ),
        }
    }

    /// A word alone: most likely the argument of a predicate that was left out.
    fn bare(&mut self, word: &Word) -> Expr {
        let text = word.text.as_str();
        let help = if PREDICATES.contains(&text) {
            let argument = if text == "all" { "" } else { "…" };
            format!("write `{text}({argument})`")
        } else if self.registry.tags().contains(text) {
            format!("did you mean `tag({text})`?")
        } else if self.registry.plugins().contains(text) {
            format!("did you mean `plugin({text})`?")
        } else if self.registry.check(text).is_some() || text.contains(['*', '.']) {
            format!("did you mean `id({text})`?")
        } else if self.suite_names().contains(&text) {
            format!("did you mean `suite({text})`?")
        } else {
            "for example `tag(smoke)`".to_owned()
        };
        self.problem(word.span.clone(), format!("`{text}` is not a predicate"), Some(help))
    }

    fn id(&mut self, argument: &Word) -> Expr {
        let glob = Glob::new(&argument.text);
        if self.registry.checks().iter().any(|spec| glob.matches(spec.id)) {
            return Expr::Id(glob);
        }
        if argument.text.contains('*') {
            let message = format!("no check's id is like `{}`", argument.text);
            let help = nearest(argument.text.trim_matches(['*', '.']), self.ids())
                .map(|near| format!("there is `{near}`"));
            return self.problem(argument.span.clone(), message, help);
        }
        self.unknown("check", argument, &self.ids())
    }

    fn severity(&mut self, argument: &Word) -> Expr {
        let text = argument.text.as_str();
        let (comparison, word) = Comparison::ALL
            .into_iter()
            .find_map(|comparison| {
                text.strip_prefix(comparison.as_str()).map(|word| (comparison, word.trim_start()))
            })
            .unwrap_or((Comparison::Equal, text));
        if let Ok(severity) = word.parse::<Severity>() {
            return Expr::Severity(comparison, severity);
        }
        let start = argument.span.end - word.len();
        if word.is_empty() || word.starts_with(['=', '<', '>', '!']) {
            let help = format!("one of <, <=, =, >= and >, then one of {}", list(severities()));
            return self.problem(argument.span.clone(), format!("`{text}` is not a comparison"), Some(help));
        }
        self.unknown(
            "severity",
            &Word { text: word.to_owned(), span: start..argument.span.end },
            &severities(),
        )
    }

    fn suite(&mut self, argument: &Word) -> Expr {
        let Suites { known, others } = self.suites;
        match known.get(&argument.text) {
            Some(suite) => Expr::Suite(argument.text.clone(), suite.selection.clone()),
            None if others.contains(&argument.text) => Expr::All,
            None => self.unknown("suite", argument, &self.suite_names()),
        }
    }

    fn ids(&self) -> Vec<&'static str> {
        self.registry.checks().iter().map(|spec| spec.id).collect()
    }

    fn suite_names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> =
            self.suites.known.keys().chain(self.suites.others).map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Notes a problem, unless the name is known.
    fn known(&mut self, what: &str, argument: &Word, known: BTreeSet<&str>) -> Option<Expr> {
        let unknown = !known.contains(argument.text.as_str());
        unknown.then(|| self.unknown(what, argument, &known.into_iter().collect::<Vec<_>>()))
    }

    fn unknown(&mut self, what: &str, argument: &Word, known: &[&str]) -> Expr {
        let help = hint(&argument.text, known.iter().copied());
        self.problem(argument.span.clone(), format!("unknown {what} `{}`", argument.text), help)
    }

    fn problem(&mut self, span: std::ops::Range<usize>, message: String, help: Option<String>) -> Expr {
        self.problems.push(SelectionProblem::new(span, message, help));
        Expr::All
    }
}

fn effects() -> Vec<&'static str> {
    Effect::ALL.iter().map(|effect| effect.as_str()).collect()
}

fn severities() -> Vec<&'static str> {
    Severity::ALL.iter().map(|severity| severity.as_str()).collect()
}

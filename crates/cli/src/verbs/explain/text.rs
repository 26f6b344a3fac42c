//! The pages for people.

use super::pages::{CheckPage, ExitPage, FaultPage, FindingPage, FixPage, Found, InForce, Page, Parameter};
use super::prose;
use crate::look::{CODE, Look, of_effect, of_severity};
use crate::verbs::list::meaning;
use crate::verbs::list::views::{EffectGroup, Environment, Group, Helper, Incident, Suite, Target};
use serde_json::Value;
use shakedown_core::Gate;
use shakedown_core::duration::brief;
use shakedown_report::text::{clean, counted, wrap};
use std::fmt::Write as _;
use std::time::Duration;

/// The column in which what is told of a fact begins.
const MARGIN: usize = 14;
/// How far the lines of a section stand in.
const INDENT: usize = 2;

/// One page, with a line feed at its end.
pub(super) fn render(page: &Page, look: Look) -> String {
    let mut sheet = Sheet { look, text: String::new() };
    match page {
        Page::Check(page) => sheet.check(page),
        Page::Fix(page) => sheet.fix(page),
        Page::Fault(page) => sheet.fault(page),
        Page::Incident(incident) => sheet.incident(incident),
        Page::Finding(page) => sheet.finding(page),
        Page::Suite(suite) => sheet.suite(suite),
        Page::Tag(group) => sheet.group("tag", &format!("tag({})", group.name), group),
        Page::Key(group) => sheet.group("Jira key", &format!("key({})", group.name), group),
        Page::Effect(group) => sheet.effect(group),
        Page::Environment(environment) => sheet.environment(environment),
        Page::Target(target) => sheet.target(target),
        Page::Collector(helper) => sheet.helper("collector of evidence", helper),
        Page::Observer(helper) => sheet.helper("observer of resources", helper),
        Page::ExitCode(page) => sheet.exit(page),
    }
    format!("{}\n", sheet.text.trim_end())
}

struct Sheet {
    look: Look,
    text: String,
}

impl Sheet {
    fn check(&mut self, page: &CheckPage) {
        let check = &page.check;
        self.head(check.id, check.title);
        self.prose(&page.docs);
        let look = self.look;
        let severity = look.paint(of_severity(check.severity), check.severity.as_str());
        let effect = look.paint(of_effect(check.effect), check.effect.as_str());
        let gate = match page.required_in {
            Some(role) => format!("required in the role {role}, else informational"),
            None => check.gate.to_owned(),
        };
        self.raw("severity", &format!("{severity}, {gate}"));
        self.raw("effect", &format!("{effect}: {}", meaning(check.effect)));
        let targets = check.target.iter().chain(check.also).copied().collect::<Vec<_>>();
        self.list("target", &targets);
        self.keys(check.keys, page);
        self.list("tags", check.tags);
        let suites =
            page.suites.as_deref().map(|suites| suites.iter().map(String::as_str).collect::<Vec<_>>());
        match suites.as_deref() {
            Some([]) => self.fact("suites", "none selects it"),
            Some(suites) => self.list("suites", suites),
            None => {}
        }
        self.list("requires", check.requires);
        self.list("required by", &page.required_by);
        self.fact("group", check.group.unwrap_or_default());
        self.fact("alone", if check.alone { "nothing else runs beside it" } else { "" });
        self.fact("timeout", &page.timeout_s.map(seconds).unwrap_or_default());
        self.list("fixes", &page.fixes);
        self.fact("source", &format!("{}:{}", check.file, page.line));
        if let Some(in_force) = &page.in_force {
            self.in_force(in_force, page);
        }
        self.parameters(&page.parameters, page.in_force.as_ref());
        self.section("proven by");
        for proof in &check.proofs {
            self.pair(&proof.fault, "→", &proof.finding);
        }
    }

    /// How it is asked in an environment, as far as that is not what the page has said already.
    fn in_force(&mut self, in_force: &InForce, page: &CheckPage) {
        self.section(&format!("in {}", in_force.environment));
        let mut says = |text: String| {
            let _ = writeln!(self.text, "{:INDENT$}{text}", "");
        };
        if !in_force.allowed {
            says(format!("it is left out: the policy does not allow `{}`", page.check.effect));
        }
        let gate = match &in_force.gate {
            Gate::Waived { reason, ticket, expires } => {
                format!("waived until {}: {} ({})", clean(expires), clean(reason), clean(ticket))
            }
            gate => gate.as_str().to_owned(),
        };
        says(format!(
            "{}, {gate}",
            self.look.paint(of_severity(in_force.severity), in_force.severity.as_str())
        ));
        let again = match in_force.retries {
            0 => "is not asked again".to_owned(),
            1 => "is asked again once".to_owned(),
            count => format!("is asked again up to {count} times"),
        };
        says(format!("has {} to answer, and {again}", seconds(in_force.timeout_s)));
    }

    fn parameters(&mut self, parameters: &[Parameter], in_force: Option<&InForce>) {
        if parameters.is_empty() {
            return;
        }
        self.section("parameters");
        for parameter in parameters {
            let Parameter { name, takes, default, description, value } = parameter;
            let mut line = format!("{:INDENT$}{} = {}", "", self.look.paint(CODE, name), shown(default));
            if let (Some(value), Some(in_force)) =
                (value.as_ref().filter(|value| *value != default), in_force)
            {
                let here = format!("{} in {}", shown(value), in_force.environment);
                let _ = write!(line, ", {}", self.look.bold(&here));
            }
            let _ = writeln!(self.text, "{line}  {}", self.look.dim(&format!("({takes})")));
            self.indented(2 * INDENT, description);
        }
    }

    fn fix(&mut self, page: &FixPage) {
        let fix = &page.fix;
        self.head(fix.id, fix.title);
        self.prose(&fix.docs);
        self.fact("mends", fix.check);
        self.fact("target", fix.target);
        if let Some(other) = fix.instead_of {
            self.fact("used", &format!("only when asked for by name, in place of {other}"));
        }
        self.list("proven by", fix.proofs);
        if let Some(places) = &page.allowed_in {
            let places: Vec<&str> = places.iter().map(String::as_str).collect();
            self.fact("allowed in", if places.is_empty() { "the sandbox only" } else { "the sandbox" });
            self.list("", &places);
        }
        self.fact("source", fix.file);
    }

    fn fault(&mut self, page: &FaultPage) {
        let fault = &page.fault;
        self.head(fault.id, &format!("a fault of {} in the sandbox", fault.part));
        self.prose(&fault.docs);
        self.list("reproduces", fault.keys);
        self.list("incidents", &page.incidents);
        self.list("mended by", &page.mended_by);
        if !page.proves.is_empty() {
            self.section("checks that prove themselves by it, and what they find");
        }
        for Found { check, finding, .. } in &page.proves {
            self.pair(check, "→", finding);
        }
        self.section("to see it");
        self.indented(INDENT, &format!("shakedown run --env local --fault {}", fault.id));
    }

    fn incident(&mut self, incident: &Incident) {
        self.head(incident.id, "an incident that the sandbox can replay");
        self.prose(&incident.docs);
        self.list("faults", incident.faults);
    }

    fn finding(&mut self, page: &FindingPage) {
        self.head(&page.code, "a finding");
        self.section("checks that are proven to report it, and under which fault");
        for Found { check, fault, .. } in &page.reported_by {
            self.pair(check, "under", fault);
        }
    }

    fn suite(&mut self, suite: &Suite) {
        self.head(&suite.name, "a suite");
        self.prose(suite.description.as_deref().unwrap_or_default());
        self.fact("selects", &suite.select);
        self.selected(&suite.checks);
    }

    fn group(&mut self, what: &str, select: &str, group: &Group) {
        let name = self.look.link(group.name, group.link.as_deref());
        let _ = writeln!(self.text, "{}\na {what}\n", self.look.bold(&name));
        self.fact("selected by", &format!("-E '{select}'"));
        self.selected(&group.checks);
    }

    fn effect(&mut self, group: &EffectGroup) {
        self.head(group.effect.as_str(), &format!("an effect: it {}", group.meaning));
        let places: Vec<&str> = group.allowed_in.iter().map(String::as_str).collect();
        self.list("allowed in", if places.is_empty() { &["no environment"] } else { &places });
        self.selected(&group.checks);
    }

    fn environment(&mut self, environment: &Environment) {
        let kind = if environment.sandbox { "the sandbox" } else { "a live environment" };
        self.head(&environment.name, &format!("an environment: {kind}"));
        self.fact("role", environment.role.as_deref().unwrap_or_default());
        let targets: Vec<&str> = environment.targets.iter().map(String::as_str).collect();
        self.list("targets", &targets);
        let allow: Vec<&str> = environment.allow.iter().map(|effect| effect.as_str()).collect();
        self.list("allows", &allow);
    }

    fn target(&mut self, target: &Target) {
        self.head(target.kind, &format!("a kind of target: {}", target.title));
        let places: Vec<&str> = target.environments.iter().map(String::as_str).collect();
        self.list("configured in", &places);
        self.fact("sandbox", if target.in_sandbox { "stands in for it" } else { "does not know it" });
        self.fact("checks", &target.checks.to_string());
        self.fact("source", target.file);
    }

    fn helper(&mut self, what: &str, helper: &Helper) {
        self.head(helper.id, &format!("a {what}"));
        self.prose(&helper.docs);
        self.fact("target", helper.target);
        self.fact("source", helper.file);
    }

    fn exit(&mut self, page: &ExitPage) {
        self.head(&format!("exit code {}", page.code), page.meaning);
        self.prose(page.docs);
    }

    fn head(&mut self, name: &str, title: &str) {
        let _ = writeln!(self.text, "{}\n{}\n", self.look.bold(&clean(name)), clean(title));
    }

    fn prose(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.push_str(&prose::render(text, self.look));
            self.text.push('\n');
        }
    }

    fn section(&mut self, heading: &str) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "{}", self.look.bold(heading));
    }

    fn selected(&mut self, checks: &[&str]) {
        self.section(&match checks.len() {
            0 => "no checks".to_owned(),
            count => counted(count, "check", "checks"),
        });
        for check in checks {
            let _ = writeln!(self.text, "{:INDENT$}{}", "", self.look.paint(CODE, check));
        }
    }

    fn pair(&mut self, first: &str, between: &str, second: &str) {
        let (first, second) = (self.look.paint(CODE, first), self.look.paint(CODE, second));
        let _ = writeln!(self.text, "{:INDENT$}{first} {between} {second}", "");
    }

    /// The Jira keys, as links where there are any.
    fn keys(&mut self, keys: &[&str], page: &CheckPage) {
        let address = |key: &str| page.links.get(key).map(String::as_str);
        let linked: Vec<String> = keys.iter().map(|key| self.look.link(key, address(key))).collect();
        self.raw("keys", &linked.join(", "));
    }

    fn list(&mut self, label: &str, words: &[&str]) {
        self.fact(label, &words.join(", "));
    }

    /// A label in the margin, and text beside it; nothing where there is no text.
    fn fact(&mut self, label: &str, text: &str) {
        let mut label = label;
        for line in wrap(&clean(text), self.look.measure.saturating_sub(MARGIN)) {
            self.raw(label, &line);
            label = "";
        }
    }

    /// One line of a fact, which may hold colours and links.
    fn raw(&mut self, label: &str, line: &str) {
        if !line.is_empty() {
            let label = self.look.dim(&format!("{label:<MARGIN$}"));
            let _ = writeln!(self.text, "{label}{line}");
        }
    }

    fn indented(&mut self, indent: usize, text: &str) {
        for line in wrap(&clean(text), self.look.measure.saturating_sub(indent)) {
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }
}

/// A value as it would be written in `checks.toml`, where there is none as a word.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        other => clean(&other.to_string()).into_owned(),
    }
}

fn seconds(seconds: f64) -> String {
    brief(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

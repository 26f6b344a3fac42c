//! The page for people.

use super::{Condition, Diagnosis, Health};
use shakedown_core::Status;
use shakedown_report::Style;
use shakedown_report::text::{clean, wrap};
use std::fmt::Write as _;

/// The column in which texts begin.
const INDENT: usize = 14;
/// A clock that is no further off than this agrees: it is told to the second, and the way takes time too.
const TOLERATED_S: f64 = 2.0;

pub(super) fn render(diagnosis: &Diagnosis, style: &Style) -> String {
    let mut page = Page { style, text: String::new() };
    for health in &diagnosis.targets {
        page.target(health);
    }
    let environment = clean(&diagnosis.environment);
    if diagnosis.skipped.is_empty() {
        page.line(&format!("a run of everything in {environment} would ask all {} checks", diagnosis.asked));
        return page.text;
    }
    page.line(&format!("a run of everything in {environment} would ask {} checks, and not", diagnosis.asked));
    for group in &diagnosis.skipped {
        let names: Vec<String> = group.checks.iter().map(|check| clean(check).into_owned()).collect();
        page.line(&format!("  {} checks, since {}", names.len(), clean(&group.reason)));
        page.wrapped(4, &names.join(", "));
    }
    page.text
}

struct Page<'a> {
    style: &'a Style,
    text: String,
}

impl Page<'_> {
    fn target(&mut self, health: &Health) {
        let status = match health.condition {
            Condition::Ready => Status::Passed,
            Condition::LacksRights => Status::Warned,
            Condition::Unclear | Condition::Mistaken | Condition::Away => Status::Errored,
        };
        let version = health.version.as_deref().map(|version| format!(", version {}", clean(version)));
        let address = health.address.as_deref().map(clean).unwrap_or_default();
        let condition = self.style.status(status, &format!("{:<INDENT$}", health.condition));
        self.line(&format!("{condition}{}  {address}{}", health.target, version.unwrap_or_default()));
        for problem in &health.problems {
            self.field("", problem);
        }
        let identity: Vec<String> =
            health.identity.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        self.list("identity", &identity);
        self.list("rights", &health.granted);
        self.list("missing", &health.missing);
        if let Some(ahead) = health.clock_ahead_s {
            self.field("clock", &clock(ahead));
        }
        self.list("warning", &health.warnings);
        self.line("");
    }

    fn list(&mut self, label: &str, lines: &[String]) {
        for (index, line) in lines.iter().enumerate() {
            self.field(if index == 0 { label } else { "" }, line);
        }
    }

    /// A label in the margin, and text beside it.
    fn field(&mut self, label: &str, text: &str) {
        let text = clean(text);
        for (index, line) in wrap(&text, self.style.width.saturating_sub(INDENT)).iter().enumerate() {
            let label = self.style.dim(&format!("{:<INDENT$}", if index == 0 { label } else { "" }));
            self.line(format!("{label}{line}").trim_end());
        }
    }

    fn wrapped(&mut self, indent: usize, text: &str) {
        for line in wrap(text, self.style.width.saturating_sub(indent)) {
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }
}

fn clock(ahead: f64) -> String {
    if ahead.abs() <= TOLERATED_S {
        "agrees with this machine's".to_owned()
    } else if ahead > 0.0 {
        format!("{ahead:.0} s ahead of this machine's: ages and time ranges are off by as much")
    } else {
        format!("{:.0} s behind this machine's: ages and time ranges are off by as much", -ahead)
    }
}

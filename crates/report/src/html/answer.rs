//! What a page says about one answer: what is wrong, what was measured, and charts of it.

use super::chart::{self, Drawing, MOST_LINES};
use super::link;
use super::page::Page;
use crate::prose::{self, Line, Paragraph, Scope};
use askama::Template;
use shakedown_core::finding::Weight;
use shakedown_core::measurement::Threshold;
use shakedown_core::run::CheckRecord;
use shakedown_core::{Measurement, Outcome, Series, Status, Unit};

/// How much of a text a page shows; `run.json` holds the rest.
pub(super) const SCOPE: Scope<'_> = Scope { text: 8 << 10, lines: 50, run_dir: None };

/// Labelled lines.
#[derive(Template)]
#[template(path = "facts.html", whitespace = "suppress")]
pub(super) struct Facts(Vec<Fact>);

struct Fact {
    label: &'static str,
    lines: Vec<Line>,
}

impl Facts {
    /// The lines, those of one label together.
    pub(super) fn new(lines: Vec<Line>) -> Self {
        let mut facts: Vec<Fact> = Vec::new();
        for line in lines {
            match facts.last_mut() {
                Some(fact) if line.label.is_empty() || line.label == fact.label => fact.lines.push(line),
                _ => facts.push(Fact { label: line.label, lines: vec![line] }),
            }
        }
        Self(facts)
    }

    /// The file that a line names: where it is, and what it is called. Its folder is that of the check.
    #[expect(clippy::unused_self, reason = "a template asks the value that it shows")]
    fn file<'l>(&self, line: &'l Line) -> Option<(String, &'l str)> {
        let name = line.text.strip_prefix("evidence/").and_then(|path| path.split_once('/'));
        Some((line.file.as_deref().and_then(link::file)?, name.map_or(line.text.as_str(), |(_, name)| name)))
    }
}

impl Fact {
    /// The name by which the style sheet knows it, where it does.
    fn class(&self) -> Option<&'static str> {
        Some(self.label).filter(|label| matches!(*label, "expected" | "actual" | "remedy" | "fix"))
    }
}

/// One thing to say, in the look of a status.
struct Told {
    /// Where it is not that of the whole answer.
    look: Option<&'static str>,
    head: String,
    facts: Facts,
}

impl Told {
    /// Whether one line says all of it.
    fn is_plain(&self) -> bool {
        self.look.is_none() && self.facts.0.is_empty()
    }

    fn new(look: Option<&'static str>, Paragraph { head, mut lines, .. }: Paragraph) -> Self {
        // They stand in a table of their own.
        let mut measured = false;
        lines.retain(|line| {
            measured = line.label == "measured" || (measured && line.label.is_empty());
            !measured
        });
        Self { look, head, facts: Facts::new(lines) }
    }
}

/// A measurement beside its criterion.
pub(super) struct Measured<'a> {
    pub(super) name: &'a str,
    pub(super) value: String,
    pub(super) criterion: String,
    pub(super) within: Option<bool>,
}

impl<'a> From<&'a Measurement> for Measured<'a> {
    fn from(measurement: &'a Measurement) -> Self {
        let Measurement { name, value, unit, threshold, .. } = measurement;
        let criterion = threshold.map(|threshold| match threshold {
            Threshold::Below(bound) => format!("below {}", quantity(bound, *unit)),
            Threshold::AtMost(bound) => format!("at most {}", quantity(bound, *unit)),
            Threshold::AtLeast(bound) => format!("at least {}", quantity(bound, *unit)),
        });
        Self {
            name,
            value: quantity(*value, *unit),
            criterion: criterion.unwrap_or_default(),
            within: threshold.map(|threshold| threshold.admits(*value)),
        }
    }
}

/// A value in the words in which every report says it.
pub(crate) fn quantity(value: f64, unit: Unit) -> String {
    Measurement::new("", value, unit).to_string().trim().to_owned()
}

/// A chart, and what each of its lines is.
struct Figure<'a> {
    legend: Vec<(&'a str, String)>,
    /// Empty where there is no line to draw, or no room for it.
    svg: String,
    is_left_out: bool,
}

/// All there is to say about an answer, rows aside.
#[derive(Template)]
#[template(path = "answer.html", whitespace = "suppress")]
pub(super) struct Answer<'a> {
    told: Vec<Told>,
    measured: Vec<Measured<'a>>,
    figures: Vec<Figure<'a>>,
}

impl<'a> Answer<'a> {
    /// What `outcome` says, in a place that has the look of `around`.
    pub(super) fn new(page: &Page<'_>, record: &CheckRecord, outcome: &'a Outcome, around: Status) -> Self {
        let mut told: Vec<Told> = prose::of_outcome(record, outcome, SCOPE)
            .into_iter()
            .map(|said| Told::new((said.status != around).then_some(said.status.as_str()), said))
            .collect();
        let notes = outcome.findings.iter().filter(|finding| finding.weight == Weight::Note);
        told.extend(notes.map(|finding| Told {
            look: Some("note"),
            head: format!("note: {}", prose::headline(finding, SCOPE.text)),
            facts: Facts::new(prose::of_finding(finding, SCOPE)),
        }));
        let measured = outcome.measurements.iter().map(Measured::from).collect();
        Self { told, measured, figures: figures(page, outcome) }
    }
}

/// Samples by measurement; series by unit, as many together as can be told apart.
fn figures<'a>(page: &Page<'_>, outcome: &'a Outcome) -> Vec<Figure<'a>> {
    let spread = outcome.measurements.iter().filter_map(|measurement| {
        let Measurement { name, unit, threshold, samples, .. } = measurement;
        let drawing = chart::distribution(samples, *unit, *threshold)?;
        Some(Figure::new(page, outcome, vec![name], drawing))
    });
    let mut units: Vec<(Unit, Vec<&Series>)> = Vec::new();
    for series in &outcome.series {
        match units.iter_mut().find(|(unit, members)| *unit == series.unit && members.len() < MOST_LINES) {
            Some((_, members)) => members.push(series),
            None => units.push((series.unit, vec![series])),
        }
    }
    let over_time = units.iter().filter_map(|(_, members)| {
        let drawing = chart::lines(members)?;
        Some(Figure::new(page, outcome, members.iter().map(|series| series.name.as_str()).collect(), drawing))
    });
    spread.chain(over_time).collect()
}

impl<'a> Figure<'a> {
    fn new(page: &Page<'_>, outcome: &Outcome, names: Vec<&'a str>, Drawing { svg, words }: Drawing) -> Self {
        let is_left_out = !svg.is_empty() && !page.room.take(svg.len(), outcome.status);
        let svg = if is_left_out { String::new() } else { svg };
        Self { legend: names.into_iter().zip(words).collect(), svg, is_left_out }
    }
}

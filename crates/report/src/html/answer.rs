//! What a page says about one answer: what is wrong, what was measured, and charts of it.

use super::chart::{self, Drawing, MOST_LINES};
use super::link;
use super::page::Page;
use crate::prose::{self, Line, Paragraph, Scope};
use askama::Template;
use shakedown_core::finding::Weight;
use shakedown_core::measurement::Threshold;
use shakedown_core::run::CheckRecord;
use shakedown_core::{Measurement, Outcome, Series, Unit};

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
                Some(fact) if line.label.is_empty() => fact.lines.push(line),
                _ => facts.push(Fact { label: line.label, lines: vec![line] }),
            }
        }
        Self(facts)
    }

    /// Where the file is that a line names.
    #[expect(clippy::unused_self, reason = "a template asks the value that it shows")]
    fn href(&self, line: &Line) -> Option<String> {
        line.file.as_deref().and_then(link::file)
    }
}

impl Fact {
    /// The name by which the style sheet knows it.
    fn class(&self) -> &'static str {
        if self.label.contains(' ') { "more" } else { self.label }
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
struct Measured<'a> {
    name: &'a str,
    value: String,
    criterion: String,
    within: Option<bool>,
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
    /// Empty where there is no more room for drawings.
    svg: String,
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
    pub(super) fn new(page: &Page<'_>, record: &CheckRecord, outcome: &'a Outcome) -> Self {
        let mut told: Vec<Told> = prose::of_outcome(record, outcome, SCOPE)
            .into_iter()
            .map(|said| Told::new((said.status != outcome.status).then_some(said.status.as_str()), said))
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
        let svg = if page.has_room_for(svg.len(), outcome.status) { svg } else { String::new() };
        Self { legend: names.into_iter().zip(words).collect(), svg }
    }
}

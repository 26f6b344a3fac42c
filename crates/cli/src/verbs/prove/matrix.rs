//! The matrix of proofs: a row a check, a column an experiment.

use super::experiment::{Kind, Shown};
use indicatif::{ProgressBar, ProgressStyle};
use shakedown_report::Style;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Shows on a terminal how far the experiments are.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(style: Style, experiments: usize) -> Self {
        let bar = if style.live { ProgressBar::new(experiments as u64) } else { ProgressBar::hidden() };
        let template = ProgressStyle::with_template("{pos}/{len} experiments  {wide_bar}  {msg}");
        Self(bar.with_style(template.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    pub(crate) fn step(&mut self, shown: &Shown) {
        self.0.inc(1);
        self.0.set_message(shown.check);
    }

    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}

/// The matrix, then everything that is not proven.
pub(crate) fn render(results: &[Shown]) -> String {
    let mut rows: BTreeMap<&str, Vec<&Shown>> = BTreeMap::new();
    for shown in results {
        rows.entry(shown.check).or_default().push(shown);
    }
    let width = rows.keys().map(|check| check.len()).max().unwrap_or_default().max(5);
    let mut out = String::new();
    let _ = writeln!(out, "{:width$}  healthy  faults  away  silent  fixes", "check");
    for (check, shown) in &rows {
        let cell = |wanted: fn(&Kind) -> bool| {
            let of: Vec<_> = shown.iter().filter(|shown| wanted(&shown.kind)).collect();
            match of.iter().filter(|shown| shown.proven).count() {
                _ if of.is_empty() => "-".to_owned(),
                proven if of.len() == 1 => if proven == 1 { "yes" } else { "NO" }.to_owned(),
                proven => format!("{proven}/{}", of.len()),
            }
        };
        let _ = writeln!(
            out,
            "{check:width$}  {:7}  {:6}  {:4}  {:6}  {}",
            cell(|kind| matches!(kind, Kind::Healthy)),
            cell(|kind| matches!(kind, Kind::Fault { .. })),
            cell(|kind| matches!(kind, Kind::Away)),
            cell(|kind| matches!(kind, Kind::Silent)),
            cell(|kind| matches!(kind, Kind::Mended { .. })),
        );
    }
    let open: Vec<&Shown> = results.iter().filter(|shown| !shown.proven).collect();
    if !open.is_empty() {
        let _ = writeln!(out, "\nnot proven:");
    }
    for shown in &open {
        let expected = match shown.kind {
            Kind::Healthy => "on a healthy target it must pass".to_owned(),
            Kind::Fault { fault, finding } => format!("under {fault} it must fail, or warn, with {finding}"),
            Kind::Away => "with the target away it must have no answer".to_owned(),
            Kind::Silent => "with a silent target it must have no answer".to_owned(),
            Kind::Mended { fix, fault } => format!("under {fault} the fix {fix} must mend it, and be undone"),
        };
        let _ = writeln!(out, "  {}: {expected}\n    {}", shown.check, shown.actual);
    }
    let _ =
        writeln!(out, "\n{} checks, {} experiments, {} not proven", rows.len(), results.len(), open.len());
    out
}

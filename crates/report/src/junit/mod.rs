//! `junit.xml`, as GitLab reads it: one test case per check or row, the whole story in the body.
//!
//! A case is identified by suite (the plugin), class name (the check's id) and name (its title, and the row): all three
//! are stable from run to run, and no two cases share them. What fails without deciding, being informational or waived,
//! is skipped there, with the failure in the body: neither a red pipeline nor a pass.
//!
//! GitLab refuses a file that is too large, and shows nothing then. So every case is weighed before the file is made, and
//! it is kept within [`Limits`]: first the longest texts are shortened, then what passed is left out. Either way the file
//! says so, and memory grows with the file at most, not with what the run has seen.

mod case;
mod document;
mod limits;

pub use limits::Limits;

use case::{TestCase, cases};
use document::Document;
use limits::Plan;
use shakedown_core::id;
use shakedown_core::run::{CheckRecord, Run};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The document, with the paths of evidence as they are, relative to the run's directory.
pub fn render(run: &Run) -> String {
    let mut bytes = Vec::new();
    write(run, Some(Path::new("")), &mut bytes).expect("memory can be written");
    String::from_utf8(bytes).expect("the document is UTF-8")
}

/// Writes the document, within the limits of GitLab. `run_dir` is the run's directory relative to the project's, where it
/// lies within: GitLab finds attachments there.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write(run: &Run, run_dir: Option<&Path>, out: impl io::Write) -> io::Result<()> {
    write_within(&Limits::GITLAB, run, run_dir, out)
}

/// The same within other limits.
///
/// # Errors
/// Where `out` cannot be written.
pub fn write_within(
    limits: &Limits,
    run: &Run,
    run_dir: Option<&Path>,
    out: impl io::Write,
) -> io::Result<()> {
    let suites = suites(run);
    let plan = Plan::measured(limits, run, &suites, run_dir)?;
    let document = Document::new(run_dir, plan.longest_text);
    let mut report = document::open(run);
    for (suite, planned) in suites.iter().zip(&plan.suites) {
        let mut left = *planned;
        let mut written = document::open_suite(suite);
        // At least a case each, where each has its room: growth by doubling would need twice the memory.
        written.test_cases.reserve_exact(planned.total());
        for case in suite.cases(run_dir).filter(|case| left.take(case.kind)) {
            written.add_test_case(document.case(&case));
        }
        report.add_test_suite(written);
    }
    report.add_test_suites(document.left_out(&plan.left_out));
    report.serialize(out).map_err(io::Error::other)
}

/// The checks of one plugin.
struct Suite<'a> {
    plugin: &'a str,
    records: Vec<&'a CheckRecord>,
    /// How many selected checks were not run.
    left_out: usize,
}

impl<'a> Suite<'a> {
    /// Its test cases, each made when its turn comes.
    fn cases(&self, run_dir: Option<&'a Path>) -> impl Iterator<Item = TestCase<'a>> {
        self.records.iter().flat_map(move |record| cases(record, run_dir))
    }
}

fn suites(run: &Run) -> Vec<Suite<'_>> {
    let mut plugins: BTreeMap<&str, (Vec<&CheckRecord>, usize)> = BTreeMap::new();
    for record in &run.checks {
        plugins.entry(id::plugin_of(&record.info.id)).or_default().0.push(record);
    }
    for left_out in &run.left_out {
        plugins.entry(id::plugin_of(&left_out.check)).or_default().1 += 1;
    }
    let suites = plugins.into_iter();
    suites.map(|(plugin, (records, left_out))| Suite { plugin, records, left_out }).collect()
}

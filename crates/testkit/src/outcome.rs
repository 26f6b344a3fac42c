//! What a check said, in few words.

use shakedown_core::{Finding, Outcome};

/// The codes of the findings, with those of cases.
pub fn codes(outcome: &Outcome) -> Vec<String> {
    outcome.all_findings().map(|finding| finding.code.clone()).collect()
}

/// The status, and the codes of the findings with those of cases: `failed index-missing`.
pub fn brief(outcome: &Outcome) -> String {
    format!("{} {}", outcome.status, codes(outcome).join(" ")).trim_end().to_owned()
}

/// The finding with this code; without it the test fails, and shows what was said instead.
#[track_caller]
pub fn finding(outcome: &Outcome, code: &str) -> Finding {
    let found = outcome.all_findings().find(|finding| finding.code == code).cloned();
    found.unwrap_or_else(|| panic!("no `{code}`: {outcome:#?}"))
}

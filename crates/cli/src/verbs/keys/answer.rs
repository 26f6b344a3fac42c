//! What `keys check` answers: for programs as it stands, for people as text.

use super::list::Listed;
use crate::verbs::list::by_word;
use schemars::JsonSchema;
use serde::Serialize;
use shakedown_core::key;
use shakedown_report::text::{clean, clip, counted};
use std::fmt::Write as _;

/// What `keys check --format json` prints.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(title = "keys check")]
pub(crate) struct KeysAnswer {
    /// Where the list comes from: a file, or a test plan.
    pub(crate) list: String,
    /// How many keys the list has, each counted once.
    pub(crate) listed: usize,
    /// How many of the selected checks have a key of the project.
    pub(crate) checks_with_keys: usize,
    /// Keys of the list that no selected check answers for.
    pub(crate) missing: Vec<MissingKey>,
    /// Keys of the list that checks answer for.
    pub(crate) covered: Vec<KeyChecks>,
    /// Selected checks without a key of the project.
    pub(crate) keyless: Vec<String>,
    /// Keys that several selected checks answer for, listed or not; in Jira the worst answer counts.
    pub(crate) shared: Vec<KeyChecks>,
    /// Keys of selected checks that the list does not know. Keys of other projects are references and not among them.
    pub(crate) unlisted: Vec<KeyChecks>,
}

/// A key without a check.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct MissingKey {
    /// The key.
    pub(crate) key: String,
    /// What it is called in the list, where the list says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
}

/// A key and who answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct KeyChecks {
    /// The key.
    pub(crate) key: String,
    /// The ids of the checks, sorted.
    pub(crate) checks: Vec<String>,
}

impl KeysAnswer {
    /// Compares the checks, each with its keys, with the list. `project` is the Jira project whose keys count.
    pub(crate) fn new(
        list: String,
        listed: &Listed,
        checks: &[(&str, &[&str])],
        project: Option<&str>,
    ) -> Self {
        let is_ours = |key: &str| key::is_of(key, project);
        let by_key = by_word(checks.iter().copied());
        let entry = |(key, ids): (&&str, &std::collections::BTreeSet<&str>)| KeyChecks {
            key: (*key).to_owned(),
            checks: ids.iter().map(|&id| id.to_owned()).collect(),
        };
        let all = || by_key.iter().map(entry);
        let keyless: Vec<String> = checks
            .iter()
            .filter(|(_, keys)| !keys.iter().any(|key| is_ours(key)))
            .map(|(id, _)| (*id).to_owned())
            .collect();
        let missing = listed.iter().filter(|(key, _)| !by_key.contains_key(key.as_str()));
        Self {
            list,
            listed: listed.len(),
            checks_with_keys: checks.len() - keyless.len(),
            missing: missing
                .map(|(key, summary)| MissingKey { key: key.clone(), summary: summary.clone() })
                .collect(),
            covered: all().filter(|entry| listed.contains_key(&entry.key)).collect(),
            keyless,
            shared: all().filter(|entry| entry.checks.len() > 1).collect(),
            unlisted: all().filter(|entry| is_ours(&entry.key) && !listed.contains_key(&entry.key)).collect(),
        }
    }

    /// What people read: what is wrong, and what to do about it; what decides stands last.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let shared = self.shared.iter().map(line);
        section(&mut out, "keys on several checks", shared, "in Jira the worst answer of all of them counts");
        let next = "add the test to the plan, or correct the check's `keys`";
        section(&mut out, "keys of checks that the list does not know", self.unlisted.iter().map(line), next);
        let next =
            "give each the key of the test in Jira that it answers for; without one Jira does not hear of it";
        section(&mut out, "checks without a key", self.keyless.iter().cloned(), next);
        let missing = self.missing.iter().map(|MissingKey { key, summary }| match summary {
            Some(summary) => format!("{key}  {}", clip(&clean(summary), 80)),
            None => key.clone(),
        });
        let next =
            "write a check, add the key to the check that answers for it already, or take it off the list";
        section(&mut out, "keys without a check", missing, next);
        let (list, keys) = (clean(&self.list), counted(self.listed, "key", "keys"));
        let _ = match self.missing.len() {
            0 => writeln!(out, "{list}: {keys}, each with a check"),
            none => {
                writeln!(out, "{list}: {keys}, {} with a check, {none} without", self.covered.len())
            }
        };
        out
    }
}

fn line(KeyChecks { key, checks }: &KeyChecks) -> String {
    format!("{key}  {}", checks.join(", "))
}

/// A heading with its number, the lines, and what to do; nothing where there are no lines.
fn section(out: &mut String, heading: &str, lines: impl ExactSizeIterator<Item = String>, next: &str) {
    if lines.len() == 0 {
        return;
    }
    let _ = writeln!(out, "{heading} ({})", lines.len());
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "  → {next}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(listed: &[(&str, Option<&str>)], checks: &[(&str, &[&str])]) -> KeysAnswer {
        let listed =
            listed.iter().map(|(key, summary)| ((*key).to_owned(), summary.map(str::to_owned))).collect();
        KeysAnswer::new("tests.csv".to_owned(), &listed, checks, Some("PZ"))
    }

    #[test]
    fn everything_that_is_not_as_it_should_be_is_told() {
        let listed = [("PZ-1", None), ("PZ-2", Some("Twenty jobs\nat once")), ("PZ-3", None)];
        let checks: [(&str, &[&str]); 5] = [
            ("a.one", &["PZ-1"]),
            ("a.same", &["PZ-1", "PZ-3"]),
            ("a.elsewhere", &["OTHER-7"]),
            ("a.without", &[]),
            ("a.unknown", &["PZ-9"]),
        ];
        insta::assert_snapshot!(answer(&listed, &checks).text(), @r"
        keys on several checks (1)
          PZ-1  a.one, a.same
          → in Jira the worst answer of all of them counts

        keys of checks that the list does not know (1)
          PZ-9  a.unknown
          → add the test to the plan, or correct the check's `keys`

        checks without a key (2)
          a.elsewhere
          a.without
          → give each the key of the test in Jira that it answers for; without one Jira does not hear of it

        keys without a check (1)
          PZ-2  Twenty jobs at once
          → write a check, add the key to the check that answers for it already, or take it off the list

        tests.csv: 3 keys, 2 with a check, 1 without
        ");
    }

    #[test]
    fn what_programs_read_keeps_to_its_schema() {
        let answer =
            answer(&[("PZ-1", None), ("PZ-2", Some("Two"))], &[("a.one", &["PZ-1"]), ("a.two", &["PZ-9"])]);
        let json = serde_json::to_value(&answer).unwrap();
        let schema = serde_json::to_value(schemars::schema_for!(KeysAnswer)).unwrap();
        jsonschema::validate(&schema, &json).unwrap();
        assert_eq!(json["missing"], serde_json::json!([{ "key": "PZ-2", "summary": "Two" }]));
        assert_eq!(json["unlisted"], serde_json::json!([{ "key": "PZ-9", "checks": ["a.two"] }]));
    }

    #[test]
    fn a_list_that_is_answered_for_is_one_line() {
        let answer = answer(&[("PZ-1", None)], &[("a.one", &["PZ-1", "PZ-1"])]);
        assert_eq!(answer.text(), "tests.csv: 1 key, each with a check\n");
        assert_eq!((answer.checks_with_keys, answer.covered.len()), (1, 1));
    }
}

//! Adds up what `cargo test` prints, so that the end of a long output says it all.

use std::collections::VecDeque;
use std::fmt;

/// How the tests of all binaries ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Test binaries and sets of doc tests.
    binaries: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Those that failed, and the last that each said.
    failures: Vec<Failed>,
    /// What is being read.
    part: Part,
}

#[derive(Debug, PartialEq, Eq)]
struct Failed {
    name: String,
    said: VecDeque<String>,
}

/// A part of the output that a binary closes with where a test failed.
#[derive(Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Other,
    /// What the last of the tests that failed said.
    Said,
    /// The names of all tests that failed, indented.
    Names,
}

/// So many lines of what a test said are repeated at the end, since the beginning of a long log is often cut off.
const LINES: usize = 12;

impl Tally {
    /// Takes in one line of the output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        let heading = line.strip_prefix("---- ").and_then(|line| line.strip_suffix(" stdout ----"));
        if let Some(name) = heading {
            self.failed(name);
            self.part = Part::Said;
        } else if line == "failures:" {
            self.part = Part::Names;
        }
        match self.part {
            Part::Said if heading.is_none() && !line.is_empty() => self.said(line),
            Part::Names => {
                // One that said nothing has no heading.
                if let Some(name) = line.strip_prefix("    ")
                    && !self.failures.iter().any(|failed| failed.name == name)
                {
                    self.failed(name);
                }
            }
            _ => {}
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            self.part = Part::Other;
            self.binaries += 1;
            for part in result.split([';', '.']) {
                let mut words = part.split_whitespace();
                let (Some(count), Some(what)) =
                    (words.next().and_then(|word| word.parse::<u64>().ok()), words.next())
                else {
                    continue;
                };
                match what {
                    "passed" => self.passed += count,
                    "failed" => self.failed += count,
                    "ignored" => self.ignored += count,
                    _ => {}
                }
            }
        }
    }

    fn failed(&mut self, name: &str) {
        self.failures.push(Failed { name: name.to_owned(), said: VecDeque::new() });
    }

    fn said(&mut self, line: &str) {
        let Some(Failed { said, .. }) = self.failures.last_mut() else { return };
        said.push_back(line.to_owned());
        if said.len() > LINES {
            said.pop_front();
        }
    }

    /// Whether any test ran.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failed { name, said } in &self.failures {
            writeln!(f, "failed: {name}")?;
            for line in said {
                writeln!(f, "    {line}")?;
            }
        }
        write!(f, "tests: {} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(f, ", {} ignored", self.ignored)?;
        }
        write!(f, ", in {} binaries", self.binaries)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn adds_up_binaries_and_names_failures() {
        let output = "\
running 4 tests
test id::tests::ids_have_a_name ... ok
test stats::nearest_rank ... FAILED
test stats::silent ... FAILED

failures:

---- stats::nearest_rank stdout ----

an outline
    and an indented line of its output

failures:
    stats::nearest_rank
    stats::silent

test result: FAILED. 2 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 5 tests
test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1.25s
";
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        output.lines().for_each(|line| tally.line(line));
        assert!(!tally.is_empty());
        assert_eq!(
            tally.to_string(),
            "failed: stats::nearest_rank
    an outline
        and an indented line of its output
failed: stats::silent
tests: 6 passed, 2 failed, 1 ignored, in 2 binaries"
        );
    }

    #[test]
    fn a_long_story_is_told_from_its_end() {
        let mut tally = Tally::default();
        tally.line("---- long::story stdout ----");
        (0..100).for_each(|number| tally.line(&format!("line {number}")));
        tally.line("failures:");
        let told = tally.to_string();
        assert_eq!(told.lines().nth(1), Some("    line 88"));
        assert!(told.contains("    line 99\ntests:"), "{told}");
    }
}

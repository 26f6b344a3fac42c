//! Adds up what `cargo test` prints, so that the end of a long output says it all.

use std::fmt;

/// How the tests of all binaries ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Test binaries and sets of doc tests.
    binaries: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// The names of those that failed.
    failures: Vec<String>,
    /// Whether the list of failures of a binary is being read.
    in_failures: bool,
}

impl Tally {
    /// Takes in one line of the output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        // Each binary closes with the word `failures:` and an indented name a line.
        if self.in_failures
            && let Some(name) = line.strip_prefix("    ")
        {
            self.failures.push(name.to_owned());
            return;
        }
        self.in_failures = line == "failures:";
        if let Some(result) = line.strip_prefix("test result: ") {
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

    /// Whether any test ran.
    pub(crate) const fn is_empty(&self) -> bool {
        self.passed + self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.failures {
            writeln!(f, "failed: {name}")?;
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
running 3 tests
test id::tests::ids_have_a_name ... ok
test stats::nearest_rank ... FAILED

failures:

---- stats::nearest_rank stdout ----
    an indented line of its output

failures:
    stats::nearest_rank

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

running 5 tests
test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1.25s
";
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        output.lines().for_each(|line| tally.line(line));
        assert!(!tally.is_empty());
        assert_eq!(
            tally.to_string(),
            "failed: stats::nearest_rank\ntests: 6 passed, 1 failed, 1 ignored, in 2 binaries"
        );
    }
}

//! What holds for every Rust source.

use crate::{File, assert_none, files};

/// A longer file is asking to be two.
const LONGEST: usize = 500;

fn sources() -> Vec<File> {
    files().into_iter().filter(File::is_rust).collect()
}

#[test]
fn no_source_is_longer_than_a_reader_can_take() {
    let long = sources()
        .into_iter()
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, _)| *lines > LONGEST);
    assert_none(
        &long.map(|(lines, path)| format!("{path}: {lines} lines, more than {LONGEST}")).collect::<Vec<_>>(),
    );
}

#[test]
fn every_source_opens_with_its_job() {
    let silent = sources().into_iter().filter(|file| !file.text.starts_with("//! "));
    assert_none(
        &silent.map(|file| format!("{}: must open with `//! ` and its job", file.path)).collect::<Vec<_>>(),
    );
}

#[test]
fn every_exception_from_a_lint_gives_its_reason() {
    // Split, so that this file does not find itself.
    let openings = [
        concat!("#[al", "low("),
        concat!("#[ex", "pect("),
        concat!("#![al", "low("),
        concat!("#![ex", "pect("),
    ];
    let mut problems = Vec::new();
    for file in sources() {
        for opening in openings {
            for (at, _) in file.text.match_indices(opening) {
                let attribute = file.text[at..].split(")]").next().unwrap_or_default();
                if !attribute.contains("reason = ") {
                    let line = file.text[..at].lines().count() + 1;
                    problems.push(format!("{}:{line}: `{attribute})]` gives no reason", file.path));
                }
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn nothing_is_left_to_do_later() {
    let in_comments = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let in_code = [concat!("to", "do!("), concat!("unimple", "mented!(")];
    let mut problems = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            if in_comments.iter().any(|mark| comment.contains(mark))
                || in_code.iter().any(|mark| line.contains(mark))
            {
                problems.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none(&problems);
}

/// `keys check`, `list` and selections know the keys that a check declares, and those alone.
#[test]
fn a_check_declares_every_key_that_its_rows_answer_for() {
    let mut problems = Vec::new();
    for File { path, text } in sources().into_iter().filter(|file| file.path.contains("/src/checks/")) {
        let Some((before, after)) = text.split_once("keys: &[") else { continue };
        let (declared, after) = after.split_once(']').unwrap_or((after, ""));
        for line in before.lines().chain(after.lines()).filter(|line| !line.trim_start().starts_with("//")) {
            // What stands in quotes is every second piece.
            for quoted in line.split('"').skip(1).step_by(2) {
                if quoted.starts_with(concat!("P", "Z-")) && !declared.contains(&format!("\"{quoted}\"")) {
                    problems
                        .push(format!("{path}: a row answers for {quoted}, which `keys` does not declare"));
                }
            }
        }
    }
    assert_none(&problems);
}

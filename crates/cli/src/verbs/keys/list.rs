//! A list of keys in a file: CSV or TSV, as Jira, Xray and spreadsheets write it.
//!
//! What cannot be read is an error that names the file and the line; so is a list without a key, which would say that
//! nothing is missing.

use anyhow::{Context as _, bail};
use csv::{ByteRecord, ReaderBuilder};
use shakedown_core::key::keys_in;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The keys of a list, each with what it is called there.
pub(crate) type Listed = BTreeMap<String, Option<String>>;

/// What a column of keys is called, however it is written.
const KEYS: [&str; 9] = [
    "key",
    "keys",
    "issue key",
    "issue keys",
    "test key",
    "test keys",
    "jira key",
    "jira keys",
    "test case key",
];

/// What a column of names is called.
const SUMMARIES: [&str; 5] = ["summary", "test summary", "title", "name", "test name"];

/// What may stand between two cells.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads the list; `column` is the one that holds the keys, where its name does not say so.
pub(crate) fn read(path: &Path, column: Option<&str>) -> anyhow::Result<Listed> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&path.display().to_string(), &bytes, column)
}

fn parse(name: &str, bytes: &[u8], column: Option<&str>) -> anyhow::Result<Listed> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") || bytes.contains(&0) {
        bail!("{name}:1: this is no text in UTF-8: save it as `CSV UTF-8`");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .has_headers(false)
        .from_reader(bytes)
        .into_byte_records();
    let header = match rows.next() {
        Some(header) => header.map_err(|error| unreadable(name, &error))?,
        None => bail!(
            "{name}:1: the file is empty: it needs a header with a column `key`, and a key in each line"
        ),
    };
    let header: Vec<String> = header.iter().map(|cell| text(cell).trim().to_owned()).collect();
    let keys = column_of_keys(&header, column).map_err(|why| anyhow::anyhow!("{name}:1: {why}"))?;
    let summary = header.iter().position(|cell| SUMMARIES.contains(&plain(cell).as_str()));
    let mut listed = Listed::new();
    for row in rows {
        let row = row.map_err(|error| unreadable(name, &error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |index: usize| row.get(index).map(text).unwrap_or_default();
        let (found, called) = (cell(keys), summary.map(cell).filter(|called| !called.trim().is_empty()));
        let found = keys_in(&found).map_err(|part| {
            anyhow::anyhow!(
                "{name}:{line}: `{part}` in the column `{}` is no key, as `PZ-14024` is one; a test without a key has an \
                 empty cell",
                header[keys]
            )
        })?;
        for key in found {
            listed.entry(key.to_owned()).or_insert_with(|| called.clone());
        }
    }
    if listed.is_empty() {
        bail!(
            "{name}:1: the column `{}` holds no key: an empty list says nothing of what is missing",
            header[keys]
        );
    }
    Ok(listed)
}

/// The one that makes most cells of the header.
fn delimiter(bytes: &[u8]) -> u8 {
    let cells = |delimiter: &u8| {
        let mut reader = ReaderBuilder::new().delimiter(*delimiter).has_headers(false).from_reader(bytes);
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header).map_or(0, |_| header.len())
    };
    // Of several that make as many, the first: `max_by_key` takes the last.
    DELIMITERS.into_iter().rev().max_by_key(cells).unwrap_or(b',')
}

/// The number of the column that holds the keys.
fn column_of_keys(header: &[String], column: Option<&str>) -> Result<usize, String> {
    let wanted = |cell: &String| match column {
        Some(column) => plain(cell) == plain(column),
        None => KEYS.contains(&plain(cell).as_str()),
    };
    let found: Vec<usize> = (0..header.len()).filter(|&index| wanted(&header[index])).collect();
    let columns = || header.iter().map(|cell| format!("`{cell}`")).collect::<Vec<_>>().join(", ");
    match (found.as_slice(), column) {
        (&[one], _) => Ok(one),
        ([], Some(column)) => Err(format!("there is no column `{column}`; the columns are {}", columns())),
        ([], None) => Err(format!(
            "no column is called `key`, `Issue key`, `Test Key` or the like; the columns are {}: name the right one \
             with `--column NAME`",
            columns()
        )),
        (_, Some(column)) => Err(format!("several columns are called `{column}`")),
        (several, None) => {
            let several: Vec<String> = several.iter().map(|&index| format!("`{}`", header[index])).collect();
            Err(format!(
                "{} may all hold the keys: name the right one with `--column NAME`",
                several.join(", ")
            ))
        }
    }
}

/// A name of a column, however it is written: `Issue_Key` is `issue key`.
fn plain(cell: &str) -> String {
    let lower = cell.to_lowercase();
    lower
        .split(|c: char| c.is_whitespace() || matches!(c, '_' | '-'))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Only keys matter, and they are ASCII: what is no UTF-8 is shown as well as can be.
fn text(cell: &[u8]) -> String {
    String::from_utf8_lossy(cell).into_owned()
}

fn unreadable(name: &str, error: &csv::Error) -> anyhow::Error {
    let line = error.position().map_or(1, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => anyhow::anyhow!(
            "{name}:{line}: {len} cells where the header has {expected_len}: is a cell that holds the delimiter in quotes?"
        ),
        _ => anyhow::anyhow!("{name}:{line}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> String {
        told(text.as_bytes(), None)
    }

    fn told(bytes: &[u8], column: Option<&str>) -> String {
        match parse("tests.csv", bytes, column) {
            Ok(listed) => listed
                .into_iter()
                .map(|(key, summary)| summary.map_or(key.clone(), |summary| format!("{key} {summary}")))
                .collect::<Vec<_>>()
                .join(", "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn lists_are_read_as_tools_write_them() {
        // Jira's export, with a line break in a cell, columns of one name, and further keys that are none of the tests.
        let jira = "Summary,Issue key,Issue id,Project key,Labels,Labels\n\"Twenty,\njobs\",PZ-2,1001,PZ,a,b\nOne,PZ-1,1000,PZ,,\n";
        assert_eq!(keys(jira), "PZ-1 One, PZ-2 Twenty,\njobs");
        assert_eq!(keys("\u{feff}Test Key;Title\r\nPZ-1;\r\n"), "PZ-1");
        assert_eq!(keys("id\tkeys\nx\tPZ-3,PZ-1; PZ-2\ny\t\n"), "PZ-1, PZ-2, PZ-3");
        assert_eq!(keys("key\nPZ-1\nPZ-1\n\nPZ-2"), "PZ-1, PZ-2");
        assert_eq!(told(b"JIRA_KEY|name\nPZ-1|caf\xe9\n", None), "PZ-1 caf\u{fffd}");
        assert_eq!(told(b"Key,Test\nPZ-1,PZ-7\n", Some("test")), "PZ-7");
    }

    #[test]
    fn what_cannot_be_read_names_the_file_and_the_line() {
        insta::assert_snapshot!(keys(""), @"tests.csv:1: the file is empty: it needs a header with a column `key`, and a key in each line");
        insta::assert_snapshot!(keys("key,title\n"), @"tests.csv:1: the column `key` holds no key: an empty list says nothing of what is missing");
        insta::assert_snapshot!(keys("key,title\n,a\n,b\n"), @"tests.csv:1: the column `key` holds no key: an empty list says nothing of what is missing");
        insta::assert_snapshot!(keys("title,key\n\"a\nb\",PZ-1\nc,PZ-x\n"), @"tests.csv:4: `PZ-x` in the column `key` is no key, as `PZ-14024` is one; a test without a key has an empty cell");
        insta::assert_snapshot!(keys("key,title\nPZ-1,a\nPZ-2,b,c\n"), @"tests.csv:3: 3 cells where the header has 2: is a cell that holds the delimiter in quotes?");
        insta::assert_snapshot!(keys("PZ-1\nPZ-2\n"), @"tests.csv:1: no column is called `key`, `Issue key`, `Test Key` or the like; the columns are `PZ-1`: name the right one with `--column NAME`");
        insta::assert_snapshot!(keys("Key,Test Key\nPZ-1,PZ-2\n"), @"tests.csv:1: `Key`, `Test Key` may all hold the keys: name the right one with `--column NAME`");
        insta::assert_snapshot!(told(b"Key,b\nPZ-1,\n", Some("c")), @"tests.csv:1: there is no column `c`; the columns are `Key`, `b`");
        insta::assert_snapshot!(told(b"\xff\xfek\0e\0y\0", None), @"tests.csv:1: this is no text in UTF-8: save it as `CSV UTF-8`");
    }
}

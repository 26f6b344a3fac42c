//! Files that nobody would write on purpose.

use crate::fixture::{REGISTRY, parse, resolve};
use insta::assert_snapshot;
use proptest::prelude::*;
use shakedown_config::Config;
use std::fs::File;
use std::path::Path;

fn refused(path: &Path) -> String {
    let error = Config::read(path, &REGISTRY).err().unwrap();
    error.render(false).replace(&path.display().to_string(), "FILE")
}

#[test]
fn files_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checks.toml");
    assert_snapshot!(refused(&path), @r##"
    error: cannot read the configuration: there is no such file
    --> FILE
     = help: name the file with `--config FILE`, or run where `checks.toml` is
    "##);
    assert_snapshot!(refused(directory.path()), @r##"
    error: the configuration is a directory
    --> FILE
     = help: name the file in it, for example `checks.toml`
    "##);
    std::fs::write(&path, b"version = 1\n\n# caf\xe9\n").unwrap();
    assert_snapshot!(refused(&path), @r##"
    error: line 3 is not UTF-8: byte 0xe9 at offset 18
    --> FILE
     = help: save the file as UTF-8
    "##);
    // A hole: of its 50 MB not one is written or read.
    File::create(&path).unwrap().set_len(50_000_000).unwrap();
    assert_snapshot!(refused(&path), @r##"
    error: the configuration has 50000000 bytes; at most 1048576 (1 MiB) are read
    --> FILE
     = help: is this the right file?
    "##);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checks.toml");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(refused(&path).contains("the configuration is not a regular file"));
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_fine() {
    let text = "\u{feff}version = 1\r\n[environments.local]\r\nsandbox = {}\r\n";
    assert!(parse(text).is_ok());
    let error = parse(&text.replace("sandbox", "sandbx")).err().unwrap();
    assert_snapshot!(error.render(false), @r##"
    error: unknown key `sandbx` in an environment
     --> checks.toml:3:1
      |
    3 | sandbx = {}
      | ^^^^^^
      |
      = help: did you mean `sandbox`?
    "##);
}

#[test]
fn deep_nesting_is_refused() {
    let arrays = format!("a = {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let tables = format!("a = {}1{}", "{a=".repeat(10_000), "}".repeat(10_000));
    let dotted = format!("[{}a]", "a.".repeat(10_000));
    let keys = format!("{}a = 1", "a.".repeat(10_000));
    // Each level of braces within the parser's limit, and dotted keys within each.
    let path = vec!["a"; 70].join(".");
    let both =
        format!("[{path}]\n{}1{}", format!("{path}={{").repeat(70).trim_end_matches('{'), "}".repeat(69));
    for text in [arrays, tables, dotted, keys, both] {
        let error = parse(&format!("version = 1\n{text}\n")).err().unwrap().to_string();
        assert!(error.contains("recurs") || error.contains("nested more than 32 deep"), "{error}");
    }
}

#[test]
fn a_full_megabyte_of_anything_is_answered() {
    for line in
        ["a.a.a.a = 1\n", "[[environments.local.override]]\n", "\"\\u0000\" = 1\n", "x://x:y@z ", "${", "]"]
    {
        assert!(parse(&line.repeat(1_000_000 / line.len())).is_err());
    }
}

#[test]
fn a_long_line_is_cut() {
    let error = parse(&format!("version = 1\n[environments.local]\nrole = [{}]\n", "'x', ".repeat(100_000)))
        .err()
        .unwrap();
    assert!(error.render(false).len() < 2_000, "{}", error.render(false).len());
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let error = parse("version = 1\n[environments.\"\\u001b[2J\"]\n\"\\u001b]0;x\" = 1\n").err().unwrap();
    assert!(!error.render(false).contains('\u{1b}') && !error.to_string().contains('\u{1b}'));
}

/// Valid files, bent.
fn bent() -> impl Strategy<Value = String> {
    let whole = "version = 1\n[environments.a]\nextends = \"b\"\nrole = \"${X:-y}\"\n[environments.b]\nsandbox = {}\n\
        [environments.b.targets.mongo]\nuri = '${file:/x}'\n[[environments.b.override]]\nselect = \"tag(smoke) & \\u0061ll()\"\n\
        params = { oldest = \"1h\" }\n[[environments.b.waiver]]\ncheck = \"mongo.connect\"\nexpires = 2026-01-01\n\
        [suites.x]\nselect = \"\"\"\nsuite(x)\"\"\"\n";
    (0..whole.len(), 0..20_usize, "[\\[\\]{}=.,\"'$#é\\n a-z0-9]{0,6}").prop_map(move |(at, cut, insert)| {
        format!("{}{insert}{}", &whole[..at], &whole[(at + cut).min(whole.len())..])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn never_panics(text in prop_oneof!["\\PC{0,80}", "(?s).{0,80}", "[\\[\\]{}=.,\"'\\\\$\\n a-z0-9]{0,80}", bent()]) {
        match parse(&text) {
            Ok(config) => {
                for environment in config.environments() {
                    let _ = resolve(&config, environment, &[("X", "x")]).map_err(|error| error.render(false));
                }
            }
            Err(error) => {
                prop_assert!(!error.0.is_empty());
                prop_assert!(!error.render(true).is_empty() && !error.to_json().as_array().unwrap().is_empty());
            }
        }
    }
}

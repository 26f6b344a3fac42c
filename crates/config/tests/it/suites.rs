//! Suites, and the checks that none selects.

use crate::fixture::{REGISTRY, parse, problems};
use insta::assert_snapshot;
use shakedown_config::Selection;
use std::fmt::Write as _;

const LOCAL: &str = "version = 1\n[environments.local]\nsandbox = {}\n";

#[test]
fn suites_name_suites_in_any_order() {
    let text = "[suites.all]\nselect = 'suite(later) | tag(latency)'\n[suites.later]\nselect = 'tag(smoke)'\ndescription = 'x'";
    let config = parse(&format!("{LOCAL}{text}")).unwrap_or_else(|error| panic!("{error}"));
    let spec = REGISTRY.check("mongo.connect").unwrap();
    assert!(config.suites()["all"].selection.selects(spec, spec.severity));
    assert_eq!(config.suites()["later"].description.as_deref(), Some("x"));
    let selection = Selection::parse("!suite(all)", &REGISTRY, config.suites()).unwrap();
    assert!(!selection.selects(spec, spec.severity));
    let error = Selection::parse("suite(al)", &REGISTRY, config.suites()).unwrap_err();
    assert_eq!(error.problems[0].help.as_deref(), Some("did you mean `all`?"));
}

#[test]
fn cycles_and_unknown_suites_are_named() {
    let text = r#"
[environments.local]
[[environments.local.override]]
select = "suite(b)"
[suites.a]
select = "tag(smoke) | suite(b)"
[suites.b]
select = "!suite(c)"
[suites.c]
select = "suite(b)"
[suites.d]
select = "suite(d)"
[suites.e]
select = "suite(f) & suite(broken) & \u0074ag(x)"
[suites.broken]
select = "&"
[suites.empty]
description = 3
"#;
    assert_snapshot!(problems(text), @r##"
    error: these suites name each other: `b` names `c` names `b`
     --> checks.toml:9:18
      |
    9 | select = "!suite(c)"
      |                  ^

    error: these suites name each other: `d` names `d`
      --> checks.toml:13:17
       |
    13 | select = "suite(d)"
       |                 ^

    error: unknown suite `f`
      --> checks.toml:15:17
       |
    15 | select = "suite(f) & suite(broken) & \u0074ag(x)"
       |                 ^
       |
       = help: there are `a`, `b`, `broken`, `c`, `d`, `e`, `empty`

    error: unknown tag `x`
      --> checks.toml:15:47
       |
    15 | select = "suite(f) & suite(broken) & \u0074ag(x)"
       |                                               ^
       |
       = help: there are `api`, `data-quality`, `latency`, `smoke`

    error: expected a predicate such as `tag(smoke)`, or `!`, or `(`
      --> checks.toml:17:11
       |
    17 | select = "&"
       |           ^
       |
       = help: for example `tag(smoke) & !plugin(mongo)`

    error: `select` is missing in `suites.empty`
      --> checks.toml:18:1
       |
    18 | [suites.empty]
       | ^^^^^^^^^^^^^^
       |
       = help: for example `select = "tag(smoke)"`

    error: `description` must be a string, not an integer
      --> checks.toml:19:15
       |
    19 | description = 3
       |               ^
    "##);
}

#[test]
fn suites_that_repeat_each_other_are_asked_once() {
    let mut text = format!("{LOCAL}[suites.s0]\nselect = '!all()'\n");
    for level in 1..16 {
        let previous = level - 1;
        let repeated = vec![format!("suite(s{previous})"); 50].join(" | ");
        write!(text, "[suites.s{level}]\nselect = '{repeated}'\n").unwrap();
    }
    let config = parse(&text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.orphans(&REGISTRY).len(), 6);
    text += "[suites.s16]\nselect = 'suite(s15)'\n";
    assert!(parse(&text).err().unwrap().to_string().contains("suites name suites more than 16 deep"));
}

#[test]
fn orphans_are_in_no_suite_and_not_listed() {
    let config = parse(&format!("{LOCAL}[suites.smoke]\nselect = 'tag(smoke)'")).unwrap();
    assert_eq!(
        config.orphans(&REGISTRY),
        ["focus-api.configure", "focus-api.latency", "mongo.recordings.stale"]
    );
    let listed = "[project]\nname = 'x'\nunselected = ['focus-api.latency', 'mongo.recordings.stale']\n";
    let config = parse(&format!("{LOCAL}{listed}[suites.smoke]\nselect = 'tag(smoke) | tag(api)'")).unwrap();
    assert!(config.orphans(&REGISTRY).is_empty());
}

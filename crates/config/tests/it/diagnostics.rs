//! Every error at once, each with its place, the text and what would be right.

use crate::fixture::{brief, parse, problems};
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn shows_all_errors_as_a_compiler_would() {
    let text = r#"
[project]
name = "focus-server"
colour = "blue"

[environments.base.defaults]
timeuot = "30s"

[environments.local]
extends = "bsae"
sandbox = {}

[environments.local.policy]
allow = ["read", "craete"]

[[environments.base.override]]
select = "plugin(mongo) & tag(smok)"
timeout = "soon"
"#;
    assert_snapshot!(problems(text), @"");
}

/// What is wrong with each of these environments.
fn each(bodies: &[&str]) -> String {
    bodies.iter().map(|body| format!("{body}\n  => {}", brief(body).replace('\n', "\n     "))).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn keys_and_words() {
    assert_snapshot!(each(&[
        "extend = 'base'",
        "polcy = {}",
        "sandbox = { incidnet = 'x' }",
        "sandbox = { incident = 'production-2025-12', faults = ['mongo.index-mising'], recordings = 10 }",
        "role = 'capacity-traget'",
        "groups = { job = 1, jobs = 0 }",
        "[environments.local.targets.mongodb]",
        "[environments.local.policy]\nallow = ['raed', 'load']\nmax_concurrent_jobs = 0",
        "[environments.local.targets.mongo]\nuri = '${X}'\nunreachable = 'skipped'\nconnect_timout = '1s'",
    ]), @"");
}

#[test]
fn types_and_durations() {
    assert_snapshot!(each(&[
        "sandbox = true",
        "role = 3",
        "defaults = { timeout = 30, concurrency = 'four', run_timeout = '0s', retries = 3 }",
        "defaults = { timeout = '999 days', concurrency = 0, retries = { count = -1, backof = '1s', jitter = 'yes' } }",
        "defaults = { retries = { count = 99999999999 } }",
        "policy = { allow = 'read' }",
        "policy = { allow = ['read', 1] }",
        "override = { select = 'all()' }",
        "override = ['all()']",
        "extends = 3",
    ]), @"");
}

#[test]
fn overrides() {
    assert_snapshot!(each(&[
        "[[environments.local.override]]\nseverity = 'urgent'\ngate = 'waived'",
        "[[environments.local.override]]\nselect = 'tag(smoke) & tag(latency)'\ngate = 'optional'",
        "[[environments.local.override]]\nselect = ''",
        "[[environments.local.override]]\nselect = 'plugin(mongo'",
        "[[environments.local.override]]\nselect = 'id(mongo.recordings.stale)'\nparams = { oldst = '2h', at_most = -1, youngest = 'x' }",
        "[[environments.local.override]]\nselect = 'id(mongo.recordings.stale)'\nparams = { youngest = '2h' }",
        "[[environments.local.override]]\nselect = 'id(mongo.recordings.stale)'\nparams = { youngest = '2h', oldest = '1h' }",
        "[[environments.local.override]]\nselect = 'id(mongo.recordings.stale)'\nparams = { youngest = '2h', oldest = '3h' }",
        "[[environments.local.override]]\nselect = 'id(mongo.recordings.stale)'\nparams = { youngest = '2h', oldest = 7 }",
        "[[environments.local.override]]\nselect = 'id(mongo.recordings.stale)'\nparams = { place = { skp = [] } }",
        "[[environments.local.override]]\nselect = 'all()'\nparams = { oldest = '2h' }",
        "[[environments.local.override]]\nselect = 'tag(api)'\nparams = { oldest = '2h' }",
    ]), @"");
}

#[test]
fn waivers() {
    assert_snapshot!(each(&[
        "[[environments.local.waiver]]\ncheck = 'mongo.conect'\nreason = ' '\nticket = ''\nexpires = 'soon'",
        "[[environments.local.waiver]]",
        "[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = 2026-12-31T10:00:00Z",
        "[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = '2026-02-30'",
        "[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = '2026-12-31'",
    ]), @"");
}

#[test]
fn targets() {
    assert_snapshot!(each(&[
        "[environments.local.targets.mongo]\ndatabse = 'prisma'",
        "[environments.local.targets.mongo]\nuri = 5\ndatabase = ['prisma']",
        "[environments.local.targets.focus-api]\nbase_url = 'http://api.example.com'\nverify_tls = 'no'\ntimeout = 'long'",
        "[environments.local.targets]\nmongo = 'mongodb://db.example.com'",
    ]), @"");
}

#[test]
fn the_file_as_a_whole() {
    let each = ["", "version = 2", "version = '1'", "version = 1", "version = 1\nenvironments = 3", "version = 1\nenvironments = {}"];
    let each = each.map(|text| format!("{text:?}: {}", parse(text).err().unwrap().to_string().replace('\n', "\n  ")));
    assert_snapshot!(each.join("\n"), @"");
}

#[test]
fn toml_errors() {
    assert_snapshot!(each(&["a = ", "role = 'x'\nrole = 'y'\nrle = 'z'", "a = 'x", "a = 99999999999999999999", "a = nan"]), @"");
}

#[test]
fn names_and_project() {
    assert_snapshot!(
        problems("[project]\nunselected = ['mongo.conect']\n[environments.'a b']\nsandbox = {}\n[suites.'x(y)']\nselect='all()'"),
        @""
    );
}

#[test]
fn as_json_an_error_has_its_place_and_its_text() {
    let error = parse("version = 1\n[environments.local]\n  role = 'é'; ").err().unwrap();
    assert_eq!(error.to_json()[0]["line"], 3);
    let error = parse("version = 1\n[environments.local]\n  defaults.'é' = 1\n").err().unwrap();
    assert_eq!(error.to_json(), json!([]));
}

#[test]
fn styled_output_has_the_same_words() {
    let error = parse("version = 1\n[environments.local]\nrle = 'x'\n").err().unwrap();
    let styled = error.render(true);
    assert!(styled.contains("\u{1b}[") && styled.contains("unknown key `rle`") && !error.render(false).contains('\u{1b}'));
}

#[test]
fn many_errors_are_counted() {
    let keys: String = (0..150).map(|number| format!("key{number} = 1\n")).collect();
    let error = parse(&format!("version = 1\n[environments.local]\n{keys}")).err().unwrap();
    assert_eq!(error.0.len(), 150);
    assert!(error.render(false).ends_with("\n\nand 50 more"));
}

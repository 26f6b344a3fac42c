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
    assert_snapshot!(problems(text), @r##"
    error: unknown key `colour` in `project`
     --> checks.toml:5:1
      |
    5 | colour = "blue"
      | ^^^^^^
      |
      = help: there are `name`, `jira`, `jira_url`, `unselected`

    error: unknown key `timeuot` in `defaults`
     --> checks.toml:8:1
      |
    8 | timeuot = "30s"
      | ^^^^^^^
      |
      = help: did you mean `timeout`?

    error: unknown environment `bsae`
      --> checks.toml:11:11
       |
    11 | extends = "bsae"
       |           ^^^^^^
       |
       = help: did you mean `base`?

    error: unknown effect `craete`
      --> checks.toml:15:18
       |
    15 | allow = ["read", "craete"]
       |                  ^^^^^^^^
       |
       = help: did you mean `create`?

    error: unknown tag `smok`
      --> checks.toml:18:31
       |
    18 | select = "plugin(mongo) & tag(smok)"
       |                               ^^^^
       |
       = help: did you mean `smoke`?

    error: `timeout` is not a duration: `soon`
      --> checks.toml:19:11
       |
    19 | timeout = "soon"
       |           ^^^^^^
       |
       = help: for example "500ms", "30s" or "1m 30s"
    "##);
}

/// What is wrong with each of these environments.
fn each(bodies: &[&str]) -> String {
    bodies
        .iter()
        .map(|body| format!("{body}\n  => {}", brief(body).replace('\n', "\n     ")))
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[test]
fn keys_and_words() {
    assert_snapshot!(each(&[
        "extend = 'base'",
        "polcy = {}",
        "sandbox = { incidnet = 'x', recordings = 'many' }",
        "sandbox = { incident = 'production-2025-12', faults = ['mongo.index-mising'], recordings = 10 }",
        "role = 'capacity-traget'",
        "groups = { job = 1, jobs = 0 }",
        "[environments.local.targets.mongodb]",
        "[environments.local.policy]\nallow = ['raed', 'load']\nmax_concurrent_jobs = 0",
        "[environments.local.targets.mongo]\nuri = '${X}'\nunreachable = 'skipped'\nconnect_timout = '1s'",
    ]), @r##"
    extend = 'base'
      => checks.toml:3:1: error: unknown key `extend` in an environment (did you mean `extends`?)

    polcy = {}
      => checks.toml:3:1: error: unknown key `polcy` in an environment (did you mean `policy`?)

    sandbox = { incidnet = 'x', recordings = 'many' }
      => checks.toml:3:13: error: unknown key `incidnet` in `sandbox` (did you mean `incident`?)
         checks.toml:3:42: error: `recordings` must be an integer, not a string

    sandbox = { incident = 'production-2025-12', faults = ['mongo.index-mising'], recordings = 10 }
      => checks.toml:3:24: error: unknown incident `production-2025-12` (did you mean `production-2025-11`?)
         checks.toml:3:56: error: unknown fault `mongo.index-mising` (did you mean `mongo.index-missing`?)

    role = 'capacity-traget'
      => checks.toml:3:8: error: unknown role `capacity-traget` (did you mean `capacity-target`?)

    groups = { job = 1, jobs = 0 }
      => checks.toml:3:12: error: unknown group `job` (did you mean `jobs`?)
         checks.toml:3:28: error: `jobs` must be at least 1, not 0

    [environments.local.targets.mongodb]
      => checks.toml:3:29: error: unknown target `mongodb` (did you mean `mongo`?)

    [environments.local.policy]
    allow = ['raed', 'load']
    max_concurrent_jobs = 0
      => checks.toml:4:10: error: unknown effect `raed` (did you mean `read`?)
         checks.toml:5:23: error: `max_concurrent_jobs` must be at least 1, not 0

    [environments.local.targets.mongo]
    uri = '${X}'
    unreachable = 'skipped'
    connect_timout = '1s'
      => checks.toml:5:15: error: unknown value of `unreachable`: `skipped` (did you mean `skip`?)
         checks.toml:6:1: error: unknown key `connect_timout` in target `mongo` (did you mean `connect_timeout`?)
    "##);
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
    ]), @r##"
    sandbox = true
      => checks.toml:3:11: error: `sandbox` must be a table, not a boolean

    role = 3
      => checks.toml:3:8: error: `role` must be a string, not an integer

    defaults = { timeout = 30, concurrency = 'four', run_timeout = '0s', retries = 3 }
      => checks.toml:3:24: error: `timeout` must be a duration in quotes, not an integer (for example "500ms", "30s" or "1m 30s")
         checks.toml:3:42: error: `concurrency` must be an integer, not a string
         checks.toml:3:64: error: `run_timeout` must be more than nothing and at most 30 days, not `0s` (for example "500ms", "30s" or "1m 30s")
         checks.toml:3:80: error: `retries` must be a table, not an integer

    defaults = { timeout = '999 days', concurrency = 0, retries = { count = -1, backof = '1s', jitter = 'yes' } }
      => checks.toml:3:24: error: `timeout` must be more than nothing and at most 30 days, not `999 days` (for example "500ms", "30s" or "1m 30s")
         checks.toml:3:50: error: `concurrency` must be at least 1, not 0
         checks.toml:3:73: error: `count` must be at least 0, not -1
         checks.toml:3:77: error: unknown key `backof` in `retries` (did you mean `backoff`?)
         checks.toml:3:101: error: `jitter` must be `true` or `false`, not a string

    defaults = { retries = { count = 99999999999 } }
      => checks.toml:3:34: error: `count` is too large: 99999999999

    policy = { allow = 'read' }
      => checks.toml:3:20: error: `allow` must be an array, not a string

    policy = { allow = ['read', 1] }
      => checks.toml:3:29: error: `effect` must be a string, not an integer

    override = { select = 'all()' }
      => checks.toml:3:12: error: `override` must be an array, not a table

    override = ['all()']
      => checks.toml:3:13: error: an override must be a table, not a string

    extends = 3
      => checks.toml:3:11: error: `extends` must be a string, not an integer
    "##);
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
    ]), @r##"
    [[environments.local.override]]
    severity = 'urgent'
    gate = 'waived'
      => checks.toml:3:1: error: `select` is missing in an override (for example `select = "plugin(mongo)"`)
         checks.toml:4:12: error: unknown severity `urgent` (there are `low`, `medium`, `high`, `critical`)
         checks.toml:5:8: error: unknown gate `waived` (a waiver has its own table, with a reason, a ticket and a date: `[[environments.….waiver]]`)

    [[environments.local.override]]
    select = 'tag(smoke) & tag(latency)'
    gate = 'optional'
      => checks.toml:4:10: error: this override matches no check (`list -E '…'` shows what a selection selects)
         checks.toml:5:8: error: unknown gate `optional` (there are `required`, `informational`)

    [[environments.local.override]]
    select = ''
      => checks.toml:4:10: error: `select` is empty

    [[environments.local.override]]
    select = 'plugin(mongo'
      => checks.toml:4:17: error: `(` is never closed (write `plugin(mongo)`)

    [[environments.local.override]]
    select = 'id(mongo.recordings.stale)'
    params = { oldst = '2h', at_most = -1, youngest = 'x' }
      => checks.toml:5:12: error: unknown parameter `oldst` of `mongo.recordings.stale` (did you mean `oldest`?)
         checks.toml:5:36: error: `at_most` is not accepted: invalid value: integer `-1`, expected u32 (`at_most`: How many of them there may be)
         checks.toml:5:51: error: `youngest` is not accepted: `x` is not a duration such as "30s" or "500ms": expected number at 0 (`youngest`: Younger ones are still being written)

    [[environments.local.override]]
    select = 'id(mongo.recordings.stale)'
    params = { youngest = '2h' }
      => checks.toml:5:23: error: `youngest` is not accepted: youngest must be less than oldest (`youngest`: Younger ones are still being written)

    [[environments.local.override]]
    select = 'id(mongo.recordings.stale)'
    params = { youngest = '2h', oldest = '1h' }
      => checks.toml:5:23: error: `youngest` is not accepted: youngest must be less than oldest (`youngest`: Younger ones are still being written)

    [[environments.local.override]]
    select = 'id(mongo.recordings.stale)'
    params = { youngest = '2h', oldest = '3h' }
      => no problem

    [[environments.local.override]]
    select = 'id(mongo.recordings.stale)'
    params = { youngest = '2h', oldest = 7 }
      => checks.toml:5:23: error: `youngest` is not accepted: youngest must be less than oldest (`youngest`: Younger ones are still being written)
         checks.toml:5:38: error: `oldest` is not accepted: invalid type: integer `7`, expected a string (`oldest`: Older ones are stale)

    [[environments.local.override]]
    select = 'id(mongo.recordings.stale)'
    params = { place = { skp = [] } }
      => checks.toml:5:20: error: `place` is not accepted: unknown field `skp`, expected `skip` (`place`: Where to look)

    [[environments.local.override]]
    select = 'all()'
    params = { oldest = '2h' }
      => checks.toml:5:12: error: unknown parameter `oldest` of `focus-api.ack`, `focus-api.configure`, `focus-api.latency` and 2 more (every selected check must have it: narrow `select`)

    [[environments.local.override]]
    select = 'tag(api)'
    params = { oldest = '2h' }
      => checks.toml:5:12: error: unknown parameter `oldest` of `focus-api.ack`, `focus-api.configure` (there is none)
    "##);
}

#[test]
fn waivers() {
    assert_snapshot!(each(&[
        "[[environments.local.waiver]]\ncheck = 'mongo.conect'\nreason = ' '\nticket = ''\nexpires = 'soon'",
        "[[environments.local.waiver]]",
        "[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = 2026-12-31T10:00:00Z",
        "[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = '2026-02-30'",
        "[[environments.local.waiver]]\ncheck = 'mongo.connect'\nreason = 'x'\nticket = 'PZ-1'\nexpires = '2026-12-31'",
    ]), @r##"
    [[environments.local.waiver]]
    check = 'mongo.conect'
    reason = ' '
    ticket = ''
    expires = 'soon'
      => checks.toml:4:9: error: unknown check `mongo.conect` (did you mean `mongo.connect`?)
         checks.toml:5:10: error: `reason` is empty
         checks.toml:6:10: error: `ticket` is empty
         checks.toml:7:11: error: `expires` must be a day, not `soon` (for example `expires = 2026-12-31`)

    [[environments.local.waiver]]
      => checks.toml:3:1: error: `check` is missing in a waiver (for example `check = "mongo.connect"`)
         checks.toml:3:1: error: `reason` is missing in a waiver (for example `reason = "what is known, and why it is tolerated"`)
         checks.toml:3:1: error: `ticket` is missing in a waiver (for example `ticket = "PZ-1"`)
         checks.toml:3:1: error: `expires` is missing in a waiver (for example `expires = 2026-12-31`)

    [[environments.local.waiver]]
    check = 'mongo.connect'
    reason = 'x'
    ticket = 'PZ-1'
    expires = 2026-12-31T10:00:00Z
      => checks.toml:7:11: error: `expires` must be a day, not `2026-12-31T10:00:00Z` (for example `expires = 2026-12-31`)

    [[environments.local.waiver]]
    check = 'mongo.connect'
    reason = 'x'
    ticket = 'PZ-1'
    expires = '2026-02-30'
      => checks.toml:7:11: error: `expires` must be a day, not `2026-02-30` (for example `expires = 2026-12-31`)

    [[environments.local.waiver]]
    check = 'mongo.connect'
    reason = 'x'
    ticket = 'PZ-1'
    expires = '2026-12-31'
      => no problem
    "##);
}

#[test]
fn targets() {
    assert_snapshot!(each(&[
        "[environments.local.targets.mongo]\ndatabse = 'prisma'",
        "[environments.local.targets.mongo]\nuri = 5\ndatabase = ['prisma']",
        "[environments.local.targets.focus-api]\nbase_url = 'http://api.example.com'\nverify_tls = 'no'\ntimeout = 'long'",
        "[environments.local.targets]\nmongo = 'mongodb://db.example.com'",
    ]), @r##"
    [environments.local.targets.mongo]
    databse = 'prisma'
      => checks.toml:3:1: error: `uri` is missing in target `mongo` (`uri`: Where it listens, and who we are)
         checks.toml:4:1: error: unknown key `databse` in target `mongo` (did you mean `database`?)

    [environments.local.targets.mongo]
    uri = 5
    database = ['prisma']
      => checks.toml:4:7: error: `uri` is not accepted: invalid type: integer `5`, expected a string (`uri`: Where it listens, and who we are)
         checks.toml:5:12: error: `database` is not accepted: invalid type: sequence, expected a string (`database`: The database)

    [environments.local.targets.focus-api]
    base_url = 'http://api.example.com'
    verify_tls = 'no'
    timeout = 'long'
      => checks.toml:5:14: error: `verify_tls` is not accepted: invalid type: string "no", expected a boolean
         checks.toml:6:11: error: `timeout` is not accepted: `long` is not a duration such as "30s" or "500ms": expected number at 0 (`timeout`: A duration such as "500ms", "30s" or "1m 30s")

    [environments.local.targets]
    mongo = 'mongodb://db.example.com'
      => checks.toml:4:9: error: target `mongo` must be a table, not a string
    "##);
}

#[test]
fn the_file_as_a_whole() {
    let each = [
        "",
        "version = 2",
        "version = '1'",
        "version = 1",
        "version = 1\nenvironments = 3",
        "version = 1\nenvironments = {}",
    ];
    let each = each
        .map(|text| format!("{text:?}: {}", parse(text).err().unwrap().to_string().replace('\n', "\n  ")));
    assert_snapshot!(each.join("\n"), @r##"
    "": checks.toml: error: `version` is missing (begin the file with `version = 1`)
      checks.toml: error: no environment is defined (for example `[environments.local]` with `sandbox = {}`)
    "version = 2": checks.toml: error: no environment is defined (for example `[environments.local]` with `sandbox = {}`)
      checks.toml:1:11: error: `version` must be 1, not 2 (this program reads no other version of the format)
    "version = '1'": checks.toml: error: no environment is defined (for example `[environments.local]` with `sandbox = {}`)
      checks.toml:1:11: error: `version` must be 1, not a string (this program reads no other version of the format)
    "version = 1": checks.toml: error: no environment is defined (for example `[environments.local]` with `sandbox = {}`)
    "version = 1\nenvironments = 3": checks.toml:2:16: error: `environments` must be a table, not an integer (for example `[environments.local]` with `sandbox = {}`)
    "version = 1\nenvironments = {}": checks.toml:2:16: error: no environment is defined (for example `[environments.local]` with `sandbox = {}`)
    "##);
}

#[test]
fn toml_errors() {
    assert_snapshot!(each(&["a =", "role = 'x'\nrole = 'y'\nrle = 'z'", "a = 'x", "a = 99999999999999999999", "a = nan"]), @r##"
    a =
      => checks.toml:3:4: error: this is not TOML: string values must be quoted, expected literal string

    role = 'x'
    role = 'y'
    rle = 'z'
      => checks.toml:4:1: error: `role` is written twice (keep one of the two)
         checks.toml:5:1: error: unknown key `rle` in an environment (did you mean `role`?)

    a = 'x
      => checks.toml:3:7: error: this is not TOML: invalid literal string, expected `'`

    a = 99999999999999999999
      => checks.toml:3:1: error: unknown key `a` in an environment (there are `extends`, `xray`, `role`, `sandbox`, `defaults`, `groups`, `targets`, `policy`, `override`, `waiver`)
         checks.toml:3:5: error: the integer `99999999999999999999` is out of range

    a = nan
      => checks.toml:3:1: error: unknown key `a` in an environment (there are `extends`, `xray`, `role`, `sandbox`, `defaults`, `groups`, `targets`, `policy`, `override`, `waiver`)
         checks.toml:3:5: error: `nan` is not a finite number
    "##);
}

#[test]
fn names_and_project() {
    assert_snapshot!(
        problems("[project]\nunselected = ['mongo.conect']\n[environments.'a b']\nsandbox = {}\n[suites.'x(y)']\nselect='all()'"),
        @r##"
    error: `name` is missing in `project`
     --> checks.toml:2:1
      |
    2 | [project]
      | ^^^^^^^^^
      |
      = help: for example `name = "focus-server"`

    error: unknown check `mongo.conect`
     --> checks.toml:3:15
      |
    3 | unselected = ['mongo.conect']
      |               ^^^^^^^^^^^^^^
      |
      = help: did you mean `mongo.connect`?

    error: `a b` cannot be the name of an environment
     --> checks.toml:4:15
      |
    4 | [environments.'a b']
      |               ^^^^^
      |
      = help: letters, digits, `-`, `_` and `.`, starting with a letter or a digit

    error: `x(y)` cannot be the name of a suite
     --> checks.toml:6:9
      |
    6 | [suites.'x(y)']
      |         ^^^^^^
      |
      = help: letters, digits, `-`, `_` and `.`, starting with a letter or a digit
    "##
    );
}

#[test]
fn as_json_an_error_has_its_place_and_its_text() {
    let error =
        parse("version = 1\n[environments.local]\n  defaults = { 'é' = 1, timeuot = '1s' }\n").err().unwrap();
    let json = error.to_json();
    assert_eq!(json[0]["text"], "'é'");
    let expected = json!({
        "level": "error", "message": "unknown key `timeuot` in `defaults`", "help": "did you mean `timeout`?",
        "file": "checks.toml", "line": 3, "column": 25, "end_line": 3, "end_column": 32, "text": "timeuot",
    });
    assert_eq!(json[1], expected);
}

#[test]
fn styled_output_has_the_same_words() {
    let error = parse("version = 1\n[environments.local]\nrle = 'x'\n").err().unwrap();
    let styled = error.render(true);
    assert!(
        styled.contains("\u{1b}[")
            && styled.contains("unknown key `rle`")
            && !error.render(false).contains('\u{1b}')
    );
}

#[test]
fn many_errors_are_counted() {
    let keys = (0..150).fold(String::new(), |keys, number| format!("{keys}key{number} = 1\n"));
    let error = parse(&format!("version = 1\n[environments.local]\n{keys}")).err().unwrap();
    assert_eq!(error.0.len(), 150);
    assert!(error.render(false).ends_with("\n\nand 50 more"));
}

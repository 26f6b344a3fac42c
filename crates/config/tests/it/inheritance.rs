//! `extends`.

use crate::fixture::{parse, problems, resolve, settings};
use insta::assert_snapshot;
use serde_json::json;
use shakedown_core::{Effect, Gate};
use std::time::Duration;

const FAMILY: &str = r#"
version = 1
[environments.base]
role = "capacity-target"
[environments.base.defaults]
timeout = "10s"
concurrency = 2
retries = { count = 1, backoff = "5s" }
[environments.base.targets.mongo]
database = "prisma"
connect_timeout = "2s"
[environments.base.policy]
allow = ["read", "create"]
max_concurrent_jobs = 7
[[environments.base.override]]
select = "plugin(mongo)"
timeout = "20s"
gate = "informational"
[[environments.base.waiver]]
check = "focus-api.ack"
reason = "base"
ticket = "PZ-1"
expires = 2026-12-31

[environments.child]
extends = "base"
[environments.child.defaults]
concurrency = 4
retries = { count = 3 }
[environments.child.targets.mongo]
uri = "${URI}"
[environments.child.policy]
allow = ["read"]
[[environments.child.override]]
select = "id(mongo.connect)"
timeout = "30s"

[environments.grandchild]
extends = "child"
[environments.grandchild.targets.mongo]
uri = "${OTHER:-mongodb://db.example.com}"
unreachable = "skip"
[[environments.grandchild.waiver]]
check = "focus-api.ack"
reason = "grandchild"
ticket = "PZ-2"
expires = "2026-06-30"
"#;

#[test]
fn tables_merge_and_lists_of_overrides_append() {
    let config = parse(FAMILY).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.environments(), ["base", "child", "grandchild"]);
    let profile = resolve(&config, "grandchild", &[]).unwrap();
    assert_eq!(profile.role.as_deref(), Some("capacity-target"));
    assert_eq!(profile.concurrency, 4);
    assert_eq!(
        settings(&profile, "mongo"),
        json!({ "database": "prisma", "uri": "mongodb://db.example.com" })
    );
    assert_eq!(profile.targets["mongo"].connect_timeout, Duration::from_secs(2));
    assert_eq!(profile.policy.allow.iter().copied().collect::<Vec<_>>(), [Effect::Read]);
    assert_eq!(profile.policy.max_concurrent_jobs, 7);
    let connect = &profile.checks["mongo.connect"];
    assert_eq!((connect.timeout, connect.retries.count), (Duration::from_secs(30), 3));
    assert_eq!(connect.retries.backoff, Duration::from_secs(5));
    assert_eq!(connect.gate, Gate::Informational);
    assert_eq!(profile.checks["mongo.recordings.stale"].timeout, Duration::from_secs(20));
    assert_eq!(profile.checks["focus-api.ack"].timeout, Duration::from_secs(10));
    assert_eq!(profile.checks["focus-api.configure"].timeout, Duration::from_secs(90));
    let Gate::Waived { reason, .. } = &profile.checks["focus-api.ack"].gate else { panic!("not waived") };
    assert_eq!(reason, "grandchild");
}

#[test]
fn what_a_parent_lacks_its_children_may_bring() {
    let config = parse(FAMILY).unwrap();
    let error = resolve(&config, "base", &[]).unwrap_err();
    assert_snapshot!(error.render(false), @r##"
    error: `uri` is missing in target `mongo`
     --> checks.toml:9:1
      |
    9 | [environments.base.targets.mongo]
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: `uri`: Where it listens, and who we are
    "##);
    let alone = FAMILY.replace("extends = \"child\"", "").replace("extends = \"base\"", "");
    assert_snapshot!(parse(&alone).err().unwrap(), @r##"checks.toml:9:1: error: `uri` is missing in target `mongo` (`uri`: Where it listens, and who we are)"##);
}

#[test]
fn cycles_name_their_members() {
    let text = r#"
[environments.a]
extends = "b"
[environments.b]
extends = "c"
[environments.c]
extends = "b"
roles = "x"
[environments.self]
extends = "self"
[environments.variable]
extends = "${PARENT}"
"#;
    assert_snapshot!(problems(text), @r##"
    error: these environments extend each other: `b` extends `c` extends `b`
     --> checks.toml:6:11
      |
    6 | extends = "c"
      |           ^^^

    error: unknown key `roles` in an environment
     --> checks.toml:9:1
      |
    9 | roles = "x"
      | ^^^^^
      |
      = help: did you mean `role`?

    error: these environments extend each other: `self` extends `self`
      --> checks.toml:11:11
       |
    11 | extends = "self"
       |           ^^^^^^

    error: `extends` names an environment of this file, without `${…}`
      --> checks.toml:13:11
       |
    13 | extends = "${PARENT}"
       |           ^^^^^^^^^^^
    "##);
}

#[test]
fn chains_are_bounded() {
    let link = |chain, n| format!("{chain}[environments.e{n}]\nextends = 'e{}'\n", n - 1);
    let chain = (1..200).fold(String::new(), link);
    let found = problems(&format!("[environments.e0]\nsandbox = {{}}\n{chain}"));
    assert!(found.contains("environments extend each other more than 32 deep"), "{found}");
}

#[test]
fn an_inherited_error_is_told_once() {
    let text = "[environments.a.defaults]\ntimeuot = '1s'\n[environments.b]\nextends = 'a'\n[environments.c]\nextends = 'b'\n";
    assert_snapshot!(problems(text), @r##"
    error: unknown key `timeuot` in `defaults`
     --> checks.toml:3:1
      |
    3 | timeuot = '1s'
      | ^^^^^^^
      |
      = help: did you mean `timeout`?
    "##);
}

//! `list`, `explain` and `plan` as people read them.

use crate::scene::Scene;

/// A configuration that says where Jira is, and changes a check.
const LAB: &str = r#"
version = 1
[project]
name = "moon"
jira = "PZ"
jira_url = "https://jira.example.com"
[environments.lab]
[environments.lab.targets.focus-api]
base_url = "${LAB_URL}"
[[environments.lab.override]]
select = "id(focus-api.latency.p95-p99)"
severity = "critical"
timeout = "90s"
params = { p95 = "${LAB_LIMIT}", requests = 40 }
[suites.all]
description = "Everything."
select = "all()"
"#;

#[test]
fn a_check_is_explained_with_what_is_in_force() {
    let scene = Scene::with(LAB);
    let page = scene.shakedown(&["explain", "focus-api.latency.p95-p99", "--env", "lab"]).expect(0).stdout();
    let facts = &page[page.find("severity  ").unwrap()..];
    let facts = regex::Regex::new(r"\.rs:\d+").unwrap().replace_all(facts, ".rs:[LINE]").into_owned();
    insta::assert_snapshot!(facts, @r#"
    severity      high, required
    effect        create: creates something small, and removes it again
    target        focus-api
    keys          PZ-13770 (https://jira.example.com/browse/PZ-13770)
    tags          api, latency
    suites        all
    requires      focus-api.ack.ok, focus-api.channels.ok, focus-api.fiber.ready
    group         focus-jobs
    alone         nothing else runs beside it
    timeout       3m 00s
    source        plugins/focus-api/src/checks/latency/p95_p99.rs:[LINE]

    in lab
      it is left out: the policy does not allow `create`
      critical, required
      has 1m 30s to answer, and is not asked again

    parameters
      concurrency = 4  (whole number)
        How many of them at a time.
      max_error_share = 5.0  (number)
        How many of a hundred requests may start no job.
      p95 = "300ms", "${LAB_LIMIT}" in lab  (duration)
        The 95th percentile must be below this.
      p99 = "500ms"  (duration)
        The 99th percentile must be below this.
      request_timeout = "10s"  (duration)
        A request without an answer after this time is an error.
      requests = 100, 40 in lab  (whole number)
        How many requests are sent; at least 20.

    proven by
      focus-api.configure-slow → p95-exceeded
      focus-api.configure-slow → p99-exceeded
      focus-api.configure-5xx-under-concurrency → server-errors
    "#);
}

#[test]
fn keys_are_links_on_a_terminal_that_takes_them_and_addresses_elsewhere() {
    let scene = Scene::with(LAB);
    let arguments = ["explain", "focus-api.latency.p95-p99", "--color", "always"];
    let mut command = scene.command(&arguments);
    let page = command.env("FORCE_HYPERLINK", "1").output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    let link = "\u{1b}]8;;https://jira.example.com/browse/PZ-13770\u{1b}\\PZ-13770\u{1b}]8;;\u{1b}\\";
    assert!(page.contains(link), "{page:?}");
    let page = scene.shakedown(&arguments[..2]).expect(0).stdout();
    assert!(page.contains("PZ-13770 (https://jira.example.com/browse/PZ-13770)"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page:?}");
}

#[test]
fn a_fault_a_finding_and_an_exit_code_are_explained() {
    let scene = Scene::with(LAB);
    let explained = |name| scene.shakedown(&["explain", name]).expect(0).stdout();
    insta::assert_snapshot!(explained("mongo.status-denied"), @r"
    mongo.status-denied
    a fault of mongo in the sandbox

    The user may not see the status of the server, its replica set and its operations.

    checks that prove themselves by it, and what they find
      mongo.server.health → right-missing

    to see it
      shakedown run --env local --fault mongo.status-denied
    ");
    insta::assert_snapshot!(explained("index-missing"), @r"
    index-missing
    a finding

    checks that are proven to report it, and under which fault
      mongo.indexes.required under mongo.index-missing
    ");
    insta::assert_snapshot!(explained("4"), @r"
    exit code 4
    unknown: nothing was checked

    Nothing was selected, or everything was skipped. `plan --env NAME` says why each check would not
    run.
    ");
}

#[test]
fn what_has_no_configuration_is_explained_all_the_same() {
    let scene = Scene::new();
    std::fs::remove_file(scene.path("checks.toml")).unwrap();
    let page = scene.shakedown(&["explain", "mongo.connect"]).expect(0).stdout();
    assert!(page.contains("proven by") && !page.contains("suites"), "{page}");
    let message = scene.shakedown(&["explain", "mongo.connect", "--env", "local"]).expect(2).stderr();
    assert!(message.contains("no `checks.toml`"), "{message}");
}

#[test]
fn lists_end_with_how_many_there_are_or_that_there_are_none() {
    let scene = Scene::with(LAB);
    let last = |arguments: &[&str], code: i32| {
        let text = scene.shakedown(&[&["list"], arguments].concat()).expect(code).stdout();
        text.trim_end().lines().next_back().unwrap_or_default().to_owned()
    };
    assert_eq!(last(&["-E", "id(mongo.connect)"], 0), "1 check; `explain ID` tells more");
    assert_eq!(last(&["--suites"], 0), "1 suite; `run --suite NAME` asks one");
    assert_eq!(last(&["--keys", "-E", "key(PZ-13770)"], 0).as_str(), "1 key");
    assert_eq!(last(&["--orphans"], 0), "every check is in a suite");
    assert_eq!(last(&["-E", "tag(smoke) & !tag(smoke)"], 4), "no check is selected");
    let message = scene.shakedown(&["list", "--keys", "--tags"]).expect(2).stderr();
    assert!(message.contains("cannot be used with"), "{message}");
    insta::assert_snapshot!(scene.shakedown(&["list", "--environments"]).expect(0).stdout(), @r"
    lab  read    focus-api
    1 environment; `doctor --env NAME` tells how one is
    ");
    let two = scene.shakedown(&["list", "-E", "id(mongo.connect) | id(load.mixed)"]).expect(0).stdout();
    insta::assert_snapshot!(two, @r"
    load.mixed     load  low       Reading does not suffer from those who start jobs
    mongo.connect  read  critical  MongoDB accepts connection and login, and its collections can be listed
    2 checks; `explain ID` tells more
    ");
}

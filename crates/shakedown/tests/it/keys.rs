//! Keys of checks, compared with lists.

use crate::documents::document;
use crate::scene::{Ran, Scene};
use crate::upload::{XRAY, jira};
use serde_json::Value;

/// A scene with the list `keys.csv`.
fn scene(list: &str) -> Scene {
    let scene = Scene::with(XRAY);
    std::fs::write(scene.path("keys.csv"), list).unwrap();
    scene
}

#[test]
fn a_list_is_compared_with_the_checks() {
    let scene = scene("Issue key,Summary\nPZ-14026,Acknowledges\nPZ-99999,Flies\n");
    let ran = scene.shakedown(&["keys", "check", "--csv", "keys.csv"]).expect(1);
    assert!(ran.stdout().contains("keys without a check (1)\n  PZ-99999  Flies\n"), "{}", ran.stdout());
    let ran = scene.shakedown(&["keys", "check", "--csv", "keys.csv", "--format", "json"]).expect(1);
    let answer = document(&ran, "keys-check");
    assert_eq!(answer["listed"], 2);
    assert_eq!(answer["missing"], serde_json::json!([{ "key": "PZ-99999", "summary": "Flies" }]));
    assert_eq!(answer["covered"][0]["key"], "PZ-14026");
    assert!(answer["covered"][0]["checks"].as_array().unwrap().contains(&"focus-api.ack.ok".into()));
}

#[test]
fn only_keys_without_a_check_decide_unless_more_is_asked_for() {
    let scene = scene("key\nPZ-14026\n");
    let check = |code, more: &[&str]| {
        let mut command = scene.command(&["keys", "check", "--csv", "keys.csv"]);
        Ran(command.args(more).output().unwrap()).expect(code)
    };
    check(0, &[]);
    check(1, &["--strict"]);
    check(1, &["--strict=keyless,unlisted"]);
    // The one check alone has a key, shares none, and has two more that the list does not know.
    let one = ["-E", "id(focus-api.ack.ok)"];
    check(0, &[one[0], one[1], "--strict=keyless,shared"]);
    check(1, &[one[0], one[1], "--strict=unlisted"]);
    check(1, &["-E", "plugin(mongo)"]);
    check(4, &["-E", "id(focus-api.ack.ok) & plugin(mongo)"]);
}

#[test]
fn every_key_of_every_check_is_found_again() {
    let scene = Scene::new();
    let listed = scene.shakedown(&["list", "--format", "json"]).expect(0);
    let checks: Vec<Value> = serde_json::from_str(&listed.stdout()).unwrap();
    let keys = |check: &Value| {
        check["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let rows: Vec<String> = checks
        .iter()
        .map(|check| format!("{}\t{}\n", check["id"].as_str().unwrap(), keys(check).join(", ")))
        .collect();
    std::fs::write(scene.path("all.tsv"), format!("id\tkeys\n{}", rows.concat())).unwrap();
    let ran = scene
        .shakedown(&["keys", "check", "--csv", "all.tsv", "--strict=unlisted", "--format", "json"])
        .expect(0);
    let answer: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let all: std::collections::BTreeSet<String> = checks.iter().flat_map(keys).collect();
    assert_eq!(answer["covered"].as_array().unwrap().len(), all.len());
}

#[test]
fn what_cannot_be_compared_with_is_an_error() {
    let scene = scene("key\nPZ-14026\nsoon\n");
    let ran = scene.shakedown(&["keys", "check", "--csv", "keys.csv"]).expect(2);
    assert!(ran.stderr().contains("keys.csv:3: `soon`"), "{}", ran.stderr());
    scene.shakedown(&["keys", "check", "--csv", "nothing.csv"]).expect(2);
    scene.shakedown(&["keys", "check"]).expect(2);
    scene.shakedown(&["keys", "check", "--env", "local", "--plan", "PZ-1", "--csv", "keys.csv"]).expect(2);
}

#[test]
fn a_plan_is_fetched_as_a_whole_or_not_at_all() {
    let scene = Scene::with(XRAY);
    let check = |code, url: &str, more: &[&str]| {
        let mut command = scene.command(&["keys", "check", "--env", "local"]);
        command.args(more).env("LAB_XRAY_URL", url).env("LAB_XRAY_TOKEN", "c4nary-token");
        Ran(command.output().unwrap()).expect(code)
    };
    let (url, served) = jira(vec![r#"[{"id":1,"key":"PZ-14026"},{"id":2,"key":"PZ-99999"}]"#, "[]"]);
    let ran = check(1, &url, &[]);
    assert!(
        ran.stdout().ends_with("the test plan PZ-14024: 2 keys, 1 with a check, 1 without\n"),
        "{}",
        ran.stdout()
    );
    let asked = served.join().unwrap();
    assert!(
        asked[0].starts_with("GET /rest/raven/2.0/api/testplan/PZ-14024/test?page=1&limit=50 "),
        "{}",
        asked[0]
    );
    let (url, served) = jira(vec!["[]"]);
    let ran = check(5, &url, &["--plan", "PZ-7"]);
    assert!(ran.stderr().contains("the test plan `PZ-7` has no tests"), "{}", ran.stderr());
    assert!(ran.stdout().is_empty() && !ran.stderr().contains("c4nary"), "{}", ran.stderr());
    served.join().unwrap();
    check(2, &url, &["--plan", "14024"]);
}

//! The page about an environment's targets, and a run as one archive.

use crate::documents::document;
use crate::scene::{Ran, Scene, check, mongo_is_there};
// Links the plugins, whose registrations would be absent otherwise.
use shakedown_bundle as _;

use shakedown_core::{Clock, Registry};
use shakedown_sandbox::{Options, Sandbox};
use std::collections::BTreeSet;
use std::process::Command;
use tokio::runtime::Runtime;

#[test]
fn doctor_says_what_is_away_and_what_would_be_skipped() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    scene.shakedown(&["doctor", "--env", "local"]).expect(0);
    let ran = scene.shakedown(&["doctor", "--env", "local", "--fault", "mongo.away"]).expect(3);
    let page = ran.stdout();
    let line = |wanted: &str| page.lines().find(|line| line.contains(wanted)).unwrap_or_default().to_owned();
    assert!(line("mongo  127.0.0.1:").starts_with("away "), "{page}");
    assert!(line("focus-api  http://").starts_with("ready "), "{page}");
    assert!(page.contains("connection refused"), "{page}");
    assert!(page.contains("checks, since mongo is away\n"), "{page}");
    assert!(page.contains("mongo.indexes.required"), "{page}");

    let ran = scene.shakedown(&["doctor", "--env", "local", "--format", "json"]).expect(0);
    let page = document(&ran, "doctor");
    let mongo =
        page["targets"].as_array().unwrap().iter().find(|target| target["target"] == "mongo").unwrap();
    assert_eq!(mongo["condition"], "ready");
    assert!(!mongo["granted"].as_array().unwrap().is_empty(), "{mongo}");
    assert!(mongo["clock_ahead_s"].as_f64().unwrap().abs() < 60.0, "{mongo}");
}

#[test]
fn a_failing_run_is_packed_with_what_its_collectors_gathered() {
    if !mongo_is_there() {
        return;
    }
    let scene = Scene::new();
    let select = "id(mongo.indexes.required)";
    let fault = "mongo.index-missing";
    let arguments = ["run", "--env", "local", "-E", select, "--fault", fault, "--bundle", "--out", "out"];
    let ran = scene.shakedown(&arguments).expect(1);
    assert!(ran.stdout().contains("evidence/mongo.environment/1-indexes.json"), "{}", ran.stdout());
    let archive = ran.stderr().lines().find_map(|line| line.strip_prefix("bundle: ").map(str::to_owned));
    let archive = archive.unwrap_or_else(|| panic!("no bundle is named:\n{}", ran.stderr()));
    let listed = Command::new("tar").arg("tzf").arg(scene.path(&archive)).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for file in ["run.json", "junit.xml", "events.jsonl", "evidence/mongo.environment/1-indexes.json"] {
        assert!(listed.lines().any(|line| line.ends_with(file)), "{file} is missing from\n{listed}");
    }
    // A run is packed later, too, without its older archive.
    let ran = scene.shakedown(&["report", "out", "--bundle"]).expect(0);
    assert!(ran.stderr().contains("bundle: "), "{}", ran.stderr());
}

/// A live environment whose cluster is pinned, as if it had been configured with the address of another one.
#[test]
fn the_wrong_cluster_is_only_read() {
    let runtime = Runtime::new().unwrap();
    let sandbox = runtime.block_on(async {
        let options = Options {
            clock: Clock::system(),
            options: serde_json::json!({}),
            kinds: Some(BTreeSet::from(["k8s".to_owned()])),
        };
        Sandbox::start(&Registry::collect().unwrap(), options).await.unwrap()
    });
    let kubeconfig = sandbox.settings()["k8s"]["kubeconfig"].as_str().unwrap().to_owned();
    let config = |uid: &str| {
        format!(
            "version = 1\n[environments.lab.targets.k8s]\nkubeconfig = \"{kubeconfig}\"\n\
             identity = {{ uid = \"{uid}\" }}\n[environments.lab.targets.focus-api]\n\
             base_url = \"http://127.0.0.1:1/\"\nunreachable = \"skip\"\n\
             [environments.lab.policy]\nallow = [\"read\", \"create\"]\n[suites.all]\nselect = \"all()\"\n"
        )
    };
    let doctor =
        |scene: &Scene| Ran(scene.command(&["doctor", "--env", "lab", "--format", "json"]).output().unwrap());

    let scene = Scene::with(&config("6a0d9d0c-5b7e-4a6f-8f5e-1f2f3f4f5f6f"));
    let page: serde_json::Value = serde_json::from_str(&doctor(&scene).expect(3).stdout()).unwrap();
    let cluster =
        page["targets"].as_array().unwrap().iter().find(|target| target["target"] == "k8s").unwrap();
    assert_eq!(cluster["condition"], "mistaken", "{cluster:#}");
    let arguments =
        ["run", "--env", "lab", "-E", "id(k8s.list.pods) | id(focus-api.config.valid)", "--out", "out"];
    scene.shakedown(&arguments);
    let run = scene.run_json("out");
    assert_eq!(check(&run, "k8s.list.pods")["status"], "passed");
    assert_ne!(check(&run, "focus-api.config.valid")["status"], "passed");

    let uid = cluster["identity"]["uid"].as_str().unwrap();
    let scene = Scene::with(&config(uid));
    let page: serde_json::Value = serde_json::from_str(&doctor(&scene).expect(0).stdout()).unwrap();
    let cluster =
        page["targets"].as_array().unwrap().iter().find(|target| target["target"] == "k8s").unwrap();
    assert_eq!(cluster["condition"], "ready", "{cluster:#}");
    runtime.block_on(sandbox.stop());
}

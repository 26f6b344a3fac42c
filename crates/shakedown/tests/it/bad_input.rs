//! Wrong usage: a clear error, exit code 2, and nothing started.

use crate::scene::{Ran, Scene};

const MINIMAL: &str =
    "version = 1\n[project]\nname = \"x\"\n[environments.e]\n[suites.all]\nselect = \"all()\"\n";

#[test]
fn a_typo_in_the_configuration_names_file_line_and_what_would_be_right() {
    let scene = Scene::with(&MINIMAL.replace("[environments.e]", "[environments.e]\nextnds = \"base\""));
    let ran = scene.shakedown(&["run", "--env", "e"]).expect(2);
    let message = ran.stderr();
    assert!(
        message.contains("checks.toml:5:1") && message.contains("extnds") && message.contains("`extends`"),
        "{message}"
    );
    assert!(!scene.path("reports").exists(), "nothing may be started");
}

#[test]
fn all_errors_come_at_once() {
    let config = MINIMAL.replace(
        "[environments.e]",
        "[environments.e.policy]\nallow = [\"raed\"]\n[environments.f]\nextends = \"g\"",
    );
    let message = Scene::with(&config).shakedown(&["validate"]).expect(2).stderr();
    assert!(message.contains("raed") && message.contains("`read`") && message.contains("`g`"), "{message}");
}

#[test]
fn files_that_are_no_configuration() {
    let scene = Scene::with(MINIMAL);
    std::fs::write(scene.path("latin.toml"), b"name = \"caf\xe9\"").unwrap();
    std::fs::write(scene.path("huge.toml"), vec![b'#'; 50 << 20]).unwrap();
    for (file, word) in
        [("latin.toml", "UTF-8"), ("huge.toml", "1 MiB"), (".", "directory"), ("none.toml", "none.toml")]
    {
        let message = scene.shakedown(&["validate", "--config", file]).expect(2).stderr();
        assert!(message.contains(word), "{file}: {message}");
    }
}

#[test]
fn a_misspelt_environment_suite_check_fault_and_verb() {
    let scene = Scene::new();
    for (arguments, hint) in [
        (&["run", "--env", "locl"] as &[&str], "`local`"),
        (&["run", "--env", "local", "--suite", "smoek"], "`smoke`"),
        (&["run", "--env", "local", "-E", "id(mongo.conect)"], "mongo.connect"),
        (&["run", "--env", "local", "--fault", "mongo.index-mising"], "`mongo.index-missing`"),
        (&["explain", "mongo.conect"], "`mongo.connect`"),
        (&["prov"], "prove"),
    ] {
        let message = scene.shakedown(arguments).expect(2).stderr();
        assert!(message.contains(hint), "{arguments:?}: {message}");
    }
}

#[test]
fn an_error_in_a_selection_stands_above_a_caret() {
    let message = Scene::new().shakedown(&["list", "-E", "plugin(mongo) & tag(smoek)"]).expect(2).stderr();
    let lines: Vec<&str> = message.lines().collect();
    let row =
        lines.iter().position(|line| line.contains("tag(smoek)")).unwrap_or_else(|| panic!("{message}"));
    let column = lines[row].find("smoek").unwrap();
    assert_eq!(lines[row + 1].find('^'), Some(column), "{message}");
}

#[test]
fn a_missing_secret_is_named_and_nothing_is_started() {
    let scene = Scene::new();
    let mut command = scene.command(&["run", "--env", "staging"]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHAKEDOWN_")) {
        command.env_remove(name);
    }
    let ran = Ran(command.output().unwrap()).expect(2);
    assert!(ran.stderr().contains("SHAKEDOWN_STAGING_MONGO_URI"), "{}", ran.stderr());
    assert!(!scene.path("reports").exists());
}

#[test]
fn an_empty_selection_is_no_pass() {
    let ran = Scene::new().shakedown(&["run", "--env", "local", "-E", "tag(smoke) & !tag(smoke)"]).expect(4);
    assert!(ran.stderr().contains("nothing to run"), "{}", ran.stderr());
}

#[test]
fn faults_are_for_the_sandbox_only() {
    let scene = Scene::new();
    let mut command =
        scene.command(&["run", "--env", "staging", "--fault", "mongo.index-missing", "--dry-run"]);
    command
        .env("SHAKEDOWN_STAGING_MONGO_URI", "mongodb://db.example.com")
        .env("SHAKEDOWN_STAGING_FOCUS_URL", "https://focus.example.com/")
        .env("SHAKEDOWN_STAGING_KUBECONFIG", "/etc/shakedown/kubeconfig");
    let ran = Ran(command.output().unwrap()).expect(2);
    assert!(ran.stderr().contains("live environment"), "{}", ran.stderr());
}

//! `${…}`, and keeping what it stands for out of every message.

use crate::fixture::{brief, profile, settings};
use insta::assert_snapshot;
use serde_json::json;

const CANARY: &str = "c4nary-s3cret";

#[test]
fn variables_defaults_and_files_are_filled_in() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, format!("{CANARY}\n")).unwrap();
    let body = format!(
        "[environments.local.targets.focus-api]\n\
         base_url = \"https://${{HOST:-api.example.com}}/x\"\n\
         headers = {{ authorization = \"Bearer ${{TOKEN}}\", plain = \"$${{X}}://\", file = \"${{file:{}}}\" }}\n\
         [environments.local.targets.mongo]\n\
         uri = \"mongodb://reader:${{PASSWORD}}@a.example.com:1,b.example.com:2/\"",
        file.display()
    );
    let profile = profile(&body, &[("TOKEN", "t0ken"), ("PASSWORD", "passw0rd")]).unwrap();
    let headers = json!({ "authorization": "Bearer t0ken", "plain": "${X}://", "file": CANARY });
    assert_eq!(settings(&profile, "focus-api"), json!({ "base_url": "https://api.example.com/x", "headers": headers }));
    let uri = "mongodb://reader:passw0rd@a.example.com:1,b.example.com:2/";
    assert_eq!(profile.secrets, ["Bearer t0ken", CANARY, uri, "passw0rd"]);
    assert!(!format!("{profile:?}").contains(CANARY));
}

#[test]
fn what_a_file_holds_is_secret_wherever_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x");
    std::fs::write(&file, CANARY).unwrap();
    let profile = profile(&format!("sandbox = {{ seed = '${{file:{}}}' }}", file.display()), &[]).unwrap();
    assert_eq!(profile.secrets, [CANARY]);
    assert_eq!(profile.sandbox, Some(json!({ "seed": CANARY })));
}

#[test]
fn missing_variables_are_told_together_and_only_for_the_environment_that_needs_them() {
    let body = "sandbox = {}\n[environments.other]\nrole = '${ROLE}'\n[environments.other.targets.mongo]\nuri = 'mongodb://${USER}:${PASSWORD}@${HOST:-x}'";
    assert!(profile(body, &[]).is_ok());
    let config = crate::fixture::parse(&format!("version = 1\n[environments.local]\n{body}")).unwrap();
    let error = crate::fixture::resolve(&config, "other", &[("PASSWORD", "")]).unwrap_err();
    assert_snapshot!(error.render(false), @"");
}

#[test]
fn syntax_is_checked_offline() {
    assert_snapshot!(brief("role = \"\\u0061${1X} ${\"\nsandbox = { '${X}' = 1 }\n[suites.x]\nselect = '${X}'"), @"");
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    let body = format!(
        "[environments.local.targets.mongo]\nuri = 'mongodb://reader:{CANARY}@db.example.com' # and\ndatabase = 5\n\
         [environments.local.targets.focus-api]\nbase_url = 'https://u:{CANARY}@api.example.com'\nverify = true\n\
         headers = {{ a = '{CANARY}', b = '${{B:-{CANARY}}}', c = 'https://u:{CANARY}@${{HOST}}', d = 'x${{D}}' }}\n\
         token = 'http://localhost:8080/${{X}}'\n"
    );
    let error = crate::fixture::parse(&format!("version = 1\n[environments.local]\n{body}")).err().unwrap();
    let all = format!("{}{}{}{error:?}", error.render(false), error.render(true), error.to_json());
    assert!(!all.contains(CANARY), "{all}");
    assert_snapshot!(error.render(false), @"");
}

#[test]
fn a_url_without_a_password_is_no_secret() {
    assert_eq!(brief("[environments.local.targets.mongo]\nuri = 'mongodb://127.0.0.1:27017/?replicaSet=rs0'"), "no problem");
}

#[test]
fn a_wrong_value_from_outside_is_not_shown() {
    let body = "defaults = { timeout = '${A}' }\nrole = '${ROLE}'\n\
        override = [{ select = '${B}', severity = '${A}', params = { oldest = '${A}' } }, \
                    { select = 'id(mongo.recordings.stale)', params = { oldest = '${A}', youngest = '${A}' } }]\n\
        waiver = [{ check = '${A}', reason = 'x', ticket = 'y', expires = '${A}' }]\n\
        sandbox = { incident = '${A}' }\n\
        policy = { allow = ['${A}'] }\n\
        [environments.local.targets.focus-api]\nbase_url = 'x'\ntimeout = '${A}'";
    assert_eq!(brief(body), "no problem");
    let role = format!("capacity-targ{CANARY}");
    let variables = [("A", CANARY), ("B", "tag(c4nary-s3cret)"), ("ROLE", role.as_str())];
    let error = profile(body, &variables).unwrap_err();
    let all = format!("{}{}{error:?}", error.render(false), error.to_json());
    assert!(!all.contains(CANARY), "{all}");
    assert_snapshot!(error, @"");
}

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
    assert_eq!(
        settings(&profile, "focus-api"),
        json!({ "base_url": "https://api.example.com/x", "headers": headers })
    );
    let uri = "mongodb://reader:passw0rd@a.example.com:1,b.example.com:2/";
    assert_eq!(profile.secrets, ["Bearer t0ken", CANARY, uri, "passw0rd"]);
    assert!(!format!("{profile:?}").contains(CANARY));
}

#[test]
fn what_a_file_holds_is_secret_wherever_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x");
    std::fs::write(&file, CANARY).unwrap();
    let profile = profile(&format!("role = '${{file:{}}}'", file.display()), &[]).unwrap();
    assert_eq!(profile.secrets, [CANARY]);
    assert_eq!(profile.role.as_deref(), Some(CANARY));
}

#[test]
fn the_sandbox_may_be_given_a_database() {
    let profile =
        profile("sandbox = { mongo_uri = '${URI}' }", &[("URI", "mongodb://u:passw0rd@localhost")]).unwrap();
    assert_eq!(profile.secrets, ["mongodb://u:passw0rd@localhost", "passw0rd"]);
    assert!(
        brief("sandbox = { mongo_uri = 'mongodb://u:passw0rd@localhost' }")
            .contains("the secret `mongo_uri` stands")
    );
}

#[test]
fn missing_variables_are_told_together_and_only_for_the_environment_that_needs_them() {
    let body = "sandbox = {}\n[environments.other]\nrole = '${ROLE}'\n[environments.other.targets.mongo]\nuri = 'mongodb://${USER}:${PASSWORD}@${HOST:-x}'";
    assert!(profile(body, &[]).is_ok());
    let config = crate::fixture::parse(&format!("version = 1\n[environments.local]\n{body}")).unwrap();
    let error = crate::fixture::resolve(&config, "other", &[("PASSWORD", "")]).unwrap_err();
    assert_snapshot!(error.render(false), @r##"
    error: the environment variable `ROLE` is not set
     --> checks.toml:5:8
      |
    5 | role = '${ROLE}'
      |        ^^^^^^^^^ environment `other` needs it
      |
      = help: export it, or give a default: `${ROLE:-…}`

    error: the environment variable `USER` is not set
     --> checks.toml:7:7
      |
    7 | uri = 'mongodb://${USER}:${PASSWORD}@${HOST:-x}'
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ environment `other` needs it
      |
      = help: export it, or give a default: `${USER:-…}`

    error: the environment variable `PASSWORD` is empty
     --> checks.toml:7:7
      |
    7 | uri = 'mongodb://${USER}:${PASSWORD}@${HOST:-x}'
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ environment `other` needs it
      |
      = help: export it, or give a default: `${PASSWORD:-…}`
    "##);
}

#[test]
fn syntax_is_checked_offline() {
    assert_snapshot!(brief("role = \"\\u0061${1X} ${\"\nsandbox = { '${X}' = 1 }\n[suites.x]\nselect = '${X}'"), @r##"
    checks.toml:3:15: error: `1X` is not the name of a variable (`${VARIABLE}`, `${VARIABLE:-default}` or `${file:/path}`; `$${` stands for a literal `${`)
    checks.toml:3:21: error: `${` is never closed (close it with `}`, or write `$${` for a literal `${`)
    checks.toml:4:13: error: a key cannot contain `${…}` (only values are interpolated)
    checks.toml:4:13: error: unknown key `${X}` in `sandbox` (there are `incident`, `faults`, `recordings`, `planned_api`, `pods`, `events`, `mongo_uri`)
    checks.toml:6:10: error: `${…}` is read below `[environments]` only
    checks.toml:6:11: error: expected a predicate such as `tag(smoke)`, or `!`, or `(` (for example `tag(smoke) & !plugin(mongo)`)
    "##);
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
    assert_snapshot!(error.render(false), @r##"
    error: the secret `uri` stands in the file
     --> checks.toml:4:7
      |
    4 | uri = *********************************************** # and
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write it as `${VARIABLE}` or `${file:/path}`

    error: `database` is not accepted: invalid type: integer `5`, expected a string
     --> checks.toml:5:12
      |
    5 | database = 5
      |            ^
      |
      = help: `database`: The database

    error: unknown key `verify` in target `focus-api`
     --> checks.toml:8:1
      |
    8 | verify = true
      | ^^^^^^
      |
      = help: did you mean `verify_tls`?

    error: the secret `headers.a` stands in the file
     --> checks.toml:9:17
      |
    9 | headers = { a = ***************, b = *********************, c = *********************************, d = 'x${D}' }
      |                 ^^^^^^^^^^^^^^^
      |
      = help: write it as `${VARIABLE}` or `${file:/path}`

    error: the secret `headers.b` stands in the file
     --> checks.toml:9:38
      |
    9 | headers = { a = ***************, b = *********************, c = *********************************, d = 'x${D}' }
      |                                      ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write it as `${VARIABLE}` or `${file:/path}`

    error: the secret `headers.c` stands in the file
     --> checks.toml:9:65
      |
    9 | headers = { a = ***************, b = *********************, c = *********************************, d = 'x${D}' }
      |                                                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write it as `${VARIABLE}` or `${file:/path}`
    "##);
}

#[test]
fn a_url_without_a_password_is_no_secret() {
    assert_eq!(
        brief("[environments.local.targets.mongo]\nuri = 'mongodb://127.0.0.1:27017/?replicaSet=rs0'"),
        "no problem"
    );
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
    assert_snapshot!(error, @r##"
    checks.toml:3:24: error: `timeout` is not a duration: `${A}` (for example "500ms", "30s" or "1m 30s")
    checks.toml:4:8: error: unknown role `${ROLE}` (there is only `capacity-target`)
    checks.toml:5:24: error: the selection `${B}` cannot be used
    checks.toml:5:43: error: unknown severity `${A}` (there are `low`, `medium`, `high`, `critical`)
    checks.toml:5:144: error: `oldest` does not accept the value of `${A}` (`oldest`: Older ones are stale)
    checks.toml:5:163: error: `youngest` does not accept the value of `${A}` (`youngest`: Younger ones are still being written)
    checks.toml:6:21: error: unknown check `${A}` (there are `focus-api.ack`, `focus-api.configure`, `focus-api.latency`, `mongo.connect`, `mongo.indexes.required`, `mongo.recordings.stale`)
    checks.toml:6:67: error: `expires` must be a day, not `${A}` (for example `expires = 2026-12-31`)
    checks.toml:7:24: error: unknown incident `${A}` (there is only `production-2025-11`)
    checks.toml:8:21: error: unknown effect `${A}` (there are `read`, `create`, `load`, `disrupt`)
    checks.toml:11:11: error: `timeout` does not accept the value of `${A}` (`timeout`: A duration such as "500ms", "30s" or "1m 30s")
    "##);
}

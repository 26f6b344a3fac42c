//! `[environments.E.xray]`: read when results are uploaded, and never by a run.

use crate::fixture::{parse, profile};
use insta::assert_snapshot;
use serde_json::json;
use shakedown_config::{Credentials, Product, Xray};
use std::path::Path;
use std::time::Duration;

const CLOUD: &str = r#"
product = "cloud"
url = "${URL}/"
client_id = "${XRAY_CLIENT_ID}"
client_secret = "${XRAY_CLIENT_SECRET}"
execution = "${XRAY_TEST_EXEC_KEY:-}"
plan = "PZ-14024"
"#;

const VARIABLES: [(&str, &str); 3] = [
    ("URL", "https://xray.example.com/api/v2"),
    ("XRAY_CLIENT_ID", "the-id"),
    ("XRAY_CLIENT_SECRET", "c4nary-s3cret"),
];

/// The table, or what is wrong with it.
fn read(table: &str, variables: &[(&str, &str)]) -> Result<Xray, String> {
    let text = format!("version = 1\n[environments.lab]\n[environments.lab.xray]{table}");
    let config = parse(&text).map_err(|error| error.render(false))?;
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let read = config.xray("lab", &variable).map_err(|error| error.render(false))?;
    Ok(read.expect("the table is there"))
}

#[test]
fn the_variables_of_the_documentation_are_read() {
    let xray = read(CLOUD, &VARIABLES).unwrap();
    assert_eq!((xray.product, xray.url.as_str()), (Product::Cloud, "https://xray.example.com/api/v2"));
    assert_eq!((xray.plan.as_deref(), xray.execution.as_deref()), (Some("PZ-14024"), None));
    assert_eq!(xray.timeout, Duration::from_mins(2));
    assert_eq!(xray.secrets(), ["the-id", "c4nary-s3cret"]);
    assert!(!format!("{xray:?}").contains("c4nary"));
    let given = [VARIABLES.as_slice(), &[("XRAY_TEST_EXEC_KEY", "PZ-77")]].concat();
    assert_eq!(read(CLOUD, &given).unwrap().execution.as_deref(), Some("PZ-77"));
}

#[test]
fn data_center_takes_a_token_or_a_user_and_names_its_custom_fields() {
    let table = r#"
product = "data-center"
url = "https://jira.example.com/rest/raven/2.0"
user = "robot"
password = "${PASSWORD}"
environments = ["staging", "night"]
fields = { labels = ["shakedown"] }
plan_field = "customfield_1"
environments_field = "customfield_2"
revision_field = "customfield_3"
ca_file = "/etc/ssl/company.pem"
timeout = "30s"
"#;
    let xray = read(table, &[("PASSWORD", "passw0rd")]).unwrap();
    assert!(matches!(&xray.credentials, Credentials::User { name, .. } if name == "robot"));
    assert_eq!(xray.fields["labels"], json!(["shakedown"]));
    let named = [&xray.plan_field, &xray.environments_field, &xray.revision_field].map(Option::as_deref);
    assert_eq!(named, [Some("customfield_1"), Some("customfield_2"), Some("customfield_3")]);
    assert_eq!(xray.ca_file.as_deref(), Some(Path::new("/etc/ssl/company.pem")));
    let token = table.replace("user = \"robot\"\npassword = \"${PASSWORD}\"", "token = \"${PASSWORD}\"");
    let xray = read(&token, &[("PASSWORD", "passw0rd")]).unwrap();
    assert!(matches!(xray.credentials, Credentials::Token(_)));
}

#[test]
fn what_is_missing_is_missed_by_an_upload_and_not_by_a_run() {
    assert!(profile(&format!("[environments.local.xray]{CLOUD}"), &[]).is_ok());
    let error = read(CLOUD, &VARIABLES[..2]).unwrap_err();
    assert!(error.contains("the environment variable `XRAY_CLIENT_SECRET` is not set"), "{error}");
    let table = "\nproduct = \"cloud\"\nurl = \"https://xray.example.com/api/v2\"\n";
    assert_snapshot!(read(table, &[]).unwrap_err(), @r"
    error: `xray` of `lab` has no credentials for cloud
     --> checks.toml:3:1
      |
    3 | [environments.lab.xray]
      | ^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: give `client_id` and `client_secret`, each as `${VARIABLE}`
    ");
    let literal = read("\nproduct = \"cloud\"\nurl = \"x\"\nclient_secret = \"c4nary\"", &[]).unwrap_err();
    assert!(literal.contains("client_secret") && !literal.contains("c4nary"), "{literal}");
}

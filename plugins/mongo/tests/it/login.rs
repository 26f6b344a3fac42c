//! Logins, right and wrong; and what nobody may ever see of them.

use crate::bench::{all_checks, at, connect, database, refusal, sandbox, settings};
use mongodb::bson::doc;
use serde_json::{Value, json};
use shakedown_core::TargetErrorKind;
use shakedown_mongo::Settings;
use shakedown_testkit::brief;
use tokio::net::TcpListener;

/// The same settings with another login.
fn as_user(settings: &Value, login: &str, options: &str) -> Value {
    let uri = settings["uri"].as_str().unwrap();
    let (_, rest) = uri.rsplit_once('@').unwrap();
    let mut other = settings.clone();
    other["uri"] = json!(format!("mongodb://{login}@{rest}{options}"));
    other
}

#[tokio::test]
async fn users_log_in_with_scram() {
    let Some(sandbox) = sandbox(json!({ "recordings": 20 })).await else { return };
    let (database, settings) = (database(&sandbox).await, settings(&sandbox));
    let password = "p@ss:w/rd?#[]% ü";
    // Which mechanism a user has is not negotiated by every server, so that SHA-1 has to be named.
    for (user, mechanism, options) in [
        ("us er@1", "SCRAM-SHA-256", &["", "&authMechanism=SCRAM-SHA-256"][..]),
        ("us er@2", "SCRAM-SHA-1", &["&authMechanism=SCRAM-SHA-1"]),
    ] {
        let roles = vec![doc! { "role": "read", "db": database.name() }];
        let create = doc! { "createUser": user, "pwd": password, "roles": roles, "mechanisms": [mechanism] };
        database.run_command(create).await.unwrap();
        let (user_encoded, password_encoded) =
            (user.replace(' ', "%20").replace('@', "%40"), "p%40ss%3Aw%2Frd%3F%23%5B%5D%25%20%C3%BC");
        let login = format!("{user_encoded}:{password_encoded}");
        for options in options {
            let bench = at(as_user(&settings, &login, options)).await.unwrap();
            assert_eq!(brief(&bench.run("mongo.connect").await), "passed", "{mechanism} {options}");
        }
        for wrong in [format!("{user_encoded}:wrong-horse"), format!("somebody:{password_encoded}")] {
            let error = refusal(as_user(&settings, &wrong, &format!("&authMechanism={mechanism}"))).await;
            assert_eq!(error.kind, TargetErrorKind::Unauthorised, "{error}");
            let said = format!("{error} {error:?}");
            assert!(!said.contains("wrong-horse") && !said.contains(password_encoded), "{said}");
        }
        // Not encoded, it is no URI.
        let error = refusal(as_user(&settings, &format!("{user_encoded}:{password}"), "")).await;
        assert_eq!(error.kind, TargetErrorKind::Settings, "{error}");
        assert!(!format!("{error} {error:?}").contains("w/rd"), "{error:?}");
        database.run_command(doc! { "dropUser": user }).await.unwrap();
    }
    sandbox.stop().await;
}

const SECRET: &str = "hunter-22";

/// URIs with a secret in every place where one can be.
fn secretive(address: &str) -> Vec<String> {
    [
        "mongodb://reader:hunter-22@ADDRESS/?directConnection=true",
        "mongodb://reader:hunter%2D22@ADDRESS/?directConnection=true",
        "mongodb://reader:hunter-22@ADDRESS/prisma?authSource=admin&directConnection=true",
        "mongodb://reader:hunter-22@ADDRESS/?authMechanism=SCRAM-SHA-1&directConnection=true",
        "mongodb://reader:hunter-22@ADDRESS/?authMechanism=NONSENSE",
        "mongodb://reader:hunter-22@ADDRESS/?tls=perhaps",
        "mongodb://reader:hunter-22@ADDRESS/?connectTimeoutMS=soon",
        "mongodb://reader:hunter-22@ADDRESS/?tls=false&tlsInsecure=true",
        "mongodb://reader:/hunter-22@ADDRESS/",
        "mongodb://reader:hunter-22?@ADDRESS/",
        "mongodb://reader:hunter-22#@ADDRESS/",
        "mongodb://reader:@hunter-22@ADDRESS/",
        "mongodb://reader:hunter-22%@ADDRESS/",
        "mongodb://reader:hunter-22@",
        "reader:hunter-22@ADDRESS",
        "http://reader:hunter-22@ADDRESS",
        "mongodb+srv://reader:hunter-22@ADDRESS/",
        "mongodb://ADDRESS/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:hunter-22",
        "mongodb://reader:x@ADDRESS/?authMechanismProperties=AWS_SESSION_TOKEN:hunter-22",
        "mongodb://ADDRESS/?authMechanismProperties=AWS_SESSION_TOKEN%3Ahunter-22,nonsense",
        "mongodb://ADDRESS/?authMechanismProperties=AWS_SESSION_TOKEN:hunter-22:more",
        "mongodb://ADDRESS/?proxyHost=localhost&proxyUsername=u&proxyPassword=hunter-22",
        "mongodb://ADDRESS/?tlsCertificateKeyFilePassword=hunter-22",
        "mongodb://ADDRESS/?tls=true&tlsCertificateKeyFile=/none.pem&tlsCertificateKeyFilePassword=hunter-22",
    ]
    .iter()
    .map(|uri| uri.replace("ADDRESS", address))
    .collect()
}

#[tokio::test]
async fn a_secret_is_never_shown_wherever_it_stands_in_a_uri() {
    let Some(sandbox) = sandbox(json!({ "recordings": 20 })).await else { return };
    let away = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let sandboxed = settings(&sandbox);
    let (_, rest) = sandboxed["uri"].as_str().unwrap().rsplit_once('@').unwrap();
    let there = rest.split('/').next().unwrap().to_owned();
    for address in [away, there] {
        for uri in secretive(&address) {
            let read: Settings = serde_json::from_value(json!({ "uri": uri })).unwrap();
            assert!(!format!("{read:?}").contains(SECRET), "{uri}");
            match connect(json!({ "uri": uri })).await {
                Err(error) => {
                    let said = format!("{error} {error:?}");
                    assert!(!said.contains(SECRET) && !said.contains("hunter"), "{uri}: {said}");
                    assert!(error.remedy.is_some_and(|remedy| remedy.len() > 10), "{uri}");
                }
                Ok(target) => {
                    let said = format!("{:?} {:?}", target.info(), target.rights().await);
                    assert!(!said.contains(SECRET), "{uri}: {said}");
                }
            }
        }
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn no_check_shows_a_secret_when_the_server_goes_away_under_it() {
    let Some(sandbox) = sandbox(json!({ "recordings": 60 })).await else { return };
    let settings = settings(&sandbox);
    let uri = settings["uri"].as_str().unwrap();
    let password =
        uri.split_once("://").unwrap().1.split_once(':').unwrap().1.split_once('@').unwrap().0.to_owned();
    let bench = at(settings).await.unwrap();
    // Without a server each question takes its time, so that not every check is asked there.
    let some = || vec!["mongo.connect", "mongo.server.health"];
    for (fault, checks) in [
        (None, all_checks()),
        (Some("mongo.index-missing"), vec!["mongo.indexes.required"]),
        (Some("mongo.login-refused"), some()),
        (Some("mongo.away"), some()),
    ] {
        if let Some(fault) = fault {
            sandbox.inject(fault).await.unwrap();
        }
        for id in checks {
            let said = serde_json::to_string(&bench.run(id).await).unwrap();
            assert!(!said.contains(&password), "{id} under {fault:?}: {said}");
        }
    }
    assert!(!bench.all_evidence().contains(&password));
    sandbox.stop().await;
}

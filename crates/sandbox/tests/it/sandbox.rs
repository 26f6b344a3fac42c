//! Starting, breaking and stopping, apart from what any one part does.

use crate::support::{registry, start, with_mongo};
use serde_json::json;

async fn refusal(options: serde_json::Value) -> String {
    match start(&[], options).await {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn names_are_looked_up_before_anything_starts() {
    let fault = refusal(json!({"faults": ["mongo.index-mising"]})).await;
    insta::assert_snapshot!(fault, @"unknown fault `mongo.index-mising`; did you mean `mongo.index-missing`?");
    let incident = refusal(json!({"incident": "production-2025-12"})).await;
    insta::assert_snapshot!(incident, @"unknown incident `production-2025-12`; did you mean `production-2025-11`?");
    let key = refusal(json!({"recording": 300})).await;
    insta::assert_snapshot!(key, @"`sandbox` has the unknown key `recording`; did you mean `recordings`?");
}

#[tokio::test]
async fn a_part_that_cannot_be_had_is_named_and_stops_nothing() {
    let sandbox = start(&["mongo"], json!({"mongo_uri": "redis://127.0.0.1"})).await.unwrap();
    assert!(sandbox.settings().is_empty() && sandbox.exports().is_empty());
    let [missing] = sandbox.unavailable() else { panic!("one part was asked for") };
    insta::assert_snapshot!(missing, @"mongo cannot be had here: the URI given for mongo cannot be used: it does not start with `mongodb://`");
    insta::assert_snapshot!(missing.command, @"export SHAKEDOWN_SANDBOX_MONGO_URI=mongodb://HOST:PORT");
    let error = sandbox.inject("mongo.away").await.unwrap_err();
    insta::assert_snapshot!(error, @"failed to turn on `mongo.away`: the part `mongo` does not run: mongo cannot be had here: the URI given for mongo cannot be used: it does not start with `mongodb://`");
    let error = sandbox.inject("mongo.awya").await.unwrap_err();
    insta::assert_snapshot!(error, @"unknown fault `mongo.awya`; did you mean `mongo.away`?");
    sandbox.stop().await;
}

#[tokio::test]
async fn every_fault_of_mongo_can_be_turned_on_twice() {
    for fault in registry().faults().iter().filter(|fault| fault.part == "mongo") {
        let Some(sandbox) = with_mongo(json!({"recordings": 40, "faults": [fault.id]})).await else {
            return;
        };
        // What a fault has written cannot be written again; whatever else it does can be done twice.
        if let Err(error) = sandbox.inject(fault.id).await {
            let exists = ["E11000", "NamespaceExists"].iter().any(|why| error.to_string().contains(why));
            assert!(exists, "{}: {error}", fault.id);
        }
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn an_incident_leaves_out_parts_that_do_not_run_and_a_fault_does_not() {
    let Some(sandbox) = with_mongo(json!({"recordings": 20, "incident": "production-2025-11"})).await else {
        return;
    };
    let error = sandbox.inject("focus-api.away").await.unwrap_err();
    insta::assert_snapshot!(error, @"failed to turn on `focus-api.away`: the part `focus-api` does not run");
    sandbox.stop().await;
    let options = json!({"recordings": 20, "faults": ["focus-api.away"]});
    let error = start(&["mongo"], options).await.map(drop).unwrap_err();
    insta::assert_snapshot!(error, @"failed to turn on `focus-api.away`: the part `focus-api` does not run");
}

//! What simulated containers log.

use super::objects::{items, text};
use super::orders::{Ailment, subject};
use serde_json::Value;

/// What a container says when it starts; one that ails says why it will end.
pub(super) fn at_start(pod: &Value, spec: &Value, ailment: Option<Ailment>) -> Vec<String> {
    let subject = subject(pod);
    let mut lines: Vec<String> = match subject {
        "panda-panda-focus-server" => vec![
            "INFO:     Started server process [1]".to_owned(),
            "INFO:     Connecting to MongoDB at mongodb.panda:27017".to_owned(),
        ],
        "panda-panda-segy-recorder" => vec!["INFO recorder: waiting for recording requests".to_owned()],
        "mongodb" => vec![
            r#"{"s":"I","c":"NETWORK","msg":"Listening on","attr":{"address":"0.0.0.0:27017"}}"#.to_owned(),
            r#"{"s":"I","c":"NETWORK","msg":"Waiting for connections","attr":{"port":27017}}"#.to_owned(),
        ],
        "rabbitmq" => vec!["[info] <0.1.0> Server startup complete; 5 plugins started.".to_owned()],
        job if job.starts_with("grpc-job-") => {
            let words: Vec<&str> = items(spec, "/args").iter().filter_map(Value::as_str).collect();
            vec![
                format!("INFO analyzer: starting with {}", words.join(" ")),
                format!("INFO analyzer: gRPC stream listens on port {}", text(spec, "/env/0/value")),
            ]
        }
        job if job.starts_with("cleanup-job-") => {
            vec!["INFO cleanup: watching the processor use of the analyzer".to_owned()]
        }
        _ => vec!["INFO started".to_owned()],
    };
    match ailment {
        Some(Ailment::CrashLoop) => lines.push(
            "ERROR: ServerSelectionTimeoutError: mongodb.panda:27017: [Errno -3] Temporary failure in name \
             resolution, Timeout: 30s"
                .to_owned(),
        ),
        Some(Ailment::Restarts) => {
            lines.push("WARNING: lost the connection to RabbitMQ, giving up".to_owned());
        }
        Some(Ailment::Fails) => {
            lines.push("ERROR analyzer: Failed to bind to port: address already in use".to_owned());
        }
        _ if subject == "panda-panda-focus-server" => {
            lines.push("INFO:     Application startup complete.".to_owned());
        }
        _ => {}
    }
    lines
}

/// What a component says now and then.
pub(super) fn now_and_then(component: &str) -> Option<&'static str> {
    match component {
        "panda-panda-focus-server" => {
            Some("INFO:     198.51.100.1:40112 - \"GET /focus-server/ack HTTP/1.1\" 200 OK")
        }
        "panda-panda-segy-recorder" => Some("INFO recorder: nothing to record"),
        "mongodb" => {
            Some(r#"{"s":"I","c":"WTCHKPT","msg":"WiredTiger message","attr":{"message":"checkpoint"}}"#)
        }
        "rabbitmq" => {
            Some("[info] <0.612.0> closing AMQP connection (198.51.100.11:51822 -> 198.51.100.12:5672)")
        }
        _ => None,
    }
}

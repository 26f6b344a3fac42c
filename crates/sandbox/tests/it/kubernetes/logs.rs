//! Logs: as they are, and as they grow.

use super::{BOUND, Cluster, code};
use futures_util::{AsyncBufReadExt as _, StreamExt as _};
use kube::api::{ListParams, LogParams};
use tokio::time::timeout;

async fn focus_server(cluster: &Cluster) -> String {
    let pods = cluster.pods().list(&ListParams::default()).await.unwrap();
    let mut names = pods.items.iter().map(kube::ResourceExt::name_any);
    names.find(|name| name.starts_with("panda-panda-focus-server-")).unwrap()
}

#[tokio::test]
async fn logs_are_read_in_part_and_in_whole() {
    let cluster = Cluster::start().await;
    let (pods, name) = (cluster.pods(), focus_server(&cluster).await);
    let all = pods.logs(&name, &LogParams::default()).await.unwrap();
    let lines: Vec<&str> = all.lines().collect();
    assert!(!lines.is_empty());
    let last = pods.logs(&name, &LogParams { tail_lines: Some(1), ..LogParams::default() }).await.unwrap();
    assert_eq!(last.lines().count(), 1);
    let start = pods.logs(&name, &LogParams { limit_bytes: Some(5), ..LogParams::default() }).await.unwrap();
    assert_eq!(start, all[..5]);
    let stamped = pods.logs(&name, &LogParams { timestamps: true, ..LogParams::default() }).await.unwrap();
    let (time, line) = stamped.lines().next().unwrap().split_once(' ').unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    assert_eq!(line, lines[0]);
    let unknown = LogParams { container: Some("nothing".to_owned()), ..LogParams::default() };
    assert_eq!(code(pods.logs(&name, &unknown).await), 400);
    assert_eq!(code(pods.logs("nothing", &LogParams::default()).await), 404);
    let previous = LogParams { previous: true, ..LogParams::default() };
    assert_eq!(code(pods.logs(&name, &previous).await), 400);
}

#[tokio::test]
async fn logs_are_followed() {
    let cluster = Cluster::start().await;
    let (pods, name) = (cluster.pods(), focus_server(&cluster).await);
    let params = LogParams { follow: true, tail_lines: Some(0), ..LogParams::default() };
    let mut lines = pods.log_stream(&name, &params).await.unwrap().lines();
    cluster.inject("k8s.log-errors").await;
    let mut errors = 0;
    while errors < 2 {
        let line = timeout(BOUND, lines.next()).await.expect("nothing more is logged").unwrap().unwrap();
        errors += usize::from(line.to_uppercase().contains("ERROR"));
    }
}

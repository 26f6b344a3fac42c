//! The last lines of the components' logs, with those marked that tell of trouble, and the last words of containers that
//! were restarted.

use super::pods::{left_out, restarted};
use super::{noted, patience};
use crate::client::K8sClient;
use crate::patterns;
use crate::target::Kubernetes;
use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::LogParams;
use shakedown_core::collect::{CollectContext, Collector};
use shakedown_core::{Evidence, TargetError, async_trait, register_collector};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// So many lines of each container.
const LINES: i64 = 200;

/// And no more bytes of it, however long its lines are.
const BYTES: i64 = 256 << 10;

/// A component with more pods shows itself in these.
const MOST_PODS: usize = 3;

/// So many containers that were restarted.
const MOST_RESTARTED: usize = 10;

/// So many logs are asked for at once.
const AT_ONCE: usize = 4;

/// What stands before a line that tells of trouble, and before any other.
const MARK: [&str; 2] = [">> ", "   "];

register_collector! {
    /// The last lines of the logs of each component, with those marked that tell of trouble; and the last lines of
    /// containers before they were restarted.
    pub(crate) struct Logs: "k8s.logs"
}

/// One log to be read.
struct Source {
    /// The piece of evidence that it belongs into.
    file: String,
    pod: String,
    container: String,
    previous: bool,
}

#[async_trait]
impl Collector for Logs {
    type Target = Kubernetes;

    async fn collect(client: &K8sClient, cx: &CollectContext) -> Result<Vec<Evidence>, TargetError> {
        let pods = client.pods_within(patience(cx)).await.map_err(noted(client))?;
        let sources = sources(client, &pods);
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for some in sources.chunks(AT_ONCE) {
            let limit = patience(cx);
            let texts = join_all(some.iter().map(|source| section(client, source, limit))).await;
            for (source, text) in some.iter().zip(texts) {
                files.entry(source.file.clone()).or_default().push_str(&text);
            }
        }
        Ok(files.into_iter().map(|(file, text)| Evidence::text(file, text)).collect())
    }
}

fn sources(client: &K8sClient, pods: &[Pod]) -> Vec<Source> {
    let mut sources = Vec::new();
    for (name, component) in client.components.iter() {
        let own = pods.iter().filter(|pod| component.owns(pod)).take(MOST_PODS);
        for pod in own {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            sources.extend(containers.map(|container| Source {
                file: format!("log-{name}.txt"),
                pod: pod.name_any(),
                container: container.name.clone(),
                previous: false,
            }));
        }
    }
    let before = restarted(pods).into_iter().take(MOST_RESTARTED).map(|(pod, container)| Source {
        file: "log-before-restart.txt".to_owned(),
        pod: pod.name_any(),
        container: container.name.clone(),
        previous: true,
    });
    sources.extend(before);
    sources
}

async fn section(client: &K8sClient, source: &Source, limit: Duration) -> String {
    let Source { pod, container, previous, .. } = source;
    let params = LogParams {
        container: Some(container.clone()),
        previous: *previous,
        tail_lines: Some(LINES),
        limit_bytes: Some(BYTES),
        timestamps: true,
        ..LogParams::default()
    };
    let pods = client.here::<Pod>();
    let before = if *previous { ", before its restart" } else { "" };
    let head = format!("== {pod}, container {container}{before}");
    match client.ask_within(limit, &format!("read the log of {pod}"), pods.logs(pod, &params)).await {
        Ok(log) => format!("{head}: {}", marked(&log)),
        Err(trouble) => format!("{head}: {}\n\n", trouble.into_target(&client.place)),
    }
}

/// A log with marks, and before it how many there are of what.
fn marked(log: &str) -> String {
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    let mut text = String::new();
    let most = usize::try_from(LINES).unwrap_or(usize::MAX);
    for line in log.lines().take(most) {
        let kind = patterns::trouble(line);
        if let Some(kind) = kind {
            *found.entry(kind).or_default() += 1;
        }
        let _ = writeln!(text, "{}{line}", MARK[usize::from(kind.is_none())]);
    }
    let count = log.lines().count();
    let kinds: Vec<String> = found.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    let kinds = if kinds.is_empty() { "none tells of trouble".to_owned() } else { kinds.join(", ") };
    format!("{} lines, {kinds}\n{text}{}\n", count.min(most), left_out(count, most, "lines"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn lines_that_tell_of_trouble_are_marked() {
        let log = "2025-11-01T10:00:00Z started\n2025-11-01T10:00:01Z ERROR no connection\n2025-11-01T10:00:02Z idle\n";
        assert_snapshot!(marked(log), @r"
        3 lines, 1 × error
           2025-11-01T10:00:00Z started
        >> 2025-11-01T10:00:01Z ERROR no connection
           2025-11-01T10:00:02Z idle
        ");
        assert_eq!(marked(""), "0 lines, none tells of trouble\n\n");
    }

    #[test]
    fn a_server_that_sends_more_than_was_asked_for_is_cut_short() {
        let text = marked(&"x\n".repeat(1000));
        assert!(text.starts_with("200 lines") && text.contains("… and 800 more lines"), "{text}");
    }
}

//! What MongoDB uses while others load it, as it says itself.

use crate::client::MongoClient;
use crate::target::Mongo;
use crate::{answer, number};
use mongodb::bson::{Document, doc};
use shakedown_core::{ObserveContext, Observer, Reading, TargetError, Unit, async_trait, register_observer};

/// Whose readings these are.
const SUBJECT: &str = "mongod";

register_observer! {
    /// What the server uses, by `serverStatus`.
    ///
    /// All of `mongod`: `connections`, of as many as it takes; `queued-operations`, which wait for a lock;
    /// `active-operations`; `memory`, what is resident of its own; and `cache`, what the storage engine holds of what it may.
    /// What the server does not report is left out.
    pub(crate) struct Server: "mongo.server"
}

#[async_trait]
impl Observer for Server {
    type Target = Mongo;

    async fn observe(client: &MongoClient, cx: &ObserveContext) -> Result<Vec<Reading>, TargetError> {
        let admin = client.database.client().database("admin");
        // Every metric and every statistic would be thousands of lines.
        let command = doc! { "serverStatus": 1, "metrics": 0, "tcmalloc": 0 };
        let limit = cx.remaining().mul_f64(0.9);
        let status = client.ask_within(limit, "read the server's status", answer::command(&admin, command));
        Ok(readings(&status.await.map_err(|trouble| trouble.of_target(&client.place))?))
    }
}

fn readings(status: &Document) -> Vec<Reading> {
    #[expect(clippy::cast_precision_loss, reason = "counts and bytes of a server are far below 2^53")]
    let at = |path: &[&str]| number::at(status, path).map(|number| number as f64);
    let reading = |what: &str, value: Option<f64>, unit| Some(Reading::new(SUBJECT, what, value?, unit));
    let current = at(&["connections", "current"]);
    // One that does not count says that it takes no more, and takes more all the same.
    let available = at(&["connections", "available"]).filter(|available| *available > 0.0);
    let most = current.zip(available).map(|(current, available)| current + available);
    let connections = reading("connections", current, Unit::Count).map(|reading| reading.of(most));
    let queued = reading("queued-operations", at(&["globalLock", "currentQueue", "total"]), Unit::Count);
    let active = reading("active-operations", at(&["globalLock", "activeClients", "total"]), Unit::Count);
    let resident = at(&["mem", "resident"]).filter(|megabytes| *megabytes > 0.0);
    let resident = resident.map(|megabytes| megabytes * f64::from(1 << 20));
    let memory = reading("memory", resident, Unit::Bytes);
    let of_cache = |name| at(&["wiredTiger", "cache", name]);
    let cache = reading("cache", of_cache("bytes currently in the cache"), Unit::Bytes)
        .map(|reading| reading.of(of_cache("maximum bytes configured")));
    [connections, queued, active, memory, cache].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: &Document) -> String {
        let line = |reading: &Reading| {
            let limit = reading.limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
            format!("{} {}{limit}\n", reading.what, reading.value)
        };
        readings(status).iter().map(line).collect()
    }

    #[test]
    fn what_the_server_reports_is_read() {
        let status = doc! {
            "connections": { "current": 42, "available": 958_i64 },
            "globalLock": { "currentQueue": { "total": 3 }, "activeClients": { "total": 7 } },
            "mem": { "resident": 512 },
            "wiredTiger": { "cache": { "maximum bytes configured": 1024, "bytes currently in the cache": 1000.0 } },
        };
        insta::assert_snapshot!(shown(&status), @r"
        connections 42 of 1000
        queued-operations 3
        active-operations 7
        memory 536870912
        cache 1000 of 1024
        ");
    }

    #[test]
    fn what_it_does_not_report_is_left_out_and_never_zero() {
        assert_eq!(readings(&doc! { "ok": 1, "mem": { "resident": 0 } }), []);
        let uncounted = doc! { "connections": { "current": 2, "available": 0 } };
        assert_eq!(shown(&uncounted), "connections 2\n");
    }
}

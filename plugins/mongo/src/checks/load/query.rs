//! `mongo.load.query`

use super::jobs::{Jobs, STARTS, distance};
use crate::Mongo;
use crate::checks::indexes::explain::{Plan, Query};
use crate::client::MongoClient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::stats::Samples;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use std::time::{Duration, Instant};

/// How long one query may take.
const LONGEST: Duration = Duration::from_secs(10);

/// How much load there is, and what the server must keep to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct QueryParams {
    /// How many live jobs run on Focus Server.
    pub(crate) jobs: u32,
    /// How many queries are sent, and as many pings.
    pub(crate) queries: u32,
    /// What a ping may take on average.
    pub(crate) max_ping_mean: HumanDuration,
    /// What 95 of 100 pings may take.
    pub(crate) max_ping_p95: HumanDuration,
    /// What a query may take on average.
    pub(crate) max_query_mean: HumanDuration,
    /// What 95 of 100 queries may take.
    pub(crate) max_query_p95: HumanDuration,
    /// How many queries may fail.
    pub(crate) max_errors: u32,
}

impl Default for QueryParams {
    fn default() -> Self {
        Self {
            jobs: 15,
            queries: 50,
            max_ping_mean: HumanDuration::millis(100),
            max_ping_p95: HumanDuration::millis(150),
            max_query_mean: HumanDuration::millis(200),
            max_query_p95: HumanDuration::millis(300),
            max_errors: 5,
        }
    }
}

impl Params for QueryParams {
    fn validate(&self) -> Result<(), String> {
        let Self { queries, max_errors, .. } = self;
        if !(1..=10_000).contains(queries) {
            return Err(format!("`queries` is {queries}; it must be from 1 to 10000"));
        }
        if max_errors >= queries {
            return Err(format!(
                "`max_errors` is {max_errors}; it must be below `queries`, which is {queries}"
            ));
        }
        Ok(())
    }
}

register_check! {
    /// While live jobs run, MongoDB answers the queries of history as quickly as it should.
    ///
    /// 15 live jobs run on Focus Server. Meanwhile 50 pings and 50 queries are sent to MongoDB, one at a time: those that
    /// history makes, of the collection in which the recordings are. A ping may take 100 ms on average and 150 ms at the
    /// 95th percentile, a query 200 ms and 300 ms, and five queries may fail. The server is asked to explain each kind of
    /// query, and the report says whether it used an index.
    ///
    /// # Why it matters
    /// Operators look into history while the system is busy. What is quick at rest may wait under load: for the disk, for
    /// a lock, for memory that others have taken.
    ///
    /// # How to mend it
    /// If pings are slow too, look at the network and the server's processor. If only queries are, see in the report
    /// whether they scan the collection (`mongo.indexes.required` says which index is missing), and look at the server's
    /// memory and disk.
    pub(crate) struct QueryUnderLoad(QueryParams) {
        id: "mongo.load.query",
        title: "MongoDB answers queries while jobs run",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("mongo"),
        also: &["focus-api"],
        keys: &["PZ-15140"],
        tags: &["load", "performance"],
        requires: STARTS,
        proofs: &[fault("mongo.slow-queries", "queries-slow")],
    }
}

#[async_trait]
impl Check for QueryUnderLoad {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = mongo.recordings(cx).await?.guid.clone();
        mongo.count_of(cx, &collection, "recordings").await?;
        let jobs = Jobs::start(cx, self.params.jobs).await?;
        let seen = self.look(&mongo, cx, &collection, jobs.count()).await;
        jobs.end(cx).await;
        judge(&seen?, &self.params, mongo.place.address())
    }
}

/// What was seen.
struct Seen {
    jobs: usize,
    /// In milliseconds.
    pings: Vec<f64>,
    queries: Vec<f64>,
    /// Why queries have failed.
    failures: Vec<String>,
    /// How each kind of query is answered, where the server says so.
    plans: Vec<(&'static str, Plan)>,
}

impl QueryUnderLoad {
    async fn look(
        &self,
        mongo: &MongoClient,
        cx: &Context,
        collection: &str,
        jobs: usize,
    ) -> Result<Seen, CheckError> {
        let count = self.params.queries;
        let kinds = Query::all(collection, cx.clock.now());
        let mut seen =
            Seen { jobs, pings: Vec::new(), queries: Vec::new(), failures: Vec::new(), plans: Vec::new() };
        let mut pace = Pace::new(cx.limits.requests_per_second);
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        for (number, query) in (0..count).zip(kinds.iter().cycle()) {
            cx.progress(number.into(), count.into(), "queries");
            pace.next().await;
            seen.pings.push(milliseconds(mongo.ping(LONGEST).await?));
            pace.next().await;
            let start = Instant::now();
            match query.run(mongo, LONGEST).await {
                Ok(()) => seen.queries.push(milliseconds(start.elapsed())),
                Err(trouble) => seen.failures.push(trouble.words()),
            }
        }
        for query in &kinds {
            // A server that does not explain is no worse under load.
            if let Ok(account) = query.explain(mongo, cx).await {
                seen.plans.push((query.name, account.plan));
            }
        }
        Ok(seen)
    }
}

/// Keeps to a rate.
struct Pace {
    distance: Duration,
    due: Instant,
}

impl Pace {
    fn new(per_second: f64) -> Self {
        Self { distance: distance(per_second), due: Instant::now() }
    }

    /// Waits until the next request may be sent.
    async fn next(&mut self) {
        tokio::time::sleep_until(self.due.into()).await;
        self.due = Instant::now() + self.distance;
    }
}

fn judge(seen: &Seen, params: &QueryParams, address: &str) -> Result<Verdict, CheckError> {
    let asked = seen.queries.len() + seen.failures.len();
    let pings = Samples::new("pings", seen.pings.clone())?;
    let observation =
        Observation::seen(format!("{asked} queries, one at a time, while {} jobs ran", seen.jobs));
    let held = |what: &str, samples: &Samples, value: f64, max: HumanDuration| {
        Measurement::new(what, value, Unit::Milliseconds)
            .held_to(Threshold::Below(max.0.as_secs_f64() * 1000.0))
            .with_samples(samples)
    };
    let ping_mean = held("ping mean", &pings, pings.mean(), params.max_ping_mean);
    let ping_p95 = held("ping p95", &pings, pings.percentile(95.0), params.max_ping_p95);
    let pings_are_slow = !(ping_mean.within() && ping_p95.within());
    let in_words = |samples: &Samples| {
        format!(
            "{:.1} ms on average, {:.1} ms at the 95th percentile",
            samples.mean(),
            samples.percentile(95.0)
        )
    };
    let mut verdict = Verdict::of(observation).measured(ping_mean).measured(ping_p95);
    let mut findings = Vec::new();
    if pings_are_slow {
        findings.push(
            Finding::new("pings-slow", Cause::Environment, address, "pings are slow while jobs run")
                .expected(
                    format!("below {} on average, below {} at the 95th percentile", params.max_ping_mean, params.max_ping_p95),
                    in_words(&pings),
                )
                .detail("what is slow for a ping is slow for every query: the network, or a server that is overloaded")
                .remedy("look at the server's processor and at the network between it and here", "an hour"),
        );
    }
    // Where all have failed there is nothing to be slow.
    if let Ok(queries) = Samples::new("queries", seen.queries.clone()) {
        let mean = held("query mean", &queries, queries.mean(), params.max_query_mean);
        let p95 = held("query p95", &queries, queries.percentile(95.0), params.max_query_p95);
        let queries_are_slow = !(mean.within() && p95.within());
        verdict = verdict.measured(mean).measured(p95);
        if queries_are_slow && !pings_are_slow {
            findings.push(slow_queries(&queries, in_words(&queries), params, address));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "there are at most 10000 queries")]
    let failed = Measurement::new("failed queries", seen.failures.len() as f64, Unit::Count)
        .held_to(Threshold::AtMost(params.max_errors.into()));
    let verdict = verdict.judged(failed, |_| {
        let count = seen.failures.len();
        let finding = Finding::new(
            "queries-fail",
            Cause::Environment,
            address,
            format!("{count} of {asked} queries fail while jobs run"),
        );
        finding
            .expected(format!("at most {} failures", params.max_errors), count)
            .detail(seen.failures.last().map_or_else(String::new, |why| format!("the last one: {why}")))
            .remedy("look at the server's log for what it refused, and at its connections", "an hour")
    });
    Ok(verdict.with_all(findings).with(scans(&seen.plans)))
}

fn slow_queries(queries: &Samples, in_words: String, params: &QueryParams, address: &str) -> Finding {
    Finding::new("queries-slow", Cause::Environment, address, "queries of history are slow while jobs run")
        .expected(
            format!(
                "below {} on average, below {} at the 95th percentile",
                params.max_query_mean, params.max_query_p95
            ),
            in_words,
        )
        .detail(format!("the slowest of {} took {:.1} ms", queries.count(), queries.max()))
        .detail("possible causes: a missing index, a disk that is busy, memory that does not hold the data")
        .remedy("see which queries use no index, then look at the server's memory and disk", "an hour")
}

/// Which queries use no index. Whether they should is for `mongo.indexes.used` to judge.
fn scans(plans: &[(&'static str, Plan)]) -> Finding {
    if plans.is_empty() {
        let message = "the server does not explain its queries, so whether they use indexes is not known";
        return Finding::new("plans-unknown", Cause::Expected, "the queries of history", message).note();
    }
    let scanning = plans.iter().filter(|(_, plan)| plan.scans).count();
    let message = match scanning {
        0 => format!("all {} kinds of queries use an index", plans.len()),
        some => {
            format!("{some} of {} kinds of queries use no index and scan the whole collection", plans.len())
        }
    };
    let finding = Finding::new("index-use", Cause::Expected, "the queries of history", message).note();
    plans.iter().fold(finding, |finding, (name, plan)| {
        finding.detail(format!("the query for {name} {}", plan.words()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;
    use shakedown_core::{Outcome, Status};

    fn outcome(ping: f64, query: f64, failed: usize) -> Outcome {
        let plan = |stage: &str| Plan::read(&doc! { "queryPlanner": { "winningPlan": { "stage": stage } } });
        let seen = Seen {
            jobs: 15,
            pings: vec![ping; 50],
            queries: vec![query; 50 - failed],
            failures: vec!["no answer".to_owned(); failed],
            plans: vec![("one recording", plan("FETCH")), ("all recordings", plan("COLLSCAN"))],
        };
        judge(&seen, &QueryParams::default(), "db.example.com:27017").unwrap().into()
    }

    fn codes(outcome: &Outcome) -> Vec<&str> {
        outcome.findings.iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn one_cause_is_one_finding() {
        assert_eq!(
            (outcome(1.0, 5.0, 5).status, codes(&outcome(1.0, 5.0, 5))),
            (Status::Passed, vec!["index-use"])
        );
        assert_eq!(codes(&outcome(1.0, 400.0, 0)), ["queries-slow", "index-use"]);
        assert_eq!(codes(&outcome(200.0, 400.0, 0)), ["pings-slow", "index-use"]);
        let failing = outcome(1.0, 5.0, 6);
        assert_eq!((failing.status, codes(&failing)), (Status::Failed, vec!["queries-fail", "index-use"]));
        assert_eq!(codes(&outcome(1.0, 5.0, 50)), ["queries-fail", "index-use"]);
    }

    #[test]
    fn the_report_says_whether_indexes_are_used() {
        let outcome = outcome(1.0, 5.0, 0);
        let note = &outcome.findings[0];
        insta::assert_snapshot!(note.message, @"1 of 2 kinds of queries use no index and scan the whole collection");
        insta::assert_snapshot!(note.details.join("\n"), @r"
        the query for one recording does not scan the whole collection
        the query for all recordings scans the whole collection (COLLSCAN)
        ");
    }

    #[test]
    fn what_could_never_fail_is_refused() {
        assert!(QueryParams { queries: 5, ..QueryParams::default() }.validate().is_err());
        assert!(QueryParams { queries: 0, ..QueryParams::default() }.validate().is_err());
        assert!(QueryParams::default().validate().is_ok());
    }
}

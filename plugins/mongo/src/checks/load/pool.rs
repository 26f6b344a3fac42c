//! `mongo.load.pool`

use super::crowd::Crowd;
use super::jobs::{Jobs, STARTS};
use crate::checks::indexes::explain::Query;
use crate::client::MongoClient;
use crate::{Mongo, number};
use mongodb::bson::doc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::stats::Samples;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Params,
    Severity, Unit, Verdict, async_trait, fault, register_check,
};
use std::time::{Duration, Instant};

/// How often the server is asked how many connections it has.
const ROUND: Duration = Duration::from_millis(100);

/// How many connections there are, and what the server must keep to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PoolParams {
    /// How many live jobs run on Focus Server.
    pub(crate) jobs: u32,
    /// How many connections are made at once.
    pub(crate) connections: u32,
    /// Within what time all of them must be there.
    pub(crate) connects_within: HumanDuration,
    /// Within what time they must be gone again.
    pub(crate) recovers_within: HumanDuration,
    /// How many connections others may have made meanwhile.
    pub(crate) slack: u32,
}

impl Default for PoolParams {
    fn default() -> Self {
        Self {
            jobs: 10,
            connections: 50,
            connects_within: HumanDuration::secs(15),
            recovers_within: HumanDuration::secs(10),
            slack: 10,
        }
    }
}

impl Params for PoolParams {
    fn validate(&self) -> Result<(), String> {
        let Self { connections, slack, .. } = self;
        if !(2..=1000).contains(connections) {
            return Err(format!("`connections` is {connections}; it must be from 2 to 1000"));
        }
        if slack >= connections {
            return Err(format!(
                "`slack` is {slack}; it must be below `connections`, which is {connections}"
            ));
        }
        Ok(())
    }
}

register_check! {
    /// While live jobs run, MongoDB takes 50 connections at once, serves a query on each, and has as many as before when
    /// they are closed.
    ///
    /// 10 live jobs run on Focus Server. Meanwhile 50 connections are made to MongoDB, all at once, and 50 queries of
    /// history are sent over them, also at once. How long making a connection takes is reported. Then all are closed, and
    /// the server is asked whether it has as many connections as before; one that does not count them is not judged by
    /// that.
    ///
    /// # Why it matters
    /// Each analyzer and each client has a pool of connections of its own. A server that runs out of them refuses all
    /// alike, and one that does not let go of closed ones runs out slowly.
    ///
    /// # How to mend it
    /// Raise `net.maxIncomingConnections`, and the limit on open files (`ulimit -n`) of the server's process; look at what
    /// stands between, as a proxy or a load balancer has limits of its own. Where connections stay, see in the server's
    /// log which clients they belong to.
    pub(crate) struct PoolUnderLoad(PoolParams) {
        id: "mongo.load.pool",
        title: "MongoDB takes many connections while jobs run",
        severity: Severity::Medium,
        effect: Effect::Load,
        target: Some("mongo"),
        also: &["focus-api"],
        keys: &["PZ-15140"],
        tags: &["load", "performance"],
        requires: STARTS,
        proofs: &[fault("mongo.connections-refused", "connections-refused")],
    }
}

/// What was seen.
struct Seen {
    jobs: usize,
    /// How many connections there were at once, at most.
    connections: usize,
    /// How long each took to be made, in milliseconds.
    connects: Vec<f64>,
    /// How many queries were served, and why others were not.
    served: u32,
    failures: Vec<String>,
    /// How many connections the server had before and after, where it counts.
    before: Option<i64>,
    after: Option<i64>,
}

#[async_trait]
impl Check for PoolUnderLoad {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        self.permitted(cx)?;
        let mongo = cx.target::<Mongo>().await?;
        let collection = mongo.recordings(cx).await?.guid.clone();
        mongo.count_of(cx, &collection, "recordings").await?;
        let jobs = Jobs::start(cx, self.params.jobs).await?;
        let seen = self.look(&mongo, cx, &collection, jobs.count()).await;
        jobs.end(cx).await;
        Ok(judge(&seen?, &self.params, mongo.place.address()))
    }
}

impl PoolUnderLoad {
    /// Whether the policy allows as much at once.
    fn permitted(&self, cx: &Context) -> Result<(), CheckError> {
        let wanted = self.params.connections;
        let limits = cx.limits;
        if limits.requests_in_flight < wanted as usize || limits.requests_per_second < f64::from(wanted) {
            return Err(CheckError::not_applicable(format!(
                "the policy allows {} requests at a time and {} per second, and `connections` is {wanted}",
                limits.requests_in_flight, limits.requests_per_second
            )));
        }
        Ok(())
    }

    async fn look(
        &self,
        mongo: &MongoClient,
        cx: &Context,
        collection: &str,
        jobs: usize,
    ) -> Result<Seen, CheckError> {
        let PoolParams { connections, connects_within, recovers_within, slack, .. } = self.params;
        let before = current(mongo, cx).await;
        let crowd = Crowd::gather(mongo, connections)?;
        cx.progress(0, 3, "connecting");
        crowd.complete(connections, connects_within.0).await;
        let most = crowd.most();
        cx.progress(1, 3, "querying");
        let queries = Query::all(collection, cx.clock.now());
        let answers = crowd.ask(mongo, connections, &queries, connects_within.0).await;
        let connects = crowd.connects();
        crowd.disperse().await;
        cx.progress(2, 3, "closing");
        let after = match before {
            Some(before) => settled(mongo, cx, before + i64::from(slack), recovers_within.0).await,
            None => None,
        };
        let failures: Vec<String> = answers.into_iter().filter_map(Result::err).collect();
        let served = connections - u32::try_from(failures.len()).unwrap_or(connections);
        Ok(Seen { jobs, connections: most, connects, served, failures, before, after })
    }
}

/// How many connections the server has, where it counts them.
async fn current(mongo: &MongoClient, cx: &Context) -> Option<i64> {
    let status = mongo.admin(cx, "read the server's status", doc! { "serverStatus": 1 }).await.ok()?;
    number::at(&status, &["connections", "current"])
}

/// How many connections the server has when it has no more than `most`, or when the time is over.
async fn settled(mongo: &MongoClient, cx: &Context, most: i64, within: Duration) -> Option<i64> {
    let end = Instant::now() + within;
    loop {
        let now = current(mongo, cx).await?;
        if now <= most || Instant::now() >= end {
            return Some(now);
        }
        tokio::time::sleep(ROUND).await;
    }
}

fn judge(seen: &Seen, params: &PoolParams, address: &str) -> Verdict {
    let PoolParams { connections: wanted, connects_within, recovers_within, slack, .. } = params;
    let observation = Observation::seen(format!(
        "{} of {wanted} connections at once and {} of {wanted} queries while {} jobs ran",
        seen.connections, seen.served, seen.jobs
    ));
    #[expect(clippy::cast_precision_loss, reason = "there are at most 1000 connections")]
    let made = Measurement::new("connections at once", seen.connections as f64, Unit::Count)
        .held_to(Threshold::AtLeast(f64::from(*wanted)));
    let all_connected = made.within();
    let mut verdict = Verdict::of(observation).judged(made, |_| {
        let finding = Finding::new(
            "connections-refused",
            Cause::Capacity,
            address,
            format!(
                "of {wanted} connections at once only {} came to be within {connects_within}",
                seen.connections
            ),
        );
        finding
            .expected(format!("{wanted} connections"), seen.connections)
            .detail(format!("{} of {wanted} queries were served", seen.served))
            .detail(seen.failures.last().map_or_else(String::new, |why| format!("the last failure: {why}")))
            .remedy("raise `net.maxIncomingConnections` and the server's limit on open files", "30 minutes")
    });
    if let Ok(connects) = Samples::new("connections", seen.connects.clone()) {
        verdict = verdict
            .measured(
                Measurement::new("connect mean", connects.mean(), Unit::Milliseconds).with_samples(&connects),
            )
            .measured(
                Measurement::new("connect p95", connects.percentile(95.0), Unit::Milliseconds)
                    .with_samples(&connects),
            );
    }
    let served = Measurement::new("queries served", f64::from(seen.served), Unit::Count)
        .held_to(Threshold::AtLeast(f64::from(*wanted)));
    let all_served = served.within();
    verdict = verdict.measured(served);
    if all_connected && !all_served {
        let failed = wanted - seen.served;
        verdict = verdict.with(
            Finding::new(
                "queries-unserved",
                Cause::Environment,
                address,
                format!("{failed} of {wanted} queries over as many connections were not served"),
            )
            .expected(format!("{wanted} answers"), seen.served)
            .detail(seen.failures.last().map_or_else(String::new, |why| format!("the last failure: {why}")))
            .remedy("look at the server's log for what it refused", "an hour"),
        );
    }
    let (Some(before), Some(after)) = (seen.before, seen.after) else {
        return verdict.with(
            Finding::new(
                "connections-uncounted",
                Cause::Expected,
                address,
                "the server does not say how many connections it has, so whether it lets go of them is not known",
            )
            .note(),
        );
    };
    #[expect(clippy::cast_precision_loss, reason = "connections are far fewer than 2^52")]
    let left = Measurement::new("connections left", (after - before) as f64, Unit::Count)
        .held_to(Threshold::AtMost(f64::from(*slack)));
    verdict.judged(left, |_| {
        Finding::new(
            "connections-stay",
            Cause::Environment,
            address,
            format!("{} connections are still open {recovers_within} after they were closed", after - before),
        )
        .expected(format!("as many as before, {before}, and at most {slack} more"), after)
        .remedy("see in the server's log whose connections they are", "an hour")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Status};

    fn outcome(
        connections: usize,
        served: u32,
        before: Option<i64>,
        after: Option<i64>,
    ) -> (Status, Vec<String>) {
        let seen = Seen {
            jobs: 10,
            connections,
            connects: vec![2.0; connections],
            served,
            failures: vec!["closed".to_owned(); 50 - served as usize],
            before,
            after,
        };
        let outcome: Outcome = judge(&seen, &PoolParams::default(), "db.example.com:27017").into();
        (outcome.status, outcome.findings.into_iter().map(|finding| finding.code).collect())
    }

    #[test]
    fn one_cause_is_one_finding() {
        let found = |codes: &[&str]| (Status::Failed, codes.iter().map(|&code| code.to_owned()).collect());
        assert_eq!(outcome(50, 50, Some(3), Some(13)), (Status::Passed, Vec::new()));
        assert_eq!(outcome(8, 20, Some(3), Some(3)), found(&["connections-refused"]));
        assert_eq!(outcome(50, 49, Some(3), Some(3)), found(&["queries-unserved"]));
        assert_eq!(outcome(50, 50, Some(3), Some(14)), found(&["connections-stay"]));
        assert_eq!(outcome(0, 0, Some(3), Some(3)), found(&["connections-refused"]));
    }

    #[test]
    fn a_server_that_does_not_count_is_not_judged_by_that() {
        assert_eq!(outcome(50, 50, None, None), (Status::Passed, vec!["connections-uncounted".to_owned()]));
    }

    #[test]
    fn what_could_never_fail_is_refused() {
        assert!(PoolParams { slack: 50, ..PoolParams::default() }.validate().is_err());
        assert!(PoolParams { connections: 1, ..PoolParams::default() }.validate().is_err());
        assert!(PoolParams::default().validate().is_ok());
    }
}

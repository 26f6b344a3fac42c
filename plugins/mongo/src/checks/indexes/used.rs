//! `mongo.indexes.used`

use super::explain::{Account, Plan, Query};
use super::list::indexes;
use crate::Mongo;
use crate::client::MongoClient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Case, Cases, Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation,
    Params, Severity, Unit, Verdict, async_trait, fault, register_check,
};

/// How often a query is asked again that took too long: a hiccup of the server says nothing about its indexes.
const ATTEMPTS: u32 = 3;

/// What is too much for a query of history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UsedParams {
    /// A query that examines fewer documents than this is fine, however it goes about it.
    pub(crate) least: u32,
    /// How many documents or keys may be examined for each document that is found.
    pub(crate) max_ratio: u32,
    /// How long the server may take for a query, without the way to it and back.
    pub(crate) max: HumanDuration,
}

impl Default for UsedParams {
    fn default() -> Self {
        Self { least: 200, max_ratio: 20, max: HumanDuration::millis(100) }
    }
}

impl Params for UsedParams {
    fn validate(&self) -> Result<(), String> {
        match self.max_ratio {
            0 => Err("`max_ratio` is 0; it must be at least 1".to_owned()),
            _ => Ok(()),
        }
    }
}

register_check! {
    /// The server answers the queries of history by its indexes, and in less than 100 ms.
    ///
    /// The server is asked to run and explain what history asks it: the recordings that started in the last day, those
    /// that overlap it, those that were not deleted, one recording by its `uuid`, and those without an end. Each is a
    /// case. A query that scans the whole collection, or examines far more than it finds, is a finding with the server's
    /// plan as evidence. The time is the server's own, without the network.
    ///
    /// # Why it matters
    /// An index that exists need not be of use: a sparse one does not find the recordings without an end, and the server
    /// may prefer another way. What counts is what it does. After an outage the same question tells whether history is
    /// quick again.
    ///
    /// # How to mend it
    /// Look at the plan in the evidence. If it has the stage `COLLSCAN`, the query cannot use the index: compare the
    /// index's options with the query, and replace the index by a plain one. If the plan uses another index than you
    /// expect, see whether it can be dropped. If only the time is too long, look at the server's load, memory and disk.
    pub(crate) struct UsedIndexes(UsedParams) {
        id: "mongo.indexes.used",
        title: "The queries of history use the indexes",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("mongo"),
        keys: &["PZ-13687", "PZ-13810"],
        tags: &["data-quality", "performance"],
        requires: &["mongo.connect", "mongo.indexes.required"],
        alone: true,
        proofs: &[fault("mongo.index-sparse", "query-scans")],
    }
}

#[async_trait]
impl Check for UsedIndexes {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let mongo = cx.target::<Mongo>().await?;
        let collection = &mongo.recordings(cx).await?.guid;
        let indexes = indexes(&mongo, cx, collection).await?;
        if let Some(index) = indexes.iter().find(|index| index.building) {
            return Err(CheckError::not_applicable(format!(
                "the server is still building the index `{}`; ask again when it is done",
                index.name
            )));
        }
        let documents = mongo.count_of(cx, collection, "recordings").await?;
        let now = cx.clock.now();
        let mut cases = Cases::new();
        for (short, query) in [
            ("started", Query::started(collection, now)),
            ("overlapping", Query::overlapping(collection, now)),
            ("not deleted", Query::kept(collection, now)),
            ("uuid", Query::by_uuid(collection)),
            ("open", Query::open(collection)),
        ] {
            let answer = self.ask(&mongo, cx, documents, collection, short, &query).await;
            if let Err(error @ CheckError::Target(_)) = answer {
                return Err(error);
            }
            cases.push(Case::new(query.name, &[], answer));
        }
        cases.verdict()
    }
}

impl UsedIndexes {
    async fn ask(
        &self,
        mongo: &MongoClient,
        cx: &Context,
        documents: u64,
        collection: &str,
        short: &str,
        query: &Query,
    ) -> Result<Verdict, CheckError> {
        let mut account = explained(mongo, cx, query).await?;
        for _ in 1..ATTEMPTS {
            if account.plan.scans || !is_slow(&account.plan, self.params.max) {
                break;
            }
            account = explained(mongo, cx, query).await?;
        }
        let verdict = self.judge(documents, collection, query.name, &account.plan);
        Ok(match verdict {
            (verdict, None) => verdict,
            (verdict, Some(finding)) => {
                let name = format!("explain-{}.json", short.replace(' ', "-"));
                verdict.with(finding.evidence(account.attach(cx, &name)?))
            }
        })
    }

    /// The verdict without the finding that it deserves, if any.
    fn judge(&self, documents: u64, collection: &str, name: &str, plan: &Plan) -> (Verdict, Option<Finding>) {
        let UsedParams { least, max_ratio, max } = self.params.clone();
        let mut verdict = Verdict::of(Observation::seen(format!("the query for {name} {}", plan.words())));
        if let Some(time) = time_of(plan, max) {
            verdict = verdict.measured(time);
        }
        // A server that does not count has examined all, if it scans.
        let all = || i64::try_from(documents).unwrap_or(i64::MAX);
        let examined = plan.examined().or_else(|| plan.scans.then(all)).unwrap_or(0);
        let found = plan.returned.unwrap_or(0).max(1);
        let much = examined >= i64::from(least);
        let finding = |code, message: String| {
            Finding::new(code, Cause::Environment, format!("collection `{collection}`"), message)
        };
        let finding = if much && plan.scans {
            finding(
                "query-scans",
                format!("the query for {name} scans the whole collection, although its index exists"),
            )
            .expected("a plan that uses an index", plan.words())
            .detail(
                "an index that is sparse, or has another collation than the query, cannot serve every query",
            )
            .remedy(
                "see the plan in the evidence, and replace the index by a plain one, built in the background",
                "about 15 minutes",
            )
        } else if much && examined / found > i64::from(max_ratio) {
            finding("query-examines-much", format!("the query for {name} examines far more than it finds"))
                .expected(format!("at most {max_ratio} examined for each one found"), plan.words())
                .remedy("see in the plan which index it uses, and whether a better one exists", "30 minutes")
        } else if is_slow(plan, max) {
            let took = plan.milliseconds.unwrap_or(0);
            finding("query-slow", format!("the query for {name} takes the server {took} ms"))
                .warn()
                .expected(format!("less than {max}"), plan.words())
                .detail("possible causes: load by others, memory that does not hold the index, a slow disk")
                .remedy("look at the server's load, memory and disk", "30 minutes")
        } else {
            return (verdict, None);
        };
        (verdict, Some(finding))
    }
}

async fn explained(mongo: &MongoClient, cx: &Context, query: &Query) -> Result<Account, CheckError> {
    query.explain(mongo, cx).await.map_err(|trouble| {
        if trouble.is_not_offered() {
            CheckError::not_applicable(format!("the server does not explain queries: {}", trouble.words()))
        } else {
            trouble.into()
        }
    })
}

fn time_of(plan: &Plan, max: HumanDuration) -> Option<Measurement> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a query are far below 2^53")]
    let milliseconds = plan.milliseconds? as f64;
    let bound = Threshold::Below(max.0.as_secs_f64() * 1000.0);
    Some(Measurement::new("server time", milliseconds, Unit::Milliseconds).held_to(bound))
}

fn is_slow(plan: &Plan, max: HumanDuration) -> bool {
    time_of(plan, max).is_some_and(|time| !time.within())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Document, doc};

    fn code(plan: &Document, documents: u64) -> Option<String> {
        let check = UsedIndexes { params: UsedParams::default() };
        check.judge(documents, "abc", "x", &Plan::read(plan)).1.map(|finding| finding.code)
    }

    fn plan(stage: &str, examined: i32, returned: i32, milliseconds: i32) -> Document {
        doc! {
            "queryPlanner": { "winningPlan": { "stage": stage } },
            "executionStats": {
                "totalDocsExamined": examined, "nReturned": returned, "executionTimeMillis": milliseconds,
            },
        }
    }

    #[test]
    fn what_is_too_much_is_told_apart() {
        let of = |plan: Document| code(&plan, 5000);
        assert_eq!(of(plan("IXSCAN", 24, 24, 2)), None);
        assert_eq!(of(plan("COLLSCAN", 5000, 24, 2)).as_deref(), Some("query-scans"));
        assert_eq!(of(plan("IXSCAN", 5000, 24, 2)).as_deref(), Some("query-examines-much"));
        assert_eq!(of(plan("IXSCAN", 5000, 4000, 100)).as_deref(), Some("query-slow"));
        assert_eq!(of(plan("COLLSCAN", 199, 1, 2)), None, "a tiny collection");
    }

    #[test]
    fn a_scan_that_is_not_counted_has_examined_all() {
        let scan = doc! { "queryPlanner": { "winningPlan": { "stage": "COLLSCAN" } } };
        assert_eq!(code(&scan, 5000).as_deref(), Some("query-scans"));
        assert_eq!(code(&scan, 20), None);
    }
}

//! Jobs that outlive the load that started them, so that something else can be asked of them.

use crate::jobs::Jobs;
use crate::trial::{Loaded, Trial};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use shakedown_core::{CheckError, Context, async_trait};
use shakedown_focus::client::FocusClient;
use shakedown_focus::job::has_ended;
use shakedown_http::StatusCode;
use shakedown_loadgen::Failure;
use shakedown_loadgen::feasible::Facts;
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::scenario::{Scenario, Session};

/// The scenario without its end: the jobs still live after it. Whoever uses it calls [`Jobs::end_all`].
struct Standing(Jobs);

#[async_trait]
impl Scenario for Standing {
    fn operations(&self) -> Vec<String> {
        self.0.operations()
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        self.0.session(number).await
    }
}

/// Puts jobs on the server as a plan says, by another scenario that is made of them.
pub(super) async fn put_on_as(
    cx: &Context,
    jobs: &Jobs,
    scenario: impl Scenario,
    plan: Plan,
    name: &str,
) -> Result<Loaded, CheckError> {
    let facts = Facts::default().holding(jobs.lifetime(), cx.jobs.limit() as u64);
    let trial = Trial::of(plan).named(name).costing(jobs.requests_per_arrival()).knowing(facts);
    trial.run(cx, scenario).await.map_err(|error| match error {
        CheckError::NotApplicable(why) => {
            CheckError::NotApplicable(format!("{why}; {}", jobs.ending.words()))
        }
        other => other,
    })
}

/// Starts so many jobs at once, and leaves them alive.
pub(super) async fn start_standing(cx: &Context, jobs: &Jobs, count: u32) -> Result<Loaded, CheckError> {
    put_on_as(cx, jobs, Standing(jobs.clone()), Plan::single(Load::Burst { count }), "start").await
}

/// Those of the jobs that the server says go on.
pub(super) async fn living(
    cx: &Context,
    client: &FocusClient,
    ids: &[String],
) -> Result<Vec<String>, CheckError> {
    let asked = ids.iter().cloned().map(|id| async move {
        let exchange = client.get(cx, &format!("/metadata/{id}")).await?;
        let ended = exchange.json::<Value>().is_ok_and(|metadata| has_ended(&metadata));
        let lives = exchange.status != StatusCode::NOT_FOUND && !ended;
        Ok::<_, CheckError>(lives.then_some(id))
    });
    let at_once = AT_ONCE.min(cx.limits.requests_in_flight);
    let answers: Vec<_> = stream::iter(asked).buffer_unordered(at_once).collect().await;
    answers.into_iter().filter_map(Result::transpose).collect()
}

/// How many jobs are asked about at the same time.
const AT_ONCE: usize = 8;

//! `load.users`

use crate::checks::STARTS;
use crate::checks::standing::put_on_as;
use crate::jobs::{Jobs, NO_ROOM, OPERATIONS, configure};
use crate::judge::{unended, with_room};
use crate::profile::{Bounds, Profile, params};
use crate::series::{count, series};
use crate::served::Served;
use crate::wire;
use shakedown_capacity::fairness::jain;
use shakedown_core::measurement::Threshold;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Finding, HumanDuration, Measurement, Observation, Severity,
    Unit, Verdict, async_trait, fault, register_check,
};
use shakedown_focus::client::Fiber;
use shakedown_focus::request::ConfigureRequest;
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Dialer, Request, Wire};
use shakedown_loadgen::plan::{Load, Plan};
use shakedown_loadgen::report::Report;
use shakedown_loadgen::scenario::{Iteration, Scenario, Session};
use std::time::Duration;

register_check! {
    /// Ten users with channels of their own are served alike.
    ///
    /// Ten users, each with a part of the fiber of its own, ask for a job, end it, wait a second and ask again, for half a
    /// minute. What each of them got is compared by Jain's index of fairness, which is 1 where all get the same and 0.1 where
    /// one of ten gets everything: of the share that was served, and of how fast (the inverse of each user's mean time).
    ///
    /// # Why it matters
    /// An average hides that those at one end of the fiber wait for those at the other.
    ///
    /// # How to mend it
    /// The finding names the best and the worst served, with their channels. Look at what depends on a channel: a worker, a
    /// queue or a lock for each part of the fiber, and how parts are given to them.
    pub(super) struct Users(UsersParams) {
        id: "load.users",
        title: "Ten users with channels of their own are served alike",
        severity: Severity::Low,
        effect: Effect::Load,
        target: Some("focus-api"),
        tags: &["load"],
        requires: STARTS,
        timeout: Some(Duration::from_mins(3)),
        proofs: &[fault("focus-api.unfair", "users-unfair")],
    }
}

params! {
    /// How many, for how long, and what must come of it.
    UsersParams {
        /// How many users there are.
        users: u32 = 10,
        /// For how long they ask.
        during: HumanDuration = HumanDuration::secs(30),
        /// How long each waits before it asks again.
        thinking: HumanDuration = HumanDuration::secs(1),
        /// The least index of fairness.
        fairness: f64 = 0.8,
        /// The share of each user's requests that must be served, in percent.
        success: f64 = 90.0,
    }
}

impl Profile for UsersParams {
    fn plan(&self) -> Plan {
        Plan::single(Load::Users { count: self.users, during: self.during })
    }

    fn bounds(&self) -> Bounds {
        Bounds::success(self.success)
    }

    fn sane(&self) -> Result<(), String> {
        if self.users < 2 {
            Err(format!("`users` is {}; nobody is treated unfairly alone", self.users))
        } else if !(0.0..=1.0).contains(&self.fairness) {
            Err(format!("`fairness` is {}; the index lies between 0 and 1", self.fairness))
        } else if self.thinking.0 >= self.during.0 {
            Err(format!(
                "`thinking` ({}) leaves no time to ask twice within `during` ({})",
                self.thinking, self.during
            ))
        } else {
            Ok(())
        }
    }
}

/// How many channels a user asks for at most.
const CHANNELS: i64 = 10;

/// The channels of each user, first and last.
fn parts(fiber: &Fiber, users: u32) -> Vec<(i64, i64)> {
    let lowest = fiber.channels.lowest;
    let all = fiber.channels.highest - lowest + 1;
    let width = (all / i64::from(users)).max(1);
    (0..i64::from(users))
        .map(|user| {
            let first = lowest + (user * width) % all;
            (first, (first + width.min(CHANNELS) - 1).min(fiber.channels.highest))
        })
        .collect()
}

/// The operation of a user, by its channels.
fn name(number: usize, (first, last): (i64, i64)) -> String {
    format!("user {} (channels {first}–{last})", number + 1)
}

/// Users that are told apart: each is an operation of its own. Then come ending a job, and finding no room for one.
struct Apart {
    jobs: Jobs,
    dialer: Dialer,
    parts: Vec<(i64, i64)>,
    thinking: Duration,
}

#[async_trait]
impl Scenario for Apart {
    fn operations(&self) -> Vec<String> {
        let users = self.parts.iter().enumerate().map(|(number, part)| name(number, *part));
        users.chain(["end".to_owned(), OPERATIONS[NO_ROOM].to_owned()]).collect()
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        let users = self.parts.len();
        let number = usize::try_from(number % users as u64).unwrap_or(0);
        let (first, last) = self.parts[number];
        let body =
            ConfigureRequest::live(&self.jobs.fiber).set("/channels/min", first).set("/channels/max", last);
        let request =
            self.dialer.post("/configure", "application/json", body.text()).map_err(Failure::Other)?;
        let (jobs, dialer) = (self.jobs.clone(), self.dialer.clone());
        Ok(Box::new(User {
            jobs,
            wire: dialer.wire(),
            dialer,
            request,
            number,
            users,
            thinking: self.thinking,
        }))
    }

    async fn teardown(&self) -> Result<(), String> {
        self.jobs.teardown().await
    }
}

struct User {
    jobs: Jobs,
    dialer: Dialer,
    wire: Wire,
    request: Request,
    number: usize,
    users: usize,
    thinking: Duration,
}

#[async_trait]
impl Session for User {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let came = self.ask(iteration).await;
        tokio::select! {
            () = tokio::time::sleep(self.thinking) => {}
            () = iteration.ending().cancelled() => {}
        }
        came
    }
}

impl User {
    async fn ask(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let books = &self.jobs.books;
        let Some(room) = books.room().await else {
            let none: Result<(), Failure> = Err(Failure::Other("max_concurrent_jobs".to_owned()));
            let _ = iteration.time(self.users + 1, async { none }).await;
            return Ok(());
        };
        let asked = iteration.time(self.number, configure(books, &mut self.wire, &self.request, room));
        let (id, bytes) = asked.await?;
        iteration.transferred(self.number, bytes, 0);
        let Some(job) = books.take(&id) else { return Ok(()) };
        let end = self.jobs.ending.end(books, &self.dialer, &mut self.wire, job);
        // A job that cannot be ended says nothing about how users are served.
        let _ = iteration.time(self.users, end).await;
        Ok(())
    }
}

#[async_trait]
impl Check for Users {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let jobs = Jobs::prepare(cx).await?;
        let parts = parts(&jobs.fiber, self.params.users);
        let dialer = wire::dialer(&jobs.books.client)?;
        let thinking = self.params.thinking.0;
        let users = Apart { jobs: jobs.clone(), dialer, parts: parts.clone(), thinking };
        let loaded = put_on_as(cx, &jobs, users, self.params.plan(), "load").await?;
        let shares = shares(&loaded.report, &jobs, &parts)?;
        let verdict = judge(&shares, self.params.fairness, self.params.success)?;
        let verdict = verdict.with_series(series(&loaded.report));
        Ok(verdict.evidence(loaded.evidence.clone()).with_all(unended(&loaded.report)))
    }
}

/// What a user got.
#[derive(Clone, Debug, PartialEq)]
struct Share {
    who: String,
    asked: u64,
    succeeded: u64,
    /// The mean time of what was served, in milliseconds.
    mean: Option<f64>,
}

impl Share {
    /// The share that was served, in percent.
    fn served(&self) -> f64 {
        if self.asked == 0 { 0.0 } else { count(self.succeeded) / count(self.asked) * 100.0 }
    }

    /// How much would be served in a second, one after the other.
    fn speed(&self) -> f64 {
        self.mean.filter(|mean| *mean > 0.0).map_or(0.0, |mean| 1000.0 / mean)
    }

    fn text(&self) -> String {
        let mean = self.mean.map_or_else(|| "never".to_owned(), |mean| format!("{mean:.0} ms on average"));
        format!("{}: {} of {} served, {mean}", self.who, self.succeeded, self.asked)
    }
}

fn shares(report: &Report, jobs: &Jobs, parts: &[(i64, i64)]) -> Result<Vec<Share>, CheckError> {
    let mut all = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let who = name(number, *part);
        let operation = report.operation(&who).unwrap_or_default();
        let mean = operation.succeeded.mean().map(|mean| mean.as_secs_f64() * 1000.0);
        all.push(Share { who, asked: operation.attempts(), succeeded: operation.succeeded.count(), mean });
    }
    let mut served = Served::default();
    served.asked = all.iter().map(|share| share.asked).sum();
    served.no_room = report.operation(OPERATIONS[NO_ROOM]).map_or(0, |operation| operation.attempts());
    with_room(&served, jobs)?;
    Ok(all)
}

/// Something good that users have of a server.
type Good = fn(&Share) -> f64;

fn judge(shares: &[Share], fairness: f64, success: f64) -> Result<Verdict, CheckError> {
    let asked: u64 = shares.iter().map(|share| share.asked).sum();
    let seen = Observation::counted(asked, "requests")?;
    let seen = format!("{} of {} users", seen.text(), shares.len());
    let mut verdict = Verdict::of(Observation::seen(seen));
    let goods: [(&str, Good); 2] = [("speed", Share::speed), ("success", Share::served)];
    for (what, of) in goods {
        let values: Vec<f64> = shares.iter().map(of).collect();
        // Where nobody was served nobody was preferred; the shares below say what is wrong.
        let Some(index) = jain(&values) else { continue };
        let measured = Measurement::new(format!("fairness of {what}"), index, Unit::Count)
            .held_to(Threshold::AtLeast(fairness));
        verdict = verdict.judged(measured, |_| {
            let order = |a: &&Share, b: &&Share| of(a).total_cmp(&of(b));
            let worst = shares.iter().min_by(order).map_or_else(String::new, Share::text);
            let best = shares.iter().max_by(order).map_or_else(String::new, Share::text);
            let message =
                format!("users are not served alike: the index of fairness of their {what} is {index:.2}");
            Finding::new("users-unfair", Cause::Product, what, message)
                .expected(format!("at least {fairness}"), format!("{index:.2}"))
                .detail(format!("best served: {best}"))
                .detail(format!("worst served: {worst}"))
                .remedy(
                    "look at what depends on a channel: workers, queues and locks for parts of the fiber",
                    "days",
                )
        });
    }
    let least = shares.iter().min_by(|a, b| a.served().total_cmp(&b.served()));
    let least = least.ok_or_else(|| CheckError::no_data("there were no users"))?;
    let measured = Measurement::new("served of the worst served", least.served(), Unit::Percent);
    Ok(verdict.judged(measured.held_to(Threshold::AtLeast(success)), |measured| {
        let message = format!("{}; {measured}", least.text());
        Finding::new("users-refused", Cause::Capacity, &*least.who, message)
            .expected(format!("at least {success} %"), format!("{:.0} %", measured.value))
            .remedy("where it is one user alone, look at its channels; where it is all, at `load.concurrent.create`", "days")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shakedown_core::{Outcome, Params as _};
    use shakedown_focus::channels::Channels;

    fn share(number: usize, succeeded: u64, mean: f64) -> Share {
        Share { who: name(number, (1, 10)), asked: 10, succeeded, mean: Some(mean) }
    }

    #[test]
    fn those_who_wait_longer_are_named() {
        let alike: Vec<Share> = (0..10).map(|number| share(number, 10, 20.0)).collect();
        assert!(Outcome::from(judge(&alike, 0.8, 90.0)).findings.is_empty());
        let mut unfair = alike.clone();
        for slow in &mut unfair[5..] {
            slow.mean = Some(400.0);
        }
        let outcome = Outcome::from(judge(&unfair, 0.8, 90.0));
        insta::assert_snapshot!(outcome.findings[0].message, @"users are not served alike: the index of fairness of their speed is 0.55");
        assert!(outcome.findings[0].details[1].starts_with("worst served: user 6"));
        assert_eq!(outcome.findings.len(), 1);
    }

    #[test]
    fn one_who_is_refused_is_named() {
        let mut shares: Vec<Share> = (0..10).map(|number| share(number, 10, 20.0)).collect();
        shares[3] = share(3, 5, 20.0);
        let codes: Vec<_> =
            Outcome::from(judge(&shares, 0.8, 90.0)).findings.into_iter().map(|f| f.code).collect();
        assert_eq!(codes, ["users-refused"]);
        assert!(judge(&[], 0.8, 90.0).is_err());
    }

    #[test]
    fn parts_of_the_fiber_do_not_overlap_where_there_is_room() {
        let fiber = |highest| Fiber { channels: Channels { lowest: 1, highest }, prr: 2000.0 };
        let all = parts(&fiber(2337), 10);
        assert_eq!((all[0], all[9]), ((1, 10), (2098, 2107)));
        assert!(all.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert_eq!(parts(&fiber(3), 5), [(1, 1), (2, 2), (3, 3), (1, 1), (2, 2)]);
    }

    #[test]
    fn parameters_make_sense() {
        let params = UsersParams::default;
        assert_eq!(params().validate(), Ok(()));
        assert!(UsersParams { users: 1, ..params() }.validate().is_err());
        assert!(UsersParams { fairness: 2.0, ..params() }.validate().is_err());
        assert!(UsersParams { thinking: HumanDuration::secs(30), ..params() }.validate().is_err());
    }
}

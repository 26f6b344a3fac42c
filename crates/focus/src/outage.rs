//! Why a server is not ready: a 503 is put down to its cause, and never asked again.
//!
//! The answer itself comes first. Where it says nothing, what other checks found so far is a suspicion, and said as one.

use crate::suspects;
use crate::wording::{mentions, words};
use shakedown_core::finding::Weight;
use shakedown_core::{Cause, CheckError, Context, Finding};
use shakedown_http::{Exchange, StatusCode};

/// What a server waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Culprit {
    /// Its fiber.
    Fiber,
    /// What it has to know of its fiber.
    Metadata,
    /// Its database.
    MongoDb,
    /// Its broker.
    RabbitMq,
    /// Room for another job.
    Capacity,
}

/// The words by which a server names a culprit, and those by which the ids of checks do. The first that fits counts:
/// "missing fiber metadata" is about the fiber.
const SIGNS: [(Culprit, &[&str], &[&str]); 5] = [
    (Culprit::Fiber, &["fiber", "prr"], &["focus-api.fiber."]),
    (Culprit::Metadata, &["metadata"], &["focus-api.livemeta."]),
    (Culprit::MongoDb, &["mongo", "database", "serverselection"], &["mongo."]),
    (Culprit::RabbitMq, &["rabbit", "broker", "amqp", "message queue"], &["rabbitmq."]),
    (
        Culprit::Capacity,
        &["too many", "capacity", "overload", "concurrent jobs", "no port", "stream port"],
        &["load.", "k8s."],
    ),
];

/// The checks that judge a 503 to a valid request.
const OWNERS: [&str; 3] =
    ["focus-api.fiber.ready", "focus-api.prelaunch.live-data", "focus-api.config.valid"];

impl Culprit {
    const fn name(self) -> &'static str {
        match self {
            Self::Fiber => "its fiber",
            Self::Metadata => "the metadata of its fiber",
            Self::MongoDb => "MongoDB",
            Self::RabbitMq => "RabbitMQ",
            Self::Capacity => "room for another job",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Fiber => "connect the fiber or its player, and start the interrogator",
            Self::Metadata => "wait until the server has loaded the metadata, or restart it",
            Self::MongoDb => "bring MongoDB back, or the network between it and the server",
            Self::RabbitMq => "bring RabbitMQ back, or the network between it and the server",
            Self::Capacity => "let jobs end, or give the cluster room for more",
        }
    }

    const fn cause(self) -> Cause {
        match self {
            Self::Capacity => Cause::Capacity,
            Self::Fiber | Self::Metadata | Self::MongoDb | Self::RabbitMq => Cause::Environment,
        }
    }
}

/// A 503, and what it is put down to.
#[derive(Clone, Debug)]
pub struct Outage {
    /// What the server says beyond the name of the status.
    pub reason: Option<String>,
    /// What the server says it lacks or, where it says nothing, what other checks found.
    culprit: Option<Culprit>,
    /// Whether somebody else answers for it: the server names the culprit, or a check of valid requests has failed.
    judged: bool,
    suspects: Vec<String>,
}

impl Outage {
    /// What a 503 is put down to; none for any other answer.
    pub fn of(cx: &Context, exchange: &Exchange) -> Option<Self> {
        Self::among(&cx.host.findings_so_far(), exchange)
    }

    fn among(found: &[(String, Finding)], exchange: &Exchange) -> Option<Self> {
        (exchange.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())?;
        let reason = reason(exchange);
        let text = reason.clone().unwrap_or_default();
        let said = SIGNS.into_iter().find(|(_, words, _)| mentions(&text, words));
        let failed = |ids: &[&str]| {
            found.iter().any(|(check, finding)| {
                suspects::may_cause(finding) && ids.iter().any(|id| check.starts_with(id))
            })
        };
        let suspected = || SIGNS.into_iter().find(|(_, _, ids)| failed(ids));
        Some(Self {
            judged: said.is_some()
                || found
                    .iter()
                    .any(|(check, finding)| OWNERS.contains(&&**check) && finding.weight == Weight::Fail),
            culprit: said.or_else(suspected).map(|(culprit, ..)| culprit),
            suspects: if said.is_some() { Vec::new() } else { suspects::lines(found) },
            reason,
        })
    }

    /// In words: "the server waits for MongoDB".
    pub fn text(&self) -> String {
        let said = match &self.reason {
            Some(reason) => format!("\"{reason}\""),
            None => "it does not say why".to_owned(),
        };
        let verb = if self.suspects.is_empty() { "waits" } else { "may wait" };
        match self.culprit {
            Some(culprit) => {
                format!("the server is not ready (503); it {verb} for {}: {said}", culprit.name())
            }
            None => format!("the server is not ready (503), and nothing is known to be wrong: {said}"),
        }
    }

    /// The same finding with the cause, and what to do about it.
    pub fn explain(&self, mut finding: Finding) -> Finding {
        if let Some(culprit) = self.culprit {
            finding.cause = culprit.cause();
            finding = finding.remedy(culprit.remedy(), "minutes, once the cause is known");
        }
        let finding = finding.detail(self.text());
        self.suspects.iter().fold(finding, Finding::detail)
    }

    /// Why a question about anything else does not arise; none where nobody answers for the 503.
    pub fn excuse(&self) -> Option<CheckError> {
        self.judged.then(|| CheckError::not_applicable(self.text()))
    }
}

/// A finding about an answer, with the cause where it is a 503.
pub fn explained(cx: &Context, exchange: &Exchange, finding: Finding) -> Finding {
    match Outage::of(cx, exchange) {
        Some(outage) => outage.explain(finding),
        None => finding,
    }
}

/// That an answer says something about the request: not one that a server gives whatever it is asked.
///
/// # Errors
/// 429, and a 503 for which another check answers.
pub fn answered(cx: &Context, exchange: &Exchange) -> Result<(), CheckError> {
    if exchange.status == StatusCode::TOO_MANY_REQUESTS {
        let seen = exchange.summary();
        return Err(CheckError::unclear(format!("the server limits how often it is asked: {seen}")));
    }
    match Outage::of(cx, exchange).and_then(|outage| outage.excuse()) {
        Some(excuse) => Err(excuse),
        None => Ok(()),
    }
}

/// What an answer says beyond the name of its status.
pub fn reason(exchange: &Exchange) -> Option<String> {
    let words = words(exchange);
    let words = words.trim();
    let name = exchange.status.canonical_reason().unwrap_or_default();
    (!words.is_empty() && !words.eq_ignore_ascii_case(name)).then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exchange;

    fn culprit(body: &str, found: &[(String, Finding)]) -> Option<Culprit> {
        Outage::among(found, &exchange(503, body)).unwrap().culprit
    }

    #[test]
    fn the_server_is_believed_first() {
        for (body, expected) in [
            (r#"{"detail":"Missing required fiber metadata fields: prr"}"#, Culprit::Fiber),
            (r#"{"status":"metadata_unavailable"}"#, Culprit::Metadata),
            (r#"{"detail":"Recordings database is not available"}"#, Culprit::MongoDb),
            ("AMQP connection refused", Culprit::RabbitMq),
            (r#"{"detail":"Too many concurrent jobs: 40 of 40 are running"}"#, Culprit::Capacity),
        ] {
            let fiber = Finding::new("waiting-for-fiber", Cause::Environment, "x", "m");
            let found = [("focus-api.fiber.ready".to_owned(), fiber)];
            assert_eq!(culprit(body, &found), Some(expected), "{body}");
        }
    }

    #[test]
    fn silence_is_put_down_to_what_was_found() {
        let index = Finding::new("index-missing", Cause::Environment, "recordings", "m");
        let found = [("mongo.indexes.required".to_owned(), index)];
        assert_eq!(culprit("", &[]), None);
        assert_eq!(culprit("Service Unavailable", &found), Some(Culprit::MongoDb));
        let outage = Outage::among(&found, &exchange(503, "")).unwrap();
        assert_eq!(
            outage.suspects,
            ["suspect, not proven: recordings `index-missing` (mongo.indexes.required)"]
        );
        assert!(Outage::among(&found, &exchange(500, "")).is_none());
    }

    #[test]
    fn a_cause_excuses_and_mystery_does_not() {
        let known = Outage::among(&[], &exchange(503, "waiting for fiber")).unwrap();
        insta::assert_snapshot!(known.excuse().unwrap(), @r#"the server is not ready (503); it waits for its fiber: "waiting for fiber""#);
        let index = Finding::new("index-missing", Cause::Environment, "recordings", "m");
        let suspected = [("mongo.indexes.required".to_owned(), index)];
        let suspected = Outage::among(&suspected, &exchange(503, "")).unwrap();
        assert!(
            suspected.excuse().is_none() && suspected.text().contains("may wait for MongoDB"),
            "{}",
            suspected.text()
        );
        let unknown = Outage::among(&[], &exchange(503, "")).unwrap();
        assert!(unknown.excuse().is_none());
        insta::assert_snapshot!(unknown.text(), @"the server is not ready (503), and nothing is known to be wrong: it does not say why");
        let finding = known.explain(Finding::new("x", Cause::Product, "s", "m"));
        assert_eq!(finding.cause, Cause::Environment);
    }
}

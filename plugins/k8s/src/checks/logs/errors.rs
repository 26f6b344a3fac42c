//! `k8s.logs.errors`

use super::scan::{Kind, REFUSED, Scan};
use crate::checks::ward::{EXAMPLES, PODS, Ward, name, with_examples};
use crate::components::Component;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shakedown_core::finding::Weight;
use shakedown_core::{
    Cause, Check, CheckError, Context, Effect, Evidence, Finding, HumanDuration, Observation, Params,
    Severity, TargetError, TargetErrorKind, Verdict, async_trait, fault, register_check,
};

register_check! {
    /// The components log no errors that nobody expects.
    ///
    /// The logs of the last 15 minutes (`since`) are read, of each container of the `components`. A line is an error where
    /// it has a word such as "error", "failed" or "traceback" and does not itself say that it is information, or where it
    /// fits one of `more`. Lines that are alike are counted together; those that fit one of `expected` are not counted.
    /// What another check has reported in this run, what a run of checks provokes by sending nonsense, and the log of a
    /// pod that is known not to be well, are noted. A component without pods, without a log, or whose log may not be read,
    /// is named.
    ///
    /// # Why it matters
    /// A server that answers 200 may have failed behind it: what it published, stored or started is told by its log only.
    ///
    /// # How to mend it
    /// Read the lines in the evidence, and what stands around them (`kubectl logs`). What is known and harmless belongs
    /// into `expected`, as a regular expression.
    pub(super) struct LogErrors(LogErrorsParams) {
        id: "k8s.logs.errors",
        title: "The components log no errors that nobody expects",
        severity: Severity::High,
        effect: Effect::Read,
        target: Some("k8s"),
        tags: &["logs"],
        requires: PODS,
        // After the other checks, so that what they set off is in the logs, and what they found is known.
        alone: true,
        proofs: &[fault("k8s.log-errors", "error-lines")],
    }
}

/// What is read, and what counts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogErrorsParams {
    /// The components whose logs are read, by the names that the target gives them.
    components: Vec<String>,
    /// How far back to read.
    since: HumanDuration,
    /// At most so many lines of each container are read, the newest.
    lines: u32,
    /// Regular expressions: lines with one of them are no errors.
    expected: Vec<String>,
    /// Regular expressions: lines with one of them are errors, too.
    more: Vec<String>,
}

impl Default for LogErrorsParams {
    fn default() -> Self {
        Self {
            components: ["focus-server", "mongodb", "rabbitmq"].map(str::to_owned).to_vec(),
            since: HumanDuration::secs(15 * 60),
            lines: 10_000,
            expected: Vec::new(),
            more: Vec::new(),
        }
    }
}

impl Params for LogErrorsParams {
    fn validate(&self) -> Result<(), String> {
        if self.components.is_empty() {
            return Err("`components` must name at least one".to_owned());
        }
        patterns(&self.expected)?;
        patterns(&self.more).map(drop)
    }
}

fn patterns(texts: &[String]) -> Result<Vec<Regex>, String> {
    let compile = |text: &String| {
        Regex::new(text).map_err(|error| format!("`{text}` is no regular expression: {error}"))
    };
    texts.iter().map(compile).collect()
}

/// At most so many bytes of a log are read.
const MOST_BYTES: i64 = 8 << 20;

/// What was read of one component.
#[derive(Default)]
struct Read {
    scan: Scan,
    /// What ails its pods, where something does, and who judges that.
    ailing: Option<String>,
    /// What could not be read, and why.
    unreadable: Vec<String>,
    /// Whether that is for lack of a right.
    forbidden: Option<TargetError>,
}

#[async_trait]
impl Check for LogErrors {
    async fn run(&self, cx: &Context) -> Result<Verdict, CheckError> {
        let ward = Ward::enter(cx).await?;
        let mut read = Vec::new();
        for name in &self.params.components {
            let component = ward.k8s.components.get(name).ok_or_else(|| {
                let known: Vec<&str> = ward.k8s.components.iter().map(|(name, _)| name).collect();
                CheckError::unclear(format!(
                    "`{name}` is no component of the target; it has {}",
                    known.join(", ")
                ))
            })?;
            read.push((name.as_str(), self.read(cx, &ward, component).await?));
        }
        let lines: usize = read.iter().map(|(_, read)| read.scan.lines).sum();
        if lines == 0
            && let Some(error) = read.iter_mut().find_map(|(_, read)| read.forbidden.take())
        {
            return Err(error.into());
        }
        let since = self.params.since;
        let observation = Observation::counted(lines as u64, &format!("lines of the last {since}"))?;
        let reported: Vec<String> = cx
            .host
            .findings_so_far()
            .into_iter()
            .filter(|(_, finding)| finding.weight != Weight::Note)
            .map(|(check, _)| check)
            .collect();
        let mut verdict = Verdict::of(observation);
        for (name, read) in &read {
            for finding in judge(name, read, since, &reported) {
                verdict = verdict.with(match finding.code.as_str() {
                    "error-lines" => finding.evidence(cx.attach(evidence(name, read))?),
                    _ => finding,
                });
            }
        }
        Ok(verdict)
    }
}

impl LogErrors {
    async fn read(&self, cx: &Context, ward: &Ward, component: &Component) -> Result<Read, CheckError> {
        let (expected, more) = (patterns(&self.params.expected), patterns(&self.params.more));
        let (expected, more) = (expected.map_err(CheckError::unclear)?, more.map_err(CheckError::unclear)?);
        let mut read = Read::default();
        for pod in ward.pods.iter().filter(|pod| component.owns(pod)).take(EXAMPLES) {
            if let Some(ailment) = ward.ailment(pod) {
                let words = format!("{}: {}", name(&pod.metadata), ailment.words());
                read.ailing = Some(format!("{words}, which {} judges", ward.judge_of(&(pod, ailment))));
            }
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            for container in containers {
                match self.log(cx, ward, pod, &container.name).await {
                    Ok(log) => read.scan.read(&log, &expected, &more),
                    Err(CheckError::Target(error)) if error.kind == TargetErrorKind::Forbidden => {
                        read.unreadable.push(error.message.clone());
                        read.forbidden = Some(error);
                    }
                    // A container that has not been started has no log.
                    Err(CheckError::Unclear(why)) => read.unreadable.push(why),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(read)
    }

    async fn log(&self, cx: &Context, ward: &Ward, pod: &Pod, container: &str) -> Result<String, CheckError> {
        let params = LogParams {
            container: Some(container.to_owned()),
            since_seconds: i64::try_from(self.params.since.0.as_secs()).ok(),
            tail_lines: Some(self.params.lines.into()),
            limit_bytes: Some(MOST_BYTES),
            timestamps: true,
            ..LogParams::default()
        };
        let name = name(&pod.metadata);
        let what = format!("read the log of the container {container} of the pod {name}");
        ward.k8s.ask(cx, &what, ward.k8s.here::<Pod>().logs(&name, &params)).await
    }
}

/// What there is to say of one component's log.
fn judge(component: &str, read: &Read, since: HumanDuration, reported: &[String]) -> Vec<Finding> {
    let note = |code, message: String| Finding::new(code, Cause::Expected, component, message).note();
    let mut findings = Vec::new();
    if !read.unreadable.is_empty() {
        let what = format!("not all of the log of {component} could be read");
        let finding = note("log-unreadable", what);
        let finding = if read.forbidden.is_some() {
            Finding { weight: Weight::Warn, cause: Cause::Environment, ..finding }
                .remedy("let the user `get` the resource `pods/log` in this namespace", "minutes")
        } else {
            finding
        };
        findings.push(with_examples(finding, read.unreadable.iter().cloned(), read.unreadable.len()));
    } else if read.scan.lines == 0 {
        findings.push(note("log-silent", format!("{component} has logged nothing in the last {since}")));
    }
    let excuse = |kind: &Kind| {
        let judge =
            kind.judges().iter().find_map(|prefix| reported.iter().find(|check| check.starts_with(prefix)));
        match judge {
            Some(judge) => Some(format!("{}, which {judge} reports", kind.sort)),
            None => (kind.sort == REFUSED).then(|| format!("{REFUSED}, as checks want it")),
        }
    };
    let (noted, mut unexpected): (Vec<&Kind>, Vec<&Kind>) =
        read.scan.kinds.values().partition(|kind| read.ailing.is_some() || excuse(kind).is_some());
    unexpected.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    if !unexpected.is_empty() {
        findings.push(errors(component, since, &unexpected));
    }
    if !noted.is_empty() || read.scan.expected > 0 {
        let count = noted.iter().map(|kind| kind.count).sum::<usize>() + read.scan.expected;
        let note = note("errors-explained", format!("{count} error lines of {component} are explained"));
        let note = read.ailing.iter().fold(note, Finding::detail);
        let lines = noted.iter().map(|kind| match excuse(kind) {
            Some(why) => format!("{} × {why}", kind.count),
            None => told(kind),
        });
        findings.push(with_examples(note, lines, noted.len()));
    }
    findings
}

fn errors(component: &str, since: HumanDuration, kinds: &[&Kind]) -> Finding {
    let count: usize = kinds.iter().map(|kind| kind.count).sum();
    let message = match kinds {
        [kind] => format!("{count} unexpected lines of one kind in the last {since}: {}", kind.example),
        _ => format!("{count} unexpected lines of {} kinds in the last {since}", kinds.len()),
    };
    let finding = Finding::new("error-lines", Cause::Product, format!("log of {component}"), message)
        .expected("no unexpected error lines", count)
        .remedy("read them in the evidence; what is known and harmless belongs into `expected`", "hours");
    with_examples(finding, kinds.iter().map(|kind| told(kind)), kinds.len())
}

/// "3 × port taken: …", with the last line of that kind.
fn told(kind: &Kind) -> String {
    format!("{} × {}: {}", kind.count, kind.sort, kind.example)
}

/// All kinds of errors of a component, one example each.
fn evidence(component: &str, read: &Read) -> Evidence {
    let lines: Vec<String> = read.scan.kinds.values().map(told).collect();
    Evidence::text(format!("errors-{component}.txt"), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: HumanDuration = HumanDuration::secs(900);

    fn read(log: &str) -> Read {
        let mut read = Read::default();
        read.scan.read(log, &[], &[]);
        read
    }

    fn codes(read: &Read, reported: &[&str]) -> Vec<(String, Weight)> {
        let reported: Vec<String> = reported.iter().map(|&check| check.to_owned()).collect();
        let findings = judge("focus-server", read, SINCE, &reported);
        findings.into_iter().map(|finding| (finding.code, finding.weight)).collect()
    }

    #[test]
    fn kinds_are_counted_and_the_most_frequent_comes_first() {
        let log = "ERROR: publishing failed\nERROR: job 1 lost\nERROR: job 2 lost\nfine";
        let finding = judge("focus-server", &read(log), SINCE, &[]).remove(0);
        insta::assert_snapshot!(finding.message, @"3 unexpected lines of 2 kinds in the last 15m");
        insta::assert_snapshot!(finding.details.join("\n"), @r"
        2 × error: ERROR: job 2 lost
        1 × error: ERROR: publishing failed
        ");
    }

    #[test]
    fn what_another_check_reports_is_noted() {
        let log = "ERROR: Missing required fiber metadata fields: prr";
        assert_eq!(codes(&read(log), &[]), [("error-lines".to_owned(), Weight::Fail)]);
        let noted = ("errors-explained".to_owned(), Weight::Note);
        assert_eq!(codes(&read(log), &["focus-api.fiber.ready"]), std::slice::from_ref(&noted));
        assert_eq!(codes(&read("ERROR: validation failed: nfft"), &[]), std::slice::from_ref(&noted));
        let ailing = Read { ailing: Some("pod: CrashLoopBackOff".to_owned()), ..read("ERROR: anything") };
        assert_eq!(codes(&ailing, &[]), [noted]);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(codes(&read(""), &[]), [("log-silent".to_owned(), Weight::Note)]);
        let mut waiting = read("fine");
        waiting.unreadable.push("cannot read the log: the container is waiting to start".to_owned());
        assert_eq!(codes(&waiting, &[]), [("log-unreadable".to_owned(), Weight::Note)]);
        waiting.forbidden =
            Some(TargetError::new("k8s", "k8s.example.com", TargetErrorKind::Forbidden, "no"));
        assert_eq!(codes(&waiting, &[]), [("log-unreadable".to_owned(), Weight::Warn)]);
    }

    #[test]
    fn patterns_are_read_before_anything_connects() {
        let params = LogErrorsParams { expected: vec!["(".to_owned()], ..LogErrorsParams::default() };
        assert!(params.validate().unwrap_err().starts_with("`(` is no regular expression"));
    }
}

//! The gap report, and what a search found, as a page for people: one file that asks for nothing.
//!
//! It works without a network, in light and dark, on a phone and on paper. The policy in its head lets nothing run and nothing
//! be fetched, and only its own style sheet apply, so that what a server wrote stays text.

use crate::chart::{Chart, Line, Style};
use crate::gap::{Details, Fitted, GapReport, NOT_MEASURED};
use crate::resources::{Resources, Usage};
use crate::search::{Answer, Limit};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use shakedown_core::measurement::Unit;

const STYLE: &str = include_str!("../templates/page.css");

#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    title: String,
    headline: String,
    good: bool,
    summary: Vec<(String, String)>,
    bottlenecks: Vec<(String, Vec<String>, String)>,
    not_measured: Vec<String>,
    lists: Vec<(&'static str, Vec<String>)>,
    figures: Vec<Figure>,
    law: Option<String>,
    tables: Vec<Table>,
    foot: String,
    style: &'static str,
    style_hash: String,
}

struct Figure {
    title: String,
    wide: String,
    narrow: String,
    /// The number of its colour, and its name.
    legend: Vec<(usize, String)>,
}

struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// The page of a gap report.
///
/// # Errors
/// What could not be drawn.
pub fn of_gap(report: &GapReport) -> Result<String, String> {
    let capacity = &report.capacity_analysis;
    let jobs = &report.performance_metrics.job_creation;
    let interval = report.details.success_interval.map_or_else(String::new, |interval| {
        format!(" (95 % interval {:.1}–{:.1} %)", interval.lower * 100.0, interval.upper * 100.0)
    });
    let summary = vec![
        pair("Environment", &format!("{}: {}", report.environment.name, report.environment.requirement)),
        pair("Jobs held", &format!("{} of {}", capacity.actual_capacity, capacity.target_capacity)),
        pair("Gap", &format!("{} jobs, {}", capacity.gap, capacity.gap_percentage)),
        pair("Success rate", &format!("{}{interval}", capacity.success_rate)),
        pair("Latency of successes", &latency_words(report)),
        pair("Pace", &format!("{} jobs/s over {:.1} s", jobs.jobs_per_second, jobs.duration_seconds)),
        pair(
            "Processor",
            &resource_words(
                &report.system_resources.cpu.mean_percent,
                &report.system_resources.cpu.max_percent,
            ),
        ),
        pair(
            "Memory",
            &resource_words(
                &report.system_resources.memory.mean_percent,
                &report.system_resources.memory.max_percent,
            ),
        ),
    ];
    let page = Page {
        title: format!("Capacity of {}", report.environment.name),
        headline: if capacity.capacity_met {
            format!("{} jobs at once are held", capacity.target_capacity)
        } else {
            format!(
                "{} of {} jobs at once: {} are missing",
                capacity.actual_capacity, capacity.target_capacity, capacity.gap
            )
        },
        good: capacity.capacity_met,
        summary,
        bottlenecks: Vec::new(),
        not_measured: Vec::new(),
        lists: vec![
            ("What to do", report.recommendations.immediate_actions.clone()),
            ("Where to look", report.recommendations.investigation_areas.clone()),
            ("How to go on", report.recommendations.next_steps.clone()),
            ("To keep in mind", report.additional_context.notes.clone()),
        ],
        figures: Vec::new(),
        law: None,
        tables: Vec::new(),
        foot: format!(
            "{}, {}, {}, {}",
            report.report_metadata.report_type,
            report.report_metadata.generated_at,
            report.report_metadata.generated_by,
            report.report_metadata.jira_reference
        ),
        style: STYLE,
        style_hash: String::new(),
    };
    render(page, &report.details, f64_of(capacity.target_capacity))
}

/// The page of a search for the highest sustainable number.
///
/// # Errors
/// What could not be drawn.
pub fn of_search(
    environment: &str,
    wanted: u32,
    answer: &Answer,
    details: &Details,
) -> Result<String, String> {
    let mut summary = vec![
        pair("Environment", environment),
        pair(
            "Highest sustainable",
            &format!("{} (95 % interval {}–{})", answer.highest, answer.lower, answer.upper),
        ),
        pair("Wanted", &wanted.to_string()),
        pair("Limited by", &limit_words(&answer.limited)),
    ];
    if let Some(breaking) = &answer.breaking {
        summary.push(pair("Breaks at", &format!("{}: {}", breaking.at, breaking_words(answer))));
    }
    let page = Page {
        title: format!("Highest sustainable number of jobs of {environment}"),
        headline: format!("{} jobs at once are sustained, {wanted} are wanted", answer.highest),
        good: answer.highest >= wanted,
        summary,
        bottlenecks: Vec::new(),
        not_measured: Vec::new(),
        lists: Vec::new(),
        figures: Vec::new(),
        law: None,
        tables: Vec::new(),
        foot: concat!("Capacity search, shakedown ", env!("CARGO_PKG_VERSION")).to_owned(),
        style: STYLE,
        style_hash: String::new(),
    };
    render(page, details, wanted.into())
}

/// What limited a search, in words.
pub fn limit_words(limit: &Limit) -> String {
    match limit {
        Limit::Target => "the target".to_owned(),
        Limit::Policy => "the environment's policy: more is not allowed".to_owned(),
        Limit::Asked => "the question: more was not asked for".to_owned(),
        Limit::Generator(why) => format!("the generator: {why}"),
        Limit::Stopped(why) => format!("the end of the search: {why}"),
    }
}

/// How a system breaks, in words; empty where nothing broke.
pub fn breaking_words(answer: &Answer) -> String {
    let Some(breaking) = &answer.breaking else { return String::new() };
    let mut words = vec![format!("{:.1} % succeed", breaking.success * 100.0)];
    words.extend(breaking.failures.iter().map(|(class, share)| format!("{class} {:.1} %", share * 100.0)));
    words.extend(breaking.too_slow_ms.map(|mean| format!("too slow with {mean:.0} ms on average")));
    words.join(", ")
}

/// Adds what both pages share, and renders.
fn render(mut page: Page, details: &Details, wanted: f64) -> Result<String, String> {
    page.bottlenecks = details
        .bottlenecks
        .iter()
        .map(|found| (found.sentence.clone(), found.evidence.clone(), found.remedy.clone()))
        .collect();
    page.not_measured.clone_from(&details.not_measured);
    page.law = details.law.as_ref().map(Fitted::sentence);
    for chart in charts(details, wanted).into_iter().filter(|chart| !chart.is_empty()) {
        page.figures.push(Figure {
            wide: chart.wide()?,
            narrow: chart.narrow()?,
            legend: chart
                .lines
                .iter()
                .take(Chart::MOST_LINES)
                .map(|line| line.name.clone())
                .enumerate()
                .collect(),
            title: chart.title,
        });
    }
    page.tables = tables(details);
    page.style_hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    page.render().map_err(|error| format!("cannot render the page: {error}"))
}

fn charts(details: &Details, wanted: f64) -> Vec<Chart> {
    let mut charts = Vec::new();
    if let Some(answer) = &details.search {
        charts.extend(concurrency_charts(answer, details.law.as_ref(), wanted));
    }
    charts.push(Chart {
        title: "Latency of successes by percentile".to_owned(),
        x: "percent of successes".to_owned(),
        y: "ms".to_owned(),
        lines: vec![Line::joined("latency", details.percentiles.clone())],
        mark: None,
    });
    charts.push(Chart {
        title: "Errors over time".to_owned(),
        x: "seconds".to_owned(),
        y: "errors/s".to_owned(),
        lines: details
            .errors
            .iter()
            .take(Chart::MOST_LINES)
            .map(|series| Line::joined(&series.name, series.points.clone()))
            .collect(),
        mark: None,
    });
    charts.push(resources_chart(&details.resources));
    charts
}

/// Throughput and latency against concurrency, with the law.
fn concurrency_charts(answer: &Answer, law: Option<&Fitted>, wanted: f64) -> [Chart; 2] {
    let of = |held: bool, value: fn(&crate::search::Try) -> Option<f64>| -> Vec<[f64; 2]> {
        let tries = answer.tries.iter().filter(|tried| tried.held == held);
        tries.filter_map(|tried| Some([tried.seen.in_flight.into(), value(&tried.seen)?])).collect()
    };
    let crosses = |name: &str, points| Line { style: Style::Crosses, ..Line::joined(name, points) };
    let mut throughput = vec![
        Line::dots("measured, held", of(true, |seen| seen.per_second)),
        crosses("measured, broke", of(false, |seen| seen.per_second)),
    ];
    let mut latency = vec![
        Line::dots("mean, held", of(true, |seen| seen.mean_ms)),
        crosses("mean, broke", of(false, |seen| seen.mean_ms)),
    ];
    if let Some(Fitted::Law(fitted)) = law {
        let curve = &fitted.curve;
        throughput.push(Line {
            band: curve.iter().map(|at| [at.concurrency, at.throughput.lower, at.throughput.upper]).collect(),
            ..Line::joined(
                "scalability law, with its 95 % band",
                curve.iter().map(|at| [at.concurrency, at.throughput.value]).collect(),
            )
        });
        latency.push(Line {
            band: curve.iter().map(|at| [at.concurrency, at.latency_ms.lower, at.latency_ms.upper]).collect(),
            ..Line::joined(
                "by the law, with its 95 % band",
                curve.iter().map(|at| [at.concurrency, at.latency_ms.value]).collect(),
            )
        });
    }
    let chart = |title: &str, y: &str, lines| Chart {
        title: format!("{title} (wanted: {wanted:.0} at once)"),
        x: "requests at once".to_owned(),
        y: y.to_owned(),
        lines,
        mark: None,
    };
    [
        chart("Throughput against concurrency", "jobs/s", throughput),
        chart("Latency against concurrency", "ms", latency),
    ]
}

/// Shares of their limits over time, the tightest first.
fn resources_chart(resources: &Resources) -> Chart {
    let mut shares: Vec<(f64, Line)> = resources
        .usages
        .iter()
        .filter_map(|usage| {
            let (limit, share) = (usage.limit?, usage.share()?);
            let points = usage.points.iter().map(|[at, value]| [*at, 100.0 * value / limit]).collect();
            Some((share.peak, Line::joined(format!("{} {}", usage.subject, usage.what), points)))
        })
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    Chart {
        title: "Resources of the target over time, as a share of their limits".to_owned(),
        x: "seconds".to_owned(),
        y: "% of limit".to_owned(),
        lines: shares.into_iter().map(|(_, line)| line).take(Chart::MOST_LINES).collect(),
        mark: Some(100.0),
    }
}

fn tables(details: &Details) -> Vec<Table> {
    let number =
        |value: Option<f64>| value.map_or_else(|| NOT_MEASURED.to_owned(), |value| format!("{value:.1}"));
    let tries = details.search.iter().flat_map(|answer| &answer.tries).map(|tried| {
        let seen = &tried.seen;
        vec![
            tried.step.n.to_string(),
            format!("{} of {}", seen.succeeded, seen.attempts),
            number(seen.mean_ms),
            number(seen.p95_ms),
            number(seen.per_second),
            if tried.held { "held" } else { "broke" }.to_owned(),
            seen.failures
                .iter()
                .map(|(class, count)| format!("{class} {count}"))
                .collect::<Vec<_>>()
                .join(", "),
        ]
    });
    let failures = details.failures.iter().map(|(class, count)| vec![class.clone(), count.to_string()]);
    let resources = details.resources.usages.iter().map(|usage| {
        vec![
            usage.subject.clone(),
            usage.what.clone(),
            amount(usage.mean(), usage),
            amount(usage.peak(), usage),
            amount(usage.limit, usage),
            usage.points.len().to_string(),
        ]
    });
    let all = [
        Table {
            title: "Every try",
            head: vec!["at once", "succeeded", "mean ms", "p95 ms", "per s", "", "failures"],
            rows: tries.collect(),
        },
        Table { title: "Failures", head: vec!["class", "count"], rows: failures.collect() },
        Table {
            title: "Resources of the target",
            head: vec!["of", "what", "mean", "peak", "limit", "samples"],
            rows: resources.take(60).collect(),
        },
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn amount(value: Option<f64>, usage: &Usage) -> String {
    const MEBIBYTE: f64 = 1_048_576.0;
    match (value, usage.unit) {
        (None, _) => "–".to_owned(),
        (Some(value), Unit::Bytes) => format!("{:.1} MiB", value / MEBIBYTE),
        (Some(value), unit) => format!("{value:.2}{}", unit.symbol()),
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn latency_words(report: &GapReport) -> String {
    let jobs = &report.performance_metrics.job_creation;
    if jobs.average_latency_ms == NOT_MEASURED {
        return NOT_MEASURED.to_owned();
    }
    format!(
        "mean {} ms, p95 {} ms, p99 {} ms, max {} ms",
        jobs.average_latency_ms, jobs.p95_latency_ms, jobs.p99_latency_ms, jobs.max_latency_ms
    )
}

fn resource_words(mean: &str, max: &str) -> String {
    if mean == NOT_MEASURED {
        NOT_MEASURED.to_owned()
    } else {
        format!("mean {mean}, peak {max} of the limit")
    }
}

fn f64_of(count: u64) -> f64 {
    crate::interval::number(count)
}

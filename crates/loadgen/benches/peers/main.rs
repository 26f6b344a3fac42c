//! The load engine beside its peers, and against the truth.
//!
//! `cargo bench -p shakedown-loadgen --bench peers -- PART [OPTIONS]`. Absolute numbers are this machine's, so each
//! part compares within one run: with `wrk` and `oha`, with what the server recorded, or with what the limits say.

mod closed;
mod connections;
mod memory;
mod nginx;
mod open;
mod options;
mod process;
mod rivals;
mod server;
mod table;

use options::Options;
use shakedown_core::measurement::Measured;
use shakedown_loadgen::{Engine, Report, Scenario};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What went wrong in a measurement, in words.
type Trouble = String;

const HELP: &str = "\
cargo bench -p shakedown-loadgen --bench peers -- PART [OPTIONS]

  closed       64 connections as fast as they go, beside wrk and oha on a local nginx, one core each
  open         5,000 requests/s against a server that records the truth, healthy and stopped for 1 s
  connections [N]  N connections held (100,000) while 1,000 requests/s flow over them
  memory       a day of 5,000 requests/s in the recorder, and 1,000 histograms merged
  all          all of them, `connections` as large as this machine allows

  --rounds N   pairs of measurements in `closed` (5)
  --seconds N  how long each of them takes (5)
  --format F   `text` (as each part ends), or `json` (one document at the end, as `shakedown schema bench` says)
  --oha PATH   where `oha` is, where it is not on the search path (`cargo install --locked oha`)
";

fn main() -> ExitCode {
    // Cargo adds `--bench`. Without it, this is a build of all targets for the tests, which has nothing to test here.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Options::read(&arguments) {
        Ok(options) => run(&options),
        Err(trouble) => Err(trouble),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("peers: {trouble}");
            ExitCode::FAILURE
        }
    }
}

/// What measures, and with what result.
type Part<'a> = &'a dyn Fn() -> Result<Measured, Trouble>;

fn run(options: &Options) -> Result<(), Trouble> {
    let closed: Part<'_> = &|| closed::measure(options);
    let connections: Part<'_> = &|| connections::measure(connections::WANTED);
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["closed"] => show(options, &[closed]),
        ["open"] => show(options, &[&open::healthy, &open::stopped]),
        ["connections"] => show(options, &[connections]),
        ["connections", wanted] => {
            let wanted = options::number(wanted)?;
            show(options, &[&|| connections::measure(wanted)])
        }
        ["memory"] => show(options, &[&memory::measure]),
        ["all"] => show(options, &[&memory::measure, closed, &open::healthy, &open::stopped, connections]),
        // What this program starts itself as.
        ["as", "wire", address, seconds] => closed::as_wire(address, options::number(seconds)?),
        ["as", "engine", address, seconds] => closed::as_engine(address, options::number(seconds)?),
        ["as", "listener"] => connections::as_listener(),
        ["as", "worker"] => connections::as_worker(),
        _ => {
            print!("{HELP}");
            Ok(())
        }
    }
}

/// Measures one part after the other, and prints what comes of each.
fn show(options: &Options, parts: &[Part<'_>]) -> Result<(), Trouble> {
    let mut all = Vec::new();
    for part in parts {
        let measured = part()?;
        if !options.json {
            table::print(&measured);
        }
        all.push(measured);
    }
    if options.json { table::print_json(&all) } else { Ok(()) }
}

/// Runs an engine to its end.
fn run_engine(engine: Engine, scenario: Arc<dyn Scenario>) -> Result<Report, Trouble> {
    let report = runtime()?.block_on(engine.run(scenario)).map_err(|error| error.to_string())?;
    if let Some(why) = &report.generator.limited {
        eprintln!("  {why}");
    }
    Ok(report)
}

/// One thread for what this program does itself; the engine has its own.
fn runtime() -> Result<Runtime, Trouble> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// A duration in milliseconds; none where nothing was timed.
fn milliseconds(duration: Option<std::time::Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64() * 1000.0)
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "what is counted here is far below 2^52")]
const fn count(count: u64) -> f64 {
    count as f64
}

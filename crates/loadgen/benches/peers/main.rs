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
use shakedown_loadgen::{Engine, Report, Scenario};
use std::process::ExitCode;
use std::sync::Arc;

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

fn run(options: &Options) -> Result<(), Trouble> {
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["closed"] => closed::measure(options),
        ["open"] => open::measure(),
        ["connections"] => connections::measure(connections::WANTED),
        ["connections", number] => connections::measure(options::number(number)?),
        ["memory"] => memory::measure(),
        ["all"] => {
            memory::measure()?;
            closed::measure(options)?;
            open::measure()?;
            connections::measure(connections::WANTED)
        }
        // What this program starts itself as.
        ["as", "wire", address, seconds] => closed::as_wire(address, options::number(seconds)?),
        ["as", "engine", address, seconds] => closed::as_engine(address, options::number(seconds)?),
        ["as", "listener"] => connections::as_listener(),
        ["as", "holder", rest @ ..] => connections::as_holder(rest),
        _ => {
            print!("{HELP}");
            Ok(())
        }
    }
}

/// Runs an engine to its end.
fn run_engine(engine: Engine, scenario: Arc<dyn Scenario>) -> Result<Report, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let report = runtime.block_on(engine.run(scenario)).map_err(|error| error.to_string())?;
    if let Some(why) = &report.generator.limited {
        eprintln!("  {why}");
    }
    Ok(report)
}

/// A duration in milliseconds, as finely as it is known.
fn milliseconds(duration: Option<std::time::Duration>) -> String {
    duration
        .map_or_else(|| "none".to_owned(), |duration| format!("{:.3} ms", duration.as_secs_f64() * 1000.0))
}

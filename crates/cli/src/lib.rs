//! The `shakedown` program as a library: verbs, exit codes, progress.
//!
//! A program of your own is its `main`, and the plugins that it names; the sandbox is in it.
//!
//! ```text
//! use shakedown_moon as _;
//!
//! fn main() -> std::process::ExitCode {
//!     shakedown_cli::main()
//! }
//! ```

mod args;
mod completion;
mod failure;
mod look;
mod output;
mod project;
mod signals;
mod table;
mod verbs;

use args::{Arguments, Globals, KeysOptions, KeysVerb, Verb};
use clap::Parser as _;
use shakedown_core::Clock;
use shakedown_core::run::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// Quicker than the system's at what a load does most: small pieces, taken and given back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Does what the command line says with the plugins that were linked, and returns the exit code.
pub fn main() -> ExitCode {
    if completion::answer() {
        return ExitCode::SUCCESS;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return ExitCode::from(failure::refused(&error, &words).code()),
    };
    output::install_logging(arguments.globals.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .thread_stack_size(shakedown_runner::STACK)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output::problem(&format!("the program cannot start: {error}"));
            return ExitCode::from(Exit::Errored.code());
        }
    };
    let Arguments { globals, verb } = arguments;
    let exit =
        runtime.block_on(dispatch(&globals, verb)).unwrap_or_else(|error| failure::tell(&globals, &error));
    // Whatever a check has left running must not keep the program from ending for long.
    runtime.shutdown_timeout(2 * shakedown_runner::ENDING);
    ExitCode::from(exit.code())
}

async fn dispatch(globals: &Globals, verb: Verb) -> anyhow::Result<Exit> {
    match verb {
        Verb::Run(options) => verbs::run::run(globals, options).await,
        Verb::Plan(options) => verbs::plan::plan(globals, &options),
        Verb::List(options) => verbs::list::list(globals, &options),
        Verb::Explain { name, env } => verbs::explain::explain(globals, &name, env.as_deref()),
        Verb::Validate(options) => verbs::validate::validate(globals, &options).await,
        Verb::Prove(options) => verbs::prove::prove(globals, &options).await,
        Verb::Fix(options) => verbs::fix::fix(globals, options).await,
        Verb::Report { compare: Some(runs), .. } => verbs::report::compare_runs(globals, &runs[0], &runs[1]),
        Verb::Report { run, bundle, compare: None } => verbs::report::report(globals, run.as_deref(), bundle),
        Verb::Doctor { env, fault } => verbs::doctor::doctor(globals, &env, &fault).await,
        Verb::Upload(options) => verbs::upload::upload(globals, options.to).await,
        Verb::Keys(KeysOptions { verb: KeysVerb::Check(options) }) => {
            verbs::keys::check(globals, &options).await
        }
        Verb::Sandbox(options) => verbs::sandbox::sandbox(globals, &options).await,
        Verb::Cleanup { env } => verbs::cleanup::cleanup(globals, &env).await,
        Verb::Schema { which } => verbs::schema::schema(globals, which),
        Verb::Catalogue => verbs::catalogue::catalogue(),
        Verb::Completions { shell } => verbs::completions(shell),
        Verb::Man { verb, out } => verbs::man::man(verb.as_deref(), out.as_deref()),
        Verb::LoadWorker => {
            shakedown_loadgen::workers::worker_main(Clock::system()).await?;
            Ok(Exit::Fit)
        }
        Verb::Bench { benchmark } => verbs::bench::bench(globals, benchmark).await,
    }
}

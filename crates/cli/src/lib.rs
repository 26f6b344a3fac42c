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
mod output;
mod project;
mod signals;
mod verbs;

use args::{Arguments, Verb};
use clap::Parser as _;
use shakedown_core::Clock;
use shakedown_core::run::Exit;
use std::process::ExitCode;

/// Does what the command line says with the plugins that were linked, and returns the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::install_logging(arguments.globals.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .thread_stack_size(shakedown_runner::STACK)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            output::problem(&format!("failed to start: {error}"));
            return ExitCode::from(Exit::Errored.code());
        }
    };
    let exit = runtime.block_on(dispatch(arguments)).unwrap_or_else(|error| {
        output::problem(&format!("{error:#}"));
        Exit::Usage
    });
    // Whatever a check has left running must not keep the program from ending.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}

async fn dispatch(arguments: Arguments) -> anyhow::Result<Exit> {
    let globals = arguments.globals;
    match arguments.verb {
        Verb::Run(options) => verbs::run::run(&globals, options).await,
        Verb::Plan(options) => verbs::plan::plan(&globals, &options),
        Verb::List(options) => verbs::list::list(&globals, &options),
        Verb::Explain { id } => verbs::explain::explain(&globals, &id),
        Verb::Validate(options) => verbs::validate::validate(&globals, &options).await,
        Verb::Prove(options) => verbs::prove::prove(&globals, &options).await,
        Verb::Fix(options) => verbs::fix::fix(&globals, options).await,
        Verb::Report { compare: Some(runs), .. } => verbs::report::compare_runs(&globals, &runs[0], &runs[1]),
        Verb::Report { run, bundle, compare: None } => {
            verbs::report::report(&globals, run.as_deref(), bundle)
        }
        Verb::Doctor { env, fault } => verbs::doctor::doctor(&globals, &env, &fault).await,
        Verb::Upload(options) => verbs::upload::upload(&globals, options.to).await,
        Verb::Sandbox(options) => verbs::sandbox::sandbox(&globals, &options).await,
        Verb::Cleanup { env } => verbs::cleanup::cleanup(&globals, &env).await,
        Verb::Schema { which } => verbs::schema::schema(which),
        Verb::Catalogue => verbs::catalogue::catalogue(),
        Verb::Completions { shell } => verbs::completions(shell),
        Verb::LoadWorker => {
            shakedown_loadgen::workers::worker_main(Clock::system()).await?;
            Ok(Exit::Fit)
        }
        Verb::Bench { benchmark } => verbs::bench::bench(benchmark).await,
    }
}

//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Tells whether a live environment is fit for use.
#[derive(Debug, Parser)]
#[command(name = "shakedown", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    every required check passed or warned
  1    a required check failed
  2    wrong usage or configuration; nothing was run
  3    a required check errored: no answer
  4    nothing was selected, or everything was skipped
  5    the run is fine, but a report could not be written
  130  interrupted: reports are written, created jobs are removed";

/// What every verb understands.
#[derive(Debug, Args)]
pub(crate) struct Globals {
    /// The configuration; by default the nearest `checks.toml` in this directory or above it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// What verbs that print data print
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// Log what the program does; twice for its libraries too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What verbs that print data print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run checks against an environment
    Run(RunOptions),
    /// Show which checks would run, and why each other one would not
    Plan(SelectOptions),
    /// List checks, faults, fixes or orphans
    List(ListOptions),
    /// Explain a check, a fix, a fault or an incident
    Explain {
        /// Its id
        id: String,
    },
    /// Check the configuration, and with --live also the targets
    Validate(ValidateOptions),
    /// Show that every check passes on a healthy target and fails under each declared fault
    Prove(ProveOptions),
    /// Show what would mend what checks find, and with --apply do it
    Fix(FixOptions),
    /// Render the reports of a run from its journal
    Report {
        /// A run's directory, or its name under `reports/`; by default the latest
        run: Option<PathBuf>,
        /// Also pack reports, journal and evidence into one archive
        #[arg(long)]
        bundle: bool,
        /// Say what has changed from the first run to the second; exits with 1 where something is worse
        #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with_all = ["run", "bundle"])]
        compare: Option<Vec<PathBuf>>,
    },
    /// Say of each target whether it can be reached, what it is, what may be done there, and what would be skipped
    Doctor {
        /// The environment
        #[arg(long, value_name = "NAME")]
        env: String,
        /// Inject a fault into the sandbox first; several add up
        #[arg(long, value_name = "ID")]
        fault: Vec<String>,
    },
    /// Send the results of a run to another system
    Upload(UploadOptions),
    /// The embedded environment
    Sandbox(SandboxOptions),
    /// Remove what earlier runs left behind
    Cleanup {
        /// The environment
        #[arg(long, value_name = "NAME")]
        env: String,
    },
    /// Print a JSON Schema
    Schema {
        /// Of what
        which: Schema,
    },
    /// Print the page of all checks
    #[command(hide = true)]
    Catalogue,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Do a share of a load, as a coordinator on standard input says
    #[command(hide = true)]
    LoadWorker,
    /// Measure what the program costs, beside a peer in the same run
    #[command(hide = true)]
    Bench {
        /// What to measure; by default the framework
        #[command(subcommand)]
        benchmark: Option<Benchmark>,
    },
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Benchmark {
    /// Checks that do nothing, and the program as a whole
    Framework {
        /// How many checks, several times
        #[arg(default_values_t = [1_000, 10_000, 100_000])]
        checks: Vec<usize>,
    },
    /// The checks of a large namespace, beside the same lists fetched by kubectl
    Cluster {
        /// How many pods to seed
        #[arg(default_value_t = 5_000)]
        pods: u32,
        /// How many events to seed
        #[arg(default_value_t = 20_000)]
        events: u32,
        /// How many pairs
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The data-quality suite, beside the same questions issued by hand
    Mongo {
        /// How many recordings to seed
        #[arg(default_value_t = 1_000_000)]
        recordings: u32,
        /// How many pairs
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

/// Which environment and which checks.
#[derive(Debug, Args)]
pub(crate) struct SelectOptions {
    /// The environment
    #[arg(long, value_name = "NAME")]
    pub(crate) env: String,
    /// Only the checks of this suite; several add up
    #[arg(long, value_name = "NAME")]
    pub(crate) suite: Vec<String>,
    /// Only the checks that the expression selects, for example 'tag(smoke) & !plugin(mongo)'; several add up
    #[arg(short = 'E', long = "select", value_name = "EXPR")]
    pub(crate) select: Vec<String>,
    /// The second opt-in that disruption asks for: the environment's name again
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
}

/// How to run.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) select: SelectOptions,
    /// Where to write reports; by default `reports/<environment>-<time>`
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with a run whose process has ended: ask what had not ended, in the same directory; a run's directory, or its
    /// name under `reports/`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["suite", "select", "out", "dry_run", "fault"])]
    pub(crate) resume: Option<PathBuf>,
    /// End at the first required check that fails or errors
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Ask again up to N times, whatever the configuration says
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
    /// Show the plan and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Inject a fault into the sandbox; several add up
    #[arg(long, value_name = "ID")]
    pub(crate) fault: Vec<String>,
    /// Also pack reports, journal and evidence into one archive
    #[arg(long)]
    pub(crate) bundle: bool,
}

/// What to mend.
#[derive(Debug, Args)]
pub(crate) struct FixOptions {
    /// The environment; with --undo the one that the file names
    #[arg(long, value_name = "NAME", required_unless_present = "undo")]
    pub(crate) env: Option<String>,
    /// Only what the checks find that the expression selects; several add up
    #[arg(short = 'E', long = "select", value_name = "EXPR", conflicts_with = "undo")]
    pub(crate) select: Vec<String>,
    /// Only this fix; several add up. One that deletes is used only when named here
    #[arg(long, value_name = "ID", conflicts_with = "undo")]
    pub(crate) fix: Vec<String>,
    /// Write; without it, nothing is written
    #[arg(long, conflicts_with = "undo")]
    pub(crate) apply: bool,
    /// The second opt-in that writing to a live environment asks for: the environment's name again
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Take back what an application has written, by its undo file
    #[arg(long, value_name = "FILE")]
    pub(crate) undo: Option<PathBuf>,
    /// Where to keep the record; by default `reports/fix-<environment>-<time>`
    #[arg(long, value_name = "DIR", conflicts_with = "undo")]
    pub(crate) out: Option<PathBuf>,
    /// Inject a fault into the sandbox first; several add up
    #[arg(long, value_name = "ID", conflicts_with = "undo")]
    pub(crate) fault: Vec<String>,
}

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Only the checks that the expression selects
    #[arg(short = 'E', long = "select", value_name = "EXPR")]
    pub(crate) select: Vec<String>,
    /// List the faults and incidents of the sandbox instead
    #[arg(long, conflicts_with_all = ["select", "orphans", "fixes"])]
    pub(crate) faults: bool,
    /// List the fixes instead
    #[arg(long, conflicts_with_all = ["select", "orphans"])]
    pub(crate) fixes: bool,
    /// Only checks that no suite selects
    #[arg(long)]
    pub(crate) orphans: bool,
}

/// What to validate.
#[derive(Debug, Args)]
pub(crate) struct ValidateOptions {
    /// The environment; without it, the file as a whole
    #[arg(long, value_name = "NAME", required_if_eq("live", "true"))]
    pub(crate) env: Option<String>,
    /// Connect to the targets: reachable, credentials accepted, permissions enough
    #[arg(long)]
    pub(crate) live: bool,
}

/// What to prove.
#[derive(Debug, Args)]
pub(crate) struct ProveOptions {
    /// The sandbox environment to prove in
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub(crate) env: String,
    /// Only the checks that the expression selects
    #[arg(short = 'E', long = "select", value_name = "EXPR")]
    pub(crate) select: Vec<String>,
    /// How many sandboxes at once
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) jobs: usize,
}

/// What to send, and where.
#[derive(Debug, Args)]
pub(crate) struct UploadOptions {
    #[command(subcommand)]
    pub(crate) to: UploadTo,
}

/// Where to send results.
#[derive(Debug, Subcommand)]
pub(crate) enum UploadTo {
    /// To Jira Xray, as the environment's table `xray` says
    Xray {
        /// A run's directory, or its name under `reports/`; by default the latest
        run: Option<PathBuf>,
        /// The environment
        #[arg(long, value_name = "NAME")]
        env: String,
        /// The test plan that the execution belongs to
        #[arg(long, value_name = "KEY")]
        plan: Option<String>,
        /// The execution to add to; without it a new one comes to be
        #[arg(long, value_name = "KEY")]
        execution: Option<String>,
        /// A test environment; several add up
        #[arg(long, value_name = "NAME")]
        test_environment: Vec<String>,
        /// The revision of what was tested
        #[arg(long, value_name = "TEXT")]
        revision: Option<String>,
        /// The version of what was tested
        #[arg(long, value_name = "VERSION")]
        fix_version: Option<String>,
        /// Show the request and send nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// What to do with the sandbox.
#[derive(Debug, Args)]
pub(crate) struct SandboxOptions {
    #[command(subcommand)]
    pub(crate) verb: SandboxVerb,
}

/// What to do with the sandbox.
#[derive(Debug, Subcommand)]
pub(crate) enum SandboxVerb {
    /// Keep it running in the foreground, and print what to export to reach it
    Up {
        /// Inject a fault; several add up
        #[arg(long, value_name = "ID")]
        fault: Vec<String>,
        /// Inject the faults of an incident
        #[arg(long, value_name = "NAME")]
        incident: Option<String>,
    },
}

/// A JSON Schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Schema {
    /// Of `checks.toml`
    Checks,
    /// Of `run.json`
    Run,
}

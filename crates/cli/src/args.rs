//! The command line.

use crate::completion;
use crate::verbs::schema::Schema;
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
    /// List checks and what they are found by, faults, fixes, suites, environments and targets
    List(ListOptions),
    /// Explain a check, a fix, a fault, a finding, a suite, a tag, a Jira key or an exit code
    Explain {
        /// Its id, name, code or number
        #[arg(value_name = "NAME", add = completion::names())]
        name: String,
        /// Also say what is in force in this environment
        #[arg(long, value_name = "NAME", add = completion::environments())]
        env: Option<String>,
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
        #[arg(add = completion::runs())]
        run: Option<PathBuf>,
        /// Also pack reports, journal and evidence into one archive
        #[arg(long)]
        bundle: bool,
        /// Say what has changed from the first run to the second; exits with 1 where something is worse
        #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], add = completion::runs(), conflicts_with_all = ["run", "bundle"])]
        compare: Option<Vec<PathBuf>>,
    },
    /// Say of each target whether it can be reached, what it is, what may be done there, and what would be skipped
    Doctor {
        /// The environment
        #[arg(long, value_name = "NAME", add = completion::environments())]
        env: String,
        /// Inject a fault into the sandbox first; several add up
        #[arg(long, value_name = "ID", add = completion::faults())]
        fault: Vec<String>,
    },
    /// Send the results of a run to another system
    Upload(UploadOptions),
    /// The Jira keys of checks
    Keys(KeysOptions),
    /// The embedded environment
    Sandbox(SandboxOptions),
    /// Remove what earlier runs left behind
    Cleanup {
        /// The environment
        #[arg(long, value_name = "NAME", add = completion::environments())]
        env: String,
    },
    /// Print the JSON Schema of what users write or programs read
    Schema {
        /// Of what; without it, the schemas are listed
        which: Option<Schema>,
    },
    /// Print the page of all checks
    #[command(hide = true)]
    Catalogue,
    /// Print what makes a shell complete verbs, options and names
    ///
    /// What is printed asks this program each time, so that environments, suites and checks are those of the project.
    ///
    ///     bash        source <(shakedown completions bash)     in ~/.bashrc
    ///     zsh         source <(shakedown completions zsh)      in ~/.zshrc, after compinit
    ///     fish        shakedown completions fish | source      in ~/.config/fish/config.fish
    ///     PowerShell  shakedown completions powershell | Out-String | Invoke-Expression     in $PROFILE
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page, or write all of them
    Man {
        /// The verb; without it, the page of the program
        #[arg(conflicts_with = "out")]
        verb: Option<String>,
        /// Write the pages of the program and of every verb into this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
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
    /// The reports of a large run, beside small evidence and large
    Reports {
        /// How many results
        #[arg(default_value_t = 100_000)]
        results: usize,
        /// Only render the run that lies there, and say how much memory that took
        #[arg(long, hide = true, value_name = "DIR")]
        directory: Option<PathBuf>,
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
    #[arg(long, value_name = "NAME", add = completion::environments())]
    pub(crate) env: String,
    /// Only the checks of this suite; several add up
    #[arg(long, value_name = "NAME", add = completion::suites())]
    pub(crate) suite: Vec<String>,
    /// Only the checks that the expression selects, for example 'tag(smoke) & !plugin(mongo)'; several add up
    #[arg(short = 'E', long = "select", value_name = "EXPR", add = completion::selection())]
    pub(crate) select: Vec<String>,
    /// The second opt-in that disruption asks for: the environment's name again
    #[arg(long, value_name = "NAME", add = completion::environments())]
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
    #[arg(long, value_name = "RUN", add = completion::runs())]
    #[arg(conflicts_with_all = ["suite", "select", "out", "dry_run", "fault"])]
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
    #[arg(long, value_name = "ID", add = completion::faults())]
    pub(crate) fault: Vec<String>,
    /// Also pack reports, journal and evidence into one archive
    #[arg(long)]
    pub(crate) bundle: bool,
}

/// What to mend.
#[derive(Debug, Args)]
pub(crate) struct FixOptions {
    /// The environment; with --undo the one that the file names
    #[arg(
        long, value_name = "NAME", add = completion::environments(), required_unless_present = "undo"
    )]
    pub(crate) env: Option<String>,
    /// Only what the checks find that the expression selects; several add up
    #[arg(short = 'E', long = "select", value_name = "EXPR", add = completion::selection(), conflicts_with = "undo")]
    pub(crate) select: Vec<String>,
    /// Only this fix; several add up. One that deletes is used only when named here
    #[arg(long, value_name = "ID", add = completion::fixes(), conflicts_with = "undo")]
    pub(crate) fix: Vec<String>,
    /// Write; without it, nothing is written
    #[arg(long, conflicts_with = "undo")]
    pub(crate) apply: bool,
    /// The second opt-in that writing to a live environment asks for: the environment's name again
    #[arg(long, value_name = "NAME", add = completion::environments())]
    pub(crate) confirm: Option<String>,
    /// Take back what an application has written, by its undo file
    #[arg(long, value_name = "FILE")]
    pub(crate) undo: Option<PathBuf>,
    /// Where to keep the record; by default `reports/fix-<environment>-<time>`
    #[arg(long, value_name = "DIR", conflicts_with = "undo")]
    pub(crate) out: Option<PathBuf>,
    /// Inject a fault into the sandbox first; several add up
    #[arg(long, value_name = "ID", add = completion::faults(), conflicts_with = "undo")]
    pub(crate) fault: Vec<String>,
}

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Only the checks that the expression selects
    #[arg(short = 'E', long = "select", value_name = "EXPR", add = completion::selection())]
    pub(crate) select: Vec<String>,
    /// Only checks that no suite selects
    #[arg(long, conflicts_with = "What")]
    pub(crate) orphans: bool,
    #[command(flatten)]
    pub(crate) what: What,
}

/// What to list instead of checks.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "one flag a list, and clap lets one stand at a time")]
pub(crate) struct What {
    /// The Jira keys, and the checks that answer for them
    #[arg(long)]
    pub(crate) keys: bool,
    /// The tags, and the checks that carry them
    #[arg(long)]
    pub(crate) tags: bool,
    /// What checks do to targets, and where that is allowed
    #[arg(long)]
    pub(crate) effects: bool,
    /// The suites of the configuration
    #[arg(long, conflicts_with = "select")]
    pub(crate) suites: bool,
    /// The environments of the configuration
    #[arg(long, conflicts_with = "select")]
    pub(crate) environments: bool,
    /// The kinds of targets
    #[arg(long, conflicts_with = "select")]
    pub(crate) targets: bool,
    /// The faults and incidents of the sandbox
    #[arg(long, conflicts_with = "select")]
    pub(crate) faults: bool,
    /// The fixes
    #[arg(long, conflicts_with = "select")]
    pub(crate) fixes: bool,
    /// What gathers evidence when a check has failed
    #[arg(long, conflicts_with = "select")]
    pub(crate) collectors: bool,
    /// What looks at targets while they are under load
    #[arg(long, conflicts_with = "select")]
    pub(crate) observers: bool,
}

/// What to validate.
#[derive(Debug, Args)]
pub(crate) struct ValidateOptions {
    /// The environment; without it, the file as a whole
    #[arg(long, value_name = "NAME", add = completion::environments(), required_if_eq("live", "true"))]
    pub(crate) env: Option<String>,
    /// Connect to the targets: reachable, credentials accepted, permissions enough
    #[arg(long)]
    pub(crate) live: bool,
}

/// What to prove.
#[derive(Debug, Args)]
pub(crate) struct ProveOptions {
    /// The sandbox environment to prove in
    #[arg(long, value_name = "NAME", add = completion::environments(), default_value = "local")]
    pub(crate) env: String,
    /// Only the checks that the expression selects
    #[arg(short = 'E', long = "select", value_name = "EXPR", add = completion::selection())]
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
        #[arg(add = completion::runs())]
        run: Option<PathBuf>,
        /// The environment
        #[arg(long, value_name = "NAME", add = completion::environments())]
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
        /// Upload as a new execution, though nobody knows what became of an earlier upload of the run
        #[arg(long)]
        again: bool,
        /// Show the request and send nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// What to do with keys.
#[derive(Debug, Args)]
pub(crate) struct KeysOptions {
    #[command(subcommand)]
    pub(crate) verb: KeysVerb,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysVerb {
    /// Say which keys of a list have no check, which checks have no key, and which key stands on several checks; exits with
    /// 1 where a key has no check, and with 5 where the plan could not be read
    Check(KeysCheckOptions),
}

/// What to compare with what.
#[derive(Debug, Args)]
pub(crate) struct KeysCheckOptions {
    /// The environment whose table `xray` says where the test plan is
    #[arg(long, value_name = "NAME", add = completion::environments(), required_unless_present = "csv")]
    pub(crate) env: Option<String>,
    /// The test plan; by default the one of the environment
    #[arg(long, value_name = "KEY", requires = "env", conflicts_with = "csv")]
    pub(crate) plan: Option<String>,
    /// A list in place of a plan: CSV or TSV with a column `key`, `Issue key`, `Test Key` or the like
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// The column of the list that holds the keys
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub(crate) column: Option<String>,
    /// Only the checks that the expression selects; several add up
    #[arg(short = 'E', long = "select", value_name = "EXPR", add = completion::selection())]
    pub(crate) select: Vec<String>,
    /// What else exits with 1; without a value, all of it
    #[arg(long, value_name = "WHAT", num_args = 0.., require_equals = true, value_delimiter = ',',
          default_missing_value = "all")]
    pub(crate) strict: Vec<Strict>,
}

/// What else is wrong, beside keys without a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strict {
    /// Checks without a key
    Keyless,
    /// Keys of checks that the list does not know
    Unlisted,
    /// Keys on several checks
    Shared,
    /// All of these
    All,
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
        #[arg(long, value_name = "ID", add = completion::faults())]
        fault: Vec<String>,
        /// Inject the faults of an incident
        #[arg(long, value_name = "NAME", add = completion::incidents())]
        incident: Option<String>,
    },
}

#[cfg(test)]
mod tests;

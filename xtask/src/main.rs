//! `cargo xtask`: builds the `shakedown` program and hands over to it, or does a chore of the workspace.
//!
//! It depends on no crate of the workspace, so that it compiles in seconds and works while the rest does not compile.
#![expect(clippy::disallowed_methods, reason = "this is a program of its own: it may read the environment")]

mod bench;
mod bundle;
mod codegen;
mod lint;
mod new_plugin;
mod parts;
mod product;
mod tally;
mod test;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

/// Why a chore could not be done. The text says what to do where something can be done.
type Failure = String;

/// The code for wrong usage, and for a program that could not be built: nothing was run.
const USAGE: u8 = 2;

const HELP: &str = "\
cargo xtask CHORE: the chores of this workspace
  test [ARGS]        run every test; ARGS go to `cargo test`
  lint               check formatting and lints, and that generated files are current
  codegen [--check]  write the generated files, or fail where one is out of date
  new-plugin NAME    make a plugin that is linked and proven from the start, to be made yours: docs/plugin.md
    --outside DIR      in a workspace outside this repository, which is made where it is not there
    --git URL          and takes the crates of Shakedown from there
  bench [mongo]      measure the program, or the MongoDB checks on a million recordings, in a release build
  bench load [ARGS]  measure the load engine beside `wrk` and `oha`, and against the truth; `--help` names the parts
  help               print this

cargo xtask VERB: any other word is a verb of the `shakedown` program, which is built first
  cargo xtask run --env local    ask the sandbox
  cargo xtask --help             every verb of the program
  SHAKEDOWN_PROFILE=release      build it with optimisation
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    dispatch(&arguments).unwrap_or_else(|failure| {
        eprintln!("cargo xtask: {failure}");
        ExitCode::from(USAGE)
    })
}

fn dispatch(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let Some((verb, rest)) = arguments.split_first() else {
        eprint!("{HELP}");
        return Ok(ExitCode::from(USAGE));
    };
    match verb.to_str() {
        Some("help") if rest.is_empty() => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some("test") => test::test(rest),
        Some("lint") => lint::lint(rest),
        Some("codegen") => codegen::codegen(rest),
        Some("new-plugin") => new_plugin::new_plugin(rest),
        Some("bench") => bench::bench(arguments),
        _ => product::hand_over(product::Profile::chosen()?, arguments),
    }
}

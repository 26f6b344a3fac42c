//! The `shakedown` program with the plugins of this repository.

// Without it they would not be linked, and what they register would be silently absent.
use shakedown_bundle as _;

fn main() -> std::process::ExitCode {
    shakedown_cli::main()
}

//! Shakedown with the plugins of this workspace.

// Every plugin is named here. One that stands only in `Cargo.toml` is not linked, and what it registers is silently absent.

fn main() -> std::process::ExitCode {
    shakedown_cli::main()
}

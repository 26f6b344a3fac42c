//! The command line agrees with itself, and is written in one style.

use super::*;
use clap::{Command, CommandFactory as _};

/// Every command below this one, and itself.
fn all(command: &Command) -> Vec<&Command> {
    std::iter::once(command).chain(command.get_subcommands().flat_map(all)).collect()
}

#[test]
fn the_arguments_agree_with_each_other() {
    Arguments::command().debug_assert();
}

#[test]
fn help_is_written_in_one_style() {
    let program = Arguments::command();
    let mut problems = Vec::new();
    for command in all(&program) {
        let name = command.get_name();
        let arguments = command.get_arguments();
        let helps = arguments.map(|argument| (argument.get_id().as_str(), argument.get_help()));
        for (part, help) in helps.chain([("", command.get_about())]) {
            let Some(help) = help.map(ToString::to_string) else {
                problems.push(format!("{name} {part}: has no help"));
                continue;
            };
            if !help.starts_with(|c: char| c.is_uppercase()) {
                problems.push(format!("{name} {part}: starts with no capital: {help}"));
            }
            // The program itself is introduced by a sentence.
            if help.ends_with('.') && name != program.get_name() {
                problems.push(format!("{name} {part}: ends with a full stop: {help}"));
            }
        }
    }
    assert_eq!(problems, [] as [String; 0]);
}

//! `man`: the manual pages of the program and its verbs, made of what `--help` says.

use crate::args::Arguments;
use crate::output::{message, print};
use crate::verbs::explain::pages as explain;
use anyhow::{Context as _, anyhow};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use shakedown_core::run::Exit;
use std::path::Path;

/// What the page of the program has beyond its help.
const FILES: [(&str, &str); 3] = [
    ("checks.toml", "What is run where: the nearest in this directory or above it."),
    ("reports/", "A directory for each run, beside the configuration; reports/latest is the last one."),
    (".shakedown/ledger/", "What runs have created and not yet removed; cleanup settles it."),
];

/// The variables that the program itself reads.
const VARIABLES: [(&str, &str); 4] = [
    ("NO_COLOR", "Where it is set, nothing is coloured."),
    ("COLUMNS", "How wide lines are."),
    ("CI", "Where it is set, progress is not redrawn."),
    ("SHAKEDOWN_LOG", "What is logged, in the syntax of tracing filters, for example debug."),
];

pub(crate) fn man(verb: Option<&str>, out: Option<&Path>) -> anyhow::Result<Exit> {
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    if let Some(directory) = out {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made", directory.display()))?;
        let mut pages = vec![(program.get_name().to_owned(), page(&program)?)];
        for verb in shown(&program) {
            pages.push((name_of(verb), page(verb)?));
            for part in shown(verb) {
                pages.push((name_of(part), page(part)?));
            }
        }
        for (name, text) in &pages {
            let path = directory.join(format!("{name}.1"));
            std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        }
        message(&format!("{} manual pages: {}", pages.len(), directory.display()));
        return Ok(Exit::Fit);
    }
    let wanted = match verb {
        None => &program,
        Some(name) => shown(&program)
            .find(|verb| verb.get_name() == name)
            .ok_or_else(|| anyhow!("there is no verb `{name}`; see `--help`"))?,
    };
    print(&page(wanted)?);
    Ok(Exit::Fit)
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// What its page is called: `shakedown-run`.
fn name_of(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The page of a command in the language of `man`.
fn page(command: &Command) -> anyhow::Result<String> {
    let man = Man::new(command.clone());
    let is_program = command.get_name() == command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut out = Vec::new();
    if is_program {
        man.render_title(&mut out)?;
        man.render_name_section(&mut out)?;
        man.render_synopsis_section(&mut out)?;
        man.render_description_section(&mut out)?;
        man.render_options_section(&mut out)?;
        man.render_subcommands_section(&mut out)?;
        let codes = Exit::ALL.iter().map(|exit| (exit.code().to_string(), explain::told(*exit)));
        terms("EXIT STATUS", codes).to_writer(&mut out)?;
        terms("FILES", FILES.into_iter()).to_writer(&mut out)?;
        terms("ENVIRONMENT", VARIABLES.into_iter()).to_writer(&mut out)?;
        man.render_version_section(&mut out)?;
    } else {
        man.render(&mut out)?;
        let mut also = Roff::new();
        also.control("SH", ["SEE ALSO"]).text([bold("shakedown"), roman("(1)")]);
        also.to_writer(&mut out)?;
    }
    Ok(String::from_utf8(out)?)
}

/// A section that says something of each of some words.
fn terms(heading: &str, entries: impl Iterator<Item = (impl Into<String>, impl Into<String>)>) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [heading]);
    for (word, meaning) in entries {
        section.control("TP", []).text([bold(word)]).text([roman(meaning)]);
    }
    section
}

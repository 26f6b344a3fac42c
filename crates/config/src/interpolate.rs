//! Finding the `${…}` in a tree, and filling them in.

use crate::diagnostic::Problems;
use crate::escape;
use crate::template::{Interpolation, Template, parse};
use crate::tree::{Node, Table, Value};

/// Turns every text with a `${…}` in it into a template. Keys must have none.
pub(crate) fn find(node: &mut Node, source: &str, problems: &mut Problems) {
    match &mut node.value {
        Value::Text(raw) => match parse(raw) {
            Ok(Interpolation::Plain(text)) => *raw = text,
            Ok(Interpolation::Template(template)) => node.value = Value::Template(template),
            Err(errors) => {
                for error in errors {
                    let span = escape::inner(source, &node.span, raw, &error.span);
                    problems.error(&span, error.message).help(error.help);
                }
                node.value = Value::Template(Template::broken(raw));
            }
        },
        Value::Array(items) => items.iter_mut().for_each(|item| find(item, source, problems)),
        Value::Table(table) => {
            for (key, entry) in &mut table.0 {
                if key.contains("${") {
                    problems
                        .error(&entry.key, "a key cannot contain `${…}`")
                        .help("only values are interpolated");
                }
                find(&mut entry.node, source, problems);
            }
        }
        Value::Template(_)
        | Value::Filled(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

/// Notes every `${…}` where none is read.
pub(crate) fn forbid(node: &Node, problems: &mut Problems) {
    match &node.value {
        Value::Text(text) if text.contains("${") => {
            problems.error(&node.span, "`${…}` is read below `[environments]` only");
        }
        Value::Array(items) => items.iter().for_each(|item| forbid(item, problems)),
        Value::Table(table) => table.0.values().for_each(|entry| forbid(&entry.node, problems)),
        _ => {}
    }
}

/// Fills in every template of an environment. Returns what was read from files, which is secret wherever it stands.
pub(crate) fn fill(
    table: &mut Table,
    environment: &str,
    variables: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> Vec<String> {
    let mut secrets = Vec::new();
    for entry in table.0.values_mut() {
        fill_node(&mut entry.node, environment, variables, &mut secrets, problems);
    }
    secrets
}

fn fill_node(
    node: &mut Node,
    environment: &str,
    variables: &dyn Fn(&str) -> Option<String>,
    secrets: &mut Vec<String>,
    problems: &mut Problems,
) {
    match &mut node.value {
        Value::Template(template) => match template.fill(variables) {
            Ok(filled) => {
                secrets.extend(filled.files.iter().cloned());
                node.value = Value::Filled(filled);
            }
            Err(errors) => {
                for (message, help) in errors {
                    problems
                        .error(&node.span, message)
                        .label(format!("environment `{environment}` needs it"))
                        .help(help);
                }
            }
        },
        Value::Array(items) => {
            for item in items {
                fill_node(item, environment, variables, secrets, problems);
            }
        }
        Value::Table(inner) => secrets.extend(fill(inner, environment, variables, problems)),
        Value::Text(_)
        | Value::Filled(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

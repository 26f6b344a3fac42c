//! The lists for people: a line each, and how many there are.

use super::Listed;
use super::views::{Check, EffectGroup, Environment, Fault, Faults, Fix, Group, Helper, Suite, Target};
use crate::args::ListOptions;
use crate::look::{CODE, Look, of_effect, of_severity};
use crate::table::{Cell, Table};
use anstyle::Style as Paint;
use shakedown_core::text::first_paragraph;

/// The lines, and a last one that counts them, or says that there are none.
pub(super) fn render(listed: &Listed, options: &ListOptions, look: Look) -> String {
    let mut table = Table::default();
    let footer = match listed {
        Listed::Checks(list) => {
            checks(&mut table, list);
            if options.orphans {
                counted(list.len(), "check", "that no suite selects", "every check is in a suite")
            } else {
                counted(list.len(), "check", "; `explain ID` tells more", "no check is selected")
            }
        }
        Listed::Groups(list) => {
            let (one, none) = if options.what.keys { ("key", "has a key") } else { ("tag", "has a tag") };
            groups(&mut table, list);
            counted(list.len(), one, "", &format!("no check that is selected {none}"))
        }
        Listed::Effects(list) => {
            effects(&mut table, list);
            counted(list.len(), "effect", "; the policy of an environment allows them", "there is no effect")
        }
        Listed::Suites(list) => {
            suites(&mut table, list);
            counted(list.len(), "suite", "; `run --suite NAME` asks one", "the configuration has no suite")
        }
        Listed::Environments(list) => {
            environments(&mut table, list);
            let none = "the configuration has no environment";
            counted(list.len(), "environment", "; `doctor --env NAME` tells how one is", none)
        }
        Listed::Targets(list) => {
            targets(&mut table, list);
            counted(list.len(), "kind of target", "", "no plugin brings a target")
        }
        Listed::Helpers(list) => {
            helpers(&mut table, list);
            let one = if options.what.collectors { "collector" } else { "observer" };
            counted(list.len(), one, "", &format!("no plugin brings a {one}"))
        }
        Listed::Faults(Faults { faults, incidents }) => {
            broken(&mut table, faults);
            let count = counted(faults.len(), "fault", "; `run --fault ID` injects one", "there is no fault");
            let incidents = incidents.iter().map(|incident| {
                let names = incident.faults.join(", ");
                format!(
                    "incident {}: {}\n  {names}\n",
                    look.paint(CODE, incident.id),
                    first_paragraph(&incident.docs)
                )
            });
            return table.render(look) + &look.dim(&count) + "\n\n" + &incidents.collect::<String>();
        }
        Listed::Fixes(list) => {
            fixes(&mut table, list);
            counted(list.len(), "fix", "; `fix --env NAME` shows what they would do", "there is no fix")
        }
    };
    format!("{}{}\n", table.render(look), look.dim(&footer))
}

/// `164 checks; more`, or that there is none.
fn counted(count: usize, one: &str, more: &str, none: &str) -> String {
    let blank = if more.is_empty() || more.starts_with(';') { "" } else { " " };
    match count {
        0 => none.to_owned(),
        1 => format!("1 {one}{blank}{more}"),
        _ => format!("{count} {}{blank}{more}", plural(one)),
    }
}

fn plural(one: &str) -> String {
    match one.split_once(' ') {
        Some((head, rest)) => format!("{} {rest}", plural(head)),
        None if one.ends_with('x') => format!("{one}es"),
        None => format!("{one}s"),
    }
}

fn checks(table: &mut Table, list: &[Check]) {
    for check in list {
        table.row([
            Cell::painted(check.id, CODE),
            Cell::painted(check.effect.as_str(), of_effect(check.effect)),
            Cell::painted(check.severity.as_str(), of_severity(check.severity)),
            check.title.into(),
        ]);
    }
}

fn groups(table: &mut Table, list: &[Group]) {
    for group in list {
        let number = Cell::painted(how_many(group.checks.len()), Paint::new().dimmed());
        table.row([Cell::linked(group.name, group.link.clone()), number, group.checks.join(", ").into()]);
    }
}

fn effects(table: &mut Table, list: &[EffectGroup]) {
    for group in list {
        let allowed = match group.allowed_in.as_slice() {
            [] => "allowed nowhere".to_owned(),
            places => format!("allowed in {}", places.join(", ")),
        };
        table.row([
            Cell::painted(group.effect.as_str(), of_effect(group.effect)),
            Cell::painted(how_many(group.checks.len()), Paint::new().dimmed()),
            group.meaning.into(),
            allowed.into(),
        ]);
    }
}

fn suites(table: &mut Table, list: &[Suite]) {
    for suite in list {
        table.row([
            Cell::painted(&suite.name, CODE),
            Cell::painted(how_many(suite.checks.len()), Paint::new().dimmed()),
            suite.description.as_ref().unwrap_or(&suite.select).into(),
        ]);
    }
}

fn environments(table: &mut Table, list: &[Environment]) {
    for environment in list {
        let allow: Vec<&str> = environment.allow.iter().map(|effect| effect.as_str()).collect();
        let place = match environment.targets.as_slice() {
            _ if environment.sandbox => "the sandbox".to_owned(),
            [] => "no targets".to_owned(),
            targets => targets.join(", "),
        };
        table.row([
            Cell::painted(&environment.name, CODE),
            allow.join(", ").into(),
            environment.role.as_deref().unwrap_or_default().into(),
            place.into(),
        ]);
    }
}

fn targets(table: &mut Table, list: &[Target]) {
    for target in list {
        let mut places = target.environments.clone();
        places.extend(target.in_sandbox.then(|| "the sandbox".to_owned()));
        table.row([
            Cell::painted(target.kind, CODE),
            Cell::painted(how_many(target.checks), Paint::new().dimmed()),
            target.title.into(),
            places.join(", ").into(),
        ]);
    }
}

fn helpers(table: &mut Table, list: &[Helper]) {
    for helper in list {
        table.row([
            Cell::painted(helper.id, CODE),
            helper.target.into(),
            first_paragraph(&helper.docs).into(),
        ]);
    }
}

fn broken(table: &mut Table, list: &[Fault]) {
    for fault in list {
        table.row([Cell::painted(fault.id, CODE), first_paragraph(&fault.docs).into()]);
    }
}

fn fixes(table: &mut Table, list: &[Fix]) {
    for fix in list {
        let only = if fix.instead_of.is_some() { ", only when asked for by name" } else { "" };
        let what = format!("{} (mends {}{only})", fix.title, fix.check);
        table.row([Cell::painted(fix.id, CODE), what.into()]);
    }
}

fn how_many(checks: usize) -> String {
    shakedown_report::text::counted(checks, "check", "checks")
}

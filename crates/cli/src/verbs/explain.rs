//! `explain`: the user's page of a check, a fix, a fault or an incident.

use crate::args::{Format, Globals};
use crate::output::print;
use crate::project::registry;
use crate::verbs::{catalogue, list};
use anyhow::bail;
use serde_json::json;
use shakedown_core::run::Exit;
use shakedown_core::suggest::nearest;

pub(crate) fn explain(globals: &Globals, id: &str) -> anyhow::Result<Exit> {
    let registry = registry()?;
    if let Some(spec) = registry.check(id) {
        print(&match globals.format {
            Format::Text => catalogue::page(spec, 1),
            Format::Json => {
                let mut described = list::described(spec);
                described["docs"] = spec.docs.text().into();
                format!("{described:#}\n")
            }
        });
        return Ok(Exit::Fit);
    }
    if let Some(spec) = registry.fix(id) {
        print(&match globals.format {
            Format::Text => catalogue::fix_page(spec, 1),
            Format::Json => format!("{:#}\n", list::described_fix(spec)),
        });
        return Ok(Exit::Fit);
    }
    let fault = registry.faults().iter().find(|fault| fault.id == id).map(|fault| (fault.docs, fault.keys));
    let incident = registry
        .incidents()
        .iter()
        .find(|incident| incident.id == id)
        .map(|incident| (incident.docs, incident.faults));
    if let Some((docs, related)) = fault.or(incident) {
        print(&match globals.format {
            Format::Text => format!("# {id}\n\n{}\n\n{}\n", docs.text(), related.join(", ")),
            Format::Json => format!("{:#}\n", json!({ "id": id, "docs": docs.text(), "related": related })),
        });
        return Ok(Exit::Fit);
    }
    let checks = registry.checks().iter().map(|spec| spec.id);
    let known = checks
        .chain(registry.fixes().iter().map(|spec| spec.id))
        .chain(registry.faults().iter().map(|fault| fault.id));
    match nearest(id, known) {
        Some(near) => bail!("there is no check, fix, fault or incident `{id}`; did you mean `{near}`?"),
        None => bail!(
            "there is no check, fix, fault or incident `{id}`; see `list`, `list --fixes` and `list --faults`"
        ),
    }
}

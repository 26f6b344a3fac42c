//! `schema`: the JSON Schemas of what users write and programs read.

use crate::args::{Format, Globals};
use crate::failure::Failure;
use crate::look::CODE;
use crate::output::{print, print_json};
use crate::project::registry;
use crate::table::{Cell, Table};
use crate::verbs::list::views;
use crate::verbs::{cleanup, doctor, explain, fix, keys, plan, prove, sandbox, upload, validate};
use clap::ValueEnum;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;
use shakedown_core::event::Event;
use shakedown_core::measurement::Measured;
use shakedown_core::run::Exit;
use shakedown_report::{compare, json};

/// A JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Schema {
    /// Of `checks.toml`
    Checks,
    /// Of `run.json`, which `run` and `report` print too
    Run,
    /// Of what `list` prints
    List,
    /// Of what `list --keys` and `list --tags` print
    ListGroups,
    /// Of what `list --effects` prints
    ListEffects,
    /// Of what `list --suites` prints
    ListSuites,
    /// Of what `list --environments` prints
    ListEnvironments,
    /// Of what `list --targets` prints
    ListTargets,
    /// Of what `list --collectors` and `list --observers` print
    ListHelpers,
    /// Of what `list --faults` prints
    ListFaults,
    /// Of what `list --fixes` prints
    ListFixes,
    /// Of what `explain` prints
    Explain,
    /// Of what `plan` and `run --dry-run` print
    Plan,
    /// Of what `validate` prints
    Validate,
    /// Of what `doctor` prints
    Doctor,
    /// Of what `prove` prints
    Prove,
    /// Of what `fix` prints, and of its `fix.json`
    Fix,
    /// Of what `fix --undo` prints
    Undo,
    /// Of what `report --compare` prints
    Compare,
    /// Of what `upload` prints, and of the entries of `uploads.json`
    Upload,
    /// Of what `upload --dry-run` prints
    UploadRequest,
    /// Of what `keys check` prints
    KeysCheck,
    /// Of what `cleanup` prints
    Cleanup,
    /// Of what `sandbox up` prints
    Sandbox,
    /// Of what `bench` prints
    Bench,
    /// Of each line of `events.jsonl`
    Event,
    /// Of what any verb prints that could not do its work
    Error,
}

/// A schema, for programs that look for one.
#[derive(Serialize)]
struct Entry {
    name: String,
    of: String,
}

pub(crate) fn schema(globals: &Globals, which: Option<Schema>) -> anyhow::Result<Exit> {
    if let Some(which) = which {
        print(&format!("{:#}\n", which.document()?));
        return Ok(Exit::Fit);
    }
    let entries: Vec<Entry> = Schema::value_variants().iter().copied().filter_map(Schema::entry).collect();
    match globals.format {
        Format::Json => print_json(&entries)?,
        Format::Text => {
            let mut table = Table::default();
            for Entry { name, of } in entries {
                table.row([Cell::painted(name, CODE), of.into()]);
            }
            print(&table.render(globals.look()));
        }
    }
    Ok(Exit::Fit)
}

impl Schema {
    fn entry(self) -> Option<Entry> {
        let value = self.to_possible_value()?;
        let of = value.get_help().map(ToString::to_string).unwrap_or_default();
        Some(Entry { name: value.get_name().to_owned(), of })
    }

    /// The schema itself.
    fn document(self) -> anyhow::Result<Value> {
        let schema = match self {
            Self::Checks => return Ok(shakedown_config::schema(&registry()?)),
            Self::Run => return Ok(json::schema()),
            Self::Compare => return Ok(compare::schema()),
            Self::List => of::<Vec<views::Check>>(),
            Self::ListGroups => of::<Vec<views::Group>>(),
            Self::ListEffects => of::<Vec<views::EffectGroup>>(),
            Self::ListSuites => of::<Vec<views::Suite>>(),
            Self::ListEnvironments => of::<Vec<views::Environment>>(),
            Self::ListTargets => of::<Vec<views::Target>>(),
            Self::ListHelpers => of::<Vec<views::Helper>>(),
            Self::ListFaults => of::<views::Faults>(),
            Self::ListFixes => of::<Vec<views::Fix>>(),
            Self::Explain => of::<Vec<explain::pages::Page>>(),
            Self::Plan => of::<plan::Document<'static>>(),
            Self::Validate => of::<validate::Document>(),
            Self::Doctor => of::<doctor::Diagnosis>(),
            Self::Prove => of::<Vec<prove::Shown>>(),
            Self::Fix => of::<fix::Report>(),
            Self::Undo => of::<fix::Undone<'static>>(),
            Self::Upload => of::<upload::record::UploadRecord>(),
            Self::UploadRequest => of::<upload::request::UploadRequest>(),
            Self::KeysCheck => of::<keys::answer::KeysAnswer>(),
            Self::Cleanup => of::<cleanup::Document>(),
            Self::Sandbox => of::<sandbox::Document>(),
            Self::Bench => of::<Vec<Measured>>(),
            Self::Event => of::<Event>(),
            Self::Error => of::<Failure>(),
        };
        Ok(self.titled(schema))
    }

    /// With what it is of as its title.
    fn titled(self, mut schema: Value) -> Value {
        if let Some(Entry { of, .. }) = self.entry() {
            schema["title"] = of.replace("Of what", "what").into();
        }
        schema
    }
}

fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

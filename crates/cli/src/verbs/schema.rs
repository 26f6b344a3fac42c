//! `schema`: the JSON Schemas of what users write and read.

use crate::args::Schema;
use crate::output::print;
use crate::project::registry;
use shakedown_core::run::Exit;

pub(crate) fn schema(which: Schema) -> anyhow::Result<Exit> {
    let schema = match which {
        Schema::Checks => shakedown_config::schema(&registry()?),
        Schema::Run => shakedown_report::json::schema(),
    };
    print(&format!("{schema:#}\n"));
    Ok(Exit::Fit)
}

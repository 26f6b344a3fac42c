//! Where the server keeps its data.

use crate::brief;
use mongodb::bson::Document;
use shakedown_core::{Cause, CheckError, Finding, Observation, Verdict};

pub(super) fn judge(status: &Document, address: &str) -> Result<Verdict, CheckError> {
    let engine = status
        .get_document("storageEngine")
        .map_err(|_| CheckError::not_applicable("the server does not say which storage engine it has"))?;
    let name = brief::line(engine.get_str("name").unwrap_or("(unnamed)"), 40);
    let volatile = engine.get_bool("persistent").is_ok_and(|persistent| !persistent)
        || ["inMemory", "ephemeralForTest"].contains(&&*name);
    let verdict = Verdict::of(Observation::seen(format!("storage engine `{name}`")));
    Ok(verdict.with_all(volatile.then(|| {
        Finding::new(
            "storage-volatile",
            Cause::Environment,
            address,
            format!("the storage engine `{name}` keeps the data in memory only"),
        )
        .expected("a storage engine that writes to disk, for example `wiredTiger`", &name)
        .detail("whatever is stored is gone when the server stops")
        .remedy(
            "dump the data, start MongoDB with the storage engine `wiredTiger`, and load it again",
            "an hour",
        )
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::doc;
    use shakedown_core::{Outcome, Status};

    #[test]
    fn memory_is_no_place_for_recordings() {
        let status = |engine: Document| Outcome::from(judge(&doc! { "storageEngine": engine }, "db")).status;
        assert_eq!(status(doc! { "name": "wiredTiger", "persistent": true }), Status::Passed);
        assert_eq!(status(doc! { "name": "other" }), Status::Passed);
        assert_eq!(status(doc! { "name": "inMemory" }), Status::Failed);
        assert_eq!(status(doc! { "name": "x", "persistent": false }), Status::Failed);
        assert_eq!(Outcome::from(judge(&doc! {}, "db")).status, Status::Skipped);
    }
}

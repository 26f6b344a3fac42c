//! The rules of the data against a real server.

mod rules;
mod values;

/// Every rule about what is stored.
const RULES: [&str; 13] = [
    "mongo.basepaths.guid",
    "mongo.collections.required",
    "mongo.metadata.required",
    "mongo.schema.recordings",
    "mongo.schema.unrecognized",
    "mongo.schema.metadata",
    "mongo.softdelete.totals",
    "mongo.lifecycle.classes",
    "mongo.recordings.stale",
    "mongo.recordings.duplicates",
    "mongo.time.order",
    "mongo.recognition.rate",
    "mongo.connect",
];

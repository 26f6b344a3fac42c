//! What a field of a document must be, how the server reports what it is, and how the two are compared.
//!
//! Only the types of fields travel, never their values: a document may be large or hostile, the report on it is not.

use crate::brief;
use crate::client::MongoClient;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::{CheckError, Context};
use std::collections::{BTreeMap, BTreeSet};

/// At most so many examples of each kind of breach are named.
const EXAMPLES: usize = 10;

/// What a field must be. Types are named as the server's `$type` names them.
pub(super) struct Rule {
    pub(super) field: &'static str,
    /// The types that are right.
    pub(super) right: &'static [&'static str],
    /// The types that are worth a note.
    pub(super) tolerated: &'static [&'static str],
    /// The types that hold the right thing in a form that queries pass by: worth a warning.
    pub(super) doubtful: &'static [&'static str],
}

/// The types of one document's fields, and how to find that document again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    id: String,
    types: BTreeMap<&'static str, String>,
}

/// What breaks the rules, or only just keeps them: how often, and a few examples.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// How many documents are concerned.
    pub(super) documents: u64,
    /// How many documents, by what is the matter, for example "`start_time` is string".
    matters: BTreeMap<String, u64>,
    examples: Vec<String>,
}

/// The breaches among the documents examined.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Fields that are absent or null.
    pub(super) missing: Tally,
    /// Fields of a wrong type.
    pub(super) wrong: Tally,
    /// Fields of a type that is tolerated.
    pub(super) tolerated: Tally,
    /// Fields of a type that is doubtful.
    pub(super) doubtful: Tally,
}

/// How many documents were looked at, and what they look like.
pub(super) struct Examined {
    /// How many of them were chosen at random.
    pub(super) sampled: u64,
    /// Whether there may be more documents that break a rule than those that were looked at.
    pub(super) capped: bool,
    pub(super) shapes: Vec<Shape>,
}

/// Looks at up to `sample` documents that the server chooses at random and, where `search` says so, at as many that
/// break a rule, which the server looks for in the whole collection.
pub(super) async fn examine(
    mongo: &MongoClient,
    cx: &Context,
    collection: &str,
    rules: &[Rule],
    (sample, search): (u32, bool),
) -> Result<Examined, CheckError> {
    let limit = i64::from(sample);
    let random = vec![doc! { "$sample": { "size": limit } }, projection(rules)];
    let mut rows = mongo.rows(cx, "sample documents", collection, random).await?;
    let sampled = rows.len() as u64;
    let mut capped = false;
    if search {
        let breaking = vec![breach(rules), doc! { "$limit": limit }, projection(rules)];
        let found = mongo.rows(cx, "search for documents that break a rule", collection, breaking).await?;
        capped = found.len() as u64 >= u64::from(sample);
        rows.extend(found);
    }
    let mut seen = BTreeSet::new();
    let shapes = rows
        .iter()
        .map(|row| Shape::read(row, rules))
        .filter(|shape| seen.insert(shape.id.clone()))
        .collect();
    Ok(Examined { sampled, capped, shapes })
}

/// Reduces a document to its id and the types of its fields.
fn projection(rules: &[Rule]) -> Document {
    // A stage that computes needs another name than the field's, or an absent field would stay absent.
    let mut fields = doc! { "_id": 0, "id": brief::field("_id"), "name": brief::field("uuid") };
    for rule in rules {
        fields.insert(type_of(rule.field), doc! { "$type": format!("${}", rule.field) });
    }
    doc! { "$project": fields }
}

/// Keeps the documents that break a rule. Types are compared as such: to a plain query a list of texts would be a text.
fn breach(rules: &[Rule]) -> Document {
    let broken: Vec<Document> = rules
        .iter()
        .map(|rule| {
            let allowed: Vec<&str> = rule.right.iter().chain(rule.tolerated).copied().collect();
            doc! { "$not": [{ "$in": [{ "$type": format!("${}", rule.field) }, allowed] }] }
        })
        .collect();
    doc! { "$match": { "$expr": { "$or": broken } } }
}

fn type_of(field: &str) -> String {
    format!("type_of_{field}")
}

impl Shape {
    fn read(row: &Document, rules: &[Rule]) -> Self {
        let name = row.get("name").filter(|name| matches!(name, Bson::String(_)));
        let id = brief::show(row.get("id"));
        let types = rules.iter().map(|rule| {
            let kind = row.get_str(type_of(rule.field)).unwrap_or("missing");
            (rule.field, brief::line(kind, 20))
        });
        Self {
            types: types.collect(),
            id: name.map_or_else(
                || format!("_id {id}"),
                |name| format!("uuid {} (_id {id})", brief::show(Some(name))),
            ),
        }
    }
}

impl Tally {
    fn add(&mut self, id: &str, matters: Vec<String>) {
        if matters.is_empty() {
            return;
        }
        self.documents += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{id}: {}", brief::and(&matters)));
        }
        for matter in matters {
            *self.matters.entry(matter).or_default() += 1;
        }
    }

    /// What is the matter, and how often: "`start_time` is string (2), `deleted` is int (1)".
    pub(super) fn matters(&self) -> String {
        let parts: Vec<String> =
            self.matters.iter().map(|(matter, count)| format!("{matter} ({count})")).collect();
        parts.join(", ")
    }

    /// A few documents, and how many more there are.
    pub(super) fn examples(&self) -> Vec<String> {
        let more = self.documents - self.examples.len() as u64;
        let rest = (more > 0).then(|| format!("and {more} more"));
        self.examples.iter().cloned().chain(rest).collect()
    }
}

/// Compares documents with rules.
pub(super) fn judge(rules: &[Rule], shapes: &[Shape]) -> Report {
    let mut report = Report::default();
    for shape in shapes {
        let (mut missing, mut wrong, mut tolerated, mut doubtful) = (vec![], vec![], vec![], vec![]);
        for rule in rules {
            let field = rule.field;
            match shape.types.get(field).map_or("missing", String::as_str) {
                kind if rule.right.contains(&kind) => {}
                kind if rule.tolerated.contains(&kind) => tolerated.push(format!("`{field}` is {kind}")),
                kind if rule.doubtful.contains(&kind) => doubtful.push(format!("`{field}` is {kind}")),
                "missing" => missing.push(format!("`{field}` is missing")),
                kind @ ("null" | "undefined") => missing.push(format!("`{field}` is {kind}")),
                kind => wrong.push(format!("`{field}` is {kind}")),
            }
        }
        report.missing.add(&shape.id, missing);
        report.wrong.add(&shape.id, wrong);
        report.tolerated.add(&shape.id, tolerated);
        report.doubtful.add(&shape.id, doubtful);
    }
    report
}

/// The rules for a reader: "`uuid` string, `end_time` date or null".
pub(super) fn in_words(rules: &[Rule]) -> String {
    let parts: Vec<String> =
        rules.iter().map(|rule| format!("`{}` {}", rule.field, rule.right.join(" or "))).collect();
    parts.join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A document of these types; a field that is not named is missing.
    pub(in crate::checks::schema) fn shape(rules: &[Rule], id: &str, types: &[(&str, &str)]) -> Shape {
        let mut row = doc! { "id": id };
        for (field, kind) in types {
            row.insert(type_of(field), *kind);
        }
        Shape::read(&row, rules)
    }

    const RULES: [Rule; 2] = [
        Rule { field: "uuid", right: &["string"], tolerated: &[], doubtful: &[] },
        Rule { field: "end_time", right: &["date", "null"], tolerated: &["int"], doubtful: &["string"] },
    ];

    #[test]
    fn each_breach_has_its_tally() {
        let shapes = [
            shape(&RULES, "good", &[("uuid", "string"), ("end_time", "null")]),
            shape(&RULES, "fair", &[("uuid", "string"), ("end_time", "int")]),
            shape(&RULES, "odd", &[("uuid", "string"), ("end_time", "string")]),
            shape(&RULES, "bad", &[("uuid", "int"), ("end_time", "bool")]),
            shape(&RULES, "bare", &[("uuid", "null")]),
        ];
        let report = judge(&RULES, &shapes);
        assert_eq!(report.wrong.matters(), "`end_time` is bool (1), `uuid` is int (1)");
        assert_eq!(report.wrong.examples(), ["_id bad: `uuid` is int and `end_time` is bool"]);
        assert_eq!(report.missing.examples(), ["_id bare: `uuid` is null and `end_time` is missing"]);
        assert_eq!(report.tolerated.examples(), ["_id fair: `end_time` is int"]);
        assert_eq!(report.doubtful.examples(), ["_id odd: `end_time` is string"]);
        assert_eq!([report.wrong, report.missing, report.tolerated].map(|tally| tally.documents), [1, 1, 1]);
    }

    #[test]
    fn examples_are_few_whatever_the_number() {
        let shapes: Vec<Shape> =
            (0..25).map(|id| shape(&RULES, &id.to_string(), &[("end_time", "date")])).collect();
        let examples = judge(&RULES, &shapes).missing.examples();
        assert_eq!((examples.len(), examples[10].as_str()), (11, "and 15 more"));
    }

    #[test]
    fn a_row_that_makes_no_sense_is_a_document_without_fields() {
        let row = doc! { "id": { "$where": "x" }, "name": 5, "type_of_uuid": 7 };
        let report = judge(&RULES, &[Shape::read(&row, &RULES)]);
        assert_eq!(report.missing.matters(), "`end_time` is missing (1), `uuid` is missing (1)");
    }

    #[test]
    fn the_server_searches_by_the_same_rules() {
        assert_eq!(
            breach(&RULES),
            doc! { "$match": { "$expr": { "$or": [
                { "$not": [{ "$in": [{ "$type": "$uuid" }, ["string"]] }] },
                { "$not": [{ "$in": [{ "$type": "$end_time" }, ["date", "null", "int"]] }] },
            ] } } }
        );
        assert_eq!(in_words(&RULES), "`uuid` string, `end_time` date or null");
    }
}

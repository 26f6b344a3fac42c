//! What a field of a document must be, and how the shapes of documents are compared with that.

use crate::brief;
use crate::checks::shapes::{Example, Shape};
use crate::checks::survey::{ABSENT, Survey, and_more};
use shakedown_core::CheckError;
use std::collections::BTreeMap;

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

/// How well a field keeps its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Right,
    Tolerated,
    Doubtful,
    Wrong,
    /// It is missing or null, and may not be.
    Absent,
}

impl Rule {
    fn grade(&self, kind: &str) -> Grade {
        if self.right.contains(&kind) {
            Grade::Right
        } else if self.tolerated.contains(&kind) {
            Grade::Tolerated
        } else if self.doubtful.contains(&kind) {
            Grade::Doubtful
        } else if ABSENT.contains(&kind) {
            Grade::Absent
        } else {
            Grade::Wrong
        }
    }
}

/// The documents that earn one grade for some field: how many, why, and their shapes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tally<'a> {
    pub(super) grade: Grade,
    pub(super) documents: u64,
    /// How many documents, by what is the matter, for example "`start_time` is string".
    matters: BTreeMap<String, u64>,
    shapes: Vec<&'a Shape>,
}

impl<'a> Tally<'a> {
    /// Of the shapes that earn this grade.
    pub(super) fn of(grade: Grade, rules: &[Rule], shapes: &[&'a Shape]) -> Self {
        let mut tally = Self { grade, documents: 0, matters: BTreeMap::new(), shapes: Vec::new() };
        for &shape in shapes {
            let matters = matters_of(grade, rules, shape);
            if matters.is_empty() {
                continue;
            }
            tally.documents += shape.documents;
            tally.shapes.push(shape);
            for matter in matters {
                *tally.matters.entry(matter).or_default() += shape.documents;
            }
        }
        tally
    }

    /// What is the matter, and how often: "`deleted` is int (1), `start_time` is string (2)".
    pub(super) fn matters(&self) -> String {
        let parts: Vec<String> =
            self.matters.iter().map(|(matter, count)| format!("{matter} ({count})")).collect();
        parts.join(", ")
    }

    /// A few of the documents by name, each with what is the matter, and how many more there are.
    pub(super) async fn examples(
        &self,
        survey: &Survey<'_>,
        rules: &[Rule],
    ) -> Result<Vec<String>, CheckError> {
        let fields: Vec<&'static str> = rules.iter().map(|rule| rule.field).collect();
        Ok(self.lines(rules, &survey.examples_of(&fields, &self.shapes).await?))
    }

    fn lines(&self, rules: &[Rule], examples: &[Example]) -> Vec<String> {
        let line = |example: &Example| {
            let matters = matters_of(self.grade, rules, &example.shape);
            format!("{}: {}", example.name, brief::and(&matters))
        };
        and_more(examples.iter().map(line).collect(), self.documents)
    }
}

fn matters_of(grade: Grade, rules: &[Rule], shape: &Shape) -> Vec<String> {
    let concerned = rules.iter().filter(|rule| rule.grade(shape.kind(rule.field)) == grade);
    concerned.map(|rule| format!("`{}` is {}", rule.field, shape.kind(rule.field))).collect()
}

/// The rules for a reader: "`uuid` string, `end_time` date or null".
pub(super) fn in_words(rules: &[Rule]) -> String {
    let parts: Vec<String> =
        rules.iter().map(|rule| format!("`{}` {}", rule.field, rule.right.join(" or "))).collect();
    parts.join(", ")
}

/// So many documents of a shape, in the order of the rules.
#[cfg(test)]
pub(super) fn shape_of(rules: &[Rule], documents: u64, types: &[(&str, &str)]) -> Shape {
    let fields: Vec<&'static str> = rules.iter().map(|rule| rule.field).collect();
    let kind =
        |field: &str| types.iter().find(|(name, _)| *name == field).map_or("missing", |(_, kind)| *kind);
    let kinds: mongodb::bson::Bson = fields.iter().map(|field| kind(field)).collect();
    Shape::new(&fields, Some(&kinds), documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: [Rule; 2] = [
        Rule { field: "uuid", right: &["string"], tolerated: &[], doubtful: &[] },
        Rule { field: "end_time", right: &["date", "null"], tolerated: &["int"], doubtful: &["string"] },
    ];

    #[test]
    fn each_grade_has_its_tally() {
        let shapes = [
            shape_of(&RULES, 1000, &[("uuid", "string"), ("end_time", "null")]),
            shape_of(&RULES, 5, &[("uuid", "string"), ("end_time", "int")]),
            shape_of(&RULES, 4, &[("uuid", "string"), ("end_time", "string")]),
            shape_of(&RULES, 2, &[("uuid", "int"), ("end_time", "bool")]),
            shape_of(&RULES, 1, &[("uuid", "int"), ("end_time", "date")]),
            shape_of(&RULES, 3, &[("uuid", "null")]),
        ];
        let shapes: Vec<&Shape> = shapes.iter().collect();
        let tally = |grade| Tally::of(grade, &RULES, &shapes);
        let wrong = tally(Grade::Wrong);
        assert_eq!((wrong.documents, wrong.shapes.len()), (3, 2));
        assert_eq!(wrong.matters(), "`end_time` is bool (2), `uuid` is int (3)");
        assert_eq!(tally(Grade::Absent).matters(), "`end_time` is missing (3), `uuid` is null (3)");
        assert_eq!((tally(Grade::Tolerated).documents, tally(Grade::Doubtful).documents), (5, 4));
        assert_eq!(in_words(&RULES), "`uuid` string, `end_time` date or null");
    }

    #[test]
    fn examples_say_what_is_the_matter() {
        let shape = shape_of(&RULES, 12, &[("uuid", "int"), ("end_time", "bool")]);
        let example = Example { name: "_id 7".to_owned(), shape: shape.clone() };
        let lines = Tally::of(Grade::Wrong, &RULES, &[&shape]).lines(&RULES, &[example]);
        assert_eq!(lines, ["_id 7: `uuid` is int and `end_time` is bool", "and 11 more"]);
    }
}

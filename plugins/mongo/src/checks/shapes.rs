//! What documents look like: the server groups them by the types of their fields, so that a million documents become a
//! handful of shapes. Only types travel, never values: a document may be large or hostile, the report on it is not.

use super::survey::{Survey, count, name};
use crate::brief;
use mongodb::bson::{Bson, Document, doc};
use shakedown_core::CheckError;

/// Examples are sought for so many shapes at most; there are at most ten examples anyway.
const SOUGHT: usize = 50;

/// Documents that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Each field and its type, as the server's `$type` names it.
    types: Vec<(&'static str, String)>,
    /// How many documents there are.
    pub(super) documents: u64,
}

impl Shape {
    /// Of so many documents, from the types in the order of the fields.
    pub(super) fn new(fields: &[&'static str], types: Option<&Bson>, documents: u64) -> Self {
        let types = types.and_then(Bson::as_array).map_or(&[][..], Vec::as_slice);
        let kind = |place| types.get(place).and_then(Bson::as_str).unwrap_or("missing");
        let types = fields.iter().enumerate().map(|(place, &field)| (field, brief::line(kind(place), 20)));
        Self { types: types.collect(), documents }
    }

    /// The type of a field.
    pub(super) fn kind(&self, field: &str) -> &str {
        self.types.iter().find(|(name, _)| *name == field).map_or("missing", |(_, kind)| kind)
    }
}

/// An example: how it is named, and its shape.
pub(super) struct Example {
    pub(super) name: String,
    pub(super) shape: Shape,
}

fn types_of(fields: &[&str]) -> Bson {
    fields.iter().map(|field| doc! { "$type": format!("${field}") }).collect()
}

impl Survey<'_> {
    /// The shapes of all documents, by these fields.
    pub(super) async fn shapes(&self, fields: &[&'static str]) -> Result<Vec<Shape>, CheckError> {
        let group = doc! { "$group": { "_id": types_of(fields), "documents": { "$sum": 1 } } };
        let rows = self.rows("count the documents by the types of their fields", vec![group]).await?;
        Ok(rows.iter().map(|row| Shape::new(fields, row.get("_id"), count(row, "documents"))).collect())
    }

    /// A few documents of the given shapes.
    pub(super) async fn examples_of(
        &self,
        fields: &[&'static str],
        shapes: &[&Shape],
    ) -> Result<Vec<Example>, CheckError> {
        if shapes.is_empty() {
            return Ok(Vec::new());
        }
        let sought: Vec<Vec<&str>> = shapes
            .iter()
            .take(SOUGHT)
            .map(|shape| fields.iter().map(|field| shape.kind(field)).collect())
            .collect();
        let condition = doc! { "$in": [types_of(fields), sought] };
        let rows = self.examples(Vec::new(), condition, doc! { "types": types_of(fields) }).await?;
        let example =
            |row: &Document| Example { name: name(row), shape: Shape::new(fields, row.get("types"), 1) };
        Ok(rows.iter().map(example).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::bson;

    #[test]
    fn a_row_that_makes_no_sense_is_a_document_without_fields() {
        let fields = ["uuid", "deleted"];
        let shape = Shape::new(&fields, Some(&bson!(["string", 7])), 3);
        assert_eq!(
            (shape.kind("uuid"), shape.kind("deleted"), shape.kind("other")),
            ("string", "missing", "missing")
        );
        assert_eq!(Shape::new(&fields, None, 3).kind("uuid"), "missing");
    }
}

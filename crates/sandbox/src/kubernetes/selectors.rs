//! Which objects are meant: selectors of labels and of fields, as they stand in a query.

use super::error::ApiError;
use super::kinds::Kind;
use serde_json::Value;

/// What an object has to be like. Empty, it selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

/// What one label has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    label: String,
    demand: Demand,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Demand {
    Exists,
    IsAbsent,
    In(Vec<String>),
    /// Also where the label is absent.
    NotIn(Vec<String>),
}

/// What one field has to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    pointer: String,
    value: String,
    is_equal: bool,
}

impl Selector {
    /// Reads both selectors of a query for objects of a kind; either may be empty.
    pub(crate) fn read(kind: &Kind, labels: &str, fields: &str) -> Result<Self, ApiError> {
        let unreadable = |what: &str, text: &str| {
            ApiError::bad_request(format!("unable to parse the {what} selector \"{text}\""))
        };
        let labels = split_outside_brackets(labels)
            .into_iter()
            .map(|term| requirement(term).ok_or_else(|| unreadable("label", labels)))
            .collect::<Result<_, _>>()?;
        let fields = fields
            .split(',')
            .filter(|term| !term.trim().is_empty())
            .map(|term| {
                let (name, is_equal, value) = comparison(term).ok_or_else(|| unreadable("field", fields))?;
                if !knows_field(kind, name) {
                    let message = format!("field label not supported: {name} (kind {})", kind.kind);
                    return Err(ApiError::bad_request(message));
                }
                let pointer = format!("/{}", name.replace('.', "/"));
                Ok(Field { pointer, value: value.to_owned(), is_equal })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { labels, fields })
    }

    /// Whether an object is meant.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|requirement| requirement.holds(labels[&requirement.label].as_str()))
            && self.fields.iter().all(|field| field.holds(object))
    }
}

impl Requirement {
    fn holds(&self, value: Option<&str>) -> bool {
        let is_among = |values: &[String]| value.is_some_and(|value| values.iter().any(|one| one == value));
        match &self.demand {
            Demand::Exists => value.is_some(),
            Demand::IsAbsent => value.is_none(),
            Demand::In(values) => is_among(values),
            Demand::NotIn(values) => !is_among(values),
        }
    }
}

impl Field {
    fn holds(&self, object: &Value) -> bool {
        let found = object.pointer(&self.pointer);
        let is_same = match found {
            None | Some(Value::Null) => self.value.is_empty(),
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Bool(is)) => self.value == if *is { "true" } else { "false" },
            Some(Value::Number(number)) => number.to_string() == self.value,
            Some(_) => false,
        };
        is_same == self.is_equal
    }
}

/// The fields of a kind by which the API selects.
fn knows_field(kind: &Kind, name: &str) -> bool {
    let own: &[&str] = match kind.kind {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        "Job" => &["status.successful"],
        "Namespace" => &["status.phase"],
        "Node" => &["spec.unschedulable"],
        "ReplicaSet" => &["status.replicas"],
        "Secret" => &["type"],
        "Service" => &["spec.clusterIP", "spec.type"],
        _ => &[],
    };
    name == "metadata.name" || kind.namespaced && name == "metadata.namespace" || own.contains(&name)
}

/// `a=b`, `a==b` or `a!=b`: the name, whether it has to be equal, the value.
fn comparison(term: &str) -> Option<(&str, bool, &str)> {
    let (name, rest) = term.split_once('=')?;
    let (name, is_equal) = name.strip_suffix('!').map_or((name, true), |name| (name, false));
    let value = rest.strip_prefix('=').unwrap_or(rest);
    Some((name.trim(), is_equal, value.trim()))
}

fn requirement(term: &str) -> Option<Requirement> {
    let term = term.trim();
    let (label, demand) = if let Some((left, list)) = term.split_once('(') {
        let values = list.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned()).collect();
        let (label, operator) = left.trim().rsplit_once(char::is_whitespace)?;
        match operator {
            "in" => (label, Demand::In(values)),
            "notin" => (label, Demand::NotIn(values)),
            _ => return None,
        }
    } else if term.contains('=') {
        let (label, is_equal, value) = comparison(term)?;
        let values = vec![value.to_owned()];
        (label, if is_equal { Demand::In(values) } else { Demand::NotIn(values) })
    } else if let Some(label) = term.strip_prefix('!') {
        (label, Demand::IsAbsent)
    } else {
        (term, Demand::Exists)
    };
    let label = label.trim();
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    (!label.is_empty() && label.chars().all(is_fine)).then(|| Requirement { label: label.to_owned(), demand })
}

/// The terms between commas that stand in no list of values.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut is_inside = false;
    let terms = text.split(move |letter| {
        match letter {
            '(' => is_inside = true,
            ')' => is_inside = false,
            _ => {}
        }
        letter == ',' && !is_inside
    });
    terms.filter(|term| !term.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::kinds::{NODE, POD};
    use super::*;
    use serde_json::json;

    fn pod() -> Value {
        json!({
            "metadata": {"name": "a", "labels": {"app": "grpc-job-1-2", "tier": "back", "example.com/x": ""}},
            "status": {"phase": "Running"},
        })
    }

    fn selects(labels: &str, fields: &str) -> bool {
        Selector::read(&POD, labels, fields).unwrap().matches(&pod())
    }

    #[test]
    fn labels_are_compared() {
        for yes in [
            "",
            "app=grpc-job-1-2",
            "app==grpc-job-1-2,tier=back",
            "app!=other",
            "missing!=other",
            "app in (other, grpc-job-1-2),tier",
            "tier notin (front,middle)",
            "missing notin (front)",
            "!missing",
            "example.com/x",
            "example.com/x=",
        ] {
            assert!(selects(yes, ""), "{yes}");
        }
        for no in ["app=grpc-job-1", "app in (a,b)", "missing", "!app", "tier notin (back)", "missing in (a)"]
        {
            assert!(!selects(no, ""), "{no}");
        }
    }

    #[test]
    fn fields_are_compared() {
        assert!(selects("", "status.phase=Running,metadata.name==a"));
        assert!(selects("", "spec.nodeName="));
        assert!(!selects("", "status.phase!=Running"));
        assert!(!selects("tier=back", "metadata.name=b"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let refusal = |labels, fields| Selector::read(&NODE, labels, fields).unwrap_err().message;
        insta::assert_snapshot!(refusal("a in x", ""), @r#"unable to parse the label selector "a in x""#);
        insta::assert_snapshot!(refusal("=x", ""), @r#"unable to parse the label selector "=x""#);
        insta::assert_snapshot!(refusal("", "metadata.name"), @r#"unable to parse the field selector "metadata.name""#);
        insta::assert_snapshot!(refusal("", "metadata.namespace=a"), @"field label not supported: metadata.namespace (kind Node)");
    }
}

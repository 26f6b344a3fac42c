//! The range of channels that the server reports. It is read, never assumed.

use crate::document::{shown, whole};
use serde_json::Value;

/// The first and the last channel, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// The first one.
    pub lowest: i64,
    /// The last one.
    pub highest: i64,
}

impl Channels {
    /// Reads the answer of `GET /channels`; the error says which field is wrong.
    pub fn read(body: &Value) -> Result<Self, String> {
        let field = |name: &str| match body.get(name) {
            Some(value) => {
                whole(value).ok_or_else(|| format!("`{name}` is {}, not a whole number", shown(value)))
            }
            None => Err(format!("`{name}` is missing")),
        };
        Ok(Self { lowest: field("lowest_channel")?, highest: field("highest_channel")? })
    }

    /// What is wrong with the range, if anything is.
    pub fn problem(self) -> Option<String> {
        let Self { lowest, highest } = self;
        if lowest < 1 {
            Some(format!("the lowest channel is {lowest}; channels begin at 1"))
        } else if highest < lowest {
            Some(format!("the highest channel, {highest}, lies below the lowest, {lowest}"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(body: &Value) -> String {
        match Channels::read(body) {
            Ok(channels) => channels.problem().unwrap_or_else(|| "fine".to_owned()),
            Err(error) => error,
        }
    }

    #[test]
    fn judges_ranges() {
        let of = |lowest, highest| judged(&json!({ "lowest_channel": lowest, "highest_channel": highest }));
        assert_eq!(of(json!(1), json!(2337)), "fine");
        assert_eq!(of(json!(1.0), json!(1)), "fine");
        insta::assert_snapshot!(of(json!(0), json!(9)), @"the lowest channel is 0; channels begin at 1");
        insta::assert_snapshot!(of(json!(2337), json!(1)), @"the highest channel, 1, lies below the lowest, 2337");
        insta::assert_snapshot!(of(json!("1"), json!(9)), @r#"`lowest_channel` is "1", not a whole number"#);
        insta::assert_snapshot!(of(json!(true), json!(9)), @"`lowest_channel` is true, not a whole number");
        insta::assert_snapshot!(judged(&json!([])), @"`lowest_channel` is missing");
    }
}

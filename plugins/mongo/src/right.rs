//! Which right a user lacks, read from the server's refusal.

use crate::brief;
use std::fmt;

/// An action that the user may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Right {
    /// The action, as MongoDB names it in privileges.
    action: String,
    /// What it would be done to: the cluster, a database, a collection.
    resource: String,
    /// The least of the built-in roles that includes it, where one does.
    role: Option<&'static str>,
    /// The database on which the role is granted.
    database: String,
}

impl Right {
    /// Reads a refusal: of MongoDB (`not authorized on DB to execute command { find: "C", …`), of Atlas (`… not allowed
    /// to do action [find] on [DB.C]`) or of a server that names the action (`… execute command (action: find)`).
    /// `database` is where the data is.
    pub(crate) fn refused_by(message: &str, database: &str) -> Option<Self> {
        if let Some((_, rest)) = message.split_once("to do action [") {
            let (action, rest) = rest.split_once(']')?;
            let resource =
                rest.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(name, _)| name);
            return Some(Self::new(action, resource?, database));
        }
        let (_, rest) = message.split_once("not authorized on ")?;
        let (refusing, command) = rest.split_once(" to execute ")?;
        if let Some((_, action)) = command.split_once("(action: ") {
            let action = action.split(')').next()?;
            return Some(Self::new(action, refusing, database));
        }
        let (name, rest) = command.split_once('{')?.1.split_once(':')?;
        let collection = rest.trim_start().strip_prefix('"').and_then(|text| text.split('"').next());
        let resource =
            collection.map_or(refusing.to_owned(), |collection| format!("{refusing}.{collection}"));
        Some(Self::new(action_of(name.trim().trim_matches('"'), rest), &resource, database))
    }

    fn new(action: &str, resource: &str, database: &str) -> Self {
        let role = role_with(action);
        let of_cluster = role == Some("clusterMonitor");
        Self {
            action: brief::line(action, 64),
            resource: if of_cluster {
                "the cluster".to_owned()
            } else {
                format!("`{}`", brief::line(resource, 200))
            },
            role,
            database: if of_cluster { "admin".to_owned() } else { database.to_owned() },
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(&self) -> String {
        let Self { action, resource, role, database } = self;
        match role {
            Some(role) => format!("grant the user the role `{role}` on the database `{database}`"),
            None => format!("grant the user a role with the action `{action}` on {resource}"),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, resource, role, .. } = self;
        write!(f, "the user lacks the right to the action `{action}` on {resource}")?;
        match role {
            Some(role) => write!(f, ", which the role `{role}` includes"),
            None => Ok(()),
        }
    }
}

/// The action that a command needs.
fn action_of<'a>(command: &'a str, rest: &str) -> &'a str {
    match command {
        "aggregate" if rest.contains("$currentOp") => "inprog",
        "aggregate" if rest.contains("$indexStats") => "indexStats",
        "aggregate" if rest.contains("$collStats") => "collStats",
        "find" | "aggregate" | "count" | "distinct" | "explain" | "getMore" => "find",
        "currentOp" => "inprog",
        "delete" => "remove",
        "createIndexes" => "createIndex",
        "dropIndexes" => "dropIndex",
        "findAndModify" => "update",
        other => other,
    }
}

fn role_with(action: &str) -> Option<&'static str> {
    Some(match action {
        "find" | "listIndexes" | "listCollections" | "collStats" | "dbStats" => "read",
        "insert" | "update" | "remove" | "createIndex" | "dropIndex" | "createCollection" => "readWrite",
        "serverStatus" | "replSetGetStatus" | "inprog" | "indexStats" | "hostInfo" | "getParameter" => {
            "clusterMonitor"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> String {
        Right::refused_by(message, "prisma")
            .map_or_else(|| "?".to_owned(), |right| format!("{right}; {}", right.remedy()))
    }

    #[test]
    fn a_refusal_names_action_resource_and_role() {
        insta::assert_snapshot!(
            read(r#"not authorized on prisma to execute command { listIndexes: "abc", cursor: {}, $db: "prisma" }"#),
            @"the user lacks the right to the action `listIndexes` on `prisma.abc`, which the role `read` includes; grant the user the role `read` on the database `prisma`"
        );
        insta::assert_snapshot!(
            read("user is not allowed to do action [find] on [prisma.base_paths]"),
            @"the user lacks the right to the action `find` on `prisma.base_paths`, which the role `read` includes; grant the user the role `read` on the database `prisma`"
        );
        insta::assert_snapshot!(
            read("not authorized on prisma to execute command (action: createIndex)"),
            @"the user lacks the right to the action `createIndex` on `prisma`, which the role `readWrite` includes; grant the user the role `readWrite` on the database `prisma`"
        );
        insta::assert_snapshot!(
            read("not authorized on admin to execute command { aggregate: 1, pipeline: [ { $currentOp: { allUsers: true } } ] }"),
            @"the user lacks the right to the action `inprog` on the cluster, which the role `clusterMonitor` includes; grant the user the role `clusterMonitor` on the database `admin`"
        );
        insta::assert_snapshot!(
            read(r#"not authorized on prisma to execute command { collMod: "abc" }"#),
            @"the user lacks the right to the action `collMod` on `prisma.abc`; grant the user a role with the action `collMod` on `prisma.abc`"
        );
    }

    #[test]
    fn hostile_refusals_are_short_and_on_one_line() {
        let long = format!(
            "not authorized on x to execute command {{ find: \"{}\n\u{1b}[31m\" }}",
            "y".repeat(9999)
        );
        let words = read(&long);
        assert!(words.len() < 700 && !words.contains('\n'), "{words}");
        for none in
            ["", "no", "not authorized on x", "not authorized on x to execute command", "to do action [x"]
        {
            assert_eq!(read(none), "?", "{none}");
        }
    }
}

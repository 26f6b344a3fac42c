//! `extends`: which environments an environment is made of, and merging them.

use crate::diagnostic::Problems;
use crate::reader::{text, unknown};
use crate::tree::{Entry, Node, Table, Value, merge};
use std::collections::BTreeMap;

/// A longer chain is refused.
const LONGEST: usize = 32;

/// What a child adds to, rather than replaces.
const APPENDING: [&str; 2] = ["override", "waiver"];

/// The environments as they are written.
#[derive(Debug, Default)]
pub(crate) struct Environments {
    pub(crate) entries: BTreeMap<String, Entry>,
}

impl Environments {
    fn table(&self, name: &str) -> Option<(&Table, &Entry)> {
        let entry = self.entries.get(name)?;
        entry.node.table().map(|table| (table, entry))
    }

    fn parent<'a>(&'a self, name: &str) -> Option<(&'a str, &'a Node)> {
        let node = &self.table(name)?.0.get("extends")?.node;
        node.text().map(|parent| (parent, node))
    }

    /// The names in the order of the file.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.entries.iter().collect();
        names.sort_by_key(|(_, entry)| entry.key.start);
        names.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Notes parents that do not exist, and cycles.
    pub(crate) fn check(&self, problems: &mut Problems) {
        for name in self.entries.keys() {
            if let Some(entry) = self.table(name).and_then(|(table, _)| table.get("extends")) {
                if matches!(entry.node.value, Value::Template(_)) {
                    problems.error(
                        &entry.node.span,
                        "`extends` names an environment of this file, without `${…}`",
                    );
                }
                text(&entry.node, "extends", problems);
            }
            if let Some((parent, node)) = self.parent(name)
                && !self.entries.contains_key(parent)
            {
                let others = self.entries.keys().map(String::as_str).filter(|other| other != name);
                unknown(&node.span, "environment", parent, "", others, problems);
            }
            match self.chain(name) {
                Ok(_) => {}
                Err(Broken::Cycle(members)) => {
                    let Some((_, node)) = members.first().and_then(|first| self.parent(first)) else {
                        continue;
                    };
                    let chain: Vec<_> =
                        members.iter().chain(members.first()).map(|name| format!("`{name}`")).collect();
                    problems.error(
                        &node.span,
                        format!("these environments extend each other: {}", chain.join(" extends ")),
                    );
                }
                Err(Broken::TooLong(node)) => {
                    problems.error(
                        &node.span,
                        format!("environments extend each other more than {LONGEST} deep"),
                    );
                }
            }
        }
    }

    /// The environment with everything it inherits; of a chain that [`Self::check`] found broken, only its own.
    pub(crate) fn merged(&self, name: &str) -> Option<Table> {
        let (own, _) = self.table(name)?;
        let Ok(chain) = self.chain(name) else { return Some(own.clone()) };
        let ancestors = chain.iter().rev().filter_map(|name| self.table(name));
        Some(ancestors.fold(Table::default(), |merged, (table, _)| merge(&merged, table, &APPENDING)))
    }

    /// Whether nothing more can be said about an environment by others: none extends it, and all it extends is known.
    pub(crate) fn is_complete(&self, name: &str) -> bool {
        let extended =
            self.entries.keys().filter_map(|other| self.parent(other)).any(|(parent, _)| parent == name);
        let is_known = |chain: Vec<&str>| chain.iter().all(|name| self.table(name).is_some());
        !extended && self.chain(name).is_ok_and(is_known)
    }

    /// The environment, its parent, the parent's parent and so on.
    fn chain<'a>(&'a self, name: &'a str) -> Result<Vec<&'a str>, Broken<'a>> {
        let mut chain = vec![name];
        let mut at = name;
        while let Some((parent, node)) = self.parent(at) {
            if let Some(start) = chain.iter().position(|member| *member == parent) {
                // Whichever member leads here, the cycle is told in the same words.
                let mut members = chain.split_off(start);
                let first =
                    members.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(index, _)| index);
                members.rotate_left(first);
                return Err(Broken::Cycle(members));
            }
            if chain.len() > LONGEST {
                return Err(Broken::TooLong(node));
            }
            chain.push(parent);
            at = parent;
        }
        Ok(chain)
    }
}

enum Broken<'a> {
    Cycle(Vec<&'a str>),
    TooLong(&'a Node),
}

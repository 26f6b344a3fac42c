//! What belongs to an owner goes with it.

use super::pods;
use crate::kubernetes::keeper::Keeper;
use crate::kubernetes::kinds::{DEPLOYMENT, JOB, Kind, POD, REPLICA_SET, SERVICE, STATEFUL_SET};
use crate::kubernetes::objects::{items, name, namespace, text, uid};
use serde_json::Value;

/// Removes what belongs to an object that is gone; pods end with their grace.
pub(in crate::kubernetes) fn remove_dependents(keeper: &Keeper, owner: &Value) {
    for dependent in keeper.world.dependents(uid(owner)) {
        remove(keeper, dependent.kind, &dependent.object);
    }
}

/// Removes an object whose owner was gone before it came.
pub(in crate::kubernetes) fn remove_orphan(keeper: &Keeper, kind: &'static Kind, object: &Value) {
    let owners = items(object, "/metadata/ownerReferences");
    let is_gone = |owner: &Value| {
        let kinds = [&DEPLOYMENT, &REPLICA_SET, &STATEFUL_SET, &JOB, &SERVICE];
        kinds.into_iter().find(|kind| owner["kind"] == kind.kind).is_some_and(|kind| {
            let found = keeper.store.get(kind, namespace(object), text(owner, "/name"));
            found.map_or(true, |found| uid(&found) != text(owner, "/uid"))
        })
    };
    if !owners.is_empty() && owners.iter().all(is_gone) {
        remove(keeper, kind, object);
    }
}

fn remove(keeper: &Keeper, kind: &'static Kind, object: &Value) {
    if kind == &POD {
        pods::end(keeper, object);
    } else {
        // Somebody else may have removed it.
        let _ = keeper.store.remove(kind, namespace(object), name(object));
    }
}

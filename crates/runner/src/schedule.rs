//! Who may start next. Pure: the executor tells it what has ended.

use std::collections::{BTreeMap, BTreeSet};

/// What the scheduler needs to know of a check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    /// The places of the checks that must have ended before.
    pub(crate) requires: Vec<usize>,
    /// The group whose limit it counts against.
    pub(crate) group: Option<&'static str>,
    /// Whether nothing else may run beside it.
    pub(crate) alone: bool,
}

/// Decides what starts next: within the global limit and each group's, in the order of the plan, and what runs alone only
/// when nothing else runs or could run.
pub(crate) struct Schedule {
    tasks: Vec<Task>,
    limit: usize,
    groups: BTreeMap<String, usize>,
    waiting_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    ready: BTreeMap<Option<&'static str>, BTreeSet<usize>>,
    ready_alone: BTreeSet<usize>,
    running: BTreeMap<Option<&'static str>, usize>,
    running_in_all: usize,
    alone_runs: bool,
}

impl Schedule {
    /// A schedule of `tasks`; `limit` and the limits of `groups` are at least 1.
    pub(crate) fn new(tasks: Vec<Task>, limit: usize, groups: BTreeMap<String, usize>) -> Self {
        let mut schedule = Self {
            waiting_for: tasks.iter().map(|task| task.requires.len()).collect(),
            dependents: vec![Vec::new(); tasks.len()],
            tasks,
            limit: limit.max(1),
            groups,
            ready: BTreeMap::new(),
            ready_alone: BTreeSet::new(),
            running: BTreeMap::new(),
            running_in_all: 0,
            alone_runs: false,
        };
        for index in 0..schedule.tasks.len() {
            for required in schedule.tasks[index].requires.clone() {
                schedule.dependents[required].push(index);
            }
            if schedule.waiting_for[index] == 0 {
                schedule.make_ready(index);
            }
        }
        schedule
    }

    fn make_ready(&mut self, index: usize) {
        let task = &self.tasks[index];
        if task.alone {
            self.ready_alone.insert(index);
        } else {
            self.ready.entry(task.group).or_default().insert(index);
        }
    }

    fn has_room(&self, group: Option<&'static str>) -> bool {
        let limit = group.and_then(|name| self.groups.get(name)).copied().unwrap_or(usize::MAX).max(1);
        self.running.get(&group).copied().unwrap_or_default() < limit
    }

    /// The next task that may start now; it counts as running from here on.
    pub(crate) fn start_next(&mut self) -> Option<usize> {
        if self.alone_runs || self.running_in_all >= self.limit {
            return None;
        }
        let candidate = self
            .ready
            .iter()
            .filter(|(group, _)| self.has_room(**group))
            .filter_map(|(_, indices)| indices.first().copied())
            .min();
        let index = match candidate {
            Some(index) => {
                self.ready.get_mut(&self.tasks[index].group)?.remove(&index);
                index
            }
            None if self.running_in_all == 0 => {
                let index = self.ready_alone.pop_first()?;
                self.alone_runs = true;
                index
            }
            None => return None,
        };
        *self.running.entry(self.tasks[index].group).or_default() += 1;
        self.running_in_all += 1;
        Some(index)
    }

    /// A running task has ended.
    pub(crate) fn ended(&mut self, index: usize) {
        if let Some(running) = self.running.get_mut(&self.tasks[index].group) {
            *running -= 1;
        }
        self.running_in_all -= 1;
        self.alone_runs = false;
        for dependent in std::mem::take(&mut self.dependents[index]) {
            self.waiting_for[dependent] -= 1;
            if self.waiting_for[dependent] == 0 {
                self.make_ready(dependent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks(count: usize) -> Vec<Task> {
        vec![Task::default(); count]
    }

    fn start_all(schedule: &mut Schedule) -> Vec<usize> {
        std::iter::from_fn(|| schedule.start_next()).collect()
    }

    #[test]
    fn keeps_the_global_limit_and_the_order_of_the_plan() {
        let mut schedule = Schedule::new(tasks(5), 2, BTreeMap::new());
        assert_eq!(start_all(&mut schedule), [0, 1]);
        schedule.ended(1);
        assert_eq!(start_all(&mut schedule), [2]);
    }

    #[test]
    fn keeps_the_limit_of_a_group_and_passes_it_by() {
        let mut tasks = tasks(4);
        tasks[0].group = Some("jobs");
        tasks[1].group = Some("jobs");
        let mut schedule = Schedule::new(tasks, 8, BTreeMap::from([("jobs".to_owned(), 1)]));
        assert_eq!(start_all(&mut schedule), [0, 2, 3]);
        schedule.ended(0);
        assert_eq!(start_all(&mut schedule), [1]);
    }

    #[test]
    fn waits_for_requirements() {
        let mut tasks = tasks(3);
        tasks[0].requires = vec![1, 2];
        let mut schedule = Schedule::new(tasks, 8, BTreeMap::new());
        assert_eq!(start_all(&mut schedule), [1, 2]);
        schedule.ended(1);
        assert_eq!(start_all(&mut schedule), [0; 0]);
        schedule.ended(2);
        assert_eq!(start_all(&mut schedule), [0]);
    }

    #[test]
    fn what_runs_alone_runs_alone_and_last() {
        let mut tasks = tasks(3);
        tasks[0].alone = true;
        tasks[1].alone = true;
        let mut schedule = Schedule::new(tasks, 8, BTreeMap::new());
        assert_eq!(start_all(&mut schedule), [2]);
        schedule.ended(2);
        assert_eq!(start_all(&mut schedule), [0]);
        schedule.ended(0);
        assert_eq!(start_all(&mut schedule), [1]);
        schedule.ended(1);
        assert_eq!(start_all(&mut schedule), [0; 0]);
    }
}

//! A mix of scenarios by weight.

use crate::arrivals::mixed;
use crate::failure::Failure;
use crate::scenario::{Iteration, Scenario, Session};
use async_trait::async_trait;
use std::sync::Arc;

/// A mix of scenarios. Which of them an arrival gets follows from the seed and the arrival's number, so that the same plan
/// is the same load, however many workers share it.
pub struct Mix {
    parts: Arc<[Part]>,
    operations: Vec<String>,
    seed: u64,
}

struct Part {
    /// The weights of this part and of all before it.
    until: u64,
    scenario: Arc<dyn Scenario>,
    /// The numbers of its operations in the mix.
    operations: Arc<[usize]>,
}

impl Mix {
    /// Scenarios with their weights. Operations of the same name are one operation.
    pub fn new(parts: impl IntoIterator<Item = (u32, Arc<dyn Scenario>)>) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut until = 0;
        let place = |(weight, scenario): (u32, Arc<dyn Scenario>)| {
            until += u64::from(weight);
            let mut number = |name: String| {
                names.iter().position(|known| *known == name).unwrap_or_else(|| {
                    names.push(name);
                    names.len() - 1
                })
            };
            let operations = scenario.operations().into_iter().map(&mut number).collect();
            Part { until, scenario, operations }
        };
        let parts = parts.into_iter().map(place).collect();
        Self { parts, operations: names, seed: 1 }
    }

    /// Another order of the same mix.
    #[must_use]
    pub const fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The part that an arrival gets.
fn choose(parts: &[Part], seed: u64, number: u64) -> usize {
    let total = parts.last().map_or(0, |part| part.until).max(1);
    let drawn = mixed(seed, number) % total;
    parts.partition_point(|part| part.until <= drawn).min(parts.len().saturating_sub(1))
}

#[async_trait]
impl Scenario for Mix {
    fn operations(&self) -> Vec<String> {
        self.operations.clone()
    }

    async fn setup(&self) -> Result<(), String> {
        for part in self.parts.iter() {
            part.scenario.setup().await?;
        }
        Ok(())
    }

    async fn session(&self, number: u64) -> Result<Box<dyn Session>, Failure> {
        if self.parts.is_empty() {
            return Err(Failure::Other("a mix of nothing".to_owned()));
        }
        let sessions = self.parts.iter().map(|_| None).collect();
        Ok(Box::new(MixedSession { parts: Arc::clone(&self.parts), seed: self.seed, number, sessions }))
    }

    async fn teardown(&self) -> Result<(), String> {
        let mut left = Vec::new();
        for part in self.parts.iter() {
            left.extend(part.scenario.teardown().await.err());
        }
        if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
    }
}

/// A user who does now the one and now the other; the session of each part is made when it is first needed.
struct MixedSession {
    parts: Arc<[Part]>,
    seed: u64,
    number: u64,
    sessions: Vec<Option<Box<dyn Session>>>,
}

#[async_trait]
impl Session for MixedSession {
    async fn iterate(&mut self, iteration: &mut Iteration) -> Result<(), Failure> {
        let chosen = choose(&self.parts, self.seed, iteration.number());
        let part = &self.parts[chosen];
        iteration.renumber(Arc::clone(&part.operations));
        let session = match &mut self.sessions[chosen] {
            Some(session) => session,
            none => none.insert(part.scenario.session(self.number).await?),
        };
        session.iterate(iteration).await
    }

    async fn close(self: Box<Self>) {
        for session in self.sessions.into_iter().flatten() {
            session.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static [&'static str]);

    #[async_trait]
    impl Scenario for Named {
        fn operations(&self) -> Vec<String> {
            self.0.iter().map(|&name| name.to_owned()).collect()
        }

        async fn session(&self, _: u64) -> Result<Box<dyn Session>, Failure> {
            Err(Failure::Cancelled)
        }
    }

    fn mix() -> Mix {
        let part = |weight, names| (weight, Arc::new(Named(names)) as Arc<dyn Scenario>);
        Mix::new([part(3, &["get", "put"]), part(0, &["never"]), part(1, &["put", "delete"])])
    }

    #[test]
    fn operations_of_the_same_name_are_one() {
        let mix = mix();
        assert_eq!(mix.operations(), ["get", "put", "never", "delete"]);
        let numbers: Vec<_> = mix.parts.iter().map(|part| part.operations.to_vec()).collect();
        assert_eq!(numbers, [vec![0, 1], vec![2], vec![1, 3]]);
    }

    #[test]
    fn weights_are_kept_and_follow_from_the_seed() {
        let mix = mix();
        let drawn = |seed| (0..40_000).map(|number| choose(&mix.parts, seed, number)).collect::<Vec<_>>();
        let count = |part| drawn(1).iter().filter(|chosen| **chosen == part).count();
        assert!((29_500..30_500).contains(&count(0)), "{}", count(0));
        assert_eq!((count(1), count(0) + count(2)), (0, 40_000));
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}

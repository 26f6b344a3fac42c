//! What this machine allows a generator, asked before anything is sent.
//!
//! A generator that runs out of descriptors, ports or memory in the middle of a run looks like a target that fails.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;
use sysinfo::System;

/// What a process opens besides its connections: runtimes, files, the terminal.
pub const RESERVED_DESCRIPTORS: u64 = 200;
/// How long the system keeps the port of a connection that was closed here.
const TIME_WAIT: Duration = Duration::from_mins(1);
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Where the system does not tell: the range that is set aside for this.
const DYNAMIC_PORTS: RangeInclusive<u64> = 49_152..=65_535;

/// What one process needs for its part of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needs {
    /// How many connections are open at once.
    pub connections: u64,
    /// How many connections are made and closed each second, beyond those.
    pub fresh_per_second: f64,
    /// From how many addresses of this machine they are made to one address of the target.
    pub source_addresses: u64,
    /// How many bytes of memory each takes.
    pub bytes_per_connection: u64,
}

impl Needs {
    /// Connections that are kept, each with the buffers of HTTP/1.1.
    pub const fn kept(connections: u64) -> Self {
        Self { connections, fresh_per_second: 0.0, source_addresses: 1, bytes_per_connection: 20 << 10 }
    }

    /// The fewest addresses of this machine that have ports for all of that.
    pub fn least_source_addresses(&self) -> u64 {
        self.ports().div_ceil(ports()).max(1)
    }

    /// How many ports that takes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is small and positive"
    )]
    fn ports(&self) -> u64 {
        let closing = (self.fresh_per_second.max(0.0) * TIME_WAIT.as_secs_f64()).ceil() as u64;
        self.connections + closing
    }

    /// Raises the limit of descriptors as far as is needed and allowed, and compares the rest.
    ///
    /// # Errors
    /// The first thing that does not suffice. It is a limit of the generator: the target was not asked.
    pub fn check(&self) -> Result<Granted, Shortfall> {
        let descriptors = self.connections + RESERVED_DESCRIPTORS;
        self.compare(Granted {
            descriptors: raise_descriptors(descriptors),
            ports: ports() * self.source_addresses.max(1),
            // What is not told cannot be said to lack.
            memory: memory().unwrap_or(u64::MAX),
        })
    }

    fn compare(&self, granted: Granted) -> Result<Granted, Shortfall> {
        let needed = [
            (Scarce::Descriptors, self.connections + RESERVED_DESCRIPTORS, granted.descriptors),
            (Scarce::Ports, self.ports(), granted.ports),
            (Scarce::Memory, self.connections.saturating_mul(self.bytes_per_connection), granted.memory),
        ];
        match needed.into_iter().find(|(_, needed, available)| needed > available) {
            Some((what, needed, available)) => Err(Shortfall { what, needed, available }),
            None => Ok(granted),
        }
    }
}

/// What this machine allows one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Open descriptors, after raising their limit.
    pub descriptors: u64,
    /// Ports to connect from that are found at once, over all source addresses.
    pub ports: u64,
    /// Bytes of memory that are free.
    pub memory: u64,
}

/// What there may be too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    /// Open descriptors of a process.
    Descriptors,
    /// Ports to connect from.
    Ports,
    /// Memory.
    Memory,
}

/// The generator cannot carry the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("generator-limited: {needed} {} needed, {available} available; {}", what.name(), what.remedy())]
pub struct Shortfall {
    /// What there is too little of.
    pub what: Scarce,
    /// How much is needed.
    pub needed: u64,
    /// How much there is.
    pub available: u64,
}

impl Scarce {
    const fn name(self) -> &'static str {
        match self {
            Self::Descriptors => "descriptors",
            Self::Ports => "ports",
            Self::Memory => "bytes of memory",
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Descriptors => {
                "raise the hard limit (`ulimit -Hn`), or spread the load over more processes"
            }
            Self::Ports => "connect from more source addresses, or keep connections",
            Self::Memory => "hold fewer connections, or spread the load over more machines",
        }
    }
}

/// Raises the limit of open descriptors to `wanted`, as far as this process may. Returns what holds now.
pub fn raise_descriptors(wanted: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    // None means that there is no limit.
    let current = now.current.unwrap_or(u64::MAX);
    let raised = wanted.min(now.maximum.unwrap_or(u64::MAX));
    if raised <= current {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: now.maximum }) {
        Ok(()) => raised,
        Err(_) => current,
    }
}

/// How many ports one address of this machine has for connections to one address of the target, as long as each is found
/// at once: Linux gives out every second port first, and then searches all of them for each connection.
fn ports() -> u64 {
    let range = std::fs::read_to_string(Path::new(PORT_RANGE)).ok();
    let range = range.and_then(|text| port_range(&text)).unwrap_or(DYNAMIC_PORTS);
    (range.end() - range.start()).div_ceil(2)
}

fn port_range(text: &str) -> Option<RangeInclusive<u64>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let (Some(Ok(first)), Some(Ok(last))) = (numbers.next(), numbers.next()) else { return None };
    (first <= last).then_some(first..=last)
}

/// The free memory of this machine, or of the group of processes that it is bounded by; none where it is not told.
fn memory() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory();
    let machine = system.available_memory();
    Some(system.cgroup_limits().map_or(machine, |group| machine.min(group.free_memory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With two source addresses.
    const MUCH: Granted = Granted { descriptors: 20_000, ports: 28_232, memory: 1 << 30 };

    #[test]
    fn a_shortfall_is_named_as_the_generators_own() {
        let needs = Needs::kept(100_000);
        insta::assert_snapshot!(needs.compare(MUCH).unwrap_err(), @"generator-limited: 100200 descriptors needed, 20000 available; raise the hard limit (`ulimit -Hn`), or spread the load over more processes");
        let needs = Needs { fresh_per_second: 500.0, ..Needs::kept(100) };
        insta::assert_snapshot!(needs.compare(MUCH).unwrap_err(), @"generator-limited: 30100 ports needed, 28232 available; connect from more source addresses, or keep connections");
        let needs = Needs { bytes_per_connection: 1 << 20, ..Needs::kept(5_000) };
        insta::assert_snapshot!(needs.compare(MUCH).unwrap_err(), @"generator-limited: 5242880000 bytes of memory needed, 1073741824 available; hold fewer connections, or spread the load over more machines");
        assert_eq!(Needs::kept(19_800).compare(MUCH), Ok(MUCH));
        assert_eq!(Needs::kept(19_801).compare(MUCH).unwrap_err().what, Scarce::Descriptors);
    }

    #[test]
    fn what_one_source_address_has_no_ports_for_takes_several() {
        assert_eq!(Needs::kept(1).least_source_addresses(), 1);
        assert_eq!(Needs::kept(ports()).least_source_addresses(), 1);
        assert_eq!(Needs::kept(ports() * 2 + 1).least_source_addresses(), 3);
        let (asked, granted) = (Needs::kept(ports() * 2 + 1), Granted { descriptors: u64::MAX, ..MUCH });
        assert_eq!(asked.compare(Granted { ports: ports() * 3, ..granted }).map(|_| ()), Ok(()));
        assert_eq!(asked.compare(Granted { ports: ports() * 2, ..granted }).unwrap_err().what, Scarce::Ports);
    }

    #[test]
    fn this_machine_grants_something() {
        let granted = Needs::kept(1).check().unwrap();
        assert!(granted.descriptors > RESERVED_DESCRIPTORS && granted.ports > 1 && granted.memory > 1);
    }

    #[test]
    fn the_range_of_ports_is_read() {
        assert_eq!(port_range("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(port_range("60999 32768"), None);
        assert_eq!(port_range("none"), None);
    }
}

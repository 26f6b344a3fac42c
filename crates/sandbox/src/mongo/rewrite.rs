//! A relay that changes the answers to single commands, holds them back, or takes only so many connections, for what the
//! server itself cannot be brought to.

use super::wire::Message;
use mongodb::bson::Document;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Another answer to one kind of command.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Whether the rule concerns a command.
    pub(super) concerns: fn(&Document) -> bool,
    /// What to answer, given the command and the server's own answer.
    pub(super) answer: fn(&Document, Document) -> Document,
}

/// How much later one kind of command is answered.
#[derive(Clone, Copy)]
pub(super) struct Delay {
    /// Whether it concerns a command.
    pub(super) concerns: fn(&Document) -> bool,
    /// By how much.
    pub(super) by: Duration,
}

/// What is in force, which connections look up anew for each command.
#[derive(Default)]
struct Rules {
    answers: Vec<Rule>,
    delays: Vec<Delay>,
    /// How many connections are taken at once; any number, where this is not set.
    connections: Option<usize>,
}

type Shared = Arc<Mutex<Rules>>;

fn lock(rules: &Shared) -> MutexGuard<'_, Rules> {
    rules.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running relay. Dropping it closes its port and its connections.
pub(super) struct Rewriter {
    address: SocketAddr,
    rules: Shared,
    _stop: DropGuard,
}

impl Rewriter {
    /// Listens on a free port of the loopback interface and relays to `upstream`.
    pub(super) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (rules, stopped) = (Shared::default(), CancellationToken::new());
        tokio::spawn(accept(listener, upstream, Arc::clone(&rules), stopped.clone()));
        Ok(Self { address, rules, _stop: stopped.drop_guard() })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a rule in force. Of several that concern the same command, each gets the answer of the one before.
    pub(super) fn add(&self, rule: Rule) {
        lock(&self.rules).answers.push(rule);
    }

    /// Holds back the answers to some commands from now on.
    pub(super) fn delay(&self, delay: Delay) {
        lock(&self.rules).delays.push(delay);
    }

    /// Takes no more connections at once than that: further ones are closed at once, as the server does.
    pub(super) fn limit(&self, connections: usize) {
        lock(&self.rules).connections = Some(connections);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, rules: Shared, stopped: CancellationToken) {
    // Each connection holds a clone.
    let taken = Arc::new(());
    loop {
        let client = tokio::select! {
            () = stopped.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        if let Ok((client, _)) = client {
            if lock(&rules).connections.is_some_and(|most| Arc::strong_count(&taken) > most) {
                continue;
            }
            let (rules, stopped, place) = (Arc::clone(&rules), stopped.clone(), Arc::clone(&taken));
            tokio::spawn(async move {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    // Either side has ended it, which the other one sees as the connection is dropped.
                    _ = relay(client, upstream, &rules) => {}
                }
                drop(place);
            });
        }
    }
}

/// The commands whose answers are to be changed or held back, by their ids.
type Pending = Mutex<HashMap<i32, Asked>>;

/// A command whose answer is not the server's own.
struct Asked {
    command: Document,
    answers: Vec<Rule>,
    by: Duration,
}

async fn relay(mut client: TcpStream, upstream: SocketAddr, rules: &Shared) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let pending = Pending::default();
    let requests = async {
        while let Some(message) = Message::read(&mut from_client).await? {
            if let Some(command) = message.document() {
                note(&pending, rules, message.id(), command);
            }
            message.write(&mut to_server).await?;
        }
        to_server.shutdown().await
    };
    let answers = async {
        while let Some(message) = Message::read(&mut from_server).await? {
            let (message, by) = changed(&pending, message)?;
            if !by.is_zero() {
                sleep(by).await;
            }
            message.write(&mut to_client).await?;
        }
        to_client.shutdown().await
    };
    tokio::try_join!(requests, answers).map(drop)
}

fn note(pending: &Pending, rules: &Shared, id: i32, command: Document) {
    let rules = lock(rules);
    let answers: Vec<Rule> = rules.answers.iter().filter(|rule| (rule.concerns)(&command)).copied().collect();
    let by = rules.delays.iter().filter(|delay| (delay.concerns)(&command)).map(|delay| delay.by).sum();
    if !answers.is_empty() || by != Duration::ZERO {
        let asked = Asked { command, answers, by };
        pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, asked);
    }
}

/// An answer as it is to be sent, and by how much later.
fn changed(pending: &Pending, message: Message) -> io::Result<(Message, Duration)> {
    let asked = pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&message.answers());
    let Some(Asked { command, answers, by }) = asked else { return Ok((message, Duration::ZERO)) };
    match message.document() {
        Some(answer) if !answers.is_empty() => {
            let other = answers.iter().fold(answer, |answer, rule| (rule.answer)(&command, answer));
            Ok((message.with(&other)?, by))
        }
        _ => Ok((message, by)),
    }
}

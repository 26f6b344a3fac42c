//! A relay that changes the answers to single commands, for what the server itself cannot be brought to say.

use super::wire::Message;
use mongodb::bson::Document;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Another answer to one kind of command.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Whether the rule concerns a command.
    pub(super) concerns: fn(&Document) -> bool,
    /// What to answer, given the command and the server's own answer.
    pub(super) answer: fn(&Document, Document) -> Document,
}

/// The rules in force, which connections look up anew for each command.
type Rules = Arc<Mutex<Vec<Rule>>>;

/// A running relay. Dropping it closes its port and its connections.
pub(super) struct Rewriter {
    address: SocketAddr,
    rules: Rules,
    _stop: DropGuard,
}

impl Rewriter {
    /// Listens on a free port of the loopback interface and relays to `upstream`.
    pub(super) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (rules, stopped) = (Rules::default(), CancellationToken::new());
        tokio::spawn(accept(listener, upstream, Arc::clone(&rules), stopped.clone()));
        Ok(Self { address, rules, _stop: stopped.drop_guard() })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a rule in force. Of several that concern the same command, each gets the answer of the one before.
    pub(super) fn add(&self, rule: Rule) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, rules: Rules, stopped: CancellationToken) {
    loop {
        let client = tokio::select! {
            () = stopped.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        if let Ok((client, _)) = client {
            let (rules, stopped) = (Arc::clone(&rules), stopped.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    // Either side has ended it, which the other one sees as the connection is dropped.
                    _ = relay(client, upstream, &rules) => {}
                }
            });
        }
    }
}

/// The commands whose answers are to be changed, by their ids.
type Pending = Mutex<HashMap<i32, (Document, Vec<Rule>)>>;

async fn relay(mut client: TcpStream, upstream: SocketAddr, rules: &Rules) -> io::Result<()> {
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
            changed(&pending, message)?.write(&mut to_client).await?;
        }
        to_client.shutdown().await
    };
    tokio::try_join!(requests, answers).map(drop)
}

fn note(pending: &Pending, rules: &Rules, id: i32, command: Document) {
    let rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
    let concerned: Vec<Rule> = rules.iter().filter(|rule| (rule.concerns)(&command)).copied().collect();
    if !concerned.is_empty() {
        pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (command, concerned));
    }
}

fn changed(pending: &Pending, message: Message) -> io::Result<Message> {
    let asked = pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&message.answers());
    match (asked, message.document()) {
        (Some((command, rules)), Some(answer)) => {
            message.with(&rules.iter().fold(answer, |answer, rule| (rule.answer)(&command, answer)))
        }
        _ => Ok(message),
    }
}

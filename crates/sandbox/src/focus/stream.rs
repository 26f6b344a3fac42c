//! The port of a job. It speaks enough HTTP/2 to show that a stream server is there: it answers the preface,
//! settings and pings. It carries no rows.

use super::faults::{Fault, Faults};
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a connection may take to say that it is a client.
const PATIENCE: Duration = Duration::from_secs(10);

const FRAME_HEADER: usize = 9;
const LARGEST_PAYLOAD: usize = 16_384;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;

/// What happens at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamEvent {
    /// A client has said the HTTP/2 preface.
    Attached,
    /// A client has sent a frame.
    Heard,
    /// A client is gone.
    Detached,
}

/// How a port treats its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manners {
    /// As it should.
    Good,
    /// It says nothing.
    Mute,
    /// It leaves after [`DROP`].
    Leaving,
}

/// How long a stream lasts under [`Fault::StreamDrops`].
const DROP: Duration = Duration::from_millis(300);

impl Manners {
    /// Those of a server with these faults.
    pub(super) fn under(faults: &Faults) -> Self {
        if faults.has(Fault::StreamMute) {
            Self::Mute
        } else if faults.has(Fault::StreamDrops) {
            Self::Leaving
        } else {
            Self::Good
        }
    }
}

/// Whom a port tells what happens.
pub(super) type Listener = Arc<dyn Fn(StreamEvent) + Send + Sync>;

/// A port that listens. Dropping it closes it and its connections.
#[derive(Debug)]
pub(super) struct StreamPort {
    port: u16,
    _stop: DropGuard,
}

impl StreamPort {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port could be had.
    pub(super) fn open(manners: Manners, listener: Listener) -> io::Result<Self> {
        let socket = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        let stopped = CancellationToken::new();
        tokio::spawn(accept(TcpListener::from_std(socket)?, manners, listener, stopped.clone()));
        Ok(Self { port, _stop: stopped.drop_guard() })
    }

    /// Its number.
    pub(super) const fn number(&self) -> u16 {
        self.port
    }
}

async fn accept(socket: TcpListener, manners: Manners, listener: Listener, stopped: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stopped.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        let Ok((connection, _)) = accepted else {
            // Most likely too many open files; accepting again at once would only spin.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (listener, stopped) = (Arc::clone(&listener), stopped.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = tokio::time::sleep(DROP), if manners == Manners::Leaving => {}
                // However it ends, the connection is then closed.
                _ = converse(connection, manners, &listener) => {}
            }
        });
    }
}

/// Says that a client is gone, however its conversation ends.
struct Presence<'a>(&'a Listener);

impl<'a> Presence<'a> {
    fn begin(listener: &'a Listener) -> Self {
        listener(StreamEvent::Attached);
        Self(listener)
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        (self.0)(StreamEvent::Detached);
    }
}

async fn converse(mut connection: TcpStream, manners: Manners, listener: &Listener) -> io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    tokio::time::timeout(PATIENCE, connection.read_exact(&mut preface)).await??;
    if preface != *PREFACE {
        return Ok(());
    }
    let _presence = Presence::begin(listener);
    if manners == Manners::Mute {
        return pending().await;
    }
    connection.write_all(&frame(SETTINGS, 0, &[])).await?;
    let mut payload = Vec::new();
    loop {
        let mut header = [0; FRAME_HEADER];
        connection.read_exact(&mut header).await?;
        let [high, middle, low, kind, flags, ..] = header;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if length > LARGEST_PAYLOAD {
            return Ok(());
        }
        payload.resize(length, 0);
        connection.read_exact(&mut payload).await?;
        listener(StreamEvent::Heard);
        match kind {
            SETTINGS if flags & ACK == 0 => connection.write_all(&frame(SETTINGS, ACK, &[])).await?,
            PING if flags & ACK == 0 => connection.write_all(&frame(PING, ACK, &payload)).await?,
            GOAWAY => return Ok(()),
            _ => {}
        }
    }
}

/// A frame of the connection itself, stream 0. Its payload is at most as long as one that was read.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [.., high, middle, low] = payload.len().to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

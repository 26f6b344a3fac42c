//! A TCP proxy that stands before every part, so that each can go away, fall silent, slow down or talk nonsense
//! while its server runs on undisturbed.

use bytes::{Bytes, BytesMut};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;
/// How much is read at once.
const CHUNK: usize = 64 * 1024;
/// How many chunks may be on their way in one direction.
const IN_FLIGHT: usize = 64;
/// How much nonsense answers one chunk of a request.
const GARBAGE: usize = 512;

/// What the proxy does with connections, present and future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Relays.
    Pass,
    /// Relays, each chunk this much later in each direction.
    Slow(Duration),
    /// Relays this many more requests (chunks from clients), then turns to [`Mode::Away`].
    PassFor(u32),
    /// Refuses new connections and resets those that exist.
    Away,
    /// Accepts and reads, and never answers.
    Silent,
    /// Answers whatever is sent with random bytes, the same ones each time.
    Garbage,
}

impl Mode {
    const fn relays(self) -> bool {
        matches!(self, Self::Pass | Self::Slow(_) | Self::PassFor(_))
    }

    const fn latency(self) -> Duration {
        match self {
            Self::Slow(latency) => latency,
            _ => Duration::ZERO,
        }
    }

    /// One request has come in. Says whether that changes what the proxy does.
    const fn count_request(&mut self) -> bool {
        match self {
            Self::PassFor(0) => {
                *self = Self::Away;
                true
            }
            Self::PassFor(left) => {
                *left -= 1;
                false
            }
            _ => false,
        }
    }
}

/// A running proxy. Dropping it closes its port and resets its connections.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    line: Line,
    is_open: watch::Receiver<bool>,
    _stop: DropGuard,
}

/// What connections follow while they live.
#[derive(Clone, Debug)]
struct Line {
    mode: Arc<watch::Sender<Mode>>,
    upstream: Arc<watch::Sender<SocketAddr>>,
}

impl Proxy {
    /// Listens on a free port of the loopback interface and relays to `upstream`.
    ///
    /// # Errors
    /// No port could be had.
    #[expect(clippy::unused_async, reason = "it spawns tasks: an async signature keeps it inside a runtime")]
    pub(crate) async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let socket = bound_socket((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        let port = Port::Open(socket.listen(BACKLOG)?);
        let line = Line {
            mode: Arc::new(watch::Sender::new(Mode::Pass)),
            upstream: Arc::new(watch::Sender::new(upstream)),
        };
        let (opened, is_open) = watch::channel(true);
        let stopped = CancellationToken::new();
        tokio::spawn(keep_door(port, address, line.clone(), opened, stopped.clone()));
        Ok(Self { address, line, is_open, _stop: stopped.drop_guard() })
    }

    /// Where clients connect to. It stays the same in every mode.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the mode, and returns when new connections see it.
    pub(crate) async fn set(&self, mode: Mode) {
        self.line.mode.send_replace(mode);
        // An error would mean that the door's task has ended, and with it every connection.
        let _ = self.is_open.clone().wait_for(|open| *open == (mode != Mode::Away)).await;
    }

    /// Relays to another server from now on. Connections to the one before are reset.
    pub(crate) fn redirect(&self, upstream: SocketAddr) {
        self.line.upstream.send_replace(upstream);
    }
}

/// The port, which stays ours while nothing listens on it.
enum Port {
    Open(TcpListener),
    /// Bound without listening: connections are refused, and who asks for any free port gets another one.
    Closed(TcpSocket),
}

impl Port {
    fn open(self) -> io::Result<Self> {
        match self {
            Self::Open(listener) => Ok(Self::Open(listener)),
            Self::Closed(socket) => socket.listen(BACKLOG).map(Self::Open),
        }
    }

    fn close(self, address: SocketAddr) -> io::Result<Self> {
        match self {
            Self::Open(listener) => {
                drop(listener);
                bound_socket(address).map(Self::Closed)
            }
            Self::Closed(socket) => Ok(Self::Closed(socket)),
        }
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Closed(_) => pending().await,
        }
    }
}

fn bound_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // The port may be bound again although connections that it once accepted are still winding down.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Opens and closes the port as the mode demands, and serves each connection in a task of its own.
async fn keep_door(
    mut port: Port,
    address: SocketAddr,
    line: Line,
    opened: watch::Sender<bool>,
    stopped: CancellationToken,
) {
    let mut changes = line.mode.subscribe();
    loop {
        let is_away = *changes.borrow_and_update() == Mode::Away;
        port = match if is_away { port.close(address) } else { port.open() } {
            Ok(port) => port,
            Err(error) => {
                tracing::error!(%address, %error, "the sandbox lost a port");
                return;
            }
        };
        opened.send_replace(!is_away);
        tokio::select! {
            () = stopped.cancelled() => return,
            _ = changes.changed() => {}
            accepted = port.accept() => match accepted {
                Ok(client) => {
                    let (line, stopped) = (line.clone(), stopped.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = stopped.cancelled() => {}
                            () = serve(client, &line) => {}
                        }
                    });
                }
                // Most likely too many open files; accepting again at once would only spin.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
}

/// Serves one connection until it ends or the mode no longer allows it to go on.
async fn serve(mut client: TcpStream, line: &Line) {
    let _ = client.set_nodelay(true);
    let mut changes = line.mode.subscribe();
    let mut redirections = line.upstream.subscribe();
    let upstream = *redirections.borrow_and_update();
    let first = *changes.borrow_and_update();
    if first.relays() {
        tokio::select! {
            relayed = relay(&mut client, upstream, &line.mode) => {
                if relayed.is_err() {
                    reset(&client);
                }
                return;
            }
            _ = redirections.changed() => return reset(&client),
            _ = changes.wait_for(|mode| !mode.relays()) => {}
        }
    }
    let now = *changes.borrow_and_update();
    tokio::select! {
        () = misbehave(&mut client, now) => {}
        // What was swallowed is lost, so the connection cannot be mended.
        _ = changes.wait_for(|mode| *mode != now) => {}
    }
    reset(&client);
}

/// Makes the connection end with a reset when it is dropped.
fn reset(client: &TcpStream) {
    let _ = client.set_zero_linger();
}

async fn misbehave(client: &mut TcpStream, mode: Mode) {
    let answers = match mode {
        Mode::Away => return,
        Mode::Garbage => true,
        _ => false,
    };
    let mut garbage = [0; GARBAGE];
    StdRng::seed_from_u64(0).fill_bytes(&mut garbage);
    let mut swallowed = vec![0; CHUNK];
    while client.read(&mut swallowed).await.is_ok_and(|read| read > 0) {
        if answers && client.write_all(&garbage).await.is_err() {
            return;
        }
    }
}

async fn relay(client: &mut TcpStream, upstream: SocketAddr, mode: &watch::Sender<Mode>) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let requests = pump(from_client, to_server, mode, |mode| {
        mode.send_if_modified(Mode::count_request);
    });
    let answers = pump(from_server, to_client, mode, |_| {});
    tokio::try_join!(requests, answers).map(drop)
}

/// Carries bytes in one direction. Reading goes on while earlier chunks are still delayed, as on a long line.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mode: &watch::Sender<Mode>,
    on_chunk: impl Fn(&watch::Sender<Mode>),
) -> io::Result<()> {
    let (sender, mut chunks) = mpsc::channel::<(Instant, Bytes)>(IN_FLIGHT);
    let read = async move {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(CHUNK);
            if from.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            on_chunk(mode);
            let due = Instant::now() + mode.borrow().latency();
            if sender.send((due, buffer.split().freeze())).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, chunk)) = chunks.recv().await {
            if due > Instant::now() {
                sleep_until(due).await;
            }
            to.write_all(&chunk).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    /// Long enough never to pass where something does happen.
    const PATIENCE: Duration = Duration::from_secs(20);
    /// How long nothing has to happen.
    const SILENCE: Duration = Duration::from_millis(100);

    /// A server that answers each chunk with itself.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn connect(proxy: &Proxy) -> io::Result<TcpStream> {
        timeout(PATIENCE, TcpStream::connect(proxy.address())).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream) -> io::Result<[u8; 4]> {
        let mut answer = [0; 4];
        stream.write_all(b"ping").await?;
        timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap()?;
        Ok(answer)
    }

    #[tokio::test]
    async fn relays_both_ways_and_ends_in_order() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = connect(&proxy).await.unwrap();
        let sent: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let (mut from, mut to) = stream.split();
        let mut received = Vec::new();
        let writing = async {
            to.write_all(&sent).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let both = async { tokio::join!(writing, from.read_to_end(&mut received)).1 };
        timeout(PATIENCE, both).await.unwrap().unwrap();
        assert!(received == sent);
    }

    #[tokio::test]
    async fn away_refuses_and_resets_and_can_be_undone() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut before = connect(&proxy).await.unwrap();
        assert_eq!(&ask(&mut before).await.unwrap(), b"ping");
        for _ in 0..3 {
            proxy.set(Mode::Away).await;
            assert_eq!(connect(&proxy).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
            proxy.set(Mode::Pass).await;
            assert_eq!(&ask(&mut connect(&proxy).await.unwrap()).await.unwrap(), b"ping");
        }
        assert_eq!(ask(&mut before).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_redirected_proxy_leads_elsewhere() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut before = connect(&proxy).await.unwrap();
        ask(&mut before).await.unwrap();
        let elsewhere = Proxy::start(echo().await).await.unwrap();
        elsewhere.set(Mode::Garbage).await;
        proxy.redirect(elsewhere.address());
        assert!(ask(&mut before).await.is_err(), "it was connected to the one before");
        assert_ne!(&ask(&mut connect(&proxy).await.unwrap()).await.unwrap(), b"ping");
    }

    #[tokio::test]
    async fn silent_accepts_and_never_answers() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut before = connect(&proxy).await.unwrap();
        ask(&mut before).await.unwrap();
        proxy.set(Mode::Silent).await;
        let mut later = connect(&proxy).await.unwrap();
        assert!(timeout(SILENCE, ask(&mut before)).await.is_err());
        assert!(timeout(SILENCE, ask(&mut later)).await.is_err());
        proxy.set(Mode::Pass).await;
        assert!(ask(&mut before).await.is_err(), "what was swallowed cannot be answered");
        assert!(ask(&mut later).await.is_err());
        assert_eq!(&ask(&mut connect(&proxy).await.unwrap()).await.unwrap(), b"ping");
    }

    #[tokio::test]
    async fn slow_delays_connections_that_exist() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        let mut stream = connect(&proxy).await.unwrap();
        ask(&mut stream).await.unwrap();
        proxy.set(Mode::Slow(Duration::from_millis(80))).await;
        let asked = Instant::now();
        assert_eq!(&ask(&mut stream).await.unwrap(), b"ping");
        assert!(
            asked.elapsed() >= Duration::from_millis(160),
            "the delay is a lower bound, however busy we are"
        );
    }

    #[tokio::test]
    async fn garbage_answers_without_the_server() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Mode::Garbage).await;
        let first = ask(&mut connect(&proxy).await.unwrap()).await.unwrap();
        assert_ne!(&first, b"ping");
        assert_eq!(first, ask(&mut connect(&proxy).await.unwrap()).await.unwrap(), "the same each time");
    }

    #[tokio::test]
    async fn pass_for_counts_requests_and_goes_away() {
        let proxy = Proxy::start(echo().await).await.unwrap();
        proxy.set(Mode::PassFor(2)).await;
        let mut stream = connect(&proxy).await.unwrap();
        ask(&mut stream).await.unwrap();
        ask(&mut stream).await.unwrap();
        assert!(ask(&mut stream).await.is_err());
        let refused = async {
            while connect(&proxy).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, refused).await.unwrap();
    }
}

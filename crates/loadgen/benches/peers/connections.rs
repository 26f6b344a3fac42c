//! Very many connections, held while 1,000 requests a second flow over them.
//!
//! A process may open only so many descriptors, so several processes hold their part each, from a source address of
//! its own, against a listening process of its own.

use crate::memory::resident;
use crate::options::number;
use crate::process::{Process, this_program};
use crate::rivals::GRACE;
use crate::server::ANSWER;
use crate::table::{Row, print};
use crate::{Trouble, run_engine};
use serde::{Deserialize, Serialize};
use shakedown_core::HumanDuration;
use shakedown_core::limits::Limits;
use shakedown_loadgen::http::{Connections, Dialer, Held, WireSettings};
use shakedown_loadgen::limits::{Needs, raise_descriptors};
use shakedown_loadgen::{Arrivals, Engine, Load, OperationReport, Phase, Plan, Report};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub(crate) const WANTED: u64 = 100_000;
/// Connections made per second, by all processes together.
const CONNECT_RATE: f64 = 2000.0;
/// Requests per second, by all processes together.
const REQUEST_RATE: f64 = 1000.0;
const HELD: Duration = Duration::from_secs(20);
/// Descriptors of a process that are not connections, with some to spare.
const SPARE: u64 = 200;
const MOST_BYTES: u64 = 17 << 10;
/// Of a process: as many as come in ten seconds, should this machine do something else for so long.
const IN_FLIGHT: usize = 4096;

/// What a holding process says at the end.
#[derive(Debug, Deserialize, Serialize)]
struct Holding {
    connected: u64,
    requests: u64,
    failed: u64,
    missed: u64,
    classes: Vec<String>,
    kilobytes: u64,
    p99_ms: f64,
}

pub(crate) fn measure(wanted: u64) -> Result<(), Trouble> {
    let allowed = raise_descriptors(u64::MAX).saturating_sub(SPARE).max(1);
    // Listeners are told apart by port and holders by address, so ports last for what one process may open.
    let processes = wanted.div_ceil(allowed).max(1);
    let each = wanted.div_ceil(processes);
    let own = Needs { bytes_per_connection: MOST_BYTES, ..Needs::kept(each) };
    own.check().map_err(|shortfall| shortfall.to_string())?;
    let all = Needs { bytes_per_connection: MOST_BYTES * processes, ..Needs::kept(each) };
    all.check().map_err(|shortfall| shortfall.to_string())?;

    let mut listeners = Vec::new();
    let mut holders = Vec::new();
    for process in 0..processes {
        let (listener, port) = listen()?;
        listeners.push(listener);
        holders.push(hold(process, port, each.min(wanted - process * each), processes)?);
    }
    println!(
        "connections: {wanted} in {processes} processes, {CONNECT_RATE}/s, then {REQUEST_RATE}/s for {HELD:?}"
    );
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let connecting = Duration::from_secs_f64(wanted as f64 / CONNECT_RATE);
    let until = Instant::now() + connecting + HELD + GRACE * 2;
    let holdings = holders.into_iter().map(|holder| finish(holder, until)).collect::<Result<Vec<_>, _>>()?;
    let mut open = 0;
    for mut listener in listeners {
        // It says how many connections it had at once when nobody talks to it any more.
        drop(listener.child().stdin.take());
        open += number::<u64>(read_line(&mut listener)?.trim())?;
    }
    report(wanted, open, &holdings);
    Ok(())
}

fn report(wanted: u64, open: u64, holdings: &[Holding]) {
    let sum = |of: fn(&Holding) -> u64| holdings.iter().map(of).sum::<u64>();
    let (connected, requests) = (sum(|holding| holding.connected), sum(|holding| holding.requests));
    let (failed, missed) = (sum(|holding| holding.failed), sum(|holding| holding.missed));
    let classes: Vec<_> = holdings.iter().flat_map(|holding| &holding.classes).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let (each, rate) = (
        sum(|holding| holding.kilobytes) as f64 / connected.max(1) as f64,
        requests as f64 / HELD.as_secs_f64(),
    );
    let worst = holdings.iter().map(|holding| holding.p99_ms).fold(0.0, f64::max);
    print(
        "connections, held over loopback",
        &[
            Row::judged(
                "held at once, as the servers saw it",
                open.to_string(),
                &wanted.to_string(),
                open == wanted,
            ),
            Row::judged("requests over them", format!("{rate:.1}/s"), "at least 999/s", rate >= 999.0),
            Row::judged("failed", format!("{failed} {classes:?}"), "0", failed == 0),
            Row::judged("missed", missed.to_string(), "0", missed == 0),
            Row::judged("memory each, on our side", format!("{each:.2} KiB"), "at most 17 KiB", each <= 17.0),
            Row::told("p99, in the slowest process", format!("{worst:.3} ms")),
        ],
    );
}

/// Starts a listening process, which says its port.
fn listen() -> Result<(Process, u16), Trouble> {
    let mut command = Command::new(this_program()?);
    let command = command.args(["as", "listener"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Process::start(command)?;
    let port = number(read_line(&mut process)?.trim())?;
    Ok((process, port))
}

fn hold(process: u64, port: u16, connections: u64, of: u64) -> Result<Process, Trouble> {
    let mut command = Command::new(this_program()?);
    command.args(["as", "holder", &port.to_string(), &format!("127.1.{}.1", process + 1)]);
    command.args([connections.to_string(), of.to_string()]);
    Process::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))
}

/// One line that a process prints, read without taking more than that from it.
fn read_line(process: &mut Process) -> Result<String, Trouble> {
    let stdout = process.child().stdout.as_mut().ok_or("no output")?;
    let mut line = String::new();
    // A byte at a time: what follows is for the next call.
    for byte in BufReader::with_capacity(1, stdout).bytes() {
        match byte.map_err(|error| error.to_string())? {
            b'\n' => break,
            byte => line.push(char::from(byte)),
        }
    }
    Ok(line)
}

fn finish(mut holder: Process, until: Instant) -> Result<Holding, Trouble> {
    while holder.is_running() {
        if Instant::now() > until {
            return Err("a holding process does not end".to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let line = read_line(&mut holder)?;
    serde_json::from_str(&line).map_err(|error| format!("a holding process says `{line}`: {error}"))
}

/// Holds its part of the connections.
pub(crate) fn as_holder(arguments: &[&str]) -> Result<(), Trouble> {
    let [port, source, connections, of] = arguments else {
        return Err("a holder is told port, source address, connections and processes".to_owned());
    };
    let (connections, of): (u64, f64) = (number(connections)?, number(of)?);
    Needs::kept(connections).check().map_err(|shortfall| shortfall.to_string())?;
    let url = format!("http://127.0.0.1:{port}").parse().map_err(|error| format!("{error}"))?;
    let settings = WireSettings {
        connections: Connections::Resting,
        source_addresses: vec![source.parse().map_err(|error| format!("`{source}`: {error}"))?],
        ..WireSettings::new(url)
    };
    let dialer = Dialer::new(settings)?;
    // What the engine takes for itself shows in a small load of the same kind.
    let small = load(&dialer, 10, of, Duration::from_secs(1))?;
    let before = resident().unwrap_or_default().max(small.generator.memory >> 10);
    let report = load(&dialer, connections, of, HELD)?;
    let of_phase =
        |phase: &str| report.phase(phase).map(|phase| (phase.total(), phase.missed)).unwrap_or_default();
    let ((connecting, late), (requests, missed)) = (of_phase("connect"), of_phase("requests"));
    let classes = |operation: &OperationReport| operation.failed.keys().cloned().collect::<Vec<_>>();
    let holding = Holding {
        connected: connecting.succeeded.count,
        requests: requests.succeeded.count,
        failed: connecting.failures() + requests.failures(),
        missed: late + missed,
        classes: [classes(&connecting), classes(&requests)].concat(),
        kilobytes: (report.generator.memory >> 10).saturating_sub(before),
        p99_ms: requests.latency().percentile(99.0).map_or(f64::NAN, |p99| p99.as_secs_f64() * 1000.0),
    };
    println!("{}", serde_json::to_string(&holding).map_err(|error| error.to_string())?);
    Ok(())
}

fn load(dialer: &Dialer, connections: u64, of: f64, during: Duration) -> Result<Report, Trouble> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let connecting = Duration::from_secs_f64(connections as f64 / (CONNECT_RATE / of));
    let rate = |per_second, during| Load::Rate {
        per_second,
        during: HumanDuration(during),
        arrivals: Arrivals::Even,
    };
    let plan = Plan::of([
        Phase::measured("connect", rate(CONNECT_RATE / of, connecting)),
        // The last connections are still being made.
        Phase::unmeasured("settle", Load::Pause { during: HumanDuration::secs(1) }),
        Phase::measured("requests", rate(REQUEST_RATE / of, during)),
    ]);
    let limits = Limits { requests_per_second: f64::INFINITY, requests_in_flight: IN_FLIGHT };
    let scenario = Held::new(dialer.clone(), dialer.get("/")?, connections);
    run_engine(Engine::new(plan, limits), Arc::new(scenario))
}

/// Accepts connections and answers whatever comes over them, until its input ends.
pub(crate) fn as_listener() -> Result<(), Trouble> {
    raise_descriptors(u64::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let listener = runtime.block_on(async { accepting() }).map_err(|error| error.to_string())?;
    println!("{}", listener.local_addr().map_err(|error| error.to_string())?.port());
    let (open, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let seen = Arc::clone(&most);
    // Ends with the process.
    std::thread::spawn(move || {
        runtime.block_on(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let open = Arc::clone(&open);
                seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::spawn(async move {
                    serve(stream).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    });
    let mut input = String::new();
    std::io::stdin().lock().read_line(&mut input).map_err(|error| error.to_string())?;
    println!("{}", most.load(Ordering::SeqCst));
    Ok(())
}

/// A listener whose queue bears a moment in which this machine does something else.
fn accepting() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    socket.listen(4096)
}

/// Answers each request. Nothing is kept between them, for there are many like it.
async fn serve(stream: TcpStream) {
    while stream.readable().await.is_ok() {
        let mut buffer = [0; 1024];
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(count) if buffer[..count].ends_with(b"\r\n\r\n") => {
                if stream.try_write(ANSWER).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

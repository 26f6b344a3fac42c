//! Very many connections, held while 1,000 requests a second flow over them.
//!
//! A process may open only so many descriptors, so several workers hold their part each, from source addresses of
//! their own, against a listening process of their own.

use crate::options::number;
use crate::process::{Process, this_program};
use crate::server::ANSWER;
use crate::{Trouble, count, milliseconds, runtime};
use serde_json::json;
use shakedown_core::limits::Limits;
use shakedown_core::measurement::{Measured, Threshold};
use shakedown_core::{Clock, HumanDuration, Unit};
use shakedown_loadgen::limits::{Needs, RESERVED_DESCRIPTORS, raise_descriptors};
use shakedown_loadgen::workers::{Coordinator, Processes, Shipment, worker_main};
use shakedown_loadgen::{Arrivals, Load, Phase, Plan, Report};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub(crate) const WANTED: u64 = 100_000;
/// Connections made per second, by all workers together.
const CONNECT_RATE: f64 = 2000.0;
/// Requests per second, by all workers together.
const REQUEST_RATE: f64 = 1000.0;
const HELD: Duration = Duration::from_secs(20);
/// What the engine takes for itself shows in a load of so many connections per worker.
const FEW: u64 = 10;
/// Of a worker: as many as come in ten seconds, should this machine do something else for so long.
const IN_FLIGHT: usize = 4096;

pub(crate) fn measure(wanted: u64) -> Result<Measured, Trouble> {
    let allowed = raise_descriptors(u64::MAX).saturating_sub(RESERVED_DESCRIPTORS).max(1);
    let workers = u32::try_from(wanted.div_ceil(allowed).max(1)).map_err(|error| error.to_string())?;
    let listeners = (0..workers).map(|_| listen()).collect::<Result<Vec<_>, _>>()?;
    let urls: Vec<_> = listeners.iter().map(|(_, port)| format!("http://127.0.0.1:{port}")).collect();
    let each = wanted.div_ceil(workers.into());
    let scenario = |connections: u64| {
        let params = json!({
            "urls": urls, "path": "/", "connections": connections, "source_addresses": sources(workers, each),
        });
        Shipment { name: "http.held".to_owned(), params }
    };
    eprintln!(
        "connections: {wanted} in {workers} workers, {CONNECT_RATE}/s, then {REQUEST_RATE}/s for {HELD:?}"
    );
    let few = FEW * u64::from(workers);
    let small = load(few, Duration::from_secs(1), workers, scenario(few))?;
    let report = load(wanted, HELD, workers, scenario(wanted))?;
    let mut open = 0;
    for (mut listener, _) in listeners {
        // It says how many connections it had at once when nobody talks to it any more.
        drop(listener.child().stdin.take());
        open += number::<u64>(read_line(&mut listener)?.trim())?;
    }
    Ok(measured(wanted, open, &report, small.generator.memory))
}

fn measured(wanted: u64, open: u64, report: &Report, before: u64) -> Measured {
    let of_phase = |phase: &str| {
        let phase = report.phase(phase);
        phase.map(|phase| (phase.total(), phase.missed)).unwrap_or_default()
    };
    let ((connecting, late), (requests, missed)) = (of_phase("connect"), of_phase("requests"));
    let failed = connecting.failures() + requests.failures();
    let memory = count(report.generator.memory.saturating_sub(before));
    Measured::of(format!("connections: {wanted} held over loopback by {} workers", report.workers.len()))
        .with("held at once, as the servers saw it", count(open), Unit::Count)
        .held_to(Threshold::AtLeast(count(wanted)))
        .with("requests over them", count(requests.succeeded.count) / HELD.as_secs_f64(), Unit::PerSecond)
        .held_to(Threshold::AtLeast(999.0))
        .with("failed", count(failed), Unit::Count)
        .held_to(Threshold::AtMost(0.0))
        .with("missed", count(late + missed), Unit::Count)
        .held_to(Threshold::AtMost(0.0))
        .with("memory each, on our side", memory / count(connecting.succeeded.count.max(1)), Unit::Bytes)
        .held_to(Threshold::AtMost(17.0 * 1024.0))
        .with("p99 of connecting", milliseconds(connecting.latency().percentile(99.0)), Unit::Milliseconds)
        .with("p99 of requests", milliseconds(requests.latency().percentile(99.0)), Unit::Milliseconds)
}

/// Addresses of loopback, as many for each worker as it needs: the first of every worker, then the second, and so on.
fn sources(workers: u32, each: u64) -> Vec<String> {
    let rounds = Needs::kept(each).least_source_addresses();
    (1..=rounds)
        .flat_map(|round| (1..=workers).map(move |worker| format!("127.1.{worker}.{round}")))
        .collect()
}

fn load(connections: u64, during: Duration, workers: u32, scenario: Shipment) -> Result<Report, Trouble> {
    let connecting = Duration::from_secs_f64(count(connections) / CONNECT_RATE);
    let rate = |per_second, during| Load::Rate {
        per_second,
        during: HumanDuration(during),
        arrivals: Arrivals::Even,
    };
    let plan = Plan::of([
        Phase::measured("connect", rate(CONNECT_RATE, connecting)),
        // The last connections are still being made.
        Phase::unmeasured("settle", Load::Pause { during: HumanDuration::secs(1) }),
        Phase::measured("requests", rate(REQUEST_RATE, during)),
    ]);
    let limits = Limits { requests_per_second: f64::MAX, requests_in_flight: IN_FLIGHT * workers as usize };
    let processes = Processes::again(["as", "worker"])?;
    let report = runtime()?.block_on(Coordinator::new(plan, limits, workers).run(&processes, scenario));
    let report = report.map_err(|error| error.to_string())?;
    report.generator.limited.iter().for_each(|why| eprintln!("  {why}"));
    match report.workers.iter().find_map(|worker| worker.lost.as_ref()) {
        Some(why) => Err(format!("a worker was lost: {why}")),
        None => Ok(report),
    }
}

/// Does a worker's part, as the coordinator says.
pub(crate) fn as_worker() -> Result<(), Trouble> {
    runtime()?.block_on(worker_main(Clock::system())).map_err(|error| error.to_string())
}

/// Starts a listening process, which says its port.
fn listen() -> Result<(Process, u16), Trouble> {
    let mut command = Command::new(this_program()?);
    let command = command.args(["as", "listener"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Process::start(command)?;
    let port = number(read_line(&mut process)?.trim())?;
    Ok((process, port))
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

/// Accepts connections and answers whatever comes over them, until its input ends.
pub(crate) fn as_listener() -> Result<(), Trouble> {
    raise_descriptors(u64::MAX);
    let runtime = runtime()?;
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

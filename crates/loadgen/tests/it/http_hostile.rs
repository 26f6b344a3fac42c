//! Servers that misbehave: each is named by its class, in bounded time and memory.

use crate::http_server::{AMPLE, SHORT, Server, answer, read_head, reset};
use shakedown_loadgen::Failure;
use shakedown_loadgen::http::{Answer, Dialer, Discard, WireSettings};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;

async fn ask_with(settings: WireSettings) -> Result<Answer, Failure> {
    let dialer = Dialer::new(settings).unwrap();
    let request = dialer.get("/").unwrap();
    timeout(AMPLE, dialer.wire().send(&request)).await.expect("an outcome in bounded time")
}

async fn ask(server: &Server) -> Result<Answer, Failure> {
    ask_with(server.settings()).await
}

async fn class_of(server: &Server) -> String {
    ask(server).await.expect_err("a failure").class().into_owned()
}

/// A server whose answers run into a short time-out.
async fn class_in_short(server: &Server) -> String {
    let mut settings = server.settings();
    settings.timeout = SHORT;
    ask_with(settings).await.expect_err("a failure").class().into_owned()
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let settings = WireSettings::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    assert_eq!(ask_with(settings).await.unwrap_err().class(), "connect-refused");
}

#[tokio::test]
async fn a_name_that_nobody_has() {
    let settings = WireSettings::new("http://nobody.invalid".parse().unwrap());
    assert_eq!(ask_with(settings).await.unwrap_err().class(), "dns");
}

#[tokio::test]
async fn nobody_accepts() {
    // TLS waits for a server that says nothing: the connection is never made.
    let server = Server::start(|stream, _| async move {
        tokio::time::sleep(AMPLE).await;
        drop(stream);
    })
    .await;
    let mut settings = WireSettings::new(format!("https://127.0.0.1:{}", server.port).parse().unwrap());
    (settings.verify_tls, settings.connect_timeout) = (false, SHORT);
    assert_eq!(ask_with(settings).await.unwrap_err().class(), "connect-timeout");
}

#[tokio::test]
async fn a_stall_before_the_answer_and_within_it() {
    for stalled_after in
        ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"]
    {
        let server = Server::start(move |mut stream, _| async move {
            read_head(&mut stream).await;
            stream.write_all(stalled_after.as_bytes()).await.unwrap();
            tokio::time::sleep(AMPLE).await;
        })
        .await;
        assert_eq!(class_in_short(&server).await, "timeout", "stalled after {stalled_after:?}");
    }
}

#[tokio::test]
async fn a_trickle_never_ends() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(class_in_short(&server).await, "timeout");
}

#[tokio::test]
async fn a_trickle_that_ends_is_an_answer() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        for byte in answer("slowly").into_bytes() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = ask(&server).await.unwrap();
    assert_eq!((answer.body.as_ref(), answer.bytes), (b"slowly".as_ref(), 6));
}

#[tokio::test]
async fn a_reset_before_the_answer_and_within_it() {
    for sent in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"] {
        let server = Server::start(move |mut stream, _| async move {
            read_head(&mut stream).await;
            stream.write_all(sent.as_bytes()).await.unwrap();
            reset(stream);
        })
        .await;
        assert_eq!(class_of(&server).await, "reset", "after {sent:?}");
    }
}

#[tokio::test]
async fn a_farewell_instead_of_an_answer() {
    assert_eq!(class_of(&Server::answering_once("").await).await, "closed");
    assert_eq!(class_of(&Server::answering_once("HTTP/1.1 200").await).await, "closed");
}

#[tokio::test]
async fn a_body_shorter_than_announced() {
    let fixed = Server::answering_once("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    assert_eq!(class_of(&fixed).await, "truncated");
    let chunked =
        Server::answering_once("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc").await;
    assert_eq!(class_of(&chunked).await, "truncated");
}

#[tokio::test]
async fn a_body_longer_than_announced() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef").await;
    let dialer = server.dialer();
    let (request, mut wire) = (dialer.get("/").unwrap(), dialer.wire());
    // The surplus may come with the answer or after it; at the next request at the latest it is seen.
    let first = timeout(AMPLE, wire.send(&request)).await.unwrap();
    let failure = match first {
        Err(failure) => failure,
        Ok(_) => timeout(AMPLE, wire.send(&request)).await.unwrap().expect_err("the surplus is seen"),
    };
    assert_eq!(failure.class(), "protocol");
}

#[tokio::test]
async fn what_is_not_http() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "\0\x01\x02\x03\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let server = Server::answering_once(garbage).await;
        assert_eq!(class_of(&server).await, "protocol", "{garbage:?}");
    }
}

#[tokio::test]
async fn a_head_without_end() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"x-more: and more and more and more\r\n").await.is_ok() {}
    })
    .await;
    assert_eq!(class_of(&server).await, "protocol");
}

#[tokio::test]
async fn a_body_without_end() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
    .await;
    let mut settings = server.settings();
    settings.most_bytes = 1 << 20;
    assert_eq!(ask_with(settings).await.unwrap_err(), Failure::TooLarge(1 << 20));
}

#[tokio::test]
async fn statuses_and_requests_for_less() {
    let ask = async |status: &str, headers: &str| {
        let bytes = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n");
        let server = Server::answering_once(bytes).await;
        ask(&server).await.unwrap().success().unwrap_err()
    };
    assert_eq!(ask("503 Unavailable", "").await, Failure::Status(503));
    assert_eq!(ask("302 Found", "location: /\r\n").await, Failure::Status(302));
    let seconds = Failure::Throttled { retry_after: Some(Duration::from_secs(7)) };
    assert_eq!(ask("429 Too Many Requests", "retry-after: 7\r\n").await, seconds);
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:44 GMT\r\n";
    assert_eq!(ask("429 Too Many Requests", date).await, seconds);
    assert_eq!(ask("429 Too Many Requests", "").await, Failure::Throttled { retry_after: None });
    assert_eq!(ask("429 Too Many Requests", "retry-after: soon\r\n").await.retry_after(), None);
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_is_made_anew() {
    let (farewell, gone) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (told, left) = (Arc::clone(&farewell), Arc::clone(&gone));
    let server = Server::start(move |mut stream, _| {
        let (told, left) = (Arc::clone(&told), Arc::clone(&left));
        async move {
            read_head(&mut stream).await;
            stream.write_all(answer("once").as_bytes()).await.unwrap();
            told.acquire().await.unwrap().forget();
            drop(stream);
            left.add_permits(1);
        }
    })
    .await;
    let dialer = server.dialer();
    let mut wire = dialer.wire();
    // A request that never left may be sent again, whatever its method.
    let requests = [dialer.get("/").unwrap(), dialer.post("/", "text/plain", "body").unwrap()];
    for (request, connections) in requests.iter().zip(1..) {
        assert_eq!(timeout(AMPLE, wire.send(request)).await.unwrap().unwrap().body, "once");
        assert!(wire.is_connected());
        assert_eq!(server.connections(), connections);
        farewell.add_permits(1);
        gone.acquire().await.unwrap().forget();
        // The runtime looks at its sockets while it sleeps.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(timeout(AMPLE, wire.send(&requests[1])).await.unwrap().unwrap().body, "once");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_request_that_left_is_not_sent_again() {
    // It reads the second request, and hangs up.
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(answer("once").as_bytes()).await.unwrap();
        read_head(&mut stream).await;
    })
    .await;
    let dialer = server.dialer();
    let (request, mut wire) = (dialer.get("/").unwrap(), dialer.wire());
    wire.send(&request).await.unwrap();
    let failure = timeout(AMPLE, wire.send(&request)).await.unwrap().unwrap_err();
    assert_eq!(failure.class(), "closed");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn after_a_time_out_the_late_answer_is_nobodys() {
    // The first answer of the first connection comes too late.
    let server = Server::start(|mut stream, number| async move {
        let body = if number == 0 { "late" } else { "prompt" };
        while read_head(&mut stream).await.is_some() {
            if number == 0 {
                tokio::time::sleep(SHORT * 2).await;
            }
            let _ = stream.write_all(answer(body).as_bytes()).await;
        }
    })
    .await;
    let dialer = server.dialer();
    let mut wire = dialer.wire();
    let hasty = dialer.get("/").unwrap().within(SHORT);
    assert_eq!(wire.read(&hasty, &mut Discard).await.unwrap_err(), Failure::TimedOut);
    let patient = dialer.get("/").unwrap();
    assert_eq!(timeout(AMPLE, wire.send(&patient)).await.unwrap().unwrap().body, "prompt");
}

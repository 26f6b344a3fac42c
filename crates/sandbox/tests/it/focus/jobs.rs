//! The life of jobs, and of their ports.

use super::{BOUND, Focus, attach, closed, live};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn a_job_to_which_nobody_connects_ends_after_fifty_seconds() {
    let focus = Focus::healthy().await;
    let (id, port, _) = focus.job(&live()).await;
    assert_eq!(focus.job_status(&id).await, "pending");
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "running");
    focus.advance(48);
    // A bare connection is no client.
    let _bare = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(focus.job_status(&id).await, "running");
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "completed");
    closed(port).await;
    focus.advance(119);
    assert_eq!(focus.job_status(&id).await, "completed");
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "404 Not Found");
    focus.stop().await;
}

#[tokio::test]
async fn a_client_keeps_its_job_alive_until_it_leaves() {
    let focus = Focus::healthy().await;
    let (id, port, _) = focus.job(&live()).await;
    let mut client = attach(port).await;
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    for _ in 0..2 {
        focus.advance(170);
        client.write_all(&ping).await.unwrap();
        let mut reply = [0; 17];
        timeout(BOUND, client.read_exact(&mut reply)).await.unwrap().unwrap();
        assert_eq!((reply[3], reply[4], &reply[9..]), (6, 1, &ping[9..]));
        assert_eq!(focus.job_status(&id).await, "running");
    }
    drop(client);
    closed(port).await;
    assert_eq!(focus.job_status(&id).await, "completed");
    focus.stop().await;
}

#[tokio::test]
async fn an_idle_stream_is_cut_after_three_minutes() {
    let focus = Focus::healthy().await;
    let (id, port, _) = focus.job(&live()).await;
    let mut client = attach(port).await;
    focus.advance(179);
    assert_eq!(focus.job_status(&id).await, "running");
    focus.advance(1);
    assert_eq!(focus.job_status(&id).await, "completed");
    let read = timeout(BOUND, client.read(&mut [0; 1])).await.expect("the connection must be cut");
    assert!(matches!(read, Ok(0) | Err(_)));
    closed(port).await;
    focus.stop().await;
}

#[tokio::test]
async fn capacity_is_bounded() {
    let focus = Focus::with("focus-api.low-capacity").await;
    for _ in 0..40 {
        focus.job(&live()).await;
    }
    let (status, answer) = focus.configure(&live()).await;
    assert_eq!(status.as_u16(), 503);
    assert!(answer["detail"].as_str().unwrap().contains("40 of 40"), "{answer}");
    focus.advance(50);
    focus.job(&live()).await;
    focus.stop().await;
}

#[tokio::test]
async fn stopping_closes_every_port() {
    let focus = Focus::healthy().await;
    let (_, port, _) = focus.job(&live()).await;
    let address = focus.base.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let server_port = address.rsplit(':').next().unwrap().parse().unwrap();
    assert!(focus.inject("focus-api.nonsense").await.unwrap_err().contains("focus-api.nonsense"));
    focus.stop().await;
    closed(port).await;
    closed(server_port).await;
}

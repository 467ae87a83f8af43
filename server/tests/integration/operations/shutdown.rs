//! Leaving in order: not ready, nobody turned away, streams told why, exit 0; a second signal ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use testkit::{Balancer, Client, eventually, read_rest, read_until, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Console, EMAIL, PASSWORD, reqwest_client};

const CALM: Duration = Duration::from_secs(40);
// Less than the 20 s that a running request gets: only a second signal ends it that early.
const AT_ONCE: Duration = Duration::from_secs(10);
const NO_LIMITS: [&str; 2] = ["--rate-limits", "0"];

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_under_load_fails_no_call() {
    let mut old = Console::start(&[&NO_LIMITS[..], &["--drain-seconds", "2"]].concat()).await;
    let new = old.twin().await;
    let balancer = Balancer::over(&[&old.url, &new.url]).await;
    balancer.until_ready(2).await;
    let member = Client::anonymous(&balancer.url()).sign_in(EMAIL, PASSWORD).await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let worker = |_| {
        let (stop, done) = (stop.clone(), done.clone());
        // Its own pool of kept connections, and no retries of ours.
        let (http, url) = (reqwest_client(), format!("{}/v1/auth/session", balancer.url()));
        let cookie = member.cookie().unwrap().to_owned();
        tokio::spawn(async move {
            let mut failed = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                match http.get(&url).header("cookie", &cookie).send().await {
                    Ok(reply) if reply.status() == 200 => {}
                    other => failed.push(format!("{other:?}")),
                }
                done.fetch_add(1, Ordering::SeqCst);
            }
            failed
        })
    };
    let workers: Vec<_> = (0..4).map(worker).collect();
    let further = async |calls: usize| {
        let wanted = done.load(Ordering::SeqCst) + calls;
        eventually("more calls were answered", async || {
            let now = done.load(Ordering::SeqCst);
            if now >= wanted { Ok(()) } else { Err(now) }
        })
        .await;
    };
    further(50).await;
    old.terminate().await;
    assert!(old.ended(CALM).await.success());
    further(50).await;
    stop.store(true, Ordering::SeqCst);
    for worker in workers {
        assert_eq!(worker.await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaving_console_says_so_while_it_still_answers() {
    let mut console = Console::start(&["--drain-seconds", "300"]).await;
    console.terminate().await;
    eventually("it is not ready", async || match console.status("/readyz").await {
        Some(503) => Ok(()),
        other => Err(other),
    })
    .await;
    assert_eq!(console.status("/healthz").await, Some(200));
    console.terminate().await;
    assert_eq!(console.ended(AT_ONCE).await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_console_that_waits_for_a_request() {
    let mut console = Console::start(&[]).await;
    let address = console.url.trim_start_matches("http://");
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\
                expect: 100-continue\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    // It asks for the rest: the request is in its hands.
    let mut asked = [0; 12];
    tokio::time::timeout(CALM, slow.read_exact(&mut asked)).await.expect("the console asks for the rest").unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    console.terminate().await;
    eventually("it waits", async || if console.log().contains("Shutting down") { Ok(()) } else { Err(()) }).await;
    console.terminate().await;
    assert_eq!(console.ended(AT_ONCE).await.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_stream_ends_with_the_reason() {
    let mut console = Console::start(&[]).await;
    let member = console.operator().await;
    let namespace = member.post("/v1/kubernetes/namespaces", json!({"name": unique("team")})).await.str("/id");
    let path = format!("/v1/kubernetes/namespaces/{namespace}");
    eventually("the namespace is active", async || match member.get(&path).await.json()["status"].as_str() {
        Some("active") => Ok(()),
        other => Err(other.map(str::to_owned)),
    })
    .await;
    let url = format!("{}/live/namespaces/{namespace}/workloads", console.url);
    let mut stream = reqwest_client().get(url).header("cookie", member.cookie().unwrap()).send().await.unwrap();
    let first = read_until(&mut stream, "\n\n").await;
    console.terminate().await;
    let text = first + &read_rest(&mut stream).await;
    assert!(text.ends_with("event: closed\ndata: stopping\n\n"), "{text}");
    assert!(console.ended(CALM).await.success());
}

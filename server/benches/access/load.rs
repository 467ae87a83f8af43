//! exec-credential with a reused token against the bare handler: one caller, then many.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Client, TestApp};

use crate::{CONSOLE, Engine, bare, p50};

const ONE_BY_ONE: usize = 2000;
const CALLERS: usize = 16;
const SPAN: Duration = Duration::from_secs(5);

/// Prints both and their ratio.
pub async fn measure(engine: &Engine) {
    let app = TestApp::setup(CONSOLE).on(&engine.url).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let id = namespace["id"].as_str().unwrap();
    let created = member.post("/v1/api-keys", json!({"name": "bench", "scopes": {"all": true}})).await;
    let key = app.anonymous().with("x-api-key", &created.str("/key")).unchecked();
    let path = format!("/v1/kubernetes/namespaces/{id}/exec-credential");
    let public = created.str("/prefix").trim_start_matches("rgpu_").to_owned();
    let (_child, address) = bare::start(bare::NAME, &[&engine.url, &public, id]).await;
    let floor = Client::anonymous(&address);
    let (ours, theirs) = (sequence(&key, &path).await, sequence(&floor, "/").await);
    println!("{}: exec-credential reused, 1 caller: p50 {ours:.3} ms; bare handler {theirs:.3} ms", engine.name);
    let (ours, theirs) = (throughput(&key, &path).await, throughput(&floor, "/").await);
    println!(
        "{}: exec-credential reused, {CALLERS} callers: {ours:.0}/s; bare handler {theirs:.0}/s; ratio {:.2} (aim 0.5)",
        engine.name,
        ours / theirs
    );
}

async fn once(client: &Client, path: &str) {
    let reply = client.send("POST".parse().unwrap(), path, None).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

async fn sequence(client: &Client, path: &str) -> f64 {
    let mut times = Vec::with_capacity(ONE_BY_ONE);
    for _ in 0..ONE_BY_ONE {
        let begun = Instant::now();
        once(client, path).await;
        times.push(begun.elapsed());
    }
    p50(times)
}

async fn throughput(client: &Client, path: &str) -> f64 {
    let begun = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, path) = (client.clone(), path.to_owned());
            tokio::spawn(async move {
                let mut calls = 0_u32;
                while begun.elapsed() < SPAN {
                    once(&client, &path).await;
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    f64::from(calls) / begun.elapsed().as_secs_f64()
}

//! An HTTP proxy in front of the API server that counts, holds, answers or changes **named** calls (RULINGS 50).
//! The console speaks plain HTTP to it on loopback; it speaks TLS to the API server and passes the token on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::{Plane, in_time};

const BODY_LIMIT: usize = 4 * 1024 * 1024;

type Change = fn(&mut Value);

/// Stands between a console and the API server and understands what they say.
pub struct CallProxy {
    address: SocketAddr,
    inner: Arc<Inner>,
}

/// A barrier in a named call. Dropping it lets everything pass again.
pub struct Held {
    inner: Arc<Inner>,
    rule: u64,
    reached: watch::Receiver<u64>,
    gate: watch::Sender<bool>,
}

struct Inner {
    upstream: String,
    http: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<String>>,
    /// Counts how often all watches were ended.
    expired: watch::Sender<u64>,
}

#[derive(Clone)]
struct Rule {
    id: u64,
    method: String,
    part: String,
    action: Action,
}

#[derive(Clone)]
enum Action {
    /// The request waits before it is passed on.
    HoldRequest(watch::Sender<u64>, watch::Receiver<bool>),
    /// The API server has done it; its answer waits.
    HoldAnswer(watch::Sender<u64>, watch::Receiver<bool>),
    /// The API server is not asked.
    Answer(StatusCode, Value),
    /// Its answer is changed on the way.
    Change(Change),
}

// === impl CallProxy ===

impl CallProxy {
    /// A proxy to the plane's API server, passing.
    pub async fn to(plane: &Plane) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let ca = std::fs::read(plane.ca_file()).expect("the API server's CA can be read");
        let ca = reqwest::Certificate::from_pem(&ca).expect("a certificate");
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
        let (rules, seen) = (Mutex::default(), Mutex::default());
        let inner = Inner { upstream: plane.server(), http, rules, seen, expired: watch::Sender::new(0) };
        let inner = Arc::new(inner);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(pass).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Its own address, `http://127.0.0.1:port`.
    pub fn server(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came with this method and this part in their path. A watch is a `GET`, and a `WATCH` as well.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let fits = |line: &&String| line.split_once(' ').is_some_and(|(m, path)| m == method && path.contains(part));
        self.inner.seen.lock().unwrap().iter().filter(fits).count()
    }

    /// Holds such requests before the API server sees them.
    pub fn hold(&self, method: &str, part: &str) -> Held {
        self.barrier(method, part, Action::HoldRequest)
    }

    /// Holds the answers to such requests: the API server has done them.
    pub fn hold_answer(&self, method: &str, part: &str) -> Held {
        self.barrier(method, part, Action::HoldAnswer)
    }

    /// Answers such requests itself.
    pub fn answer(&self, method: &str, part: &str, status: u16, body: Value) {
        let status = StatusCode::from_u16(status).unwrap();
        self.inner.add(method, part, Action::Answer(status, body));
    }

    /// Changes the answers to such requests; watches, which never end, pass as they are.
    pub fn change(&self, method: &str, part: &str, change: Change) {
        self.inner.add(method, part, Action::Change(change));
    }

    /// Ends every open watch as the API server does when it no longer knows the version: 410 Gone within the stream.
    pub fn expire(&self) {
        self.inner.expired.send_modify(|times| *times += 1);
    }

    /// Everything passes unchanged again.
    pub fn pass(&self) {
        self.inner.rules.lock().unwrap().clear();
    }

    fn barrier(
        &self,
        method: &str,
        part: &str,
        action: fn(watch::Sender<u64>, watch::Receiver<bool>) -> Action,
    ) -> Held {
        let (count, reached) = watch::channel(0);
        let (gate, open) = watch::channel(false);
        let rule = self.inner.add(method, part, action(count, open));
        Held { inner: self.inner.clone(), rule, reached, gate }
    }
}

// === impl Held ===

impl Held {
    /// Waits until a call is being held.
    pub async fn reached(&self) {
        let mut calls = self.reached.clone();
        in_time("the call that is to be held", calls.wait_for(|count| *count > 0)).await.expect("the proxy runs");
    }

    /// Lets the held calls go on; later ones pass.
    pub fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inner.rules.lock().unwrap().retain(|rule| rule.id != self.rule);
        self.gate.send_replace(true);
    }
}

// === impl Inner ===

impl Inner {
    fn add(&self, method: &str, part: &str, action: Action) -> u64 {
        let mut rules = self.rules.lock().unwrap();
        let id = rules.iter().map(|rule| rule.id + 1).max().unwrap_or(0);
        rules.push(Rule { id, method: method.to_owned(), part: part.to_owned(), action });
        id
    }

    fn action(&self, method: &str, path: &str) -> Option<Action> {
        let rules = self.rules.lock().unwrap();
        let found = rules.iter().find(|rule| rule.method == method && path.contains(&rule.part));
        found.map(|rule| rule.action.clone())
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    inner.seen.lock().unwrap().push(format!("{method} {path}"));
    let watches = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let action = inner.action(&method, &path).filter(|action| !(watches && matches!(action, Action::Change(_))));
    match action {
        None if watches => {
            // First: whoever sees the watch counted may end it at once.
            let expired = inner.expired.subscribe();
            inner.seen.lock().unwrap().push(format!("WATCH {path}"));
            forward(&inner, request).await.map_or_else(lost, |answer| expiring(answer, expired))
        }
        None => forward(&inner, request).await.map_or_else(lost, streamed),
        Some(Action::Answer(status, body)) => (status, axum::Json(body)).into_response(),
        Some(Action::HoldRequest(count, gate)) => {
            wait(&count, gate).await;
            forward(&inner, request).await.map_or_else(lost, streamed)
        }
        Some(Action::HoldAnswer(count, gate)) => {
            let answer = forward(&inner, request).await;
            wait(&count, gate).await;
            answer.map_or_else(lost, streamed)
        }
        Some(Action::Change(change)) => match forward(&inner, request).await {
            Ok(answer) => changed(answer, change).await,
            Err(error) => lost(error),
        },
    }
}

async fn wait(count: &watch::Sender<u64>, mut gate: watch::Receiver<bool>) {
    count.send_modify(|count| *count += 1);
    let _gone = gate.wait_for(|open| *open).await;
}

async fn forward(inner: &Inner, request: Request) -> reqwest::Result<reqwest::Response> {
    let (mut parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let url = format!("{}{target}", inner.upstream);
    for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    inner.http.request(parts.method, url).headers(parts.headers).body(body).send().await
}

const GONE: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version: 1 (2)","reason":"Expired","code":410}}"#,
    "\n"
);

/// As it comes, until all watches are ended. Events end with a line feed: the last word comes between two of them.
fn expiring(answer: reqwest::Response, expired: watch::Receiver<u64>) -> Response {
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let chunks = stream::try_unfold((Some(answer), expired, true), |(answer, mut expired, whole)| async move {
        let Some(mut answer) = answer else { return Ok::<_, reqwest::Error>(None) };
        tokio::select! {
            _ = expired.changed(), if whole => Ok(Some((Bytes::from_static(GONE.as_bytes()), (None, expired, true)))),
            chunk = answer.chunk() => Ok(chunk?.map(|chunk| {
                let whole = chunk.ends_with(b"\n");
                (chunk, (Some(answer), expired, whole))
            })),
        }
    });
    (status, headers, Body::from_stream(chunks)).into_response()
}

/// As it comes: watches never end.
pub(crate) fn streamed(answer: reqwest::Response) -> Response {
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let chunks = stream::try_unfold(answer, |mut answer| async {
        answer.chunk().await.map(|chunk| chunk.map(|chunk| (chunk, answer)))
    });
    (status, headers, Body::from_stream(chunks)).into_response()
}

async fn changed(answer: reqwest::Response, change: Change) -> Response {
    let status = answer.status();
    let mut body: Value = serde_json::from_slice(&answer.bytes().await.unwrap_or_default()).unwrap_or_default();
    change(&mut body);
    (status, axum::Json(body)).into_response()
}

fn lost(error: reqwest::Error) -> Response {
    (StatusCode::BAD_GATEWAY, error.to_string()).into_response()
}

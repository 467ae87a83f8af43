//! A receiver of outgoing webhooks: https with a certificate of its own authority, scripted answers, everything recorded.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum_server::tls_rustls::RustlsConfig;

use crate::{Authority, eventually};

const BODY_LIMIT: usize = 1024 * 1024;

/// Listens on loopback until the test ends.
pub struct Receiver {
    /// `https://localhost:port/hook`.
    pub url: String,
    /// Who signed its certificate.
    pub authority: Authority,
    inner: Arc<Inner>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: String,
}

#[derive(Default)]
struct Inner {
    answers: Mutex<VecDeque<(u16, String)>>,
    seen: Mutex<Vec<Received>>,
}

// === impl Received ===

impl Received {
    /// A header as text; empty when it is missing.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}

// === impl Receiver ===

impl Receiver {
    /// One that answers 204.
    pub async fn start() -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let (authority, inner) = (Authority::new(), Arc::new(Inner::default()));
        let (certificate, key) = authority.serving(false);
        let tls = RustlsConfig::from_pem(certificate.into(), key.into()).await.expect("the certificate is one");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://localhost:{}/hook", listener.local_addr().unwrap().port());
        let router = Router::new().fallback(record).with_state(inner.clone());
        let server = axum_server::from_tcp_rustls(listener, tls).expect("it can listen");
        tokio::spawn(async move { server.serve(router.into_make_service()).await });
        Self { url, authority, inner }
    }

    /// The next requests are answered so, one each; a redirect goes to `location`.
    pub fn answer(&self, status: u16, location: &str) {
        self.inner.answers.lock().unwrap().push_back((status, location.to_owned()));
    }

    /// What came so far.
    pub fn seen(&self) -> Vec<Received> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Waits until `count` requests came.
    pub async fn until(&self, count: usize) -> Vec<Received> {
        eventually("the receiver was called", async || {
            let seen = self.seen();
            if seen.len() >= count { Ok(seen) } else { Err(seen.len()) }
        })
        .await
    }
}

async fn record(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.expect("the body can be read");
    let body = String::from_utf8(body.to_vec()).expect("the body is text");
    inner.seen.lock().unwrap().push(Received { headers: parts.headers, body });
    let (status, location) = inner.answers.lock().unwrap().pop_front().unwrap_or((204, String::new()));
    let status = StatusCode::from_u16(status).expect("a status");
    if location.is_empty() { status.into_response() } else { (status, [(LOCATION, location)]).into_response() }
}

//! A proxy that checks passwords in front of an API server, as there must be one since Kubernetes 1.19: whoever has none gets
//! a page, whoever has one is a ServiceAccount for the API server. Watches, logs and WebSockets pass as they come.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, WWW_AUTHENTICATE};
use axum::response::{IntoResponse as _, Response};
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::calls::streamed;
use crate::{Authority, OtherPlane};

const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Listens on loopback until the test ends.
pub struct PasswordProxy {
    /// `https://127.0.0.1:port`.
    pub url: String,
    /// Who signed its certificate.
    pub authority: Authority,
    inner: Arc<Inner>,
}

struct Inner {
    /// The header that it lets in.
    password: String,
    behind: Mutex<Behind>,
}

/// Where it goes on, and with which header.
#[derive(Clone)]
struct Behind {
    http: reqwest::Client,
    server: String,
    token: String,
}

// === impl Behind ===

impl Behind {
    fn new(server: String, ca: &str, token: &str) -> Self {
        let ca = reqwest::Certificate::from_pem(ca.as_bytes()).expect("a certificate");
        // Only HTTP/1.1 can be upgraded.
        let http = reqwest::Client::builder().no_proxy().http1_only().tls_certs_only([ca]).build().expect("a client");
        Self { http, server, token: format!("Bearer {}", token.trim()) }
    }
}

// === impl PasswordProxy ===

impl PasswordProxy {
    /// In front of `plane`: this name with this password becomes the holder of `token`.
    pub async fn before(plane: &OtherPlane, (username, password): (&str, &str), token: &str) -> Self {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let behind = Mutex::new(Behind::new(plane.server(), &plane.ca(), token));
        let password = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
        let inner = Arc::new(Inner { password, behind });
        let authority = Authority::new();
        let (certificate, key) = authority.serving(false);
        let tls = RustlsConfig::from_pem(certificate.into(), key.into()).await.expect("the certificate is one");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(inner.clone());
        let server = axum_server::from_tcp_rustls(listener, tls).expect("it can listen");
        tokio::spawn(async move { server.serve(router.into_make_service()).await });
        Self { url, authority, inner }
    }

    /// From now on the same address and password lead to another API server: one that `ca` signed, to the holder of
    /// `token`.
    pub fn lead_to(&self, server: &str, ca: &str, token: &str) {
        *self.inner.behind.lock().unwrap() = Behind::new(server.to_owned(), ca, token);
    }
}

async fn pass(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let known = parts.headers.get(AUTHORIZATION).is_some_and(|given| given.as_bytes() == inner.password.as_bytes());
    if !known {
        let asks = [(WWW_AUTHENTICATE, "Basic realm=\"cluster\"")];
        return (StatusCode::UNAUTHORIZED, asks, "<h1>401 Authorization Required</h1>").into_response();
    }
    for name in [AUTHORIZATION, HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = to_bytes(body, BODY_LIMIT).await.expect("the body can be read");
    let behind = inner.behind.lock().unwrap().clone();
    let onward = behind.http.request(parts.method, format!("{}{path}", behind.server)).headers(parts.headers);
    // Nodes ask on after the control plane of a test is gone.
    let Ok(answer) = onward.header(AUTHORIZATION, &behind.token).body(body).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    match upgrade {
        Some(client) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let switching = (answer.status(), answer.headers().clone()).into_response();
            tokio::spawn(join(client, answer));
            switching
        }
        _ => streamed(answer),
    }
}

/// Bytes both ways until both sides have ended, or one broke off.
async fn join(client: OnUpgrade, server: reqwest::Response) {
    let (Ok(client), Ok(mut server)) = (client.await, server.upgrade().await) else { return };
    let _either_side_broke_off = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut server).await;
}

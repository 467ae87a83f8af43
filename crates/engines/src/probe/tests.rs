//! The rules for outbound connections, with a listener as the witness: what it did not hear was not sent.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use domain::engine::report::RowStatus;
use domain::engine::settings::{OnPremise, Runpod};
use domain::engine::{ApiUrl, EngineForm, EngineKind};
use domain::outbound::Network;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::kubernetes::{Access, Login};

mod told;

const TOKEN: &str = "a-token-that-nobody-may-hear";
/// Bytes: of each answer 1 MiB is read, and the two sockets hold some more.
const A_LITTLE: usize = 64 << 20;

fn open() -> Probe {
    Probe::new(AddressPolicy::allowing(vec![Network::parse("127.0.0.0/8").unwrap()]))
}

fn now() -> Timestamp {
    Timestamp::now()
}

fn bearer() -> Credentials {
    Credentials::BearerToken { token: TOKEN.to_owned() }
}

fn cluster(port: u16, ca_pem: Option<String>) -> Settings {
    Settings::OnPremise(OnPremise {
        api_url: ApiUrl { host: "127.0.0.1".to_owned(), port },
        load_balancer_ip: IpAddr::from([203, 0, 113, 10]),
        ca_pem,
        features: Vec::new(),
        namespaces: Vec::new(),
        gpus: Vec::new(),
        exec_probe: false,
    })
}

async fn rows(probe: &Probe, settings: &Settings) -> Vec<(String, RowStatus)> {
    let probed = probe.probe(settings, &bearer(), Depth::Full, now()).await;
    probed.report.rows.into_iter().map(|row| (row.id, row.status)).collect()
}

/// A full check that has found nothing yet.
fn look() -> Look {
    let step: Step = Arc::new(|_: &Row| {});
    Look { depth: Depth::Full, now: now(), step, rows: Vec::new(), facts: Facts::default(), unanswered: false }
}

/// A CA, and a server certificate it signed for `name`, as a TLS server takes it.
struct Server {
    ca_pem: String,
    config: ServerConfig,
}

fn server(name: &str) -> Server {
    server_with(name, |_| {})
}

/// The same, with something changed in the server's own certificate.
fn server_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Server {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut leaf);
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    Server { ca_pem, config }
}

/// Answers every request with `answer`; keeps what it heard once TLS was agreed on.
async fn serve(config: ServerConfig, answer: String) -> (u16, Arc<Mutex<String>>) {
    serve_by(config, move |_| answer.clone()).await
}

/// Answers each request, with its body, by what `answer` makes of it; keeps what it heard.
async fn serve_by(
    config: ServerConfig,
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (port, heard) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(String::new())));
    let (acceptor, log, answer) = (TlsAcceptor::from(Arc::new(config)), heard.clone(), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, log, answer) = (acceptor.clone(), log.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let request = whole_request(&mut stream).await;
                log.lock().unwrap().push_str(&request);
                let _gone = stream.write_all(answer(&request).as_bytes()).await;
                let _gone = stream.shutdown().await;
            });
        }
    });
    (port, heard)
}

/// One request with its body, or what came of it.
async fn whole_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let (mut request, mut buffer) = (String::new(), vec![0; 65536]);
    let missing = |request: &str| {
        let Some((head, body)) = request.split_once("\r\n\r\n") else { return true };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            value.parse::<usize>().ok().filter(|_| name.eq_ignore_ascii_case("content-length"))
        });
        body.len() < length.unwrap_or(0)
    };
    while missing(&request) {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => request.push_str(&String::from_utf8_lossy(&buffer[..read])),
            _ => break,
        }
    }
    request
}

/// Answers every request with this status and a body that never ends; counts what it got rid of.
async fn serve_without_end(config: ServerConfig, status: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (port, sent) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (acceptor, count) = (TlsAcceptor::from(Arc::new(config)), sent.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count) = (acceptor.clone(), count.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = vec![0; 65536];
                let _asked = stream.read(&mut buffer).await;
                buffer.fill(b' ');
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\r\n");
                let _begun = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&buffer).await.is_ok() {
                    count.fetch_add(buffer.len(), Ordering::Relaxed);
                }
            });
        }
    });
    (port, sent)
}

fn failed(rows: &[(String, RowStatus)]) -> Vec<&str> {
    rows.iter().filter(|row| row.1 == RowStatus::Fail).map(|row| row.0.as_str()).collect()
}

#[tokio::test]
async fn an_address_that_is_not_allowed_hears_nothing() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let settings = cluster(listener.local_addr().unwrap().port(), None);
    let rows = rows(&Probe::new(AddressPolicy::default()), &settings).await;
    assert_eq!(failed(&rows), ["policy"]);
    assert_eq!(rows.len(), 1, "nothing else was tried: {rows:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn the_api_of_the_cluster_that_we_run_in_is_refused_by_its_name() {
    let url = ApiUrl { host: "kubernetes.default.svc".to_owned(), port: 443 };
    assert_eq!(open().checked_addresses(&url).await, None);
    let Settings::OnPremise(mut one) = cluster(443, None) else { unreachable!() };
    one.api_url = url;
    let rows = rows(&open(), &Settings::OnPremise(one)).await;
    // Whether the name exists depends on the machine; it is reached on none.
    assert!(matches!(failed(&rows)[..], ["policy" | "dns"]), "{rows:?}");
}

#[tokio::test]
async fn a_closed_port_and_a_server_without_tls_are_told_apart() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let mut heard = Vec::new();
        // The first connection only asks whether somebody listens.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 65536];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            heard.extend_from_slice(&buffer[..read]);
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
        heard
    });
    let found = rows(&open(), &cluster(port, Some(server("127.0.0.1").ca_pem))).await;
    assert_eq!(failed(&found), ["tls-version"], "{found:?}");
    let heard = String::from_utf8_lossy(&heard.await.unwrap()).into_owned();
    assert!(!heard.contains(TOKEN) && heard.starts_with('\u{16}'), "a greeting of TLS and nothing else");
    let closed = rows(&open(), &cluster(port, Some(server("127.0.0.1").ca_pem))).await;
    assert_eq!(failed(&closed), ["tcp"]);
}

#[tokio::test]
async fn nothing_is_asked_of_a_server_whose_certificate_is_not_trusted() {
    let ours = server("127.0.0.1");
    for (config, ca, row) in [
        (server("127.0.0.1").config, ours.ca_pem.clone(), "tls-trust"),
        (server("127.0.0.1").config, String::new(), "tls-trust"),
    ] {
        let (port, heard) = serve(config, "HTTP/1.1 200 OK\r\n\r\n".to_owned()).await;
        let found = rows(&open(), &cluster(port, Some(ca).filter(|ca| !ca.is_empty()))).await;
        assert_eq!(failed(&found), [row], "{found:?}");
        assert_eq!(heard.lock().unwrap().as_str(), "");
    }
    let other = server("other.example");
    let (port, heard) = serve(other.config, "HTTP/1.1 200 OK\r\n\r\n".to_owned()).await;
    let probed = open().probe(&cluster(port, Some(other.ca_pem)), &bearer(), Depth::Full, now()).await;
    let row = probed.report.row("tls-name").unwrap();
    assert_eq!(row.message, "Certificate is valid for other.example, not for 127.0.0.1");
    assert_eq!(heard.lock().unwrap().as_str(), "");
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_credential_goes_to_what_is_no_api_server() {
    let elsewhere = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = format!("https://{}", elsewhere.local_addr().unwrap());
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let Server { ca_pem, config } = server("127.0.0.1");
    let (port, heard) = serve(config, answer).await;
    let found = rows(&open(), &cluster(port, Some(ca_pem))).await;
    assert_eq!(failed(&found), ["kubernetes"], "{found:?}");
    let heard = heard.lock().unwrap().clone();
    assert!(heard.starts_with("GET /version ") && !heard.contains(TOKEN), "{heard}");
    assert_eq!(heard.matches("GET ").count(), 1, "{heard}");
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_server_that_never_stops_talking_is_not_listened_to_when_a_command_is_tried_there() {
    let Server { ca_pem, config } = server("127.0.0.1");
    let (port, sent) = serve_without_end(config, "200 OK").await;
    let Settings::OnPremise(at) = cluster(port, Some(ca_pem)) else { panic!("it is a cluster") };
    let mut look = look();
    exec::try_out(&at, IpAddr::from([127, 0, 0, 1]), &bearer(), &mut look).await;
    assert_eq!(look.rows.iter().map(|row| row.status).collect::<Vec<_>>(), [RowStatus::Fail], "{:?}", look.rows);
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < A_LITTLE, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_refusal_that_never_ends_is_not_read_whole() {
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let Server { ca_pem, config } = server("127.0.0.1");
    let (port, sent) = serve_without_end(config, "500 Internal Server Error").await;
    let (server, login) = (format!("https://127.0.0.1:{port}"), Login::of(bearer()).unwrap());
    let (client, _) = Access::Values { server, address: None, ca: Some(ca_pem), login }.connect().await.unwrap();
    let request = axum::http::Request::get("/api").body(Vec::new()).unwrap();
    let answer = tokio::time::timeout(connect::CALL, client.request_text(request)).await;
    assert!(!matches!(answer, Ok(Ok(_))));
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < A_LITTLE, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_page_that_says_something_is_not_repeated_in_a_row() {
    let body = "<script>internal banner</script>";
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let Server { ca_pem, config } = server("127.0.0.1");
    let (port, _) = serve(config, answer).await;
    let probed = open().probe(&cluster(port, Some(ca_pem)), &bearer(), Depth::Full, now()).await;
    assert!(!format!("{probed:?}").contains("banner"), "{probed:?}");
}

async fn simulator(keys: &[&str]) -> String {
    let settings = runpod_sim::Settings {
        api_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..runpod_sim::Settings::default()
    };
    let simulator = runpod_sim::Simulator::new(settings, runpod_sim::Clock::new(Timestamp::now(), 1.0), 7);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, runpod_sim::http::router(Arc::new(simulator))).await });
    url
}

fn rented(price: &str) -> Runpod {
    let form = EngineForm {
        kind: EngineKind::Runpod,
        name: "rented".to_owned(),
        api_key: "rpa_good".to_owned(),
        max_gpu_price: price.to_owned(),
        cloud: "all".to_owned(),
        ..EngineForm::default()
    };
    match form.check(now(), false).unwrap().settings {
        Settings::Runpod(runpod) => runpod,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_runpod_account_is_known_by_its_key_and_left_with_what_its_price_allows() {
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let probe = Probe::new(AddressPolicy::default()).with_runpod(&simulator(&["rpa_good"]).await);
    let look = async |key: &str, price: &str| {
        let credentials = Credentials::ApiKey { key: key.to_owned() };
        let probed = probe.probe(&Settings::Runpod(rented(price)), &credentials, Depth::Full, now()).await;
        probed.report
    };
    let refused = look("rpa_bad", "0.5").await;
    assert_eq!(refused.worst().unwrap().id, "key");
    assert!(!refused.usable());
    let dear = look("rpa_good", "1000").await;
    assert_ne!(dear.row("catalogue").unwrap().status, RowStatus::Fail, "{dear:?}");
    assert!(dear.usable() && dear.row("key").unwrap().status == RowStatus::Pass);
    let cheap = look("rpa_good", "0.000001").await;
    assert_eq!(cheap.row("catalogue").unwrap().status, RowStatus::Fail);
    assert!(cheap.usable(), "an engine that can rent nothing is degraded, not refused");
}

#[tokio::test]
async fn a_socket_that_is_not_there_says_so() {
    let settings = Settings::Docker(domain::engine::settings::Docker {
        endpoint: "unix:///nowhere/docker.sock".to_owned(),
        ca_pem: None,
    });
    let probed = open().probe(&settings, &Credentials::None, Depth::Full, now()).await;
    assert_eq!(probed.report.worst().unwrap().id, "socket");
}

//! What nobody can be faster than: the same TLS, the same JSON read, a fixed answer. Its own process, as the webhook is.

use axum::Router;
use axum::routing::{get, post};
use axum_server::tls_rustls::{RustlsConfig, bind_rustls};
use serde_json::Value;
use testkit::Webhook;
use tokio::process::{Child, Command};

/// The first argument of this role.
pub const NAME: &str = "bare-handler";

/// Arguments: port, certificate file, key file.
pub async fn serve(arguments: &[String]) {
    let [port, certificate, key] = arguments else { unreachable!("three arguments") };
    let tls = RustlsConfig::from_pem_file(certificate, key).await.unwrap();
    let router = Router::new().route("/mutate", post(answer)).route("/readyz", get(|| async { "ok" }));
    let address = std::net::SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    bind_rustls(address, tls).serve(router.into_make_service()).await.unwrap();
}

async fn answer(body: axum::body::Bytes) -> axum::Json<Value> {
    let review: Value = serde_json::from_slice(&body).unwrap();
    let uid = &review["request"]["uid"];
    axum::Json(serde_json::json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": {"uid": uid, "allowed": true, "patchType": "JSONPatch", "patch": "x".repeat(1200)}}))
}

/// Starts it with the certificate of `webhook`; gives its address.
pub async fn start(webhook: &Webhook) -> (Child, String) {
    let port = testkit::free_port().to_string();
    let [certificate, key] = webhook.certificate_files();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let child = command.args([NAME, &port]).arg(certificate).arg(key).kill_on_drop(true).spawn().unwrap();
    (child, format!("127.0.0.1:{port}"))
}

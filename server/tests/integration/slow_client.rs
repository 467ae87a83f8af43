//! Clients that send slowly, or nothing, are let go; HTTP/2 without TLS is not spoken (`security.md` §9).

use std::time::Duration;

use testkit::TestApp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::CONSOLE;

// More than the 30 s of a request, and not for ever: a console without limits never answers at all.
const LET_GO: Duration = Duration::from_secs(60);

/// What comes back for `sent` before the console ends the connection.
async fn answered(app: &TestApp, sent: &str) -> String {
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let ended = tokio::time::timeout(LET_GO, stream.read_to_end(&mut got)).await;
    // A reset is an end too.
    let _kind_of_end = ended.unwrap_or_else(|_| panic!("still open after {LET_GO:?}: {sent:?}"));
    String::from_utf8_lossy(&got).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_finishes_is_let_go() {
    let app = TestApp::start(CONSOLE).await;
    let body = "POST /v1/auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let to_the_key_route = body.replace("/v1/auth/login", "/v1/kubernetes/namespaces/x/exec-credential");
    let (nothing, half_a_head, half_a_body, at_the_key_route) = tokio::join!(
        answered(&app, ""),
        answered(&app, "GET / HTTP/1.1\r\n"),
        answered(&app, body),
        answered(&app, &to_the_key_route),
    );
    assert_eq!(nothing, "");
    assert!(half_a_head.is_empty() || half_a_head.starts_with("HTTP/1.1 408"), "{half_a_head}");
    for late in [half_a_body, at_the_key_route] {
        assert!(late.starts_with("HTTP/1.1 408") || late.starts_with("HTTP/1.1 503"), "{late}");
    }
}

/// It would have no limit on slow heads.
#[tokio::test(flavor = "multi_thread")]
async fn http_2_without_tls_is_not_spoken() {
    let app = TestApp::start(CONSOLE).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    let got = answered(&app, preface).await;
    assert!(got.is_empty() || got.starts_with("HTTP/1.1 400"), "{got:?}");
}

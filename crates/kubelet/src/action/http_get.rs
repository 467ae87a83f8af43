//! `httpGet`: one request, of whose answer only the status counts; 200 to 399 is success, as in Kubernetes.
//! The certificate of an HTTPS target is not checked: it is a question of life, not of trust.
use std::sync::Arc;

use k8s_openapi::api::core::v1::HTTPGetAction;
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::{Headers, Outcome};
use crate::{HttpProxy, HttpWay, Instance, PortStream, Wire};

/// Enough of an answer for its status and the beginning of its text.
const HEAD: usize = 1024;

pub(super) async fn request(way: HttpWay, instance: &Instance, port: u16, get: &HTTPGetAction) -> Result<(), Outcome> {
    let HttpWay { wire, proxy } = way;
    if let Some(proxy) = &proxy {
        if get.scheme.as_deref() == Some("HTTPS") {
            return Err(Outcome::Unknown("the proxy before the port speaks plain HTTP to it".into()));
        }
        return judge(through(wire, proxy, get).await?).map_err(Outcome::Failure);
    }
    let host = get.host.clone().or_else(|| instance.pod_ip.clone()).unwrap_or_else(|| "localhost".into());
    let text = head(&format!("{host}:{port}"), None, get);
    let status = match get.scheme.as_deref() {
        Some("HTTPS") => secured(wire, &host, &text).await,
        _ => ask(wire, &text).await,
    };
    status.and_then(judge).map_err(Outcome::Failure)
}

/// Whether somebody is behind a proxy, whatever the answer.
pub(super) async fn is_served(wire: PortStream, proxy: &HttpProxy) -> Result<(), Outcome> {
    match through(wire, proxy, &HTTPGetAction::default()).await? {
        status @ 502..=504 => Err(Outcome::Failure(format!("the proxy finds nobody: it answers {status}"))),
        _ => Ok(()),
    }
}

/// The status that a proxy passes on, or says itself. A proxy in trouble says nothing of the container.
async fn through(wire: PortStream, proxy: &HttpProxy, get: &HTTPGetAction) -> Result<u16, Outcome> {
    let status = ask(wire, &head(&proxy.host, Some(proxy), get)).await;
    match status.map_err(|why| Outcome::Unknown(format!("the proxy: {why}")))? {
        status @ 502..=504 if proxy.fresh => {
            Err(Outcome::Unknown(format!("the proxy answers {status}; it may not know the instance yet")))
        }
        // What such proxies say when they themselves cannot go on.
        status @ 520..=530 => Err(Outcome::Unknown(format!("the proxy is in trouble: it answers {status}"))),
        status => Ok(status),
    }
}

async fn secured(wire: PortStream, host: &str, request: &str) -> Result<u16, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} is no host name"))?;
    let secured = TlsConnector::from(Arc::new(trusting()?)).connect(name, wire).await;
    ask(secured.map_err(|error| error.to_string())?, request).await
}

/// The request; a header that the probe names replaces ours. A proxy knows its ports by `Host`, so there it stays.
fn head(authority: &str, proxy: Option<&HttpProxy>, get: &HTTPGetAction) -> String {
    let mut headers = Headers::from([
        ("host".into(), authority.to_owned()),
        ("user-agent".into(), "kube-probe/remotegpu".into()),
        ("accept".into(), "*/*".into()),
        ("connection".into(), "close".into()),
    ]);
    for header in get.http_headers.iter().flatten() {
        let name = header.name.to_ascii_lowercase();
        if proxy.is_none() || name != "host" {
            headers.insert(name, header.value.clone());
        }
    }
    // A space or a line break would end the line: what follows could be headers, and a request, of its own.
    let plain = |byte: u8| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let path: String = get.path.as_deref().unwrap_or("/").bytes().map(plain).collect();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let prefix = proxy.map_or("", |proxy| proxy.prefix.as_str());
    let mut text = format!("GET {prefix}{slash}{path} HTTP/1.1\r\n");
    for (name, value) in headers {
        // A line break would be a header of its own.
        text.push_str(&format!("{name}: {}\r\n", value.replace(['\r', '\n'], " ")));
    }
    text.push_str("\r\n");
    text
}

/// The status of the answer.
async fn ask(mut wire: impl Wire, request: &str) -> Result<u16, String> {
    wire.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    wire.flush().await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    // The status stands in the first line; a target that goes on for ever is not waited for.
    let mut piece = [0; HEAD];
    while answer.len() < HEAD && !answer.contains(&b'\n') {
        match wire.read(&mut piece).await {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) => return Err(error.to_string()),
        }
    }
    status(&answer)
}

fn status(answer: &[u8]) -> Result<u16, String> {
    let text = String::from_utf8_lossy(answer);
    let word = text.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).and_then(|word| word.get(..3));
    word.and_then(|word| word.parse().ok()).ok_or_else(|| "the answer is not HTTP".into())
}

fn judge(status: u16) -> Result<(), String> {
    match status {
        200..=399 => Ok(()),
        status => Err(format!("HTTP probe failed with statuscode: {status}")),
    }
}

fn trusting() -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting(provider))).with_no_client_auth())
}

/// Takes every certificate.
#[derive(Debug)]
struct Trusting(Arc<CryptoProvider>);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(answer: &[u8]) -> Result<(), String> {
        status(answer).and_then(judge)
    }

    /// A proxy that answers every request with this, and the request that it got.
    async fn proxied(answer: &str, fresh: bool, get: serde_json::Value) -> (Result<(), Outcome>, String) {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        theirs.write_all(answer.as_bytes()).await.unwrap();
        let proxy = HttpProxy { host: "pod-80.proxy.example".into(), prefix: "/behind".into(), fresh };
        let instance = Instance {
            uid: "a".into(),
            namespace: "team".into(),
            name: "web".into(),
            pod_ip: Some("10.0.0.1".into()),
            disruption: None,
            containers: Vec::new(),
        };
        let way = HttpWay { wire: Box::new(ours), proxy: Some(proxy) };
        let outcome = request(way, &instance, 80, &serde_json::from_value(get).unwrap()).await;
        let mut asked = String::new();
        theirs.read_to_string(&mut asked).await.unwrap();
        (outcome, asked)
    }

    #[tokio::test]
    async fn a_proxy_is_asked_by_its_own_name_whatever_the_probe_calls_its_host() {
        let get = json!({"path": "/healthz", "port": 80, "httpHeaders": [{"name": "Host", "value": "web.example"}]});
        let (outcome, asked) = proxied("HTTP/1.1 200 OK\r\n", false, get).await;
        assert_eq!(outcome, Ok(()));
        assert!(asked.starts_with("GET /behind/healthz HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("host: pod-80.proxy.example\r\n") && !asked.contains("web.example"), "{asked}");
    }

    #[tokio::test]
    async fn trouble_of_a_proxy_is_not_the_containers() {
        let cases = [
            (500, false, "failed"),
            (502, false, "failed"),
            (502, true, "unknown"),
            (500, true, "failed"),
            (522, false, "unknown"),
            (302, true, "passed"),
        ];
        for (status, fresh, wanted) in cases {
            let answer = format!("HTTP/1.1 {status} X\r\n");
            let told = match proxied(&answer, fresh, json!({"port": 80})).await.0 {
                Ok(()) | Err(Outcome::Success) => "passed",
                Err(Outcome::Failure(_)) => "failed",
                Err(Outcome::Unknown(_)) => "unknown",
            };
            assert_eq!(told, wanted, "{status}, fresh: {fresh}");
        }
    }

    #[test]
    fn the_status_decides() {
        assert_eq!(verdict(b"HTTP/1.1 200 OK\r\n"), Ok(()));
        assert_eq!(verdict(b"HTTP/1.0 302 Found\r\n"), Ok(()));
        assert_eq!(verdict(b"HTTP/1.1 500\r\n"), Err("HTTP probe failed with statuscode: 500".into()));
        assert_eq!(verdict(b"SSH-2.0-x\r\n"), Err("the answer is not HTTP".into()));
        assert_eq!(verdict(b""), Err("the answer is not HTTP".into()));
    }

    #[test]
    fn headers_of_the_probe_replace_ours_and_cannot_add_lines() {
        let get = json!({"path": "healthz", "port": 80, "httpHeaders": [
            {"name": "Host", "value": "web.example"}, {"name": "X-Evil", "value": "a\r\nb: c"}]});
        let text = head("10.0.0.1:80", None, &serde_json::from_value(get).unwrap());
        assert!(text.starts_with("GET /healthz HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("host: web.example\r\n") && !text.contains("10.0.0.1"), "{text}");
        assert!(text.contains("x-evil: a  b: c\r\n"), "{text}");
        let get = json!({"path": "/a b HTTP/1.1\r\nHost: other.example\r\n", "port": 80});
        let text = head("10.0.0.1:80", None, &serde_json::from_value(get).unwrap());
        assert!(text.starts_with("GET /a%20b%20HTTP/1.1%0D%0AHost:%20other.example%0D%0A HTTP/1.1\r\n"), "{text}");
    }

    #[tokio::test]
    async fn a_silent_end_is_a_failure() {
        let (ours, theirs) = tokio::io::duplex(64);
        drop(theirs);
        assert!(ask(ours, "GET / HTTP/1.1\r\n\r\n").await.is_err());
    }
}

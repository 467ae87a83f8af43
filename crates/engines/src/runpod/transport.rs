//! How calls reach the provider: over HTTPS, or in tests straight into the simulator.
//! The key is added here, at the last line that needs it, and read anew for each call if it lies in a file.
use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use axum::body::Bytes;
use futures::{StreamExt, stream::BoxStream};
use secrecy::{ExposeSecret, SecretString};

/// Clients with a library's own name are turned away by the provider's edge.
const AGENT: &str = concat!("remotegpu-kubelet/", env!("CARGO_PKG_VERSION"));
/// The provider itself.
pub const PUBLIC_URL: &str = "https://api.runpod.io";
const CONNECT: Duration = Duration::from_secs(10);
/// Bytes of one answer. A list of ten thousand instances has about 15 MB (`virtual-node.md` §7.3), twice that with long
/// environments; what is larger is no answer of the provider's and must not fill the memory (`security.md` §8).
const LARGEST: usize = 64 << 20;

/// One call.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Path and query, from `/v2` on.
    pub path: String,
    /// JSON.
    pub body: Option<Vec<u8>>,
    /// Header `Last-Event-ID`.
    pub last_event_id: Option<String>,
    /// When to give up.
    pub timeout: Duration,
}

/// Its answer.
#[derive(Clone, Debug, Default)]
pub struct HttpReply {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It never left: nothing can have happened.
    #[error("{0}")]
    Unsent(String),
    /// It may have been carried out.
    #[error("{0}")]
    Unknown(String),
}

/// Carries calls to the provider.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends a call and waits for the whole answer.
    ///
    /// # Errors
    /// [`TransportError`]; a status of 400 or more is an answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpReply, TransportError>;

    /// Sends a call and gives the body as it comes; nothing else but the status of a refusal.
    ///
    /// # Errors
    /// As [`Transport::send`].
    async fn stream(
        &self,
        request: HttpRequest,
    ) -> Result<Result<BoxStream<'static, Result<Bytes, TransportError>>, u16>, TransportError>;
}

/// Where the provider's key comes from.
#[derive(Debug)]
pub enum ApiKey {
    /// Given at the start.
    Text(SecretString),
    /// Read anew for each call, so that it can be rotated.
    File(PathBuf),
}

/// HTTPS.
#[derive(Debug)]
pub struct HttpTransport {
    base: String,
    key: ApiKey,
    client: reqwest::Client,
}

// === impl HttpTransport ===

impl HttpTransport {
    /// Calls `base`, such as `https://api.runpod.io`.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn new(base: &str, key: ApiKey) -> Result<Self, TransportError> {
        let client = reqwest::Client::builder().user_agent(AGENT).connect_timeout(CONNECT);
        let client = client.redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| TransportError::Unsent(error.to_string()))?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), key, client })
    }

    fn key(&self) -> Result<SecretString, TransportError> {
        match &self.key {
            ApiKey::Text(key) => Ok(key.clone()),
            ApiKey::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
                Err(error) => Err(TransportError::Unsent(format!("Cannot read {}: {error}", path.display()))),
            },
        }
    }

    fn request(&self, request: HttpRequest, whole: bool) -> Result<reqwest::RequestBuilder, TransportError> {
        let url = format!("{}{}", self.base, request.path);
        let method = reqwest::Method::from_bytes(request.method.as_bytes());
        let method = method.map_err(|error| TransportError::Unsent(error.to_string()))?;
        let mut builder = self.client.request(method, url).bearer_auth(self.key()?.expose_secret());
        if whole {
            builder = builder.timeout(request.timeout);
        }
        if let Some(id) = request.last_event_id {
            builder = builder.header("Last-Event-ID", id);
        }
        if let Some(body) = request.body {
            builder = builder.header("Content-Type", "application/json").body(body);
        }
        Ok(builder)
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpReply, TransportError> {
        let response = self.request(request, true)?.send().await.map_err(failure)?;
        let status = response.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(HttpReply { status, headers, body: whole(response).await? })
    }

    async fn stream(
        &self,
        request: HttpRequest,
    ) -> Result<Result<BoxStream<'static, Result<Bytes, TransportError>>, u16>, TransportError> {
        let response = self.request(request, false)?.send().await.map_err(failure)?;
        if !response.status().is_success() {
            return Ok(Err(response.status().as_u16()));
        }
        Ok(Ok(response.bytes_stream().map(|chunk| chunk.map_err(failure)).boxed()))
    }
}

/// The whole body, unless it is too large. By then the call may have been carried out.
async fn whole(mut response: reqwest::Response) -> Result<Bytes, TransportError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(TransportError::Unknown(format!("the answer has more than {} MiB", LARGEST >> 20)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// The URL goes: it adds nothing, and errors are shown to people.
fn failure(error: reqwest::Error) -> TransportError {
    let unsent = error.is_connect() || error.is_builder();
    let text = error.without_url().to_string();
    if unsent { TransportError::Unsent(text) } else { TransportError::Unknown(text) }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// What comes of an answer with a body of so many bytes.
    async fn answered(bytes: usize) -> Result<HttpReply, TransportError> {
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _request = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await.unwrap();
            // Who has read enough hangs up.
            let _hung_up = stream.write_all(&vec![b' '; bytes]).await;
        });
        let key = ApiKey::Text(SecretString::from("rpa_test".to_owned()));
        let request = HttpRequest {
            method: "GET",
            path: "/v2/pods".into(),
            body: None,
            last_event_id: None,
            timeout: Duration::from_secs(60),
        };
        HttpTransport::new(&base, key).unwrap().send(request).await
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_given_up_and_proves_nothing() {
        assert_eq!(answered(LARGEST).await.unwrap().body.len(), LARGEST);
        let TransportError::Unknown(why) = answered(LARGEST + 1).await.unwrap_err() else { panic!("it was sent") };
        assert_eq!(why, "the answer has more than 64 MiB");
    }
}

//! How we speak to providers: no redirects, no proxies, https, bounded in time and size.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Context as _;
use openidconnect::{HttpRequest, HttpResponse};

use crate::public_url::is_loopback;

// A person waits in front of a browser.
const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// Metadata, keys and tokens are a few KB each.
const LARGEST: usize = 256 * 1024;

/// Why a provider could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The connection failed or took too long.
    #[error("the provider did not answer: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// The provider's metadata names an endpoint we do not speak to.
    #[error("an endpoint of the provider is not https")]
    Plain,
    /// The answer has no end.
    #[error("the provider's answer is larger than {LARGEST} bytes")]
    TooLarge,
    /// The library and HTTP disagree.
    #[error("the exchange is no HTTP: {0}")]
    Http(#[from] axum::http::Error),
}

type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send>>;

/// A client for one provider.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    development: bool,
}

impl Http {
    /// Trusts the public roots, or the provider's own CA beside them.
    ///
    /// # Errors
    /// For a CA that is no PEM.
    pub fn new(ca_pem: Option<&str>, development: bool) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(WHOLE);
        if let Some(pem) = ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).context("its ca_file is no PEM")?;
            builder = builder.tls_certs_merge(roots);
        }
        Ok(Self { client: builder.build()?, development })
    }

    /// What the library calls for each request.
    pub fn caller(&self) -> impl Fn(HttpRequest) -> Answer + Send + Sync + 'static {
        let http = self.clone();
        move |request| Box::pin(http.clone().send(request))
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let uri = request.uri();
        let loopback = self.development && uri.host().is_some_and(is_loopback);
        if uri.scheme_str() != Some("https") && !loopback {
            return Err(Fault::Plain);
        }
        let mut answer = self.client.execute(reqwest::Request::try_from(request)?).await?;
        let mut response = axum::http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            *headers = answer.headers().clone();
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > LARGEST {
                return Err(Fault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A provider that says `answer` to whoever comes; its URL, and how many came.
    async fn provider(answer: String) -> (String, tokio::sync::watch::Receiver<u32>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (count, came) = tokio::sync::watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let _request = stream.read(&mut [0; 4096]).await;
                // Who is told too much hangs up in the middle.
                let _hung_up = stream.write_all(answer.as_bytes()).await;
            }
        });
        (url, came)
    }

    async fn ask(development: bool, url: &str) -> Result<HttpResponse, Fault> {
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let http = Http::new(None, development).unwrap();
        http.caller()(axum::http::Request::get(url).body(Vec::new()).unwrap()).await
    }

    #[tokio::test]
    async fn a_redirect_is_handed_back_and_not_followed() {
        let (elsewhere, came) = provider(String::new()).await;
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n");
        let (url, _) = provider(head).await;
        assert_eq!(ask(true, &url).await.unwrap().status(), 302);
        assert_eq!(*came.borrow(), 0);
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let fits = format!("HTTP/1.1 200 OK\r\ncontent-length: {LARGEST}\r\n\r\n{}", "x".repeat(LARGEST));
        let (url, _) = provider(fits).await;
        assert_eq!(ask(true, &url).await.unwrap().body().len(), LARGEST);
        let (url, _) = provider(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(LARGEST + 1))).await;
        assert!(matches!(ask(true, &url).await, Err(Fault::TooLarge)));
    }

    #[tokio::test]
    async fn plain_http_is_for_loopback_in_development_only() {
        let (url, came) = provider("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
        assert!(matches!(ask(false, &url).await, Err(Fault::Plain)));
        assert_eq!(*came.borrow(), 0);
        for development in [true, false] {
            assert!(matches!(ask(development, "http://id.example/").await, Err(Fault::Plain)));
        }
        assert_eq!(ask(true, &url).await.unwrap().status(), 200);
    }
}

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

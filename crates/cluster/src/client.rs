//! Clients of the API server, one per identity, and the deadline around each call.
//! kube repeats every refused request up to 15 times by default; a page must not hang on that (`stack.md` §2.5).

use std::path::Path;
use std::time::Duration;

use domain::{Error, Result};
use http::header::{AUTHORIZATION, HeaderValue};
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::{ExposeSecret as _, SecretString};

use crate::ClusterConfig;
pub(crate) use crate::error::Doing;
use crate::error::translate;

// Under the 8 s in which exec-credential answers whatever the cluster does (security.md §1.3).
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// One client per identity.
pub(crate) struct Clients {
    /// `remotegpu-issuer`.
    pub issuer: Client,
    /// `remotegpu-reconciler`.
    pub reconciler: Client,
    /// No identity: carries the connections of all people's tokens.
    plain: Client,
}

// === impl Clients ===

impl Clients {
    /// Reads both kubeconfigs; connects to nothing yet.
    pub async fn load(config: &ClusterConfig) -> Result<Self> {
        let issuer = read(&config.issuer_kubeconfig).await?;
        let reconciler = read(&config.reconciler_kubeconfig).await?;
        let mut plain = issuer.clone();
        plain.auth_info = AuthInfo::default();
        Ok(Self { issuer: client(issuer)?, reconciler: client(reconciler)?, plain: client(plain)? })
    }

    /// A client that acts as the holder of `token`. Cheap: all share one pool of connections, none shares a token.
    ///
    /// # Errors
    /// [`Error::Internal`] for a token that is no header value.
    pub fn with_token(&self, token: &SecretString) -> Result<Client> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(Error::internal)?;
        header.set_sensitive(true);
        let plain = self.plain.clone();
        let service = tower::service_fn(move |mut request: http::Request<Body>| {
            let (plain, header) = (plain.clone(), header.clone());
            async move {
                request.headers_mut().insert(AUTHORIZATION, header);
                plain.send(request).await
            }
        });
        Ok(Client::new(service, "default"))
    }
}

/// Waits for a call of the API server, at most [`CALL_LIMIT`].
///
/// # Errors
/// As [`translate`]; [`Error::Unavailable`] when it takes too long.
pub(crate) async fn call<T>(doing: Doing, work: impl Future<Output = kube::Result<T>>) -> Result<T> {
    within(doing, CALL_LIMIT, work).await?.map_err(|error| translate(doing, error))
}

/// Waits at most `limit`; the caller looks at the API server's refusal itself.
pub(crate) async fn within<T>(doing: Doing, limit: Duration, work: impl Future<Output = T>) -> Result<T> {
    let begun = std::time::Instant::now();
    let answer = tokio::time::timeout(limit, work).await;
    let answered = if answer.is_ok() { "yes" } else { "no" };
    metrics::histogram!("remotegpu_cluster_call_duration_seconds", "call" => doing, "answered" => answered)
        .record(begun.elapsed());
    answer.map_err(|_| Error::cluster(format!("{doing}: no answer within {} s", limit.as_secs())))
}

/// Host and port of the API server that a kubeconfig names. Connects to nothing.
///
/// # Errors
/// [`Error::Internal`] for a file that cannot be read or is no kubeconfig.
pub async fn api_server(kubeconfig: &Path) -> Result<(String, u16)> {
    let url = read(kubeconfig).await?.cluster_url;
    let host = url.host().ok_or_else(|| Error::internal(format!("{} names no server", kubeconfig.display())))?;
    let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("http") { 80 } else { 443 });
    Ok((host.to_owned(), port))
}

pub(crate) async fn read(path: &Path) -> Result<Config> {
    let trouble = |error: kube::config::KubeconfigError| Error::internal(format!("{}: {error}", path.display()));
    let file = Kubeconfig::read_from(path).map_err(trouble)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(trouble)?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_LIMIT);
    Ok(config)
}

pub(crate) fn client(config: Config) -> Result<Client> {
    Client::try_from(config).map_err(Error::internal)
}

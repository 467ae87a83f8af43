//! How the other cluster is reached: a kubeconfig of the operator, or address, CA and credentials given by value.
//! Nothing is inferred: an engine never gets an identity of our own surroundings.
use std::{
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use domain::engine::Credentials;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext},
};
use kubelet::ProviderError;
use secrecy::SecretString;

use super::cut::CutLayer;

/// Where the other cluster is, and as whom it is called.
pub enum Access {
    /// A kubeconfig and its current context.
    File(PathBuf),
    /// Everything by value.
    Values {
        /// `https://host:port`.
        server: String,
        /// Connections go there, whatever the name means; the certificate is still checked against the name.
        address: Option<IpAddr>,
        /// Certificates in PEM; `None` = the roots of this system.
        ca: Option<String>,
        /// As whom.
        login: Login,
    },
}

/// As whom the other cluster is called.
#[derive(Clone)]
pub enum Login {
    /// A bearer token.
    Token(SecretString),
    /// A user behind an authenticating proxy.
    Basic {
        /// Name of the user.
        username: String,
        /// Password.
        password: SecretString,
    },
}

// === impl Login ===

impl Login {
    /// As an engine's stored credentials say; none for those of another kind of engine.
    pub fn of(credentials: Credentials) -> Option<Self> {
        match credentials {
            Credentials::BearerToken { token } => Some(Self::Token(token.into())),
            Credentials::Basic { username, password } => Some(Self::Basic { username, password: password.into() }),
            Credentials::ApiKey { .. } | Credentials::ClientCertificate { .. } | Credentials::None => None,
        }
    }
}

// === impl Access ===

impl Access {
    /// A client, and the namespace that the kubeconfig names.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] with what cannot be read or used.
    pub async fn connect(&self) -> Result<(Client, String), ProviderError> {
        self.connect_with(None).await
    }

    /// As [`Access::connect`]; `refused` becomes true whenever the other side answers 401 or 403.
    ///
    /// # Errors
    /// As [`Access::connect`].
    pub async fn connect_noting(&self, refused: &Arc<AtomicBool>) -> Result<Client, ProviderError> {
        self.open(None, refused.clone()).await.map(|(client, _)| client)
    }

    /// As [`Access::connect`], with the token that this file holds at any time.
    pub(super) async fn connect_with(&self, token_file: Option<PathBuf>) -> Result<(Client, String), ProviderError> {
        self.open(token_file, Arc::default()).await
    }

    async fn open(
        &self,
        token_file: Option<PathBuf>,
        refused: Arc<AtomicBool>,
    ) -> Result<(Client, String), ProviderError> {
        let mut kubeconfig = self.kubeconfig()?;
        if let Some(path) = token_file {
            for user in kubeconfig.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
                user.token = None;
                user.token_file = Some(path.display().to_string());
            }
        }
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let mut config = config.map_err(unusable)?;
        // The node has its own back-off for each pod; retries below it would only hide trouble.
        config.default_retry = false;
        if let Self::Values { address, .. } = self {
            // A proxy of our surroundings would resolve the name once more.
            config.proxy_url = None;
            if let Some(address) = address {
                pin(&mut config, *address)?;
            }
        }
        let namespace = config.default_namespace.clone();
        let builder = ClientBuilder::try_from(config).map_err(unusable)?;
        Ok((builder.with_layer(&CutLayer(refused)).build(), namespace))
    }

    /// # Errors
    /// As [`Access::connect`].
    pub(super) fn kubeconfig(&self) -> Result<Kubeconfig, ProviderError> {
        match self {
            Self::File(path) => Kubeconfig::read_from(path)
                .map_err(|error| ProviderError::Unavailable(format!("Cannot read {}: {error}", path.display()))),
            Self::Values { server, ca, login, .. } => Ok(by_value(server, ca.as_deref(), login)),
        }
    }
}

fn pin(config: &mut Config, address: IpAddr) -> Result<(), ProviderError> {
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = config.cluster_url.port_u16().unwrap_or(443);
    config.cluster_url =
        format!("https://{}", std::net::SocketAddr::new(address, port)).parse().map_err(|_| unusable("no address"))?;
    config.tls_server_name = Some(host);
    Ok(())
}

fn by_value(server: &str, ca: Option<&str>, login: &Login) -> Kubeconfig {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    const NAME: &str = "engine";
    let cluster = Cluster {
        server: Some(server.to_owned()),
        certificate_authority_data: ca.map(|ca| STANDARD.encode(ca)),
        ..Cluster::default()
    };
    let user = match login {
        Login::Token(token) => AuthInfo { token: Some(token.clone()), ..AuthInfo::default() },
        Login::Basic { username, password } => {
            AuthInfo { username: Some(username.clone()), password: Some(password.clone()), ..AuthInfo::default() }
        }
    };
    let context = Context { cluster: NAME.into(), user: Some(NAME.into()), ..Context::default() };
    Kubeconfig {
        clusters: vec![NamedCluster { name: NAME.into(), cluster: Some(cluster), ..NamedCluster::default() }],
        auth_infos: vec![NamedAuthInfo { name: NAME.into(), auth_info: Some(user), ..NamedAuthInfo::default() }],
        contexts: vec![NamedContext { name: NAME.into(), context: Some(context), ..NamedContext::default() }],
        current_context: Some(NAME.into()),
        ..Kubeconfig::default()
    }
}

pub(super) fn unusable(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::Unavailable(format!("The engine's kubeconfig cannot be used: {error}"))
}

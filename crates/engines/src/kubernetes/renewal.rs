//! Keeps the token of a kubeconfig alive: a ServiceAccount that may ask for its own tokens does so at half its life.
//! The newest token lies in a file, by default beside the kubeconfig, so that a restart long after still finds a valid one
//! (RULINGS 20).
use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use kubelet::ProviderError;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    Access,
    error::{Right, explain, in_time},
};

/// Pause after a renewal that failed.
const AGAIN: Duration = Duration::from_secs(60);
/// The shortest life that an API server grants.
const SHORTEST: i64 = 600;

/// A ServiceAccount token that can be renewed by its own identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    namespace: String,
    name: String,
    issued: i64,
    expires: i64,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
}

// === impl Renewal ===

impl Renewal {
    /// A client for a kubeconfig whose token is kept alive, if it is one that can be; else as [`Access::connect`]. The
    /// newest token is in `kept`, which must then be writable; else beside the kubeconfig or, where that cannot be
    /// written, in the directory for temporary files. Without any place for it the token ends when it ends.
    ///
    /// # Errors
    /// As [`Access::connect`], and when the token cannot be written to `kept`.
    pub async fn connect(kubeconfig: &Path, kept: Option<&Path>) -> Result<(Client, String), ProviderError> {
        let access = Access::File(kubeconfig.to_owned());
        let first = kept.map_or_else(|| beside(kubeconfig), Path::to_owned);
        let Some((token, renewal)) = current(&access, &first)? else { return access.connect().await };
        let file = match (keep(&first, &token), kept) {
            (Ok(()), _) => first,
            (Err(error), Some(path)) => {
                let why = format!("The token cannot be kept in {}: {error}", path.display());
                return Err(ProviderError::Unavailable(why));
            }
            (Err(error), None) => {
                tracing::warn!(%error, "The renewed token cannot be kept beside the kubeconfig: a restart begins anew");
                let file = std::env::temp_dir().join(format!("remotegpu-kubelet-{}.token", std::process::id()));
                if let Err(error) = keep(&file, &token) {
                    tracing::warn!(
                        %error,
                        token.expires_s = renewal.expires,
                        "The token is not renewed: there is no place for the next one, give --provider-token-file"
                    );
                    return access.connect().await;
                }
                file
            }
        };
        let (client, namespace) = access.connect_with(Some(file.clone())).await?;
        tokio::spawn(renewal.run(client.clone(), file));
        Ok((client, namespace))
    }

    /// What a token says of itself; `None` if it never expires or is not of a ServiceAccount.
    pub fn of(token: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let Claims { sub, iat, exp } = serde_json::from_slice(&payload).ok()?;
        let (namespace, name) = sub.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned(), issued: iat, expires: exp })
    }

    /// Until it should be renewed: half its life.
    pub(super) fn due(&self, now: Timestamp) -> Duration {
        let half = self.issued + (self.expires - self.issued) / 2;
        Duration::from_secs(u64::try_from(half - now.as_second()).unwrap_or(0))
    }

    async fn run(mut self, client: Client, file: PathBuf) {
        let mut pause = self.due(Timestamp::now());
        loop {
            tokio::time::sleep(pause).await;
            pause = match self.renew(&client, &file).await {
                Ok(renewed) => {
                    self = renewed;
                    tracing::info!(token.expires_s = self.expires, "Renewed the token of the engine's cluster");
                    self.due(Timestamp::now()).max(AGAIN)
                }
                Err(error) => {
                    tracing::warn!(%error, token.expires_s = self.expires, "Renewing the token failed; trying again");
                    AGAIN
                }
            };
        }
    }

    /// Asks for the next token, for as long a life as this one had, and keeps it in `file`.
    ///
    /// # Errors
    /// When the API server gives none, or the file cannot be written.
    pub async fn renew(&self, client: &Client, file: &Path) -> Result<Self, ProviderError> {
        let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &self.namespace);
        let expiration_seconds = Some((self.expires - self.issued).max(SHORTEST));
        let spec = TokenRequestSpec { expiration_seconds, ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let made = in_time(api.create_token_request(&self.name, &PostParams::default(), &request)).await;
        let made = made.map_err(|error| explain(&self.namespace, Right("create", "serviceaccounts/token"), &error))?;
        let token = SecretString::from(made.status.and_then(|status| status.token).unwrap_or_default());
        let broken = |what: &str| ProviderError::Unavailable(format!("The new token {what}"));
        let renewed = Self::of(token.expose_secret()).ok_or_else(|| broken("cannot be read"))?;
        keep(file, &token).map_err(|error| broken(&format!("cannot be kept: {error}")))?;
        Ok(renewed)
    }
}

/// The token to begin with: the one that was kept if it lives longer than the one in the kubeconfig.
fn current(access: &Access, kept: &Path) -> Result<Option<(SecretString, Renewal)>, ProviderError> {
    let kubeconfig = access.kubeconfig()?;
    let context = kubeconfig.current_context.as_deref().unwrap_or_default();
    let user =
        kubeconfig.contexts.iter().find(|one| one.name == context).and_then(|one| one.context.as_ref()?.user.clone());
    let given = kubeconfig.auth_infos.iter().find(|one| Some(&one.name) == user.as_ref());
    let given = given.and_then(|one| one.auth_info.as_ref()?.token.clone());
    let Some(given) = given else { return Ok(None) };
    let Some(renewal) = Renewal::of(given.expose_secret()) else { return Ok(None) };
    let kept = std::fs::read_to_string(kept).ok().map(SecretString::from);
    let newer = kept.and_then(|token| {
        let known = Renewal::of(token.expose_secret())?;
        let same = (&known.namespace, &known.name) == (&renewal.namespace, &renewal.name);
        (same && known.expires > renewal.expires).then_some((token, known))
    });
    Ok(Some(newer.unwrap_or((given, renewal))))
}

fn beside(kubeconfig: &Path) -> PathBuf {
    let mut name = kubeconfig.as_os_str().to_owned();
    name.push(".token");
    name.into()
}

/// Replaces the file at once: a reader sees the old token or the new one. The new file must be ours: what somebody laid in
/// its place, in a directory that others may write to, could be read by them or lead elsewhere.
pub(super) fn keep(path: &Path, token: &SecretString) -> std::io::Result<()> {
    let new = path.with_extension("token.new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
    file.write_all(token.expose_secret().as_bytes())?;
    std::fs::rename(&new, path)
}

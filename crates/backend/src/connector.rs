//! The kubeconfig of a tenant: the long-lived credential of the virtual node in a customer's own cluster. Each download
//! is an identity of its own, listed and revocable; it may renew its token and nobody else's.
//!
//! Source: `tenant-api.md` §4 (Kubeconfig), RULINGS 20.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::audit::Action;
use domain::credential::{Credential, Identity, connector_expiry};
use domain::id::CredentialId;
use domain::kubeconfig::render_connector;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::{Code, Error, Result};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::ports::ClusterToken;
use crate::{Backend, Caller, credential, namespace};

/// A tenant's kubeconfig on its way out: a secret as a whole.
pub struct ConnectorKubeconfig {
    /// `skg…`.
    pub tenant: String,
    /// Suggested file name.
    pub filename: String,
    /// The YAML text.
    pub kubeconfig: SecretString,
    /// When its token ends unless it is renewed, as the cluster gave it.
    pub expires_at: Timestamp,
}

impl Backend {
    /// A fresh kubeconfig for a tenant. It outlives the person who asked, so it takes the right to manage the namespace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown, foreign and malformed ids, `cluster_not_ready` unless it is active, `quota_exceeded`
    /// when it has as many as it may, `forbidden`.
    pub async fn tenant_kubeconfig(&self, caller: &Caller, id: &str) -> Result<ConnectorKubeconfig> {
        let tenant = self.managed_tenant(caller, id).await?;
        self.connect(caller, &tenant).await
    }

    /// The same for a namespace of the console.
    ///
    /// # Errors
    /// As above.
    pub async fn connector_kubeconfig(&self, caller: &Caller, namespace_id: &str) -> Result<ConnectorKubeconfig> {
        let namespace = self.managed_namespace(caller, namespace_id).await?;
        self.connect(caller, &namespace).await
    }

    async fn connect(&self, caller: &Caller, namespace: &Namespace) -> Result<ConnectorKubeconfig> {
        let open = namespace.status == NamespaceStatus::Active;
        let tenant = namespace.tenant.filter(|_| open).ok_or_else(not_ready)?.to_string();
        self.inner.store.check_connectors(namespace.id).await?;
        let id = CredentialId::new(self.inner.random.uuid());
        let identity = Identity::Connector { serial: id.short() };
        let account = identity.service_account(namespace.id);
        // Before anything stands: the sweep takes what has no row, and what a crash leaves here is taken away later.
        let begun = self.inner.store.begin_connector(&account, namespace.id).await;
        begun.map_err(|error| if matches!(error, Error::NotFound) { not_ready() } else { error })?;
        let uid = self.inner.cluster.ensure_identity(namespace, &identity).await?;
        let given = self.inner.cluster.request_token(namespace, &identity, &uid).await;
        let credential = match given.as_ref() {
            Ok(given) => self.connector(caller, namespace, id, &identity, given),
            Err(_) => Err(Error::cluster("the cluster gave no token")),
        };
        let (given, credential) = match (given, credential) {
            (Ok(given), Ok(credential)) => (given, credential),
            (Err(error), _) | (_, Err(error)) => {
                self.remove_now(&account, namespace.id).await;
                return Err(error);
            }
        };
        self.hand_out(caller, namespace, &credential).await?;
        let ca = STANDARD.encode(&self.inner.endpoints.cluster_ca_pem);
        let text = render_connector(namespace, &self.inner.endpoints, &ca, &tenant, given.token.expose_secret());
        let (filename, expires_at) = (format!("{tenant}.kubeconfig"), credential.expires_at);
        Ok(ConnectorKubeconfig { tenant, filename, kubeconfig: SecretString::from(text), expires_at })
    }

    fn connector(
        &self,
        caller: &Caller,
        namespace: &Namespace,
        id: CredentialId,
        identity: &Identity,
        given: &ClusterToken,
    ) -> Result<Credential> {
        let now = self.inner.clock.now();
        Ok(Credential {
            id,
            account_id: namespace.account_id,
            api_key_id: None,
            namespace_id: namespace.id,
            service_account: identity.service_account(namespace.id),
            access: Some(identity.access()),
            token_id: credential::token_id(given)?,
            address: Some(caller.origin.address.clone()),
            issued_at: now,
            expires_at: connector_expiry(given.expires_at, given.issued_at.unwrap_or(now))?,
            last_used_at: now,
            revoked_at: None,
        })
    }

    /// Written down before it leaves (RULINGS 45); and taken back if the namespace began to go meanwhile, or its account
    /// was suspended.
    async fn hand_out(&self, caller: &Caller, namespace: &Namespace, credential: &Credential) -> Result<()> {
        let detail = format!("{}, until {}", credential.service_account, credential.expires_at);
        let audit = self.audit(caller, Action::ConnectorIssued, namespace::target(namespace.id), detail);
        let audit = audit.named(namespace.name.as_str()).jti(credential.token_id.clone());
        let recorded = match self.inner.store.record_credential(credential, &audit).await {
            Ok(recorded) => recorded,
            Err(Error::NotFound) => false,
            Err(error) => {
                self.remove_now(&credential.service_account, namespace.id).await;
                return Err(error);
            }
        };
        let now = self.inner.store.namespace_by_id(namespace.id).await?;
        if recorded && now.is_some_and(|now| now.status == NamespaceStatus::Active) {
            return Ok(());
        }
        self.remove_now(&credential.service_account, namespace.id).await;
        Err(not_ready())
    }
}

fn not_ready() -> Error {
    Error::conflict(Code::ClusterNotReady, Code::ClusterNotReady.sentence())
}

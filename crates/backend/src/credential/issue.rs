//! One flight: make the identity, ask for a token, write it down, and only then let it go.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use domain::api_key::ApiKey;
use domain::audit::{Action, AuditEvent};
use domain::credential::{Credential, Identity, reported_expiry};
use domain::id::CredentialId;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::{Error, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::IssuedCredential;
use super::cache::{CachedToken, Landing, Slot};
use super::claims::Claims;
use super::{lost, not_allowed};
use crate::ports::{ClusterToken, KeyAccess};
use crate::{Backend, Origin, namespace};

// Under the 8 s in which exec-credential answers (security.md §1.3).
const FLIGHT_LIMIT: Duration = Duration::from_secs(7);

/// For whom a token is.
#[derive(Clone)]
pub(super) struct Holder {
    /// Where the request came from.
    pub origin: Origin,
    /// The key, unless the console acts for a person.
    pub key: Option<ApiKey>,
    /// E-mail of the key's owner, or of the person.
    pub owner: String,
    /// Actor of the audit rows.
    pub actor: String,
}

impl Backend {
    /// A token for `identity` in `namespace`, reused or new. The caller has authorised the holder.
    pub(super) async fn credential(
        &self,
        holder: Holder,
        namespace: Namespace,
        identity: Identity,
    ) -> Result<IssuedCredential> {
        let now = self.inner.clock.now();
        let slot = Slot { identity: identity.clone(), namespace: namespace.id };
        let start = {
            let (backend, holder, namespace) = (self.clone(), holder.clone(), namespace.clone());
            move || backend.flight(holder, namespace, identity)
        };
        let (token, reused) = self.inner.tokens.get(slot, Instant::now(), start).await?;
        let outcome = if reused { "reused" } else { "issued" };
        let kind = if holder.key.is_some() { "key" } else { "console" };
        metrics::counter!("remotegpu_credentials_total", "outcome" => outcome, "holder" => kind).increment(1);
        if reused && token.due_for_note(now) {
            self.note_reuse(&holder, &namespace, token.credential);
        }
        Ok(IssuedCredential { token: token.token.clone(), expires_at: token.expires_at })
    }

    /// A task of its own: a caller who hangs up must not fail the others who wait for the same token.
    fn flight(&self, holder: Holder, namespace: Namespace, identity: Identity) -> BoxFuture<'static, Landing> {
        let backend = self.clone();
        let task = tokio::spawn(async move {
            let issue = backend.issue(&holder, &namespace, &identity);
            let limited = tokio::time::timeout(FLIGHT_LIMIT, issue).await;
            let result = limited.unwrap_or_else(|_| Err(Error::cluster("issuing a token took too long")));
            if result.is_err() {
                // Nobody waits for this.
                tokio::spawn(async move { backend.clear_away(&holder, &namespace, &identity).await });
            }
            result.map(Arc::new).map_err(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "issuing a token failed");
                Arc::new(error)
            })
        });
        task.map(|joined| joined.unwrap_or_else(|panic| Err(Arc::new(Error::internal(panic))))).boxed()
    }

    async fn issue(&self, holder: &Holder, namespace: &Namespace, identity: &Identity) -> Result<CachedToken> {
        let (cluster, begun) = (&self.inner.cluster, Instant::now());
        let new = !cluster.knows_identity(namespace, identity);
        let uid = cluster.ensure_identity(namespace, identity).await?;
        let given = match cluster.request_token(namespace, identity, &uid).await {
            // Somebody deleted the account between the two calls: once more from the start.
            Err(Error::Conflict { .. } | Error::NotFound) => {
                let uid = cluster.ensure_identity(namespace, identity).await?;
                cluster.request_token(namespace, identity, &uid).await?
            }
            other => other?,
        };
        // Whoever was confirmed before is bound already.
        if new && matches!(identity, Identity::Key { .. }) {
            self.bind_key_to_skypilot(namespace).await;
        }
        let now = self.inner.clock.now();
        // Both times are the API server's: a wrong clock here makes no wrong expiry (security.md §2.3).
        let issued_at = given.issued_at.unwrap_or(now);
        let expires_at = reported_expiry(given.expires_at, issued_at)?;
        let credential = Credential {
            id: CredentialId::new(self.inner.random.uuid()),
            account_id: namespace.account_id,
            api_key_id: holder.key.as_ref().map(|k| k.id),
            namespace_id: namespace.id,
            service_account: identity.service_account(namespace.id),
            access: Some(identity.access()),
            token_id: token_id(&given)?,
            address: Some(holder.origin.address.clone()),
            issued_at: now,
            expires_at,
            last_used_at: now,
            revoked_at: None,
        };
        self.write_down(holder, namespace, identity, &credential).await?;
        Ok(CachedToken {
            token: given.token,
            credential: credential.id,
            expires_at,
            reuse_until: begun + half(issued_at, expires_at),
            noted: AtomicI64::new(now.as_second()),
        })
    }

    /// A token is audited before it leaves (RULINGS 45).
    async fn write_down(
        &self,
        holder: &Holder,
        namespace: &Namespace,
        identity: &Identity,
        credential: &Credential,
    ) -> Result<()> {
        let audit = self.hand_out_audit(holder, namespace, Action::CredentialIssued, Some(credential));
        let record = self.inner.store.record_credential(credential, &audit);
        let Some(key) = &holder.key else { return record.await.map(drop) };
        // The objects stand now. Whoever took the right away before this look is seen here; whoever does so after it
        // finds the objects. So no race leaves both of them, whichever of the two comes first here.
        let (recorded, found) = tokio::join!(record, self.key_access(key, namespace));
        let (recorded, found) = (recorded?, found?);
        let now = found.read_at;
        if recorded && keeps(&found, namespace, identity) {
            return Ok(());
        }
        let audit = self.hand_out_audit(holder, namespace, Action::CredentialRevoked, Some(credential));
        self.inner.store.revoke_credential(credential, now, &audit).await?;
        self.remove_now(&credential.service_account, namespace.id).await;
        Err(lost(&found.key, now))
    }

    /// After an issue that failed somewhere: what it made must not outlive a right that was taken away meanwhile, because
    /// whoever took it away may have looked before the objects stood.
    async fn clear_away(&self, holder: &Holder, namespace: &Namespace, identity: &Identity) {
        let Some(key) = &holder.key else { return };
        match self.key_access(key, namespace).await {
            Ok(found) if keeps(&found, namespace, identity) => {}
            Ok(_) => self.remove_now(&identity.service_account(namespace.id), namespace.id).await,
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "a failed issue was not looked at"),
        }
    }

    async fn key_access(&self, key: &ApiKey, namespace: &Namespace) -> Result<KeyAccess> {
        self.inner.store.key_access(&key.public_id, Some(namespace.id)).await?.ok_or_else(not_allowed)
    }

    /// Off the request path; its failure never fails the call (`security.md` §3).
    fn note_reuse(&self, holder: &Holder, namespace: &Namespace, credential: CredentialId) {
        let (backend, address) = (self.clone(), holder.origin.address.clone());
        let audit = self.hand_out_audit(holder, namespace, Action::CredentialReused, None);
        tokio::spawn(async move {
            let touched = backend.inner.store.touch_credential(credential, audit.at, &address, &audit).await;
            if let Err(error) = touched {
                tracing::warn!(error = &error as &dyn std::error::Error, "noting the use of a credential failed");
            }
        });
    }

    /// Whose right it is and until when stands in the detail: the book of credentials forgets them, the log does not.
    fn hand_out_audit(
        &self,
        holder: &Holder,
        namespace: &Namespace,
        action: Action,
        credential: Option<&Credential>,
    ) -> AuditEvent {
        let target = namespace::target(namespace.id);
        let until = credential.map_or_else(String::new, |c| format!(", until {}", c.expires_at));
        let detail = format!("for {}{until}", holder.owner);
        let (account, actor) = (Some(namespace.account_id), holder.actor.clone());
        let event = self.audit_for(&holder.origin, account, actor, action, target, detail);
        let event = event.by(holder.key.as_ref().map_or(&*holder.owner, |key| key.name.as_str()));
        let event = event.named(namespace.name.as_str());
        event.jti(credential.and_then(|c| c.token_id.clone()))
    }
}

/// Whether a key may still have this identity in a namespace.
fn keeps(found: &KeyAccess, namespace: &Namespace, identity: &Identity) -> bool {
    let open = found.namespace.as_ref().is_some_and(|n| n.status == NamespaceStatus::Active);
    open && match identity {
        Identity::Key { generation, access, .. } => {
            found.key.keeps(found.owner_role, *generation, namespace.id, *access, found.read_at)
        }
        Identity::Console { .. } | Identity::Connector { .. } => true,
    }
}

/// Half of the life that was reported.
fn half(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default() / 2
}

/// The token's name for the books. A token for other audiences than those of the API server is not ours to hand out.
pub(crate) fn token_id(given: &ClusterToken) -> Result<Option<String>> {
    let Some(claims) = Claims::read(&given.token) else { return Ok(None) };
    let foreign = |audience: &String| !given.audiences.contains(audience);
    if claims.audiences.iter().any(foreign) {
        return Err(Error::cluster("the token is for other audiences than the answer says"));
    }
    Ok(claims.token_id)
}

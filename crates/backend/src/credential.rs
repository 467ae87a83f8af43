//! Exec credentials: key → scope → namespace → one short-lived token, reused while half its life remains.
//!
//! Source: DESIGN §5 and §6.1, `console-api.md` §5, `security.md` §1.7 and §2.

mod cache;
mod claims;
mod issue;
mod list;
mod proof;
mod refusals;

use domain::api_key::{ApiKey, KeySecret, KeyStatus, KeyText};
use domain::credential::{Access, Identity};
use domain::id::{AccountId, NamespaceId};
use domain::namespace::{Namespace, NamespaceStatus};
use domain::permission::Permission;
use domain::{Code, Error, Result};
use jiff::Timestamp;
use secrecy::SecretString;

pub(crate) use cache::TokenCache;
pub(crate) use issue::token_id;
pub(crate) use refusals::Refusals;

use crate::{Backend, Caller, Origin};
use issue::Holder;
use proof::prove;

/// A token on its way out.
pub struct IssuedCredential {
    /// The bearer token.
    pub token: SecretString,
    /// When to ask again: a minute before the real end.
    pub expires_at: Timestamp,
}

impl Backend {
    /// Answers `POST …/exec-credential`. `key` is the header as sent; `access` what the kubeconfig asks for.
    ///
    /// Order of checks (`security.md` §1.7): key present → form and checksum (no I/O) → row and digest → key and owner
    /// state → path id → scope → namespace state → token. The same single SELECT runs whatever the namespace is.
    ///
    /// # Errors
    /// The statuses of `console-api.md` §1; each is noted for the audit.
    pub async fn issue_credential(
        &self,
        origin: &Origin,
        key: Option<&str>,
        namespace_id: &str,
        access: Access,
    ) -> Result<IssuedCredential> {
        let mut account = None;
        let issued = self.authorised(origin, key, namespace_id, access, &mut account).await;
        issued.inspect_err(|error| self.note_refusal(origin, key, account, error))
    }

    async fn authorised(
        &self,
        origin: &Origin,
        key: Option<&str>,
        namespace_id: &str,
        access: Access,
        account: &mut Option<AccountId>,
    ) -> Result<IssuedCredential> {
        let text = KeyText::parse(key.unwrap_or_default())?;
        let id = NamespaceId::parse(namespace_id);
        let found = self.inner.store.key_access(&text.public_id, id.as_ref().ok().copied()).await?;
        *account = found.as_ref().map(|found| found.key.account_id);
        let proof = prove(&self.inner.pepper, &text, found.as_ref())?;
        let (id, found) = (id?, found.ok_or_else(not_allowed)?);
        if let Some(stale) = proof.stale {
            self.rehash(&found.key, stale, &text);
        }
        let namespace = found.namespace.filter(|n| n.id == id);
        let most = found.key.opens(found.owner_role, id, found.read_at);
        let (namespace, most) = namespace.zip(most).ok_or_else(not_allowed)?;
        open_for_business(&namespace)?;
        let owner = found.owner_email.map_or_else(String::new, |email| email.as_str().to_owned());
        let (key, access) = (found.key, most.min(access));
        let identity = Identity::Key { key: key.public_id.clone(), generation: proof.generation, access };
        let actor = format!("key:{}", text.public_id.as_str());
        let holder = Holder { origin: origin.clone(), key: Some(key), owner, actor };
        self.credential(holder, namespace, identity).await
    }

    /// The token with which the console acts for a person in a namespace (RULINGS 34).
    pub(crate) async fn workload_token(&self, caller: &Caller, namespace: &Namespace) -> Result<SecretString> {
        let access = if caller.require(Permission::Deploy).is_ok() { Access::Edit } else { Access::View };
        let holder = Holder {
            origin: caller.origin.clone(),
            key: None,
            owner: caller.user.email.as_str().to_owned(),
            actor: caller.actor(),
        };
        let issued = self.credential(holder, namespace.clone(), Identity::Console { access }).await?;
        Ok(issued.token)
    }

    /// The token with which the platform acts by itself in a namespace, by a rule that its people set.
    pub(crate) async fn system_token(&self, namespace: &Namespace) -> Result<SecretString> {
        let holder = Holder {
            origin: Origin::system(),
            key: None,
            owner: "the rule about idle GPUs".to_owned(),
            actor: "system".to_owned(),
        };
        let identity = Identity::Console { access: Access::Edit };
        Ok(self.credential(holder, namespace.clone(), identity).await?.token)
    }

    /// Makes a digest anew under the current pepper. Off the request path: the old one does until then.
    fn rehash(&self, key: &ApiKey, stale: KeySecret, text: &KeyText<'_>) {
        let (backend, id) = (self.clone(), key.id);
        let fresh = self.inner.pepper.secret(text.whole, stale.generation);
        tokio::spawn(async move {
            if let Err(error) = backend.inner.store.rehash_api_key(id, &stale, &fresh).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "hashing a key anew failed; at its next use");
            }
        });
    }
}

/// Why a key that opened a namespace a moment ago does so no more.
fn lost(key: &ApiKey, now: Timestamp) -> Error {
    let code = match key.status(now) {
        KeyStatus::Revoked => Code::ApiKeyRevoked,
        KeyStatus::Expired => Code::ApiKeyExpired,
        KeyStatus::Disabled => Code::ApiKeyDisabled,
        KeyStatus::Active => return not_allowed(),
    };
    Error::Unauthenticated { code }
}

fn open_for_business(namespace: &Namespace) -> Result<()> {
    match namespace.status {
        NamespaceStatus::Active => Ok(()),
        NamespaceStatus::Creating | NamespaceStatus::Failed => Err(Error::NamespaceNotReady),
        NamespaceStatus::Deleting => Err(not_allowed()),
    }
}

fn not_allowed() -> Error {
    Error::Forbidden { code: Code::NamespaceNotAllowed }
}

//! Exec credentials: key → scope → namespace → one short-lived token, reused while half its life remains.
//!
//! Source: DESIGN §5 and §6.1, `console-api.md` §5, `security.md` §1.7 and §2.

mod cache;
mod issue;

use domain::api_key::{KeyStatus, KeyText};
use domain::credential::{Access, Identity};
use domain::id::NamespaceId;
use domain::namespace::{Namespace, NamespaceStatus};
use domain::permission::{self, Permission};
use domain::user::Role;
use domain::{Code, Error, Result};
use jiff::Timestamp;
use secrecy::SecretString;

pub(crate) use cache::TokenCache;

use crate::ports::KeyAccess;
use crate::{Backend, Caller, Origin};
use issue::Holder;

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
    /// The statuses of `console-api.md` §1.
    pub async fn issue_credential(
        &self,
        origin: &Origin,
        key: Option<&str>,
        namespace_id: &str,
        access: Access,
    ) -> Result<IssuedCredential> {
        let text = KeyText::parse(key.unwrap_or_default())?;
        let id = NamespaceId::parse(namespace_id);
        let found = self.inner.store.key_access(&text.public_id, id.as_ref().ok().copied()).await?;
        let KeyAccess { key, owner_role, namespace } = self.proven(&text, found)?;
        let id = id?;
        let namespace = namespace.filter(|n| key.scope.opens(n.id) && n.id == id);
        let ceiling = owner_role.and_then(ceiling);
        let (namespace, ceiling) = namespace.zip(ceiling).ok_or(not_allowed())?;
        open_for_business(&namespace)?;
        let access = key.access.min(access).min(ceiling);
        let identity = Identity::Key { key: key.public_id.clone(), generation: key.generation, access };
        let holder =
            Holder { origin: origin.clone(), key: Some(key), actor: format!("key:{}", text.public_id.as_str()) };
        self.credential(holder, namespace, identity).await
    }

    /// The token with which the console acts for a person in a namespace (RULINGS 34).
    pub(crate) async fn workload_token(&self, caller: &Caller, namespace: &Namespace) -> Result<SecretString> {
        let access = if caller.require(Permission::Deploy).is_ok() { Access::Edit } else { Access::View };
        let holder = Holder { origin: caller.origin.clone(), key: None, actor: caller.actor() };
        let issued = self.credential(holder, namespace.clone(), Identity::Console { access }).await?;
        Ok(issued.token)
    }

    /// The key behind `text`, if the secret is right and key and owner are alive.
    fn proven(&self, text: &KeyText<'_>, found: Option<KeyAccess>) -> Result<KeyAccess> {
        let refuse = |code| Err(Error::Unauthenticated { code });
        let Some(found) = found else {
            // The same work as for a known id, so that timing tells nothing.
            self.inner.pepper.matches(text.whole, "");
            return refuse(Code::InvalidApiKey);
        };
        let pepper_fits = found.key.pepper_id == self.inner.pepper.id();
        if !self.inner.pepper.matches(text.whole, &found.key.digest) || !pepper_fits {
            return refuse(Code::InvalidApiKey);
        }
        match found.key.status(self.inner.clock.now()) {
            KeyStatus::Revoked => refuse(Code::ApiKeyRevoked),
            KeyStatus::Expired => refuse(Code::ApiKeyExpired),
            KeyStatus::Disabled => refuse(Code::ApiKeyDisabled),
            KeyStatus::Active if found.owner_role.is_none() => refuse(Code::ApiKeyDisabled),
            KeyStatus::Active => Ok(found),
        }
    }
}

/// The most a key may do, given what its owner may do now.
fn ceiling(owner: Role) -> Option<Access> {
    if permission::allows(owner, false, Permission::Deploy) {
        Some(Access::Edit)
    } else {
        permission::allows(owner, false, Permission::Read).then_some(Access::View)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_do_no_more_than_its_owner() {
        assert_eq!(ceiling(Role::Member), Some(Access::Edit));
        assert_eq!(ceiling(Role::Viewer), Some(Access::View));
        assert_eq!(ceiling(Role::Billing), None);
    }
}

//! Credentials that were handed out: who has one, until when, and ending one.

use domain::audit::Action;
use domain::credential::{CredentialListed, CredentialStatus, CredentialView};
use domain::id::{ApiKeyId, CredentialId, NamespaceId};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::{Error, Result};

use crate::ports::CredentialFilter;
use crate::{Backend, Caller};

impl Backend {
    /// Credentials of the caller's own keys, or all of the account for admins (the console's own too), newest first.
    ///
    /// # Errors
    /// `forbidden` for roles without keys; [`Error::Invalid`] for a wrong id.
    pub async fn list_credentials(
        &self,
        caller: &Caller,
        api_key: Option<&str>,
        namespace: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<CredentialView>> {
        caller.require(Permission::Read)?;
        let filter = CredentialFilter {
            account: caller.account.id,
            owner: (!caller.may(Permission::ManageKeys)).then_some(caller.user.id),
            api_key: api_key.map(ApiKeyId::parse).transpose()?,
            namespace: namespace.map(NamespaceId::parse).transpose()?,
        };
        let rows = self.inner.store.list_credentials(&filter, page).await?;
        let now = self.inner.clock.now();
        Ok(Page::from_rows(rows, page.limit, |row| row.credential.id.to_string()).map(|row| row.view(now)))
    }

    /// One credential.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids, and for those of a colleague's key.
    pub async fn get_credential(&self, caller: &Caller, id: &str) -> Result<CredentialView> {
        Ok(self.visible_credential(caller, id).await?.view(self.inner.clock.now()))
    }

    /// Ends a credential: its account loses its rights at once, and with it every token of the same key, secret and
    /// rights in that namespace. The next exec-credential makes a new one. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] as above.
    pub async fn revoke_credential(&self, caller: &Caller, id: &str) -> Result<()> {
        let found = self.visible_credential(caller, id).await?;
        let own = found.api_key.as_ref().is_some_and(|key| key.owner_id == caller.user.id);
        caller.require(if own { Permission::OwnKeys } else { Permission::ManageKeys })?;
        let now = self.inner.clock.now();
        if found.status(now) != CredentialStatus::Active {
            return Ok(());
        }
        let credential = &found.credential;
        let target = format!("credential:{}", credential.id);
        let audit = self.audit(caller, Action::CredentialRevoked, target, credential.service_account.clone());
        let audit = audit.named(credential.service_account.as_str()).jti(credential.token_id.clone());
        self.inner.store.revoke_credential(credential, now, &audit).await?;
        self.inner.tokens.forget_account(&credential.service_account);
        self.remove_now(&credential.service_account, credential.namespace_id).await;
        Ok(())
    }

    async fn visible_credential(&self, caller: &Caller, id: &str) -> Result<CredentialListed> {
        let found = self.inner.store.credential(caller.account.id, CredentialId::parse(id)?).await?;
        let visible = |found: &CredentialListed| {
            let own = found.api_key.as_ref().is_some_and(|key| key.owner_id == caller.user.id);
            caller.may(Permission::ManageKeys) || (own && caller.may(Permission::Read))
        };
        found.filter(visible).ok_or(Error::NotFound)
    }
}

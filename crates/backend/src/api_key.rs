//! API keys: made, listed and revoked by signed-in people; never by keys.
//!
//! Source: `console-api.md` §3, `security.md` §3.

use domain::api_key::{
    ApiKey, ApiKeyView, CreatedApiKey, ID_ALPHABET, ID_LENGTH, KeyText, NewApiKey, PublicId, SECRET_ALPHABET,
    SECRET_LENGTH,
};
use domain::audit::Action;
use domain::credential::Access;
use domain::id::ApiKeyId;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::scope::Scope;
use domain::{Error, FieldError, Result};

use crate::{Backend, Caller};

// A public id is 8 letters of 36: with a million keys one try in 2.8 million meets a taken one.
const TRIES: usize = 5;

impl Backend {
    /// The caller's keys, or everybody's for admins; secrets are nowhere.
    ///
    /// # Errors
    /// `forbidden` for roles without keys.
    pub async fn list_api_keys(&self, caller: &Caller, page: &PageRequest) -> Result<Page<ApiKeyView>> {
        caller.require(Permission::Read)?;
        let owner = (!caller.may(Permission::ManageKeys)).then_some(caller.user.id);
        let rows = self.inner.store.list_api_keys(caller.account.id, owner, page).await?;
        let now = self.inner.clock.now();
        Ok(Page::from_rows(rows, page.limit, |k| k.id.to_string()).map(|key| key.view(now)))
    }

    /// Makes a key; the answer is the only place where its secret ever appears.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field; listed namespaces that are unknown or foreign read the same.
    pub async fn create_api_key(&self, caller: &Caller, new: NewApiKey) -> Result<CreatedApiKey> {
        caller.require(Permission::OwnKeys)?;
        let (name, scope, expires_at) = new.check(self.inner.clock.now())?;
        self.owned(caller, &scope).await?;
        for _ in 0..TRIES {
            let public_id = PublicId::from_trusted(self.random_text(ID_ALPHABET, ID_LENGTH));
            let text = KeyText::assemble(&public_id, &self.random_text(SECRET_ALPHABET, SECRET_LENGTH));
            let key = ApiKey {
                id: ApiKeyId::new(self.inner.random.uuid()),
                account_id: caller.account.id,
                owner_id: caller.user.id,
                name: name.clone(),
                public_id,
                generation: 1,
                digest: self.inner.pepper.digest(&text),
                pepper_id: self.inner.pepper.id().to_owned(),
                scope: scope.clone(),
                access: new.access.unwrap_or(Access::Edit),
                expires_at,
                disabled: false,
                revoked_at: None,
                created_at: self.inner.clock.now(),
                last_used_at: None,
                last_used_ip: None,
            };
            let audit = self.audit(caller, Action::ApiKeyCreated, target(key.id), key.scope.to_json().to_string());
            match self.inner.store.create_api_key(&key, &audit).await {
                Err(Error::Conflict { .. }) => {}
                Err(other) => return Err(other),
                Ok(()) => return Ok(CreatedApiKey { view: key.view(key.created_at), key: text }),
            }
        }
        Err(Error::internal("no free public id for an API key"))
    }

    /// Revokes a key for good: the next call with it is refused; its cluster objects go as soon as the cluster answers.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids; `forbidden` for somebody else's key without the right.
    pub async fn revoke_api_key(&self, caller: &Caller, id: &str) -> Result<()> {
        let id = ApiKeyId::parse(id)?;
        let key = self.inner.store.api_key(caller.account.id, id).await?;
        let key = key.filter(|_| caller.may(Permission::Read)).ok_or(Error::NotFound)?;
        let needed = if key.owner_id == caller.user.id { Permission::OwnKeys } else { Permission::ManageKeys };
        caller.require(needed)?;
        let audit = self.audit(caller, Action::ApiKeyRevoked, target(id), key.name.clone());
        if self.inner.store.revoke_api_key(id, self.inner.clock.now(), &audit).await? {
            self.inner.tokens.forget_key(&key.public_id);
            self.remove_from_cluster(&key).await;
        }
        Ok(())
    }

    /// Listed namespaces must be the account's own; the answer never tells foreign from unknown.
    async fn owned(&self, caller: &Caller, scope: &Scope) -> Result<()> {
        let ids = scope.namespace_ids();
        if ids.is_empty() {
            return Ok(());
        }
        let owned = self.inner.store.owned_namespaces(caller.account.id, ids).await?;
        let foreign = ids.iter().enumerate().filter(|(_, id)| !owned.contains(id));
        let wrong: Vec<FieldError> = foreign
            .map(|(i, _)| {
                let field = format!("scopes.kubernetes_exec.namespace_ids[{i}]");
                FieldError::new(&field, "unknown_namespace", "You have no namespace with this id")
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    /// Unbiased letters: bytes beyond the last whole multiple of the alphabet are thrown away.
    pub(crate) fn random_text(&self, alphabet: &[u8], length: usize) -> String {
        let limit = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        let mut bytes = [0_u8; 64];
        while text.len() < length {
            self.inner.random.fill(&mut bytes);
            let letters = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < limit);
            text.extend(letters.map(|b| char::from(alphabet[b % alphabet.len()])).take(length - text.len()));
        }
        text
    }
}

/// The audit target of a key.
fn target(id: ApiKeyId) -> String {
    format!("api_key:{id}")
}

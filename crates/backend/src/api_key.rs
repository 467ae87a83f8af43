//! API keys: made, listed, changed and revoked by signed-in people; never by keys.
//!
//! Source: `console-api.md` §3, `security.md` §3.

mod change;
mod report;

use std::collections::{BTreeSet, HashMap};

use domain::api_key::{
    ApiKey, ApiKeyView, CreatedApiKey, ID_ALPHABET, ID_LENGTH, KeyText, NewApiKey, PublicId, SECRET_ALPHABET,
    SECRET_LENGTH,
};
use domain::audit::Action;
use domain::credential::Access;
use domain::id::{ApiKeyId, NamespaceId};
use domain::order::OrderedRequest;
use domain::page::Page;
use domain::permission::Permission;
use domain::scope::Scope;
use domain::{Code, Error, FieldError, Result};
use serde_json::Value;

use crate::{Backend, Caller, Grant};

// A public id is 8 letters of 36: with a million keys one try in 2.8 million meets a taken one.
const TRIES: usize = 5;
// As many as the longest page of the list shows.
const MOST_AT_ONCE: usize = 200;

impl Backend {
    /// The caller's keys, or everybody's for admins; secrets are nowhere.
    ///
    /// # Errors
    /// `forbidden` for roles without keys.
    pub async fn list_api_keys(&self, caller: &Caller, page: &OrderedRequest) -> Result<Page<ApiKeyView>> {
        caller.require(Permission::Read)?;
        let owner = (!caller.may(Permission::ManageKeys)).then_some(caller.user.id);
        let rows = self.inner.store.list_api_keys(caller.account.id, owner, page).await?;
        let now = self.inner.clock.now();
        let cursor = |key: &ApiKey| page.order.cursor(&key.name, &key.id.to_string());
        Ok(Page::from_rows(rows, page.limit, cursor).map(|key| key.view(now)))
    }

    /// One key: the caller's own, or anybody's for admins.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids, and for a colleague's.
    pub async fn get_api_key(&self, caller: &Caller, id: &str) -> Result<ApiKeyView> {
        Ok(self.visible_key(caller, id).await?.view(self.inner.clock.now()))
    }

    /// Makes a key; the answer is the only place where its secret ever appears.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field; listed namespaces that are unknown or foreign read the same.
    pub async fn create_api_key(&self, caller: &Caller, new: NewApiKey) -> Result<CreatedApiKey> {
        caller.require(Permission::OwnKeys)?;
        let (name, scope, expires_at) = new.check(self.inner.store.database_time().await?)?;
        self.owned(caller, &scope, &[], Some(&new.scopes)).await?;
        for _ in 0..TRIES {
            let public_id = PublicId::from_trusted(self.random_text(ID_ALPHABET, ID_LENGTH));
            let text = self.new_key_text(&public_id);
            let key = ApiKey {
                id: ApiKeyId::new(self.inner.random.uuid()),
                account_id: caller.account.id,
                owner_id: caller.user.id,
                name: name.clone(),
                public_id,
                secret: self.inner.pepper.secret(&text, 1),
                old_secret: None,
                scope: scope.clone(),
                access: new.access.unwrap_or(Access::Edit),
                expires_at,
                disabled: false,
                revoked_at: None,
                created_at: self.inner.clock.now(),
                last_used_at: None,
                last_used_ip: None,
                revision: 1,
                removal_pending: false,
            };
            let audit = self.audit(caller, Action::ApiKeyCreated, target(key.id), key.scope.to_json().to_string());
            let audit = audit.named(key.name.as_str());
            match self.inner.store.create_api_key(&key, &audit).await {
                Err(Error::Conflict { code: Code::Conflict, .. }) => {}
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
        let key = self.inner.store.api_key(caller.account.id, ApiKeyId::parse(id)?).await?;
        let key = revocable(caller, key)?;
        if self.mark_revoked(caller, &key).await? {
            self.settle_now(&key).await;
        }
        Ok(())
    }

    /// Revokes some keys, or none of them when one of them must not be.
    ///
    /// # Errors
    /// As [`Self::revoke_api_key`]; [`Error::Invalid`] for none or more than 200.
    pub async fn revoke_api_keys(&self, caller: &Caller, ids: &[String]) -> Result<()> {
        caller.require(Permission::OwnKeys)?;
        if ids.is_empty() || ids.len() > MOST_AT_ONCE {
            return Err(Error::field("items", "range", format!("Choose 1 to {MOST_AT_ONCE} keys")));
        }
        let ids = ids.iter().map(|id| ApiKeyId::parse(id)).collect::<Result<Vec<_>>>()?;
        let found = self.inner.store.api_keys(caller.account.id, &ids).await?;
        let mut found: HashMap<ApiKeyId, ApiKey> = found.into_iter().map(|key| (key.id, key)).collect();
        // One that was named twice is there once.
        let ids: BTreeSet<ApiKeyId> = ids.into_iter().collect();
        let keys = ids.iter().map(|id| revocable(caller, found.remove(id))).collect::<Result<Vec<_>>>()?;
        let (mut revoked, mut outcome) = (Vec::<&ApiKey>::new(), Ok(()));
        for key in &keys {
            match self.mark_revoked(caller, key).await {
                Ok(true) => revoked.push(key),
                Ok(false) => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Those before one that could not be written down are revoked, whatever became of it.
        self.settle_all_now(&revoked).await;
        outcome
    }

    /// Refused from now on; false if it was revoked before. Its rights in the cluster are still to be taken.
    async fn mark_revoked(&self, caller: &Caller, key: &Grant<ApiKey>) -> Result<bool> {
        let (id, name) = (key.id, key.name.as_str());
        let audit = self.audit(caller, Action::ApiKeyRevoked, target(id), name).named(name);
        self.inner.store.revoke_api_key(id, self.inner.clock.now(), &audit).await
    }

    /// How many secrets need each pepper: one that is named here must not be dropped (`security.md` §3).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pepper_in_use(&self) -> Result<Vec<(String, u64)>> {
        self.inner.store.peppers_in_use().await
    }

    /// Peppers that secrets need and that were not given, with how many need each.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn missing_peppers(&self) -> Result<Vec<(String, u64)>> {
        let in_use = self.inner.store.peppers_in_use().await?;
        Ok(in_use.into_iter().filter(|(id, _)| !self.inner.pepper.knows(id)).collect())
    }

    /// Finds a key that the caller may see: their own, or any of the account for admins.
    pub(crate) async fn visible_key(&self, caller: &Caller, id: &str) -> Result<Grant<ApiKey>> {
        let found = self.inner.store.api_key(caller.account.id, ApiKeyId::parse(id)?).await?;
        let visible = |key: &ApiKey| {
            caller.may(Permission::ManageKeys) || (key.owner_id == caller.user.id && caller.may(Permission::Read))
        };
        found.filter(visible).map(Grant::new).ok_or(Error::NotFound)
    }

    /// Listed namespaces must be the account's own, or stand on the key already (`kept`): those may be gone. The answer
    /// never tells foreign from unknown; it names the places in the `document` that was sent.
    async fn owned(
        &self,
        caller: &Caller,
        scope: &Scope,
        kept: &[NamespaceId],
        document: Option<&Value>,
    ) -> Result<()> {
        let ids = scope.namespace_ids();
        if ids.iter().all(|id| kept.contains(id)) {
            return Ok(());
        }
        let owned = self.inner.store.owned_namespaces(caller.account.id, ids).await?;
        let foreign = ids.iter().filter(|id| !owned.contains(id) && !kept.contains(id));
        let wrong: Vec<FieldError> = foreign
            .map(|id| {
                let field = Scope::field(document.unwrap_or(&Value::Null), *id);
                FieldError::new(&field, "unknown_namespace", "You have no namespace with this id")
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }

    fn new_key_text(&self, public_id: &PublicId) -> String {
        KeyText::assemble(public_id, &self.random_text(SECRET_ALPHABET, SECRET_LENGTH))
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

/// A key of the account, if the caller may revoke it.
fn revocable(caller: &Caller, key: Option<ApiKey>) -> Result<Grant<ApiKey>> {
    let key = key.filter(|_| caller.may(Permission::Read)).ok_or(Error::NotFound)?;
    let needed = if key.owner_id == caller.user.id { Permission::OwnKeys } else { Permission::ManageKeys };
    caller.require(needed)?;
    Ok(Grant::new(key))
}

/// The audit target of a key.
pub(crate) fn target(id: ApiKeyId) -> String {
    format!("api_key:{id}")
}

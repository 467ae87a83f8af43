//! A key's changes: rename, other scopes, another end, off and on, a new secret.

use domain::api_key::{ApiKey, ApiKeyChanges, ApiKeyView, CreatedApiKey, RotateApiKey};
use domain::audit::Action;
use domain::permission::Permission;
use domain::version::unchanged;
use domain::{Code, Error, Result};

use super::target;
use crate::{Backend, Caller};

// Somebody else changed the key between our read and our write: read again. More than a few times is no accident.
const TRIES: usize = 4;

impl Backend {
    /// Changes a key. What it loses ends at once, for tokens that were issued too.
    ///
    /// Its owner may change all of it; admins may switch a colleague's key off and on, no more: with wider scopes or a
    /// new secret they would act under another name. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field, [`Error::NotFound`], `forbidden`, `conflict` for a revoked key, for a
    /// colleague's and when somebody was faster.
    pub async fn update_api_key(
        &self,
        caller: &Caller,
        id: &str,
        changes: &ApiKeyChanges,
        saw: Option<&ApiKeyView>,
    ) -> Result<ApiKeyView> {
        for _ in 0..TRIES {
            let key = self.visible_key(caller, id).await?;
            unchanged(saw, &key.view(self.inner.clock.now()))?;
            own(caller, &key, changes.only_switches())?;
            let next = changes.apply(&key, self.inner.store.database_time().await?)?;
            self.owned(caller, &next.scope, key.scope.namespace_ids(), changes.scopes.as_ref()).await?;
            if next == *key {
                return Ok(key.view(self.inner.clock.now()));
            }
            let audit = self.audit(caller, action(&key, &next), target(key.id), ApiKeyChanges::in_words(&key, &next));
            let audit = audit.named(next.name.as_str());
            let loses = key.loses(&next);
            if self.inner.store.update_api_key(&next, loses, &audit).await? {
                if loses {
                    self.settle_now(&key).await;
                }
                return self.get_api_key(caller, id).await;
            }
        }
        Err(busy())
    }

    /// Gives a key a new secret; the answer is the only place where it appears. The present one works on for the
    /// overlap, one still older ends at once. Kubeconfigs stay good: they hold no secret.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `overlap_seconds`, [`Error::NotFound`], `forbidden`, `conflict` for a revoked key and for a
    /// colleague's.
    pub async fn rotate_api_key(&self, caller: &Caller, id: &str, rotate: RotateApiKey) -> Result<CreatedApiKey> {
        for _ in 0..TRIES {
            let key = self.visible_key(caller, id).await?;
            own(caller, &key, false)?;
            // Ends are judged by the database's clock, so they are set by it.
            let old_ends_at = rotate.check(&key, self.inner.store.database_time().await?)?;
            let text = self.new_key_text(&key.public_id);
            let secret = self.inner.pepper.secret(&text, key.secret.generation + 1);
            let detail =
                format!("secret {}, the old one works for {} s more", secret.generation, rotate.overlap_seconds);
            let audit = self.audit(caller, Action::ApiKeyRotated, target(key.id), detail).named(key.name.as_str());
            if self.inner.store.rotate_api_key(&key, &secret, old_ends_at, &audit).await? {
                if old_ends_at.is_none() || key.old_secret.is_some() {
                    self.settle_now(&key).await;
                }
                return Ok(CreatedApiKey { view: self.get_api_key(caller, id).await?, key: text });
            }
        }
        Err(busy())
    }
}

/// Whether the caller may change this key. `switches` = it is only switched off or on.
fn own(caller: &Caller, key: &ApiKey, switches: bool) -> Result<()> {
    match key.owner_id == caller.user.id {
        true => caller.require(Permission::OwnKeys),
        false if switches => caller.require(Permission::ManageKeys),
        false => {
            caller.require(Permission::ManageKeys)?;
            let detail = "Only its owner can change this key or rotate it; you can disable and revoke it";
            Err(Error::conflict(Code::Conflict, detail))
        }
    }
}

fn action(before: &ApiKey, after: &ApiKey) -> Action {
    match (before.disabled, after.disabled) {
        (false, true) => Action::ApiKeyDisabled,
        (true, false) => Action::ApiKeyEnabled,
        _ => Action::ApiKeyChanged,
    }
}

fn busy() -> Error {
    Error::conflict(Code::Conflict, "Somebody else changes this key right now: look at it again")
}

//! Announces keys that end soon: nobody orders that, so the leader looks.

use domain::Result;
use domain::audit::Action;
use domain::webhook::KEY_NOTICE;

use crate::Backend;
use crate::ports::EndingKey;

const BATCH: u32 = 100;

impl Backend {
    /// Writes the audit row of each key that ends soon, which webhooks are told of; once for each end.
    pub(super) async fn announce_ending_keys(&self) -> Result<()> {
        let now = self.inner.clock.now();
        for key in self.inner.store.ending_keys(now, now + KEY_NOTICE, BATCH).await? {
            self.announce(&key).await?;
        }
        Ok(())
    }

    async fn announce(&self, key: &EndingKey) -> Result<()> {
        let target = format!("api_key:{}", key.id);
        let detail = format!("ends {}", key.expires_at);
        let audit = self.audit_system(key.account_id, Action::ApiKeyExpiring, target, detail).named(key.name.as_str());
        self.inner.store.announce_ending_key(key, &audit).await.map(drop)
    }
}

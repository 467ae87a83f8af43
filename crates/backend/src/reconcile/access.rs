//! What keys may do no more goes from the cluster: at once if it answers, else from the queue; and what no order names
//! goes with the sweep.
//!
//! Desired state, not a list of deeds: an order only says "look at this key". What stands is compared with what the key
//! opens now, so an order may be late, doubled, or overtaken by the next change.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::Result;
use domain::api_key::{ApiKey, PublicId};
use domain::credential::{FoundIdentity, Identity};
use domain::id::NamespaceId;
use domain::user::Role;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use super::{AT_ONCE, BATCH, queued};
use crate::Backend;
use crate::ports::{IdentityFilter, KeyToSettle};

// A page that waits for a revocation waits no longer; the loop finishes it.
const INLINE_LIMIT: Duration = Duration::from_secs(3);
// Long enough for "who had access last month", short enough for the table.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
// Consoles of an earlier version write a connector down after it stands, and without a draft: one that is younger may be
// in their hands. The sweep comes again with every full look, so what is spared goes with the next one but one at the
// latest. A key has its row first in every version: nothing of one is spared.
const GRACE: SignedDuration = SignedDuration::from_mins(10);

impl Backend {
    /// Carries out the orders about one key now, if the cluster answers; else the loop does.
    pub(crate) async fn settle_now(&self, key: &ApiKey) {
        self.settle_all_now(&[key]).await;
    }

    /// The same for several keys; all of them together hold up a page no longer than one.
    pub(crate) async fn settle_all_now(&self, keys: &[&ApiKey]) {
        for key in keys {
            self.inner.tokens.forget_key(&key.public_id);
        }
        let work = async {
            for key in keys {
                for order in self.inner.store.keys_to_settle(Some(key.id), 1).await? {
                    self.settle_key(&order).await?;
                }
            }
            Ok(())
        };
        self.inline("taking a key's rights from the cluster", work).await;
    }

    /// Takes one account away now, if the cluster answers; else the loop does.
    pub(crate) async fn remove_now(&self, service_account: &str, namespace: NamespaceId) {
        self.inline("removing an account", self.remove_account(service_account, namespace)).await;
    }

    pub(crate) async fn inline(&self, doing: &'static str, work: impl Future<Output = Result<()>>) {
        match tokio::time::timeout(INLINE_LIMIT, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.log(doing, &error),
            Err(_) => tracing::warn!(doing, "takes long; it goes on in the background"),
        }
        self.inner.wake.notify_one();
    }

    /// One look at the queues: what time has ended, keys, single accounts.
    pub(super) async fn access_orders(&self) {
        if let Err(error) = self.order_ended_keys().await {
            self.log("looking for keys that ended", &error);
        }
        match self.inner.store.keys_to_settle(None, BATCH).await {
            Ok(orders) => {
                queued("keys", orders.len());
                let settle = async |order: KeyToSettle| {
                    if let Err(error) = self.settle_key(&order).await {
                        self.log("taking a key's rights from the cluster", &error);
                    }
                };
                futures::stream::iter(orders).for_each_concurrent(AT_ONCE, settle).await;
            }
            Err(error) => self.log("reading the keys to settle", &error),
        }
        match self.inner.store.accounts_to_remove(BATCH).await {
            Ok(accounts) => {
                for (name, namespace) in accounts {
                    if let Err(error) = self.remove_account(&name, namespace).await {
                        self.log("removing an account", &error);
                    }
                }
            }
            Err(error) => self.log("reading the accounts to remove", &error),
        }
    }

    /// By the clock that lets keys in: a console whose own clock is ahead must not end what still works.
    async fn order_ended_keys(&self) -> Result<u64> {
        let now = self.inner.store.database_time().await?;
        self.inner.store.order_ended_keys(now).await
    }

    async fn settle_key(&self, order: &KeyToSettle) -> Result<()> {
        let key = &order.key;
        let found = self.inner.cluster.list_identities(&IdentityFilter::Key(key.public_id.clone())).await?;
        let now = self.inner.store.database_time().await?;
        let doomed: Vec<FoundIdentity> =
            found.into_iter().filter(|found| !keeps(key, order.owner_role, found, now)).collect();
        self.remove(&doomed).await?;
        self.inner.store.key_settled(key.id, order.ticket).await
    }

    async fn remove_account(&self, service_account: &str, namespace: NamespaceId) -> Result<()> {
        let filter = IdentityFilter::Account { name: service_account.to_owned(), namespace };
        let found = self.inner.cluster.list_identities(&filter).await?;
        self.remove(&found).await?;
        self.inner.store.account_removed(service_account, namespace).await
    }

    /// Deletes what this installation made for keys that are gone or may do less, and for connectors that nobody knows: the
    /// net under the queue, for what a crash or a restored database left. The cluster is read before the database, and
    /// whatever is made has a row before it (a key, or a connector's draft), so nothing new is taken for old; [`GRACE`]
    /// is for what an earlier version makes meanwhile.
    pub(super) async fn sweep_identities(&self) {
        if let Err(error) = self.try_sweep().await {
            self.log("sweeping identities", &error);
        }
    }

    async fn try_sweep(&self) -> Result<()> {
        let found = self.inner.cluster.list_identities(&IdentityFilter::All).await?;
        let keys = self.keys_of(&found).await?;
        let connectors = self.living_connectors(&found).await?;
        let now = self.inner.store.database_time().await?;
        let of = |id: &PublicId| keys.iter().find(|key| key.key.public_id == *id);
        let stands = |found: &FoundIdentity| match &found.identity {
            Identity::Key { key: id, .. } => of(id).is_some_and(|key| keeps(&key.key, key.owner_role, found, now)),
            Identity::Connector { .. } => connectors.contains(&found.name) || is_young(found, now),
            Identity::Console { .. } => true,
        };
        let doomed: Vec<FoundIdentity> = found.iter().filter(|found| !stands(found)).cloned().collect();
        if !doomed.is_empty() {
            tracing::info!(count = doomed.len(), "removing identities without an active key or connector");
        }
        self.remove(&doomed).await?;
        self.inner.store.delete_old_credentials(now - KEPT, BATCH).await.map(drop)
    }

    async fn keys_of(&self, found: &[FoundIdentity]) -> Result<Vec<KeyToSettle>> {
        let ids: BTreeSet<&str> = found.iter().filter_map(public_id).map(PublicId::as_str).collect();
        let ids: Vec<PublicId> = ids.into_iter().map(|id| PublicId::from_trusted(id.to_owned())).collect();
        let mut keys = Vec::new();
        for batch in ids.chunks(BATCH as usize) {
            keys.extend(self.inner.store.keys_by_public_id(batch).await?);
        }
        Ok(keys)
    }

    async fn living_connectors(&self, found: &[FoundIdentity]) -> Result<BTreeSet<String>> {
        let connectors = found.iter().filter(|found| matches!(found.identity, Identity::Connector { .. }));
        let names: Vec<String> = connectors.map(|found| found.name.clone()).collect();
        let mut living = BTreeSet::new();
        for batch in names.chunks(BATCH as usize) {
            living.extend(self.inner.store.living_connectors(batch).await?);
        }
        Ok(living)
    }

    async fn remove(&self, doomed: &[FoundIdentity]) -> Result<()> {
        for identity in doomed {
            self.inner.tokens.forget_account(&identity.name);
        }
        if doomed.is_empty() {
            return Ok(());
        }
        self.inner.cluster.remove_identities(doomed).await?;
        self.unbind_from_skypilot(doomed).await
    }
}

fn public_id(found: &FoundIdentity) -> Option<&PublicId> {
    match &found.identity {
        Identity::Key { key, .. } => Some(key),
        Identity::Console { .. } | Identity::Connector { .. } => None,
    }
}

/// Whether an earlier version may not have written it down yet.
fn is_young(found: &FoundIdentity, now: Timestamp) -> bool {
    found.made_at.is_some_and(|made| now.duration_since(made) < GRACE)
}

fn keeps(key: &ApiKey, owner: Option<Role>, found: &FoundIdentity, now: Timestamp) -> bool {
    match &found.identity {
        Identity::Key { generation, access, .. } => key.keeps(owner, *generation, found.namespace, *access, now),
        // A connector goes when it is revoked, or with its namespace.
        Identity::Console { .. } | Identity::Connector { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_made_a_moment_ago_is_spared_for_the_grace_and_no_longer() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let found = |made_at| FoundIdentity {
            name: "connector-a1b2c3d4-456789ab".into(),
            identity: Identity::Connector { serial: "a1b2c3d4".into() },
            namespace: NamespaceId::new(Uuid::nil()),
            bound_in: Vec::new(),
            made_at,
        };
        let second = SignedDuration::from_secs(1);
        for young in [now, now - GRACE + second, now + second] {
            assert!(is_young(&found(Some(young)), now), "{young}");
        }
        for old in [Some(now - GRACE), Some(Timestamp::UNIX_EPOCH), None] {
            assert!(!is_young(&found(old), now), "{old:?}");
        }
    }
}

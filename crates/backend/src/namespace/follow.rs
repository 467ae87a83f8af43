//! Namespaces as they change, a page of the list or one. Rows by the audit log, which every change of a row writes
//! (RULINGS 39) and every replica hears of; deployments and limits by the cluster's watches; what runs costs by looking
//! again, since the meter tells nobody.

use std::future::ready;
use std::time::Duration;

use domain::Result;
use domain::audit::AuditRecord;
use domain::id::{AccountId, NamespaceId};
use domain::namespace::NamespaceView;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use super::Reader;
use crate::{Backend, Caller};

// A rollout changes what is used many times a second: tell of all of it once.
const SETTLE: Duration = Duration::from_millis(250);
// A pod is charged for up to two seconds after it began, when the meter looks; it may be another replica's.
const PRICED_AGAIN: Duration = Duration::from_secs(5);

/// What may have changed the list.
enum Change {
    /// A row of this account was written, or some that nobody saw.
    Row,
    /// Deployments, limits or what is used of them, in the namespace of this Kubernetes name.
    Facts(String),
}

/// Which rows are told of.
enum Of {
    /// One page of the account's.
    Page(PageRequest),
    /// This one; no row once it is gone.
    One(NamespaceId),
}

struct Follow {
    backend: Backend,
    reader: Reader,
    of: Of,
    changes: BoxStream<'static, Change>,
    /// When to look again though nothing was heard.
    due: Instant,
    /// What was told last; none before the first time.
    told: Option<Page<NamespaceView>>,
}

impl Backend {
    /// One page of the caller's namespaces: at once, then after each change.
    ///
    /// # Errors
    /// `forbidden` for roles that see no namespaces.
    pub async fn watch_namespaces(
        &self,
        caller: &Caller,
        page: &PageRequest,
    ) -> Result<BoxStream<'static, Result<Page<NamespaceView>>>> {
        caller.require(Permission::Read)?;
        Ok(self.follow_namespaces(Reader::of(caller), Of::Page(page.clone())))
    }

    /// One of the caller's namespaces: at once, then after each change; `None` once it is gone.
    ///
    /// # Errors
    /// [`domain::Error::NotFound`] for unknown and foreign ids alike.
    pub async fn watch_namespace(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<BoxStream<'static, Result<Option<NamespaceView>>>> {
        let id = self.namespace(caller, id, Permission::Read).await?.id;
        let pages = self.follow_namespaces(Reader::of(caller), Of::One(id));
        Ok(pages.map(|page| page.map(|page| page.items.into_iter().next())).boxed())
    }

    fn follow_namespaces(&self, reader: Reader, of: Of) -> BoxStream<'static, Result<Page<NamespaceView>>> {
        // Listening begins before the first read, so that no change falls between the two.
        let rows = self.inner.store.follow_audit();
        let rows = rows.filter_map(move |row| ready(concerns(reader.account, row.as_ref()).then_some(Change::Row)));
        let changes = stream::select(rows, self.inner.cluster.fact_changes().map(Change::Facts)).boxed();
        let follow = Follow { backend: self.clone(), reader, of, changes, due: Instant::now(), told: None };
        stream::try_unfold(follow, Follow::next).boxed()
    }

    async fn followed(&self, reader: Reader, of: &Of) -> Result<Page<NamespaceView>> {
        let id = match of {
            Of::Page(page) => return self.namespaces_of(reader, page).await,
            Of::One(id) => *id,
        };
        let found = self.inner.store.namespace(reader.account, id).await?;
        let rates = self.rates(reader).await?;
        let items = found.iter().map(|namespace| self.priced_view(namespace, rates.as_ref())).collect();
        Ok(Page { items, next_cursor: None })
    }
}

/// Whether a row of the log, or the news that some were missed, may be about a namespace of this account.
fn concerns(account: AccountId, row: Option<&AuditRecord>) -> bool {
    row.is_none_or(|row| row.account_id == Some(account) && row.target.starts_with("namespace:"))
}

// === impl Follow ===

impl Follow {
    async fn next(mut self) -> Result<Option<(Page<NamespaceView>, Self)>> {
        loop {
            if let Some(told) = &self.told {
                let (wanted, settle) = match tokio::time::timeout_at(self.due, self.changes.next()).await {
                    Ok(None) => return Ok(None),
                    Ok(Some(Change::Row)) => (true, SETTLE),
                    Ok(Some(Change::Facts(name))) => (told.items.iter().any(|row| row.kubernetes_name == name), SETTLE),
                    Err(_) => (true, Duration::ZERO),
                };
                if !wanted {
                    continue;
                }
                tokio::time::sleep(settle).await;
                while let Some(Some(_)) = self.changes.next().now_or_never() {}
            }
            let now = self.backend.followed(self.reader, &self.of).await?;
            self.due = Instant::now() + PRICED_AGAIN;
            if self.told.as_ref() != Some(&now) {
                self.told = Some(now.clone());
                return Ok(Some((now, self)));
            }
        }
    }
}

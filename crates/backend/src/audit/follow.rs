//! The live tail of the audit log: the rows written since a page was loaded, kept up to date by one shared feed.

use std::collections::VecDeque;

use domain::Result;
use domain::audit::{AuditFilter, AuditQuery, AuditRecord, AuditScope, AuditView};
use domain::id::AuditId;
use domain::page::PageRequest;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::read::Log;
use crate::{Backend, Caller};

// What one page shows of the present; older rows are a reload away.
const WINDOW: u32 = 100;

type Feed = BoxStream<'static, Option<AuditRecord>>;

struct Tail {
    backend: Backend,
    scope: AuditScope,
    filter: AuditFilter,
    newer_than: Option<AuditId>,
    feed: Feed,
    /// Newest first.
    window: VecDeque<AuditRecord>,
    /// The window has to be read from the database.
    stale: bool,
}

impl Backend {
    /// The rows after `newer_than` that fit, newest first: once at the beginning, then after each new one. A row whose
    /// id is a little older may be among them, when it was committed later.
    ///
    /// # Errors
    /// [`domain::Error::Invalid`] for a wrong filter or id; `forbidden`.
    pub async fn follow_audit(
        &self,
        caller: &Caller,
        log: Log,
        query: AuditQuery,
        newer_than: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Vec<AuditView>>>> {
        let scope = log.scope(caller)?;
        let filter = self.audit_filter(query).await?;
        let newer_than = newer_than.filter(|id| !id.is_empty()).map(AuditId::parse).transpose()?;
        // Listening begins before the first read, so that no row falls between the two.
        let (backend, feed) = (self.clone(), self.inner.store.follow_audit());
        let tail = Tail { backend, scope, filter, newer_than, feed, window: VecDeque::new(), stale: true };
        Ok(stream::try_unfold(tail, Tail::next).boxed())
    }
}

// === impl Tail ===

impl Tail {
    async fn next(mut self) -> Result<Option<(Vec<AuditView>, Self)>> {
        while !self.stale {
            match self.feed.next().await {
                None => return Ok(None),
                Some(None) => self.stale = true,
                Some(Some(row)) => {
                    if self.take(row) {
                        return Ok(Some((self.views(), self)));
                    }
                }
            }
        }
        let page = PageRequest { limit: WINDOW, after: None };
        let rows = self.backend.inner.store.list_audit(self.scope, &self.filter, self.newer_than, &page).await?;
        self.window = rows.into_iter().take(WINDOW as usize).collect();
        self.stale = false;
        Ok(Some((self.views(), self)))
    }

    /// Puts a row at its place; false when it is not wanted or there already.
    fn take(&mut self, row: AuditRecord) -> bool {
        if self.window.iter().any(|other| other.id == row.id) || !self.filter.wants(self.scope, &row) {
            return false;
        }
        let place = self.window.iter().take_while(|other| other.id > row.id).count();
        self.window.insert(place, row);
        self.window.truncate(WINDOW as usize);
        true
    }

    fn views(&self) -> Vec<AuditView> {
        self.window.iter().map(AuditRecord::view).collect()
    }
}

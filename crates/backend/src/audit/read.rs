//! Reading the audit log: pages, one row, exports. Tenants see their own log, operators all of it.
//!
//! Source: `security.md` §5 (Audit).

use domain::audit::{Action, AuditFilter, AuditQuery, AuditScope, AuditView, ChainReport, ExportFormat};
use domain::id::AuditId;
use domain::order::Direction;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::user::Email;
use domain::{Error, Result};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use crate::batch::batches;
use crate::{Backend, Caller, Origin};

// One batch of an export: some hundred kilobytes at the most, whatever the length of the log.
const BATCH: u32 = 200;

/// Which log somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// That of the caller's account.
    Own,
    /// That of the whole platform.
    Platform,
}

impl Log {
    /// Who may read it.
    pub fn permission(self) -> Permission {
        match self {
            Self::Own => Permission::ReadAudit,
            Self::Platform => Permission::ManageAccounts,
        }
    }

    /// The rows the caller may see in it.
    ///
    /// # Errors
    /// `forbidden` without the permission.
    pub(super) fn scope(self, caller: &Caller) -> Result<AuditScope> {
        caller.require(self.permission())?;
        Ok(match self {
            Self::Own => AuditScope::Account(caller.account.id),
            Self::Platform => AuditScope::Platform,
        })
    }
}

impl Backend {
    /// One page of the log, by time.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong filter; `forbidden`.
    pub async fn list_audit(
        &self,
        caller: &Caller,
        log: Log,
        query: AuditQuery,
        direction: Direction,
        page: &PageRequest,
    ) -> Result<Page<AuditView>> {
        let scope = log.scope(caller)?;
        let oldest_first = direction == Direction::Asc;
        let filter = AuditFilter { oldest_first, ..self.audit_filter(query).await? };
        let rows = self.inner.store.list_audit(scope, &filter, None, page).await?;
        Ok(Page::from_rows(rows, page.limit, |row| direction.cursor(&row.id.to_string())).map(|row| row.view()))
    }

    /// One row with all its fields.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown rows and those of other accounts.
    pub async fn get_audit(&self, caller: &Caller, log: Log, id: &str) -> Result<AuditView> {
        let scope = log.scope(caller)?;
        let row = self.inner.store.audit_row(scope, AuditId::parse(id)?).await?;
        row.map(|row| row.view()).ok_or(Error::NotFound)
    }

    /// The whole log as text, batch by batch, newest first, up to this very moment. Is itself in the log.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong filter; `forbidden`.
    pub async fn export_audit(
        &self,
        caller: &Caller,
        log: Log,
        query: AuditQuery,
        format: ExportFormat,
    ) -> Result<BoxStream<'static, Result<String>>> {
        let scope = log.scope(caller)?;
        let target = match log {
            Log::Own => format!("account:{}", caller.account.id),
            Log::Platform => "platform".to_owned(),
        };
        let filter = self.audit_filter(query.clone()).await?;
        let detail = serde_json::json!({"format": format.as_str(), "filter": query}).to_string();
        let event = self.audit(caller, Action::AuditExported, target, detail);
        self.handed_out(caller, &event).await?;
        let rows = self.pages(scope, filter, event.id.to_string(), format);
        Ok(stream::once(std::future::ready(Ok(format.head()))).chain(rows).boxed())
    }

    /// Walks the chain of one account by name, or every chain. For the operator's command line.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown account.
    pub async fn verify_audit(&self, account: Option<&str>) -> Result<Vec<ChainReport>> {
        let account = match account {
            None => None,
            Some(name) => {
                let found = self.inner.store.account_by_name(name).await?;
                let unknown = || Error::field("account", "unknown", "There is no account of this name");
                Some(found.ok_or_else(unknown)?.id)
            }
        };
        self.inner.store.verify_audit(account).await
    }

    /// Removes rows older than `before`, in whole segments, and says so in the log; the number of rows. For the
    /// operator's command line.
    ///
    /// # Errors
    /// When a chain is broken, the database does not answer, or its role may not delete.
    pub async fn prune_audit(&self, before: Timestamp) -> Result<i64> {
        let rows = self.inner.store.prune_audit(before, self.inner.clock.now()).await?;
        let (origin, actor, target) = (Origin::system(), super::SYSTEM.to_owned(), "audit".to_owned());
        let detail = format!("{rows} rows from before {before}");
        let event = self.audit_for(&origin, None, actor, Action::AuditPruned, target, detail);
        self.inner.store.record(&event).await?;
        Ok(rows)
    }

    /// People know e-mail addresses, rows hold ids: an address becomes the id behind it. An unknown one finds nothing.
    pub(super) async fn audit_filter(&self, query: AuditQuery) -> Result<AuditFilter> {
        let mut filter = query.check()?;
        if let Some(email) = filter.actor.as_deref().and_then(|actor| Email::new(actor).ok()) {
            let member = self.inner.store.member_by_email(&email).await?;
            filter.actor = member.map(|member| format!("user:{}", member.user.id)).or(filter.actor);
        }
        Ok(filter)
    }

    fn pages(
        &self,
        scope: AuditScope,
        filter: AuditFilter,
        end: String,
        format: ExportFormat,
    ) -> BoxStream<'static, Result<String>> {
        let backend = self.clone();
        batches(end, move |after: String| {
            let (backend, filter) = (backend.clone(), filter.clone());
            async move {
                let page = PageRequest { limit: BATCH, after: Some(after) };
                let rows = backend.inner.store.list_audit(scope, &filter, None, &page).await?;
                let page = Page::from_rows(rows, BATCH, |row| row.id.to_string());
                let text: String = page.items.iter().map(|row| format.row(&row.view())).collect();
                Ok((text, page.next_cursor))
            }
        })
    }
}

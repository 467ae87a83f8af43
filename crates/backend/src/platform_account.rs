//! Accounts as operators manage them: made, suspended, limited, deleted, and looked into as support.

use domain::account::AccountStatus;
use domain::audit::{Action, AuditEvent};
use domain::id::AccountId;
use domain::invitation::{InvitationLink, NewInvitation};
use domain::order::OrderedRequest;
use domain::page::Page;
use domain::permission::Permission;
use domain::platform_account::{
    AccountUse, ChangeAccount, CreatedAccount, NewAccount, PlatformAccountView, SupportRequest,
};
use domain::user::{Email, Role};
use domain::version::{stale, unchanged};
use domain::{Error, Result};

use crate::account::target;
use crate::{Backend, Caller};

impl Backend {
    /// Every account with what it has.
    ///
    /// # Errors
    /// `forbidden` for everybody but operators, as all of these.
    pub async fn list_platform_accounts(
        &self,
        caller: &Caller,
        page: &OrderedRequest,
    ) -> Result<Page<PlatformAccountView>> {
        caller.require(Permission::ManageAccounts)?;
        let rows = self.inner.store.list_accounts(page).await?;
        let cursor = |row: &AccountUse| page.order.cursor(row.account.name.as_str(), &row.account.id.to_string());
        Ok(Page::from_rows(rows, page.limit, cursor).map(|account| account.view()))
    }

    /// One account.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_platform_account(&self, caller: &Caller, id: &str) -> Result<PlatformAccountView> {
        Ok(self.any_account(caller, id).await?.view())
    }

    /// Makes an account and, if asked to, the invitation of its first owner.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unusable name or address, `name_taken`, `reauthentication_required`.
    pub async fn create_platform_account(&self, caller: &Caller, new: NewAccount) -> Result<CreatedAccount> {
        caller.require(Permission::ManageAccounts)?;
        self.require_recent_login(caller)?;
        let owner = new.owner_email.as_deref().map(Email::new).transpose()?;
        let account = self.create_account_as(&caller.origin, caller.actor(), &new.name).await?;
        let invitation = match owner {
            Some(email) => Some(self.invite(caller, &account, &email, Role::Owner).await?),
            None => None,
        };
        let account = AccountUse { account, namespaces: 0, members: 0, api_keys: 0 }.view();
        Ok(CreatedAccount { account, invitation })
    }

    /// Invites somebody into any account: its first owner, or a new one for an account that lost them.
    ///
    /// # Errors
    /// As [`Backend::create_invitation`], and `reauthentication_required`.
    pub async fn invite_into_account(&self, caller: &Caller, id: &str, new: NewInvitation) -> Result<InvitationLink> {
        let found = self.any_account(caller, id).await?;
        self.require_recent_login(caller)?;
        self.invite(caller, &found.account, &Email::new(&new.email)?, new.role).await
    }

    /// Suspends or resumes an account, changes its limits. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each limit out of range, [`Error::NotFound`], `conflict` when somebody was faster,
    /// `reauthentication_required`.
    pub async fn change_platform_account(
        &self,
        caller: &Caller,
        id: &str,
        change: ChangeAccount,
        saw: Option<&PlatformAccountView>,
    ) -> Result<PlatformAccountView> {
        let mut found = self.any_account(caller, id).await?;
        unchanged(saw, &found.view())?;
        self.require_recent_login(caller)?;
        self.change_quota(caller, &mut found, &change).await?;
        if let Some(suspend) = change.suspended {
            self.suspend(caller, &found, suspend).await?;
        }
        self.get_platform_account(caller, id).await
    }

    /// Deletes an account that has no namespaces.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `confirm`, `conflict` while it has namespaces or engines on which
    /// something may run, `reauthentication_required`.
    pub async fn delete_platform_account(&self, caller: &Caller, id: &str, confirm: &str) -> Result<()> {
        let found = self.any_account(caller, id).await?;
        found.account.confirm(confirm)?;
        self.require_recent_login(caller)?;
        let audit = self.on_account(caller, &found, Action::AccountDeleted, found.account.name.as_str());
        self.inner.store.delete_account(found.account.id, &audit).await.map(drop)
    }

    /// Lets an operator look into an account, read only. Written into that account's own log before anything is shown.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a reason, [`Error::NotFound`], `reauthentication_required`.
    pub async fn begin_support(&self, caller: &Caller, id: &str, request: &SupportRequest) -> Result<AccountId> {
        let found = self.any_account(caller, id).await?;
        let reason = request.check()?;
        self.require_recent_login(caller)?;
        let audit = self.on_account(caller, &found, Action::SupportAccess, reason);
        self.inner.store.record(&audit).await?;
        Ok(found.account.id)
    }

    async fn change_quota(&self, caller: &Caller, found: &mut AccountUse, change: &ChangeAccount) -> Result<()> {
        let Some(wanted) = &change.quota else { return Ok(()) };
        let old = &found.account.quota;
        let new = old.clone().with(wanted)?;
        if new == *old {
            return Ok(());
        }
        let now = self.inner.clock.now();
        let outdated = (!new.same_in_namespaces(old)).then_some(now);
        let detail = new.differences(old);
        let audit = self.on_account(caller, found, Action::AccountQuotaChanged, detail);
        let changed = self.inner.store.set_account_quota(&found.account, &new, outdated, &audit).await?;
        changed.then_some(()).ok_or_else(stale)?;
        found.account.quota = new;
        self.inner.wake.notify_one();
        Ok(())
    }

    async fn suspend(&self, caller: &Caller, found: &AccountUse, suspend: bool) -> Result<()> {
        if suspend == (found.account.status() == AccountStatus::Suspended) {
            return Ok(());
        }
        let (at, action) = match suspend {
            true => (Some(self.inner.clock.now()), Action::AccountSuspended),
            false => (None, Action::AccountResumed),
        };
        let audit = self.on_account(caller, found, action, found.account.name.as_str());
        let changed = self.inner.store.suspend_account(&found.account, at, &audit).await?;
        changed.then_some(()).ok_or_else(stale)?;
        self.inner.wake.notify_one();
        Ok(())
    }

    pub(crate) async fn any_account(&self, caller: &Caller, id: &str) -> Result<AccountUse> {
        caller.require(Permission::ManageAccounts)?;
        self.inner.store.account_use(AccountId::parse(id)?).await?.ok_or(Error::NotFound)
    }

    /// An operator's action belongs into the log of the account it is about.
    pub(crate) fn on_account(
        &self,
        caller: &Caller,
        found: &AccountUse,
        action: Action,
        detail: impl Into<String>,
    ) -> AuditEvent {
        let id = found.account.id;
        self.audit_for(&caller.origin, Some(id), caller.actor(), action, target(id), detail)
    }
}

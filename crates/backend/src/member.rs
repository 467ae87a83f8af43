//! Members of an account: listed, given another role, removed. Roles are read per request, so a change counts at once.
//!
//! Source: `security.md` §5, RULINGS 3.

use domain::audit::Action;
use domain::id::UserId;
use domain::member::{AccountMember, ChangeMember, MemberView, may_grant, may_manage};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::version::unchanged;
use domain::{Code, Error, Result};

use crate::{Backend, Caller};

impl Backend {
    /// The members of the account.
    ///
    /// # Errors
    /// `forbidden` for roles that see usage only.
    pub async fn list_members(&self, caller: &Caller, page: &PageRequest) -> Result<Page<MemberView>> {
        caller.require(Permission::Read)?;
        let rows = self.inner.store.list_members(caller.account.id, page).await?;
        Ok(Page::from_rows(rows, page.limit, |m| m.user_id.to_string()).map(|member| member.view()))
    }

    /// One member.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown people and those of other accounts alike.
    pub async fn get_member(&self, caller: &Caller, user_id: &str) -> Result<MemberView> {
        Ok(self.member_of(caller, user_id).await?.view())
    }

    /// Gives a member another role. Weaker rights count from the next request on; what their keys hold in the cluster
    /// beyond that is taken away, and the SkyPilot kubeconfigs of whoever may not deploy any more end. `saw` is what
    /// the person saw.
    ///
    /// # Errors
    /// `forbidden` above one's own role, `last_owner`, `reauthentication_required`, `conflict` if somebody was faster.
    pub async fn change_member(
        &self,
        caller: &Caller,
        user_id: &str,
        change: ChangeMember,
        saw: Option<&MemberView>,
    ) -> Result<MemberView> {
        let member = self.member_of(caller, user_id).await?;
        unchanged(saw, &member.view())?;
        caller.require(Permission::ManageMembers)?;
        may_manage(caller.role, member.role)?;
        may_grant(caller.role, change.role)?;
        self.require_recent_login(caller)?;
        if change.role != member.role {
            let detail = format!("{}: {} → {}", member.email.as_str(), member.role.as_str(), change.role.as_str());
            let audit = self.audit(caller, Action::MemberRoleChanged, target(member.user_id), detail);
            let audit = audit.named(member.email.as_str());
            let (account, store) = (caller.account.id, &self.inner.store);
            let changed = store.set_member_role(account, member.user_id, member.role, change.role, &audit).await?;
            changed.then_some(()).ok_or_else(changed_meanwhile)?;
            self.inner.wake.notify_one();
        }
        Ok(AccountMember { role: change.role, ..member }.view())
    }

    /// Removes a member, or lets the caller leave. Their API keys in the account are revoked and
    /// their SkyPilot kubeconfigs end with it.
    ///
    /// # Errors
    /// `forbidden` above one's own role, `last_owner`, `reauthentication_required` for anybody but oneself.
    pub async fn remove_member(&self, caller: &Caller, user_id: &str) -> Result<()> {
        let member = self.member_of(caller, user_id).await?;
        if member.user_id != caller.user.id {
            caller.require(Permission::ManageMembers)?;
            may_manage(caller.role, member.role)?;
            self.require_recent_login(caller)?;
        }
        let audit = self.audit(caller, Action::MemberRemoved, target(member.user_id), member.email.as_str());
        let audit = audit.named(member.email.as_str());
        let (account, now) = (caller.account.id, self.inner.clock.now());
        let removed = self.inner.store.remove_member(account, member.user_id, member.role, now, &audit).await?;
        removed.then_some(()).ok_or_else(changed_meanwhile)?;
        self.inner.wake.notify_one();
        Ok(())
    }

    /// Finds a member of the caller's account. A person always finds themselves, whatever their role.
    pub(crate) async fn member_of(&self, caller: &Caller, user_id: &str) -> Result<AccountMember> {
        let user = UserId::parse(user_id)?;
        let seen = caller.may(Permission::Read) || user == caller.user.id;
        let found = self.inner.store.account_member(caller.account.id, user).await?;
        found.filter(|_| seen).ok_or(Error::NotFound)
    }
}

/// Somebody else was first.
pub(crate) fn changed_meanwhile() -> Error {
    Error::conflict(Code::Conflict, "This was changed meanwhile: look again")
}

fn target(id: UserId) -> String {
    format!("user:{id}")
}

//! Invitations by link: made, sent again, withdrawn, taken up. There is no mail server: whoever invites hands the link
//! over. Nothing tells whether the address belongs to somebody we know.
//!
//! Source: `security.md` §4.4.

mod accept;

use domain::account::Account;
use domain::audit::Action;
use domain::id::InvitationId;
use domain::invitation::{Invitation, InvitationLink, InvitationView, LIFE, NewInvitation};
use domain::member::may_grant;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::user::{Email, Role};
use domain::{Code, Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

pub use accept::Accepted;

use crate::{Backend, Caller};

impl Backend {
    /// Invitations of the account, oldest first, those that were used or withdrawn included.
    ///
    /// # Errors
    /// `forbidden` for who may not invite.
    pub async fn list_invitations(&self, caller: &Caller, page: &PageRequest) -> Result<Page<InvitationView>> {
        manages(caller)?;
        let rows = self.inner.store.list_invitations(caller.account.id, page).await?;
        let now = self.inner.clock.now();
        Ok(Page::from_rows(rows, page.limit, |i| i.id.to_string()).map(|invitation| invitation.view(now)))
    }

    /// One invitation.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_invitation(&self, caller: &Caller, id: &str) -> Result<InvitationView> {
        Ok(self.invitation(caller, id).await?.view(self.inner.clock.now()))
    }

    /// Invites somebody; the answer is the only place where the link ever appears.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unusable address, `forbidden` above one's own role, `conflict` for members and people
    /// invited already, `quota_exceeded`.
    pub async fn create_invitation(&self, caller: &Caller, new: NewInvitation) -> Result<InvitationLink> {
        caller.require(Permission::ManageMembers)?;
        may_grant(caller.role, new.role)?;
        self.invite(caller, &caller.account, &Email::new(&new.email)?, new.role).await
    }

    /// A new link for an invitation; the old one is dead.
    ///
    /// # Errors
    /// [`Error::NotFound`], `forbidden` above one's own role, `conflict` when it was used or withdrawn.
    pub async fn resend_invitation(&self, caller: &Caller, id: &str) -> Result<InvitationLink> {
        let invitation = self.invitation(caller, id).await?;
        caller.require(Permission::ManageMembers)?;
        may_grant(caller.role, invitation.role)?;
        let (token, hash) = self.new_link_token();
        let expires_at = self.inner.clock.now() + LIFE;
        let audit = self.audit(caller, Action::InvitationResent, target(invitation.id), invitation.email.as_str());
        let audit = audit.named(invitation.email.as_str());
        // Whoever has the newest link answers for it: it ends with their right, not with that of who made the first.
        let by = caller.user.id;
        if !self.inner.store.resend_invitation(invitation.id, by, &hash, expires_at, &audit).await? {
            return Err(Error::conflict(Code::Conflict, "This invitation was used or withdrawn"));
        }
        Ok(self.with_link(&Invitation { expires_at, ..invitation }, &token))
    }

    /// Withdraws an invitation; repeating it, or withdrawing one that was used, changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn revoke_invitation(&self, caller: &Caller, id: &str) -> Result<()> {
        let invitation = self.invitation(caller, id).await?;
        caller.require(Permission::ManageMembers)?;
        let audit = self.audit(caller, Action::InvitationRevoked, target(invitation.id), invitation.email.as_str());
        let audit = audit.named(invitation.email.as_str());
        self.inner.store.revoke_invitation(invitation.id, self.inner.clock.now(), &audit).await.map(drop)
    }

    /// Makes the invitation; the caller was authorised.
    pub(crate) async fn invite(
        &self,
        caller: &Caller,
        account: &Account,
        email: &Email,
        role: Role,
    ) -> Result<InvitationLink> {
        let now = self.inner.clock.now();
        let invitation = Invitation {
            id: InvitationId::new(self.inner.random.uuid()),
            account_id: account.id,
            email: email.clone(),
            role,
            invited_by: caller.user.id,
            created_at: now,
            expires_at: now + LIFE,
            accepted_at: None,
            revoked_at: None,
        };
        let (token, hash) = self.new_link_token();
        let (actor, detail) = (caller.actor(), format!("{} as {}", email.as_str(), role.as_str()));
        let what = target(invitation.id);
        let audit = self.audit_for(&caller.origin, Some(account.id), actor, Action::InvitationCreated, what, detail);
        let audit = audit.by(caller.user.email.as_str()).named(email.as_str());
        self.inner.store.create_invitation(&invitation, &hash, &audit).await?;
        Ok(self.with_link(&invitation, &token))
    }

    fn with_link(&self, invitation: &Invitation, token: &SecretString) -> InvitationLink {
        let link = format!("{}/invite/{}", self.inner.endpoints.console_url, token.expose_secret());
        InvitationLink { invitation: invitation.view(self.inner.clock.now()), link }
    }

    async fn invitation(&self, caller: &Caller, id: &str) -> Result<Invitation> {
        let id = InvitationId::parse(id)?;
        let found = self.inner.store.invitation(caller.account.id, id).await?;
        let found = found.filter(|_| caller.may(Permission::Read)).ok_or(Error::NotFound)?;
        manages(caller)?;
        Ok(found)
    }
}

/// Looking is allowed to whoever invites, in a suspended account too.
fn manages(caller: &Caller) -> Result<()> {
    if caller.may(Permission::ManageMembers) { Ok(()) } else { Err(Error::Forbidden { code: Code::Forbidden }) }
}

/// The audit target of an invitation.
fn target(id: InvitationId) -> String {
    format!("invitation:{id}")
}

//! Taking an invitation up: by somebody new, by somebody with a password here, or by somebody signed in.

use domain::account::{Account, AccountStatus};
use domain::audit::Action;
use domain::id::{AccountId, UserId};
use domain::invitation::{Invitation, InvitationOffer};
use domain::member::may_grant;
use domain::permission::{Permission, allows};
use domain::user::User;
use domain::{Code, Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

use super::target;
use crate::link::hashed;
use crate::ports::{Joining, Member};
use crate::{Backend, Caller, Origin};

/// Somebody became a member.
pub struct Accepted {
    /// Who.
    pub user: User,
    /// Of which account.
    pub account: AccountId,
}

impl Backend {
    /// What the holder of a link is offered.
    ///
    /// # Errors
    /// `link_invalid` for a wrong, used, ended or withdrawn link alike.
    pub async fn invitation_offer(&self, token: &str) -> Result<InvitationOffer> {
        let (invitation, account) = self.open_link(token).await?.1;
        let (name, email) = (account.name.as_str().to_owned(), invitation.email.as_str().to_owned());
        Ok(InvitationOffer { account: name, email, role: invitation.role })
    }

    /// Takes an invitation up for somebody who is signed in.
    ///
    /// # Errors
    /// `link_invalid`; `conflict` when it is for another person; `account_suspended`, `quota_exceeded`.
    pub async fn accept_as_caller(&self, caller: &Caller, token: &str) -> Result<Accepted> {
        let (hash, (invitation, account)) = self.open_link(token).await?;
        check_open(&account)?;
        if invitation.email != caller.user.email {
            let detail = format!("This invitation is for {}: sign out first", invitation.email.as_str());
            return Err(Error::conflict(Code::Conflict, detail));
        }
        let joining = Joining::Known(caller.user.id);
        self.join(&caller.origin, &hash, &invitation, joining, caller.user.id).await?;
        Ok(Accepted { user: caller.user.clone(), account: account.id })
    }

    /// Takes an invitation up with a password: of the person's choice when they are new here, else their own. Both cost
    /// the same, and the soft lock of the sign-in holds.
    ///
    /// # Errors
    /// `link_invalid`; [`Error::Invalid`] on field `password`; `invalid_login` and [`Error::RateLimited`] as at
    /// sign-in; `account_suspended`, `quota_exceeded`.
    pub async fn accept_with_password(
        &self,
        origin: &Origin,
        token: &str,
        password: &SecretString,
    ) -> Result<Accepted> {
        let (hash, (invitation, account)) = self.open_link(token).await?;
        check_open(&account)?;
        check_length(password)?;
        let user = match self.inner.store.person_by_email(&invitation.email).await? {
            Some((user, stored)) => {
                self.prove(origin, &user, stored.as_deref(), password).await?;
                self.join(origin, &hash, &invitation, Joining::Known(user.id), user.id).await?;
                user
            }
            None => {
                let user = self.new_person(&invitation);
                let password_hash = self.inner.passwords.hash(password).await?;
                self.join(origin, &hash, &invitation, Joining::New(&user, &password_hash), user.id).await?;
                user
            }
        };
        Ok(Accepted { user, account: account.id })
    }

    async fn open_link(&self, token: &str) -> Result<(String, (Invitation, Account))> {
        let hash = hashed(token).ok_or_else(Error::link_invalid)?;
        let found = self.inner.store.open_invitation(&hash, self.inner.clock.now()).await?;
        let (invitation, account) = found.ok_or_else(Error::link_invalid)?;
        let stands = self.still_granted(&invitation).await?;
        stands.then_some((hash, (invitation, account))).ok_or_else(Error::link_invalid)
    }

    /// Whether its maker may still invite so. What they had made was withdrawn with their right; what they were making
    /// at that very moment came after it.
    async fn still_granted(&self, invitation: &Invitation) -> Result<bool> {
        let account = invitation.account_id;
        let maker = self.inner.store.member(invitation.invited_by, Some(account)).await?;
        let manages = |maker: &Member| {
            maker.account.id == account
                && allows(maker.role, maker.user.operator, Permission::ManageMembers)
                && may_grant(maker.role, invitation.role).is_ok()
        };
        // Operators invite the first owner into an account that they are not in.
        Ok(maker.is_some_and(|maker| !maker.user.disabled && (maker.user.operator || manages(&maker))))
    }

    async fn join(
        &self,
        origin: &Origin,
        hash: &str,
        invitation: &Invitation,
        joining: Joining<'_>,
        user: UserId,
    ) -> Result<()> {
        let (account, actor) = (Some(invitation.account_id), format!("user:{user}"));
        let detail = format!("{} as {}", invitation.email.as_str(), invitation.role.as_str());
        let what = target(invitation.id);
        let audit = self.audit_for(origin, account, actor, Action::InvitationAccepted, what, detail);
        let audit = audit.by(invitation.email.as_str()).named(invitation.email.as_str());
        match self.inner.store.accept_invitation(hash, joining, self.inner.clock.now(), &audit).await? {
            true => Ok(()),
            false => Err(Error::link_invalid()),
        }
    }

    fn new_person(&self, invitation: &Invitation) -> User {
        User {
            id: UserId::new(self.inner.random.uuid()),
            email: invitation.email.clone(),
            operator: false,
            disabled: false,
            created_at: self.inner.clock.now(),
        }
    }
}

fn check_open(account: &Account) -> Result<()> {
    match account.status() {
        AccountStatus::Active => Ok(()),
        AccountStatus::Suspended => Err(Error::Forbidden { code: Code::AccountSuspended }),
    }
}

/// Before it is known whether the person is: else the refusal of a short one would tell.
fn check_length(password: &SecretString) -> Result<()> {
    if (12..=1024).contains(&password.expose_secret().chars().count()) {
        return Ok(());
    }
    Err(Error::field("password", "length", "Password must be 12 to 1024 characters"))
}

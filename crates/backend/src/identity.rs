//! Signing in with an identity provider, linking and unlinking. Nothing is ever linked by e-mail address.
//!
//! Source: `security.md` §4.5. What a provider says arrives verified: the HTTP layer speaks its protocol.

use domain::account::AccountStatus;
use domain::audit::Action;
use domain::id::{IdentityId, UserId};
use domain::identity::{Identity, IdentityView, ProviderAdmission, Vouched};
use domain::user::{Email, Role, User};
use domain::{Code, Error, Result};

use crate::ports::Member;
use crate::{Backend, Caller, Origin, Proved, SignedIn};

impl Backend {
    /// Signs in whom a provider vouched for: a linked user, or a new one where the provider's settings make some.
    ///
    /// # Errors
    /// `sign_in_failed` for everybody else; the reason is in the log only.
    pub async fn sign_in_vouched(&self, origin: &Origin, vouched: &Vouched) -> Result<SignedIn> {
        let identity = match self.inner.store.identity(&vouched.issuer, &vouched.subject).await? {
            Some(identity) => identity,
            None => self.make_user(origin, vouched).await?,
        };
        self.apply_claims(origin, vouched, identity.user_id).await?;
        let member = self.inner.store.member(identity.user_id, None).await?.filter(|m| !m.user.disabled);
        let member = member.ok_or_else(|| refused("the user is disabled or a member of no account"))?;
        self.signed_in_vouched(origin, vouched, &identity, member).await
    }

    /// The proof a dangerous action asks for, by the provider that the caller is linked with.
    ///
    /// # Errors
    /// `sign_in_failed` when the provider vouched for somebody else.
    pub async fn reauthenticate_vouched(&self, caller: &Caller, vouched: &Vouched) -> Result<Proved> {
        let member = self.inner.store.member(caller.user.id, None).await?;
        let member = member.ok_or_else(|| refused("the person is in no account any more"))?;
        let identity = self.inner.store.identity(&vouched.issuer, &vouched.subject).await?;
        let identity = identity.filter(|identity| identity.user_id == caller.user.id);
        let identity = identity.ok_or_else(|| refused("the provider vouched for somebody else"))?;
        let audit = self.audit(caller, Action::Reauthenticated, caller.actor(), vouched.provider.as_str());
        self.inner.store.record_identity_login(identity.id, self.inner.clock.now(), &audit).await?;
        Ok(Proved::of(&member))
    }

    /// Links whom a provider vouched for to the caller, who proved who they are just before.
    ///
    /// # Errors
    /// `reauthentication_required`; `conflict` when this identity is linked already, to whomever.
    pub async fn link_identity(&self, caller: &Caller, vouched: &Vouched) -> Result<()> {
        self.require_recent_login(caller)?;
        let identity = self.new_identity(caller.user.id, vouched);
        let audit = self.audit(caller, Action::IdentityLinked, target(identity.id), vouched.provider.as_str());
        let audit = audit.named(vouched.provider.as_str());
        self.inner.store.link_identity(&identity, caller.proof.session_id, &audit).await
    }

    /// Unlinks one of the caller's identities; the last way in stays. Done twice it is done once.
    ///
    /// # Errors
    /// `reauthentication_required`, or `conflict` for the last way in.
    pub async fn unlink_identity(&self, caller: &Caller, id: &str) -> Result<()> {
        let id = IdentityId::parse(id)?;
        let linked = self.inner.store.list_identities(caller.user.id).await?;
        let Some(identity) = linked.iter().find(|identity| identity.id == id) else { return Ok(()) };
        self.require_recent_login(caller)?;
        let audit = self.audit(caller, Action::IdentityUnlinked, target(id), identity.provider.as_str());
        let audit = audit.named(identity.provider.as_str());
        let (user, keep) = (caller.user.id, caller.proof.session_id);
        self.inner.store.unlink_identity(user, id, keep, &audit).await.map(drop)
    }

    /// The caller's identities, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_identities(&self, caller: &Caller) -> Result<Vec<IdentityView>> {
        Ok(self.inner.store.list_identities(caller.user.id).await?.iter().map(Identity::view).collect())
    }

    /// Notes a sign-in with a provider that went wrong.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn vouched_sign_in_failed(&self, origin: &Origin, provider: &str) -> Result<()> {
        let actor = "anonymous".to_owned();
        let audit = self.audit_for(origin, None, actor, Action::SignInFailed, format!("provider:{provider}"), "");
        let audit = audit.named(provider.to_string()).refused(Code::SignInFailed);
        self.inner.store.record(&audit).await
    }

    async fn signed_in_vouched(
        &self,
        origin: &Origin,
        vouched: &Vouched,
        identity: &Identity,
        member: Member,
    ) -> Result<SignedIn> {
        let (mut session, proved) = (self.new_session(&member, origin), Proved::of(&member));
        session.provider = Some(vouched.provider.clone());
        session.provider_sid = vouched.sid.clone();
        let caller = crate::session::caller_in(&session, member, origin);
        let audit = self.audit(&caller, Action::SignedIn, caller.actor(), vouched.provider.as_str());
        self.inner.store.record_identity_login(identity.id, self.inner.clock.now(), &audit).await?;
        let view = self.session_view(&caller);
        Ok(SignedIn { session, view, proved })
    }

    /// A user for somebody unknown, where the provider's settings say so.
    async fn make_user(&self, origin: &Origin, vouched: &Vouched) -> Result<Identity> {
        let ProviderAdmission::Members { account, role, create_as: Some(first) } = &vouched.admission else {
            return Err(refused("this identity is linked to nobody, and the provider makes no users"));
        };
        let email = vouched.email.as_deref().ok_or_else(|| refused("the provider names no verified address"))?;
        let account = self.inner.store.account_by_name(account.as_str()).await?;
        let account = account.ok_or_else(|| refused("the provider's account does not exist"))?;
        if account.status() == AccountStatus::Suspended {
            return Err(refused("the provider's account is suspended: it gets nobody new"));
        }
        let (id, role) = (UserId::new(self.inner.random.uuid()), role.unwrap_or(*first));
        let email = Email::new(email).map_err(|_| refused("the provider's address is none"))?;
        let user = User { id, email, operator: false, disabled: false, created_at: self.inner.clock.now() };
        let identity = self.new_identity(id, vouched);
        let (actor, what) = (format!("provider:{}", vouched.provider), format!("user:{id}"));
        let audit = self.audit_for(origin, Some(account.id), actor, Action::UserCreated, what, role.as_str());
        let audit = audit.named(user.email.as_str());
        match self.inner.store.create_identity_user(&user, account.id, role, &identity, &audit).await {
            Err(Error::Conflict { code: Code::QuotaExceeded, .. }) => {
                Err(refused("the provider's account has as many members as it may"))
            }
            Err(Error::Conflict { .. }) => Err(refused("the address belongs to a user who has not linked it")),
            done => done.map(|()| identity),
        }
    }

    /// Roles come from the claims of this very sign-in. What a weaker one has too much in the cluster is taken away.
    async fn apply_claims(&self, origin: &Origin, vouched: &Vouched, user: UserId) -> Result<()> {
        let ProviderAdmission::Members { account, role: Some(role), .. } = &vouched.admission else { return Ok(()) };
        let Some(account) = self.inner.store.account_by_name(account.as_str()).await? else { return Ok(()) };
        let (actor, what) = (format!("provider:{}", vouched.provider), format!("user:{user}"));
        let audit = self.audit_for(origin, Some(account.id), actor, Action::MemberRoleChanged, what, role.as_str());
        if self.inner.store.set_claimed_role(account.id, user, *role, &audit).await? {
            self.inner.wake.notify_one();
        }
        Ok(())
    }

    fn new_identity(&self, user_id: UserId, vouched: &Vouched) -> Identity {
        let now = self.inner.clock.now();
        Identity {
            id: IdentityId::new(self.inner.random.uuid()),
            user_id,
            issuer: vouched.issuer.clone(),
            subject: vouched.subject.clone(),
            provider: vouched.provider.clone(),
            label: vouched.email.clone().unwrap_or_else(|| vouched.subject.clone()).chars().take(200).collect(),
            created_at: now,
            last_used_at: now,
        }
    }
}

/// The strongest role that the claims of a sign-in name; unknown ones name the weakest.
pub fn claimed_role(named: impl IntoIterator<Item = Role>) -> Role {
    let rank = |role: &Role| Role::ALL.iter().position(|known| known == role);
    named.into_iter().min_by_key(rank).unwrap_or(Role::Viewer)
}

fn target(id: IdentityId) -> String {
    format!("identity:{id}")
}

/// One code for every cause; the cause is for the log.
fn refused(cause: &'static str) -> Error {
    tracing::info!(cause, "A sign-in with an identity provider was refused");
    Error::Unauthenticated { code: Code::SignInFailed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_give_the_strongest_role_they_name_and_else_the_weakest() {
        assert_eq!(claimed_role([Role::Member, Role::Admin, Role::Viewer]), Role::Admin);
        assert_eq!(claimed_role([]), Role::Viewer);
    }
}

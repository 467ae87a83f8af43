//! Changing a password, and the links that reset a forgotten one.
//!
//! Source: `security.md` §4.4.

mod hasher;

use domain::audit::Action;
use domain::id::UserId;
use domain::password::{PasswordReset, RESET_LIFE, ResetLink, ResetMaker};
use domain::permission::Permission;
use domain::user::Email;
use domain::{Code, Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

pub use hasher::PasswordHasher;

use crate::link::hashed;
use crate::member::changed_meanwhile;
use crate::session::{email_subject, subjects};
use crate::{Backend, Caller, Origin, Proved};

impl Backend {
    /// Replaces the caller's password and ends all their other sessions; gives who they are after it. Somebody without
    /// one (single sign-on) sets their first after a fresh proof of who they are; `current` is not looked at then.
    ///
    /// # Errors
    /// `invalid_login` and [`Error::RateLimited`] as at sign-in; [`Error::Invalid`] on field `new`;
    /// `reauthentication_required` for a first password.
    pub async fn change_password(&self, caller: &Caller, current: &SecretString, new: &SecretString) -> Result<Proved> {
        let member = self.inner.store.member(caller.user.id, None).await?;
        let member = member.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        let version = match member.password_hash {
            Some(_) => self.check_password(caller, current, "password change").await?,
            None => {
                self.require_recent_login(caller)?;
                member.token_version
            }
        };
        let hash = self.inner.passwords.hash_field("new", new).await?;
        let audit = self.audit(caller, Action::PasswordChanged, caller.actor(), "");
        let (user, keep) = ((caller.user.id, version), caller.proof.session_id);
        let changed = self.inner.store.change_password(user, &hash, keep, &audit).await?;
        // Hashing takes a while: a password that was replaced meanwhile must not replace the new one.
        changed.then_some(()).ok_or(Error::Unauthenticated { code: Code::InvalidLogin })?;
        // The change itself raised the number by one.
        Ok(Proved { user: caller.user.id, token_version: version + 1 })
    }

    /// Whether the caller has a password at all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_password(&self, caller: &Caller) -> Result<bool> {
        Ok(self.inner.store.member(caller.user.id, None).await?.is_some_and(|m| m.password_hash.is_some()))
    }

    /// Makes a reset link for a member of the caller's account, or for anybody when the caller is an operator. There is
    /// no mail server: whoever made it hands it over.
    ///
    /// # Errors
    /// [`Error::NotFound`] for people of other accounts, `forbidden` for people above the caller or with other accounts
    /// too, `reauthentication_required`; a conflict when the person's role changed at this moment.
    pub async fn create_member_password_reset(&self, caller: &Caller, user_id: &str) -> Result<ResetLink> {
        let operator = caller.may(Permission::ManageAccounts);
        if !operator {
            caller.require(Permission::ManageMembers)?;
        }
        let target = self.inner.store.reset_target(caller.account.id, UserId::parse(user_id)?).await?;
        let target = target.ok_or(Error::NotFound)?;
        if !operator {
            target.check(caller.role)?;
        }
        self.require_recent_login(caller)?;
        let (token, reset) = self.new_reset(target.user_id);
        let what = format!("user:{}", target.user_id);
        let audit = self.audit(caller, Action::PasswordResetRequested, what, target.email.as_str());
        let audit = audit.named(target.email.as_str());
        // An operator may do it whoever the person is by then.
        let maker = ResetMaker { account_id: caller.account.id, user_id: caller.user.id, role: caller.role };
        let judged = (!operator).then_some((maker, &target));
        let created = self.inner.store.create_password_reset(&reset, judged, &audit).await?;
        created.then_some(()).ok_or_else(changed_meanwhile)?;
        Ok(self.link(&token, &reset))
    }

    /// The same from the operator's command line.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `email` when nobody has this address.
    pub async fn create_password_reset(&self, email: &str) -> Result<ResetLink> {
        let member = self.inner.store.member_by_email(&Email::new(email)?).await?;
        let member = member.ok_or_else(|| Error::field("email", "unknown", "There is no user with this address"))?;
        let (token, reset) = self.new_reset(member.user.id);
        let target = format!("user:{}", member.user.id);
        let audit = self.audit_system(member.account.id, Action::PasswordResetRequested, target, email).named(email);
        self.inner.store.create_password_reset(&reset, None, &audit).await?;
        Ok(self.link(&token, &reset))
    }

    /// Sets a new password with a reset link: once. Ends all sessions of the person and opens their soft lock.
    ///
    /// # Errors
    /// `link_invalid` for a link that was used, replaced, has expired or never was; [`Error::Invalid`] on field `new`.
    pub async fn reset_password(&self, origin: &Origin, token: &str, new: &SecretString) -> Result<()> {
        let (hash_of_token, now) = (hashed(token).ok_or_else(Error::link_invalid)?, self.inner.clock.now());
        let found = self.inner.store.password_reset(&hash_of_token, now).await?;
        let (user, email) = found.ok_or_else(Error::link_invalid)?;
        let hash = self.inner.passwords.hash_field("new", new).await?;
        let account = self.inner.store.member(user, None).await?.map(|m| m.account.id);
        let actor = format!("user:{user}");
        let audit = self.audit_for(origin, account, actor.clone(), Action::PasswordReset, actor, "");
        let audit = audit.by(email.as_str()).named(email.as_str());
        let subject = email_subject(email.as_str());
        let used = self.inner.store.use_password_reset(&hash_of_token, now, &hash, &subject, &audit).await?;
        if used { Ok(()) } else { Err(Error::link_invalid()) }
    }

    /// The soft lock and the password of somebody who is signed in; gives the `token_version` at which it was right.
    pub(crate) async fn check_password(&self, caller: &Caller, password: &SecretString, what: &str) -> Result<i64> {
        let subjects = subjects(caller.user.email.as_str(), &caller.origin);
        self.unlocked(&subjects).await?;
        let member = self.inner.store.member(caller.user.id, None).await?;
        let hash = member.as_ref().and_then(|m| m.password_hash.as_deref());
        let right = self.inner.passwords.verify(password, hash).await?;
        if let Some(member) = member.filter(|_| right) {
            return Ok(member.token_version);
        }
        let audit = self.audit(caller, Action::SignInFailed, caller.actor(), what);
        let audit = audit.refused(Code::InvalidLogin);
        self.count_failure(&subjects, &audit).await?;
        Err(Error::Unauthenticated { code: Code::InvalidLogin })
    }

    fn new_reset(&self, user_id: UserId) -> (SecretString, PasswordReset) {
        let ((token, token_hash), created_at) = (self.new_link_token(), self.inner.clock.now());
        let reset = PasswordReset { token_hash, user_id, created_at, expires_at: created_at + RESET_LIFE };
        (token, reset)
    }

    fn link(&self, token: &SecretString, reset: &PasswordReset) -> ResetLink {
        let url = format!("{}/reset/{}", self.inner.endpoints.console_url, token.expose_secret());
        ResetLink { url, expires_at: reset.expires_at.to_string() }
    }
}

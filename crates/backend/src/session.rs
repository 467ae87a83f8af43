//! Sign-in with its soft lock, and the caller of each request.
//!
//! Source: `security.md` §4.1 and §4.4, `console-api.md` §1.

use domain::audit::Action;
use domain::id::UserId;
use domain::session::{SessionAccount, SessionUser, SessionView};
use domain::user::Email;
use domain::{Code, Error, Result};
use secrecy::SecretString;

use crate::ports::Member;
use crate::{Backend, Caller, Origin};

/// Somebody whose password was right.
pub struct SignedIn {
    /// Goes into the session.
    pub user_id: UserId,
    /// Operators' sessions end earlier.
    pub operator: bool,
    /// Answer of the sign-in.
    pub view: SessionView,
}

impl Backend {
    /// Checks e-mail and password. One text and one amount of work for every cause of refusal.
    ///
    /// # Errors
    /// `invalid_login`, or [`Error::RateLimited`] while the soft lock of the name or the address holds.
    pub async fn sign_in(&self, origin: &Origin, email: &str, password: &SecretString) -> Result<SignedIn> {
        let email = Email::new(email).ok();
        let name = email.as_ref().map_or("", Email::as_str);
        let subjects = [format!("email:{name}"), format!("address:{}", origin.address)];
        let counters = self.inner.store.login_counters(&subjects).await?;
        let wait = counters.iter().map(|c| c.wait_seconds(self.inner.clock.now())).max().unwrap_or(0);
        if wait > 0 {
            return Err(Error::RateLimited { retry_after_seconds: wait });
        }
        let member = match &email {
            Some(email) => self.inner.store.member_by_email(email).await?,
            None => None,
        };
        let hash = member.as_ref().and_then(|m| m.password_hash.as_deref());
        let right = self.inner.passwords.verify(password, hash).await?;
        match member.filter(|m| right && !m.user.disabled) {
            Some(member) => self.signed_in(origin, &subjects, member).await,
            None => self.refused(origin, &subjects).await,
        }
    }

    /// Notes the end of a session; the HTTP layer ends the session itself.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        let target = format!("user:{}", caller.user.id);
        self.inner.store.record(&self.audit(caller, Action::SignedOut, target, "")).await
    }

    /// The caller of a request whose session names `user_id`. Role and state are read anew each time.
    ///
    /// # Errors
    /// `missing_access_token` when the user is gone or disabled.
    pub async fn caller(&self, user_id: UserId, origin: Origin) -> Result<Caller> {
        let member = self.inner.store.member(user_id).await?.filter(|m| !m.user.disabled);
        let member = member.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        Ok(Caller { user: member.user, account: member.account, role: member.role, origin })
    }

    /// Who is signed in, for answers and pages.
    pub fn session_view(&self, caller: &Caller) -> SessionView {
        SessionView {
            user: SessionUser {
                id: caller.user.id.to_string(),
                email: caller.user.email.as_str().to_owned(),
                role: caller.role.as_str().to_owned(),
                operator: caller.user.operator,
            },
            account: SessionAccount {
                id: caller.account.id.to_string(),
                name: caller.account.name.as_str().to_owned(),
                customer: caller.account.customer.as_str().to_owned(),
            },
        }
    }

    async fn signed_in(&self, origin: &Origin, subjects: &[String], member: Member) -> Result<SignedIn> {
        let caller = Caller { user: member.user, account: member.account, role: member.role, origin: origin.clone() };
        let target = format!("user:{}", caller.user.id);
        let audit = self.audit(&caller, Action::SignedIn, target, "");
        self.inner.store.record_login(subjects, &audit).await?;
        let view = self.session_view(&caller);
        Ok(SignedIn { user_id: caller.user.id, operator: caller.user.operator, view })
    }

    async fn refused(&self, origin: &Origin, subjects: &[String]) -> Result<SignedIn> {
        // The name that was tried stays out of the audit: people type passwords there.
        let actor = "anonymous".to_owned();
        let audit = self.audit_for(origin, None, actor, Action::SignInFailed, String::new(), "");
        self.inner.store.record_login_failure(subjects, self.inner.clock.now(), &audit).await?;
        Err(Error::Unauthenticated { code: Code::InvalidLogin })
    }
}

//! Sign-in with its soft lock, and the caller of each request.
//!
//! Source: `security.md` §4.1 and §4.4, `console-api.md` §1.

use domain::audit::{Action, AuditEvent};
use domain::client_address::grouped;
use domain::id::{AccountId, SessionId, UserId};
use domain::page::{Page, PageRequest};
use domain::session::{Acting, SessionAccount, SessionItem, SessionRecord, SessionUser, SessionView, is_recent};
use domain::user::{Email, Role, User};
use domain::{Code, Error, Result};
use jiff::SignedDuration;
use secrecy::SecretString;

use crate::ports::Member;
use crate::{Accepted, Backend, Caller, Origin, PasswordHasher, Proof};

/// Somebody who proved who they are.
pub struct SignedIn {
    /// The session to store.
    pub session: SessionRecord,
    /// Answer of the sign-in.
    pub view: SessionView,
    /// As whom.
    pub proved: Proved,
}

/// A person as they were when they proved who they are; see [`Backend::still_counts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proved {
    pub(crate) user: UserId,
    pub(crate) token_version: i64,
}

impl Backend {
    /// Checks e-mail and password. One text and one amount of work for every cause of refusal.
    ///
    /// # Errors
    /// `invalid_login`, or [`Error::RateLimited`] while the soft lock of the name or the address holds.
    pub async fn sign_in(&self, origin: &Origin, email: &str, password: &SecretString) -> Result<SignedIn> {
        let (member, subjects) = self.proved(origin, email, password).await?;
        self.signed_in(origin, &subjects, member).await
    }

    /// Whose e-mail and password these are, and the counters to be cleared: the sign-in of every door.
    pub(crate) async fn proved(
        &self,
        origin: &Origin,
        email: &str,
        password: &SecretString,
    ) -> Result<(Member, [String; 2])> {
        let email = Email::new(email).ok();
        let name = email.as_ref().map_or("", Email::as_str);
        let subjects = subjects(name, origin);
        self.unlocked(&subjects).await?;
        let member = match &email {
            Some(email) => self.inner.store.member_by_email(email).await?,
            None => None,
        };
        let hash = member.as_ref().and_then(|m| m.password_hash.as_deref());
        let right = self.inner.passwords.verify(password, hash).await?;
        match member.filter(|m| right && !m.user.disabled) {
            Some(member) => {
                self.strengthen(&member, password).await;
                Ok((member, subjects))
            }
            None => Err(self.refused(origin, &subjects).await),
        }
    }

    /// The session of somebody who just took up an invitation: it acts in that account.
    ///
    /// # Errors
    /// `missing_access_token` when they are disabled or were removed in this moment.
    pub async fn sign_in_accepted(&self, origin: &Origin, accepted: &Accepted) -> Result<SignedIn> {
        let acting = Acting { account: Some(accepted.account), support: false };
        let member = self.inner.store.member(accepted.user.id, acting.account).await?;
        let member = member.filter(|m| !m.user.disabled);
        let member = member.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        let subjects = subjects(member.user.email.as_str(), origin);
        let signed_in = self.signed_in(origin, &subjects, member).await?;
        Ok(SignedIn { session: SessionRecord { acting, ..signed_in.session }, ..signed_in })
    }

    /// Whether nobody ended the sessions of a person since they proved who they are: to be asked once the new session
    /// is stored. A password is checked for so long that it may be replaced meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn still_counts(&self, proved: Proved) -> Result<bool> {
        self.inner.store.is_current(proved.user, proved.token_version).await
    }

    /// Checks the password of somebody who is not signed in, under the soft lock of the sign-in.
    pub(crate) async fn prove(
        &self,
        origin: &Origin,
        user: &User,
        hash: Option<&str>,
        password: &SecretString,
    ) -> Result<()> {
        let subjects = subjects(user.email.as_str(), origin);
        self.unlocked(&subjects).await?;
        let right = self.inner.passwords.verify(password, hash).await?;
        if right && !user.disabled { Ok(()) } else { Err(self.refused(origin, &subjects).await) }
    }

    /// Checks the password of somebody who is signed in: the proof that a dangerous action asks for. The HTTP layer
    /// gives the session its new id and the new time.
    ///
    /// # Errors
    /// `invalid_login`, or [`Error::RateLimited`]: the soft lock is that of the sign-in.
    pub async fn reauthenticate(&self, caller: &Caller, password: &SecretString) -> Result<Proved> {
        let token_version = self.check_password(caller, password, "re-authentication").await?;
        let subjects = subjects(caller.user.email.as_str(), &caller.origin);
        let audit = self.audit(caller, Action::Reauthenticated, caller.actor(), "password");
        let [name, address] = &subjects;
        self.inner.store.record_login(name, address, &audit).await?;
        Ok(Proved { user: caller.user.id, token_version })
    }

    /// Refuses unless the caller proved who they are within the last ten minutes; operators are no exception.
    ///
    /// # Errors
    /// `reauthentication_required`.
    pub fn require_recent_login(&self, caller: &Caller) -> Result<()> {
        if is_recent(caller.proof.authenticated_at, self.inner.clock.now()) {
            return Ok(());
        }
        Err(Error::Forbidden { code: Code::ReauthenticationRequired })
    }

    /// The caller's live sessions, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_sessions(&self, caller: &Caller, page: &PageRequest) -> Result<Page<SessionItem>> {
        let rows = self.inner.store.list_sessions(caller.user.id, self.inner.clock.now(), page).await?;
        let page = Page::from_rows(rows, page.limit, SessionRecord::cursor);
        Ok(page.map(|session| session.item(caller.proof.session_id)))
    }

    /// Ends one of the caller's sessions; one that is not theirs, or gone, is no error.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no id.
    pub async fn end_session(&self, caller: &Caller, id: &str) -> Result<()> {
        let id = SessionId::parse(id)?;
        let audit = self.audit(caller, Action::SessionRevoked, format!("session:{id}"), "");
        self.inner.store.end_session(caller.user.id, id, &audit).await.map(drop)
    }

    /// Ends all of the caller's sessions, `here` too if asked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_sessions(&self, caller: &Caller, here: bool) -> Result<()> {
        let keep = caller.proof.session_id.filter(|_| !here);
        let audit = self.audit(caller, Action::SessionsEnded, caller.actor(), "");
        self.inner.store.end_sessions(caller.user.id, keep, &audit).await
    }

    /// Removes what sign-in leaves behind: counters older than a day, dead reset links. True when more counters wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep_sign_in(&self, limit: u32) -> Result<bool> {
        let now = self.inner.clock.now();
        self.inner.store.delete_dead_password_resets(now).await?;
        let removed = self.inner.store.delete_old_login_counters(now - SignedDuration::from_hours(24), limit).await?;
        Ok(removed >= u64::from(limit))
    }

    /// Notes the end of a session; the HTTP layer ends the session itself.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        let target = format!("user:{}", caller.user.id);
        self.inner.store.record(&self.audit(caller, Action::SignedOut, target, "")).await
    }

    /// The caller of a request whose session names `user_id` and acts in `acting`. Role and state are read anew each
    /// time; where the membership is gone, the account first joined counts.
    ///
    /// # Errors
    /// `missing_access_token` when the user is gone or disabled.
    pub async fn caller(&self, user_id: UserId, acting: Acting, proof: Proof, origin: Origin) -> Result<Caller> {
        let member = self.inner.store.member(user_id, acting.account).await?.filter(|m| !m.user.disabled);
        let Member { user, account, role, .. } =
            member.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        let caller = Caller { user, account, role, support: false, origin, proof };
        match acting.account.filter(|_| acting.support && caller.user.operator) {
            Some(account) => self.looking_in(caller, account).await,
            None => Ok(caller),
        }
    }

    /// The operator in the account they support: reads, never changes. An account that is gone ends it.
    async fn looking_in(&self, caller: Caller, account: AccountId) -> Result<Caller> {
        match self.inner.store.account(account).await? {
            Some(account) => Ok(Caller { account, role: Role::Viewer, support: true, ..caller }),
            None => Ok(caller),
        }
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
                status: caller.account.status(),
            },
            support: caller.support,
        }
    }

    async fn signed_in(&self, origin: &Origin, subjects: &[String; 2], member: Member) -> Result<SignedIn> {
        let (session, proved) = (self.new_session(&member, origin), Proved::of(&member));
        let caller = caller_in(&session, member, origin);
        let audit = self.audit(&caller, Action::SignedIn, caller.actor(), "");
        let [name, address] = subjects;
        self.inner.store.record_login(name, address, &audit).await?;
        let view = self.session_view(&caller);
        Ok(SignedIn { session, view, proved })
    }

    pub(crate) fn new_session(&self, member: &Member, origin: &Origin) -> SessionRecord {
        let id = SessionId::new(self.inner.random.uuid());
        SessionRecord {
            address: origin.address.clone(),
            user_agent: origin.user_agent.clone(),
            ..SessionRecord::begin(id, member.user.id, member.user.operator, self.inner.clock.now())
        }
    }

    /// Hashes a right password anew when it was hashed with weaker parameters. Its failure fails no sign-in.
    async fn strengthen(&self, member: &Member, password: &SecretString) {
        let Some(old) = member.password_hash.as_deref().filter(|hash| PasswordHasher::is_outdated(hash)) else {
            return;
        };
        let again = async {
            let hash = self.inner.passwords.hash(password).await?;
            self.inner.store.set_password_hash(member.user.id, old, &hash).await
        };
        if let Err(error) = again.await {
            tracing::warn!(%error, "An outdated password hash stays until the next sign-in");
        }
    }

    /// Refuses while the soft lock of one of the subjects holds.
    pub(crate) async fn unlocked(&self, subjects: &[String]) -> Result<()> {
        let counters = self.inner.store.login_counters(subjects).await?;
        // Replicas count together, so by one clock: a failure seen by one that is ahead must not lock people out.
        let now = self.inner.store.database_time().await?;
        match counters.iter().map(|c| c.wait_seconds(now)).max() {
            None | Some(0) => Ok(()),
            Some(retry_after_seconds) => Err(Error::RateLimited { retry_after_seconds }),
        }
    }

    /// Counts and notes a failure, and gives the refusal.
    async fn refused(&self, origin: &Origin, subjects: &[String]) -> Error {
        // The name that was tried stays out of the audit: people type passwords there.
        let actor = "anonymous".to_owned();
        let audit = self.audit_for(origin, None, actor, Action::SignInFailed, String::new(), "");
        let audit = audit.refused(Code::InvalidLogin);
        match self.count_failure(subjects, &audit).await {
            Ok(()) => Error::Unauthenticated { code: Code::InvalidLogin },
            Err(error) => error,
        }
    }

    /// Counts and notes a failure.
    pub(crate) async fn count_failure(&self, subjects: &[String], audit: &AuditEvent) -> Result<()> {
        let now = self.inner.store.database_time().await?;
        self.inner.store.record_login_failure(subjects, now, audit).await
    }
}

impl Proved {
    /// Somebody who proves it now.
    pub(crate) fn of(member: &Member) -> Self {
        Self { user: member.user.id, token_version: member.token_version }
    }
}

/// The caller that a session which begins now will be.
pub(crate) fn caller_in(session: &SessionRecord, member: Member, origin: &Origin) -> Caller {
    let proof = Proof { session_id: Some(session.id), authenticated_at: session.authenticated_at };
    let Member { user, account, role, .. } = member;
    Caller { user, account, role, support: false, origin: origin.clone(), proof }
}

/// Whose failures count: the name that was tried and the address it came from, of IPv6 the customer's /64.
pub(crate) fn subjects(name: &str, origin: &Origin) -> [String; 2] {
    [email_subject(name), format!("address:{}", grouped(&origin.address))]
}

/// The counter of a name.
pub(crate) fn email_subject(name: &str) -> String {
    format!("email:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_lock_counts_a_whole_ipv6_customer_as_one_address() {
        let counted = |address: &str| {
            let origin = Origin { address: address.to_owned(), ..Origin::system() };
            subjects("ada@example.com", &origin)
        };
        assert_eq!(counted("2001:db8:1:2::1"), counted("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_eq!(counted("192.0.2.7"), ["email:ada@example.com", "address:192.0.2.7"]);
    }
}

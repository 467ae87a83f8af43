//! Signing in the command line: somebody allows it in the browser, the program trades the code for a token.
//!
//! Source: RULINGS 6 and 52, RFC 8252, RFC 7636. A token acts as its user in one account, never beyond their role.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::api_key::SECRET_ALPHABET;
use domain::audit::Action;
use domain::cli_session::{
    ABSOLUTE_LIFE, CODE_LIFE, CliCode, CliSession, CliSessionView, CreatedCliSession, IDLE_LIFE, LoginRequest,
    NewCliSession, SECRET_LENGTH, TokenText, is_secret, is_verifier,
};
use domain::id::{AccountId, CliSessionId, UserId};
use domain::page::{Page, PageRequest};
use domain::session::Acting;
use domain::{Code, Error, Result};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{Backend, Caller, Origin, Proof};

impl Backend {
    /// Somebody allows a machine to act for them; gives the address on that machine that takes the code.
    ///
    /// # Errors
    /// `forbidden` to a session of the command line, which would renew itself for ever, and to an operator who only
    /// looks into the account; `missing_access_token` when the caller's session is ended at this moment.
    pub async fn allow_cli_login(&self, caller: &Caller, request: &LoginRequest) -> Result<String> {
        let browser = caller.proof.session_id.filter(|_| !caller.support);
        let browser = browser.ok_or(Error::Forbidden { code: Code::Forbidden })?;
        let (code, now) = (self.random_text(SECRET_ALPHABET, SECRET_LENGTH), self.inner.clock.now());
        let row = CliCode {
            code_hash: hashed(&code),
            challenge: request.challenge().to_owned(),
            user_id: caller.user.id,
            account_id: caller.account.id,
            name: request.name().to_owned(),
            expires_at: now + CODE_LIFE,
        };
        let made = self.inner.store.create_cli_code(&row, browser, now).await?;
        made.then(|| request.callback(&code)).ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })
    }

    /// How people and programs reach this console.
    pub fn console_url(&self) -> &str {
        &self.inner.endpoints.console_url
    }

    /// Trades a code and its verifier for a session; the answer is the only place where its token ever appears.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `code`, one text for every cause. The code is gone after the first try.
    pub async fn begin_cli_session(&self, origin: &Origin, new: &NewCliSession) -> Result<CreatedCliSession> {
        let now = self.inner.clock.now();
        let taken = match new.code.len() == SECRET_LENGTH && is_secret(&new.code) {
            true => self.inner.store.take_cli_code(&hashed(&new.code)).await?,
            false => None,
        };
        let taken = taken.filter(|(code, _)| now < code.expires_at && proves(&new.code_verifier, &code.challenge));
        let (code, token_version) = taken.ok_or_else(refused)?;
        let caller = self.cli_caller_of(code.user_id, code.account_id, origin).await?.ok_or_else(refused)?;
        let token = TokenText::assemble(&self.random_text(SECRET_ALPHABET, SECRET_LENGTH));
        let session = CliSession {
            id: CliSessionId::new(self.inner.random.uuid()),
            user_id: code.user_id,
            account_id: code.account_id,
            account_name: caller.account.name.as_str().to_owned(),
            name: code.name,
            created_at: now,
            last_seen_at: now,
            idle_expires_at: now + IDLE_LIFE,
            absolute_expires_at: now + ABSOLUTE_LIFE,
            address: origin.address.clone(),
            user_agent: origin.user_agent.clone(),
        };
        let audit = self
            .audit(&caller, Action::CliSessionCreated, target(session.id), session.name.clone())
            .named(session.name.as_str());
        // False when all sessions of this person were ended since the code was taken.
        let made = self.inner.store.create_cli_session(&session, &hashed(&token), token_version, &audit).await?;
        made.then_some(()).ok_or_else(refused)?;
        let (id, expires_at) = (session.id.to_string(), session.absolute_expires_at.to_string());
        let view = self.session_view(&caller);
        Ok(CreatedCliSession { id, token, expires_at, user: view.user, account: view.account })
    }

    /// Who a token stands for now; nobody when it is unknown, ended, or its user lost the account.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cli_caller(&self, token: &str, origin: &Origin) -> Result<Option<Caller>> {
        let Some(token) = TokenText::parse(token) else { return Ok(None) };
        let now = self.inner.clock.now();
        let found = self.inner.store.cli_session_by_token(&hashed(token.as_str()), now).await?;
        let Some(session) = found else { return Ok(None) };
        self.cli_caller_of(session.user_id, session.account_id, origin).await
    }

    /// Ends the session that `token` belongs to, for the machine that signs itself out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_cli_session(&self, caller: &Caller, token: &str) -> Result<()> {
        let Some(token) = TokenText::parse(token) else { return Ok(()) };
        let now = self.inner.clock.now();
        match self.inner.store.cli_session_by_token(&hashed(token.as_str()), now).await? {
            Some(session) => self.revoke_cli_session(caller, &session.id.to_string()).await,
            None => Ok(()),
        }
    }

    /// The user in exactly that account; nobody once they are no longer a member of it. Never a recent proof of
    /// identity: what asks for one is refused to every session of the command line.
    async fn cli_caller_of(&self, user: UserId, account: AccountId, origin: &Origin) -> Result<Option<Caller>> {
        let proof = Proof { session_id: None, authenticated_at: Timestamp::UNIX_EPOCH };
        let acting = Acting { account: Some(account), support: false };
        match self.caller(user, acting, proof, origin.clone()).await {
            Ok(caller) => Ok(Some(caller).filter(|caller| caller.account.id == account)),
            Err(Error::Unauthenticated { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The caller's live sessions of the command line, in all their accounts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_cli_sessions(&self, caller: &Caller, page: &PageRequest) -> Result<Page<CliSessionView>> {
        let now = self.inner.clock.now();
        let rows = self.inner.store.list_cli_sessions(caller.user.id, now, page).await?;
        Ok(Page::from_rows(rows, page.limit, |s| s.id.to_string()).map(|session| session.view()))
    }

    /// Ends one of the caller's sessions: its next request is refused. A second time changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown ids and other people's.
    pub async fn revoke_cli_session(&self, caller: &Caller, id: &str) -> Result<()> {
        let id = CliSessionId::parse(id)?;
        let session = self.inner.store.cli_session(caller.user.id, id).await?.ok_or(Error::NotFound)?;
        let audit = self.audit(caller, Action::CliSessionRevoked, target(id), session.name.clone()).named(session.name);
        self.inner.store.revoke_cli_session(id, self.inner.clock.now(), &audit).await.map(drop)
    }
}

/// PKCE S256: the verifier's SHA-256 in base64url is the challenge.
fn proves(verifier: &str, challenge: &str) -> bool {
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    is_verifier(verifier) && bool::from(hash.as_bytes().ct_eq(challenge.as_bytes()))
}

/// SHA-256 in hex. No pepper: a code lives a minute, and a token has 256 random bits.
fn hashed(text: &str) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

fn refused() -> Error {
    Error::field("code", "unusable", "This sign-in was used already or has expired: run kubectl-remotegpu login again")
}

/// The audit target of a session.
fn target(id: CliSessionId) -> String {
    format!("cli_session:{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_proves_itself_and_no_other() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(proves(verifier, challenge));
        assert!(!proves(&verifier.replace('k', "j"), challenge));
        assert!(!proves(challenge, challenge), "S256 only: the challenge itself is no proof");
        assert!(!proves("", ""));
    }
}

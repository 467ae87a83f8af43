//! Signing in and out, once for REST and pages.

use std::sync::Arc;

use app::ssr::{CallerSlot, Farewell, SessionPort};
use async_trait::async_trait;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use backend::ports::{Clock, Sessions};
use backend::{Backend, Caller, Origin, Proved, SignedIn};
use domain::identity::ProviderView;
use domain::platform_account::SupportRequest;
use domain::session::{Acting, SessionRecord, SessionView};
use domain::{Code, Error, Result};
use secrecy::{ExposeSecret as _, SecretString};
use time::OffsetDateTime;
use tower_sessions::{Expiry, Session};

use super::table::hashed;
use super::{FAREWELL, ROW, Shown, fault};
use crate::http::oidc::farewell_cookie;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::oidc::Oidc;
use crate::public_url::PublicUrl;

/// The session of one request, with what signing in and out needs.
#[derive(Clone)]
pub struct BrowserSession {
    session: Session,
    shown: Shown,
    backend: Backend,
    clock: Arc<dyn Clock>,
    sessions: Arc<dyn Sessions>,
    origin: Origin,
    caller: Option<Caller>,
    oidc: Arc<Oidc>,
    public_url: PublicUrl,
}

// === impl BrowserSession ===

impl BrowserSession {
    /// Takes the session out of a request that passed the session layer.
    pub fn from_parts(parts: &Parts, state: &AppState) -> Option<Self> {
        Some(Self {
            session: parts.extensions.get::<Session>()?.clone(),
            shown: parts.extensions.get::<Shown>()?.clone(),
            origin: parts.extensions.get::<Origin>()?.clone(),
            caller: parts.extensions.get::<CallerSlot>().and_then(|slot| slot.0.clone()),
            backend: state.backend.clone(),
            clock: state.clock.clone(),
            sessions: state.sessions.clone(),
            oidc: state.oidc.clone(),
            public_url: state.public_url.clone(),
        })
    }

    /// Who this session stands for.
    ///
    /// # Errors
    /// `missing_access_token` for nobody.
    pub fn caller(&self) -> Result<&Caller> {
        self.caller.as_ref().ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })
    }

    /// Refuses a session of the command line: it has no cookie to renew, and no page asks it for a password.
    fn by_browser(&self) -> Result<()> {
        match self.shown {
            Shown::CliToken(_) => Err(Error::Forbidden { code: Code::Forbidden }),
            Shown::Cookie | Shown::Nothing => Ok(()),
        }
    }

    /// Moves the session to another account and says who one is there.
    async fn act_in(&self, acting: Acting) -> Result<SessionView> {
        self.by_browser()?;
        let (caller, id) = (self.caller()?, self.session.id());
        let id = id.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        self.sessions.act_in(&hashed(id), acting).await?;
        let there = self.backend.caller(caller.user.id, acting, caller.proof, self.origin.clone()).await?;
        Ok(self.backend.session_view(&there))
    }

    /// Where the request came from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Begins a session that a provider vouched for. `farewell` is what signing out there will need, encrypted.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_vouched(&self, signed_in: &SignedIn, farewell: Option<String>) -> Result<()> {
        self.begin(signed_in).await?;
        let Some(farewell) = farewell else { return Ok(()) };
        self.session.insert(FAREWELL, farewell).await.map_err(fault)?;
        self.session.save().await.map_err(fault)
    }

    /// The cookie with which the browser may sign out of the provider too, once this session has ended.
    async fn farewell(&self) -> Result<Option<Farewell>> {
        let value = self.session.get::<String>(FAREWELL).await.map_err(fault)?;
        let row = self.session.get::<SessionRecord>(ROW).await.map_err(fault)?;
        let provider = row.and_then(|row| row.provider).filter(|id| self.oidc.provider(id).is_some());
        let made = value.zip(provider).and_then(|(value, provider)| {
            let cookie = farewell_cookie(&self.public_url, &value)?;
            Some(Farewell { provider, cookie })
        });
        Ok(made)
    }

    /// The session goes on under a new id, with a fresh proof of who it is.
    ///
    /// # Errors
    /// When it is gone, or the database does not answer.
    pub async fn proved_again(&self, proved: Proved) -> Result<()> {
        let row = self.session.get::<SessionRecord>(ROW).await.map_err(fault)?;
        let row = row.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        self.cycle(&row.reauthenticated(self.clock.now()), false, proved).await
    }

    /// Begins a session with an empty mind.
    async fn begin(&self, signed_in: &SignedIn) -> Result<()> {
        self.cycle(&signed_in.session, true, signed_in.proved).await
    }

    /// A new id at each proof of identity: whoever planted or stole the old one gains nothing. The row stands before
    /// the last look: whoever ended all sessions of the person until then is seen, whoever does so later finds it.
    async fn cycle(&self, row: &SessionRecord, forget: bool, proved: Proved) -> Result<()> {
        self.session.cycle_id().await.map_err(fault)?;
        if forget {
            self.session.clear().await;
        }
        let ends = OffsetDateTime::from_unix_timestamp(row.absolute_expires_at.as_second()).map_err(Error::internal)?;
        self.session.set_expiry(Some(Expiry::AtDateTime(ends)));
        self.session.insert(ROW, row).await.map_err(fault)?;
        // Written here and not after the answer, so that a failure is told to the caller.
        self.session.save().await.map_err(fault)?;
        if self.backend.still_counts(proved).await? {
            return Ok(());
        }
        self.session.flush().await.map_err(fault)?;
        Err(Error::Unauthenticated { code: Code::InvalidLogin })
    }
}

#[async_trait]
impl SessionPort for BrowserSession {
    async fn sign_in(&self, email: &str, password: SecretString) -> Result<SessionView> {
        let signed_in = self.backend.sign_in(&self.origin, email, &password).await?;
        self.begin(&signed_in).await?;
        Ok(signed_in.view)
    }

    async fn reauthenticate(&self, password: SecretString) -> Result<()> {
        self.by_browser()?;
        let proved = self.backend.reauthenticate(self.caller()?, &password).await?;
        self.proved_again(proved).await
    }

    async fn change_password(&self, current: SecretString, new: SecretString) -> Result<()> {
        self.by_browser()?;
        let proved = self.backend.change_password(self.caller()?, &current, &new).await?;
        self.proved_again(proved).await
    }

    async fn reset_password(&self, token: &str, new: SecretString) -> Result<()> {
        self.backend.reset_password(&self.origin, token, &new).await
    }

    async fn end_sessions(&self, here: bool) -> Result<()> {
        self.backend.end_sessions(self.caller()?, here).await?;
        if here {
            // The row is gone already; this removes the cookie.
            self.session.flush().await.map_err(fault)?;
        }
        Ok(())
    }

    async fn switch_account(&self, id: &str) -> Result<SessionView> {
        let account = self.backend.joined_account(self.caller()?, id).await?;
        self.act_in(Acting { account: Some(account), support: false }).await
    }

    async fn accept_invitation(&self, token: &str, password: Option<SecretString>) -> Result<SessionView> {
        if let Some(caller) = &self.caller {
            // Before anything is joined: the link works once, and its session could not move there.
            self.by_browser()?;
            let accepted = self.backend.accept_as_caller(caller, token).await?;
            return self.act_in(Acting { account: Some(accepted.account), support: false }).await;
        }
        let password = password.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
        let accepted = self.backend.accept_with_password(&self.origin, token, &password).await?;
        let signed_in = self.backend.sign_in_accepted(&self.origin, &accepted).await?;
        self.begin(&signed_in).await?;
        Ok(signed_in.view)
    }

    async fn begin_support(&self, id: &str, request: &SupportRequest) -> Result<SessionView> {
        let account = self.backend.begin_support(self.caller()?, id, request).await?;
        self.act_in(Acting { account: Some(account), support: true }).await
    }

    async fn leave_support(&self) -> Result<()> {
        if self.caller()?.support {
            self.act_in(Acting::default()).await?;
        }
        Ok(())
    }

    async fn sign_out(&self) -> Result<Option<Farewell>> {
        if let (Shown::CliToken(token), Some(caller)) = (&self.shown, &self.caller) {
            return self.backend.end_cli_session(caller, token.expose_secret()).await.map(|()| None);
        }
        let farewell = self.farewell().await?;
        // The row goes first: whatever fails later, the cookie is dead.
        self.session.flush().await.map_err(fault)?;
        if let Some(caller) = &self.caller {
            self.backend.sign_out(caller).await?;
        }
        Ok(farewell)
    }

    fn providers(&self) -> Vec<ProviderView> {
        self.oidc.views()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BrowserSession
where
    AppState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let session = Self::from_parts(parts, &AppState::from_ref(state));
        session.ok_or_else(|| Error::internal("the session layer is missing on this route").into())
    }
}

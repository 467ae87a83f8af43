//! Sign-in, sign-out and who is signed in.

use domain::account::AccountView;
use domain::identity::{IdentityView, ProviderView};
use domain::page::Page;
use domain::session::{SessionItem, SessionView};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Begins a session and goes to `next`, a local path (anything else goes to the overview).
#[server(prefix = "/api", endpoint = "session/sign-in")]
pub async fn sign_in(email: String, password: String, #[server(default)] next: String) -> Result<(), AppError> {
    let password = secrecy::SecretString::from(password);
    crate::ssr::sessions()?.sign_in(&email, password).await?;
    leptos_axum::redirect(crate::paths::local(&next).unwrap_or("/"));
    Ok(())
}

/// Proves once more who one is and goes to `next`, a local path.
#[server(prefix = "/api", endpoint = "session/reauthenticate")]
pub async fn reauthenticate(password: String, #[server(default)] next: String) -> Result<(), AppError> {
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.reauthenticate(secrecy::SecretString::from(password)).await?;
    leptos_axum::redirect(crate::paths::local(&next).unwrap_or("/"));
    Ok(())
}

/// What the profile page shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profile {
    /// Sign-in name.
    pub email: String,
    /// Whether one can sign in with a password.
    pub has_password: bool,
    /// Where one is signed in, newest first.
    pub sessions: Page<SessionItem>,
    /// Linked identities.
    pub identities: Vec<IdentityView>,
    /// The providers of this installation.
    pub providers: Vec<ProviderView>,
}

/// How one signs in, and one page of where one is signed in.
#[server(prefix = "/api", endpoint = "session/profile")]
pub async fn get_profile(cursor: String) -> Result<Packed<Profile>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    let sessions = backend.list_sessions(&caller, &page).await?;
    let has_password = backend.has_password(&caller).await?;
    let identities = backend.list_identities(&caller).await?;
    let providers = crate::ssr::sessions()?.providers();
    let email = caller.user.email.as_str().to_owned();
    Packed::new(&Profile { email, has_password, sessions, identities, providers })
}

/// The identity providers one can sign in with.
#[server(prefix = "/api", endpoint = "session/providers")]
pub async fn list_providers() -> Result<Packed<Vec<ProviderView>>, AppError> {
    Packed::new(&crate::ssr::sessions()?.providers())
}

/// Unlinks one of one's identities.
#[server(prefix = "/api", endpoint = "session/unlink-identity")]
pub async fn unlink_identity(id: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.unlink_identity(&caller, &id).await?;
    leptos_axum::redirect(&Notice::IdentityUnlinked.after(&crate::paths::profile(), &id));
    Ok(())
}

/// Ends one of one's sessions.
#[server(prefix = "/api", endpoint = "session/end")]
pub async fn end_session(id: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.end_session(&caller, &id).await?;
    leptos_axum::redirect(&Notice::SessionEnded.after(&crate::paths::profile(), &id));
    Ok(())
}

/// Ends all of one's other sessions.
#[server(prefix = "/api", endpoint = "session/end-others")]
pub async fn end_other_sessions() -> Result<(), AppError> {
    use crate::features::notice::Notice;
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.end_sessions(false).await?;
    leptos_axum::redirect(&Notice::SessionsEnded.after(&crate::paths::profile(), ""));
    Ok(())
}

/// Ends the session and goes to the sign-in page.
#[server(prefix = "/api", endpoint = "session/sign-out")]
pub async fn sign_out() -> Result<(), AppError> {
    crate::ssr::caller().await?;
    match crate::ssr::sessions()?.sign_out().await? {
        Some(farewell) => {
            crate::ssr::set_cookie(farewell.cookie);
            leptos_axum::redirect(&crate::paths::signed_out(&farewell.provider));
        }
        None => leptos_axum::redirect(&crate::paths::login(None)),
    }
    Ok(())
}

/// Who is signed in, and the accounts they may act in.
pub type Frame = (SessionView, Vec<AccountView>);

/// Who is signed in, for the frame of every page.
#[server(prefix = "/api", endpoint = "session/current")]
pub async fn current_session() -> Result<Packed<Frame>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    Packed::new(&(backend.session_view(&caller), backend.list_accounts(&caller).await?))
}

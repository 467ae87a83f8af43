//! Sign-in, sign-out and who is signed in.

use domain::account::AccountView;
use domain::session::SessionView;
use leptos::prelude::*;

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

/// Ends the session and goes to the sign-in page.
#[server(prefix = "/api", endpoint = "session/sign-out")]
pub async fn sign_out() -> Result<(), AppError> {
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.sign_out().await?;
    leptos_axum::redirect(&crate::paths::login(None));
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

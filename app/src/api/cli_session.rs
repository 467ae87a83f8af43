//! Sessions of the command line. Made at `/cli/authorize`, outside of the pages; listed and ended here.

use domain::cli_session::CliSessionView;
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Sessions, and the address of this console for the commands beside them.
pub type SessionsAndServer = (Page<CliSessionView>, String);

/// One page of the caller's sessions.
#[server(prefix = "/api", endpoint = "cli-session/list")]
pub async fn list_cli_sessions(cursor: String) -> Result<Packed<SessionsAndServer>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    let sessions = backend.list_cli_sessions(&caller, &page).await?;
    Packed::new(&(sessions, backend.console_url().to_owned()))
}

/// Ends a session and goes to the list.
#[server(prefix = "/api", endpoint = "cli-session/revoke")]
pub async fn revoke_cli_session(id: String, name: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.revoke_cli_session(&caller, &id).await?;
    leptos_axum::redirect(&Notice::CliSessionRevoked.after(&crate::paths::cli_sessions(), &name));
    Ok(())
}

//! Browser sessions: the cookie, who it stands for, and its removal.
//!
//! Source: `security.md` §4.1.

mod browser;
mod proof;
mod table;

use app::ssr::CallerSlot;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use backend::{Backend, Caller, Origin, Proof};
use domain::session::SessionRecord;
use domain::{Error, Result};
use tower_sessions::cookie::SameSite;
use tower_sessions::{Session, SessionManagerLayer};

use super::problem::Problem;
use super::state::AppState;
use crate::public_url::PublicUrl;

pub use browser::BrowserSession;
pub use proof::{Shown, bearer_alone};
pub use table::{SessionTable, sweep};

/// Key of the session's data that holds its row: whose it is, since when. It goes into columns, never into the data.
const ROW: &str = "row";
/// Key of what signing out of an identity provider needs, encrypted.
const FAREWELL: &str = "farewell";

/// The cookie layer. Lax, because Strict is not sent on the return from an identity provider.
pub fn layer(state: &AppState) -> SessionManagerLayer<SessionTable> {
    let table = SessionTable::new(state.sessions.clone(), state.clock.clone());
    SessionManagerLayer::new(table)
        .with_name(state.public_url.cookie_name())
        .with_same_site(SameSite::Lax)
        .with_http_only(true)
        .with_secure(state.public_url.is_https())
        .with_path("/")
}

/// Middleware: puts the caller of the session into the request, for extractors, pages and server functions.
pub async fn resolve_caller(State(backend): State<Backend>, mut request: Request, next: Next) -> Response {
    let (extensions, shown) = (request.extensions(), Shown::by(request.headers()));
    let caller = match (extensions.get::<Session>(), extensions.get::<Origin>()) {
        (Some(session), Some(origin)) => shown.caller(&backend, session, origin).await,
        _ => Ok(None),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(shown);
            request.extensions_mut().insert(CallerSlot(caller));
            next.run(request).await
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Who `session` stands for now: row and member are read anew.
///
/// # Errors
/// When the database does not answer.
pub async fn caller_of(backend: &Backend, session: &Session, origin: &Origin) -> Result<Option<Caller>> {
    match session.get::<SessionRecord>(ROW).await.map_err(fault)? {
        Some(row) => caller_of_row(backend, &row, origin).await,
        None => Ok(None),
    }
}

/// Who an open stream's session stands for now. Looking leaves the idle end where it is: a page left open is not
/// somebody at work.
///
/// # Errors
/// When the database does not answer.
pub async fn still_signed_in(state: &AppState, session: &Session, origin: &Origin) -> Result<Option<Caller>> {
    let Some(id) = session.id() else { return Ok(None) };
    match state.sessions.peek_session(&table::hashed(id), state.clock.now()).await? {
        Some(row) => caller_of_row(&state.backend, &row, origin).await,
        None => Ok(None),
    }
}

async fn caller_of_row(backend: &Backend, row: &SessionRecord, origin: &Origin) -> Result<Option<Caller>> {
    let proof = Proof { session_id: Some(row.id), authenticated_at: row.authenticated_at };
    match backend.caller(row.user_id, row.acting, proof, origin.clone()).await {
        Ok(caller) => Ok(Some(caller)),
        Err(Error::Unauthenticated { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Middleware: gives a removal cookie the attributes of the cookie it removes. The session library sends it bare, and
/// browsers ignore a `__Host-` cookie without Secure, so the dead cookie would stay.
pub async fn complete_removal(State(url): State<PublicUrl>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let bare = format!("{}=;", url.cookie_name());
    let cookies: Vec<HeaderValue> = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
    if cookies.iter().any(|c| c.as_bytes().starts_with(bare.as_bytes())) {
        response.headers_mut().remove(SET_COOKIE);
        for cookie in cookies {
            let removal = cookie.as_bytes().starts_with(bare.as_bytes());
            response.headers_mut().append(SET_COOKIE, if removal { removal_cookie(&url) } else { cookie });
        }
    }
    response
}

fn removal_cookie(url: &PublicUrl) -> HeaderValue {
    HeaderValue::from_static(if url.is_https() {
        "__Host-remotegpu=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
    } else {
        "remotegpu=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
    })
}

/// The only thing that can fail in the session library is our table.
fn fault(error: tower_sessions::session::Error) -> Error {
    Error::database(error)
}

#[cfg(test)]
mod tests;

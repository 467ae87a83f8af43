//! What the server hands to the pages: who asks, how sessions begin and end, and the use cases.
//!
//! Exists so that server functions stay 5–10 lines and the HTTP layer stays out of this crate.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use backend::{Backend, Caller};
use domain::identity::ProviderView;
use domain::order::{Order, OrderedRequest};
use domain::platform_account::SupportRequest;
use domain::session::SessionView;
use domain::workload::WorkloadKind;
use domain::{Code, Error};
use leptos::prelude::use_context;
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::ServerFnUrlError;
use leptos_axum::ResponseOptions;
use secrecy::SecretString;

use crate::api::error::AppError;

/// Who asks, as an extension of each request. Set by the server's session layer; empty without a live session.
#[derive(Clone)]
pub struct CallerSlot(pub Option<Caller>);

/// What a browser needs to sign out of an identity provider too.
pub struct Farewell {
    /// The provider's id.
    pub provider: String,
    /// A `Set-Cookie` that lives for some minutes.
    pub cookie: HeaderValue,
}

/// How a page begins and ends a session. The server's part: it owns cookies and the session store.
///
/// Provided as context `Arc<dyn SessionPort>` to pages and server functions.
#[async_trait]
pub trait SessionPort: Send + Sync {
    /// Checks the password, begins a session and sets its cookie.
    ///
    /// # Errors
    /// `invalid_login`, `rate_limited`, or an unreachable database.
    async fn sign_in(&self, email: &str, password: SecretString) -> domain::Result<SessionView>;

    /// Checks the password of the person of this session once more, and gives the session a new id.
    ///
    /// # Errors
    /// `invalid_login`, `rate_limited`, or an unreachable database.
    async fn reauthenticate(&self, password: SecretString) -> domain::Result<()>;

    /// Makes the session act in another of the person's accounts.
    ///
    /// # Errors
    /// `not_found` for an account they are not in.
    async fn switch_account(&self, id: &str) -> domain::Result<SessionView>;

    /// Replaces the password of the person of this session and ends their other sessions; this one gets a new id.
    ///
    /// # Errors
    /// `invalid_login`, `rate_limited`, field `new`, or `reauthentication_required` for a first password.
    async fn change_password(&self, current: SecretString, new: SecretString) -> domain::Result<()>;

    /// Uses a link that resets a password. Needs no session, and ends all of the person's.
    ///
    /// # Errors
    /// `link_invalid`, or field `new`.
    async fn reset_password(&self, token: &str, new: SecretString) -> domain::Result<()>;

    /// Ends all sessions of the person of this one, `here` too if asked.
    ///
    /// # Errors
    /// When the database does not answer.
    async fn end_sessions(&self, here: bool) -> domain::Result<()>;

    /// Takes an invitation up, for the person of this session or with a password, and acts in that account.
    ///
    /// # Errors
    /// `link_invalid`, `invalid_login`, `rate_limited`, `conflict` for another person's invitation.
    async fn accept_invitation(&self, token: &str, password: Option<SecretString>) -> domain::Result<SessionView>;

    /// Looks into an account as an operator, read only.
    ///
    /// # Errors
    /// `forbidden`, `not_found`, `reauthentication_required`, or a reason that says nothing.
    async fn begin_support(&self, id: &str, request: &SupportRequest) -> domain::Result<SessionView>;

    /// Back to one's own account; changes nothing for who is there already.
    ///
    /// # Errors
    /// When the database does not answer.
    async fn leave_support(&self) -> domain::Result<()>;

    /// Ends the session of this request and removes its cookie. The provider that vouched for it may be told afterwards.
    ///
    /// # Errors
    /// When the database does not answer.
    async fn sign_out(&self) -> domain::Result<Option<Farewell>>;

    /// The identity providers of this installation.
    fn providers(&self) -> Vec<ProviderView>;
}

/// The signed-in person of this request: the first line of every server function but sign-in.
///
/// # Errors
/// `missing_access_token` (401) without a live session.
pub async fn caller() -> Result<Caller, AppError> {
    let slot = use_context::<Parts>().and_then(|parts| parts.extensions.get::<CallerSlot>().cloned());
    let missing = Error::Unauthenticated { code: Code::MissingAccessToken };
    slot.and_then(|slot| slot.0).ok_or_else(|| AppError::refuse(missing))
}

/// The use cases, from the context.
///
/// # Errors
/// `internal` when the server provided none.
pub fn backend() -> Result<Backend, AppError> {
    use_context::<Backend>().ok_or_else(|| AppError::refuse(Error::internal("no backend in the context")))
}

/// A kind of workload from a path or a form; one that does not exist is not found.
///
/// # Errors
/// `not_found`.
pub fn workload_kind(text: &str) -> Result<WorkloadKind, AppError> {
    WorkloadKind::parse(text).ok_or_else(|| AppError::refuse(Error::NotFound))
}

/// What the query string of a page says.
///
/// # Errors
/// `invalid_request` for one that no form of ours makes.
pub fn query<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, AppError> {
    let uri = format!("/?{}", text.trim_start_matches('?')).parse::<axum::http::Uri>();
    let read = uri.ok().and_then(|uri| axum::extract::Query::<T>::try_from_uri(&uri).ok());
    let unreadable = || AppError::refuse(Error::field("query", "format", "The address of this page is not valid"));
    read.map(|axum::extract::Query(query)| query).ok_or_else(unreadable)
}

/// The part of a list that the address of its page asks for; `sort` is `name`, or `-name` for downwards.
///
/// # Errors
/// `invalid_request` for a cursor that no list gave, or one of another order.
pub fn ordered(cursor: String, sort: &str) -> Result<OrderedRequest, AppError> {
    let cursor = Some(cursor).filter(|cursor| !cursor.is_empty());
    OrderedRequest::new(None, cursor, Order::in_address(sort)).map_err(AppError::refuse)
}

/// One object written as YAML (or JSON, which is YAML too).
///
/// # Errors
/// `invalid_request` on `field`, with the place.
pub fn yaml(field: &str, text: &str) -> Result<serde_json::Value, AppError> {
    let wrong = |why: String| AppError::refuse(Error::field(field, "format", why));
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| wrong(format!("This is not YAML: {error}")))?;
    if value.is_object() { Ok(value) } else { Err(wrong("Write one object of Kubernetes".to_owned())) }
}

/// Whether a person typed the name of what is to end.
///
/// # Errors
/// `invalid_request` on the field `confirm`.
pub fn confirmed(name: &str, typed: &str) -> Result<(), AppError> {
    let wrong = || AppError::refuse(Error::field("confirm", "mismatch", format!("Type {name} to confirm")));
    if typed.trim() == name { Ok(()) } else { Err(wrong()) }
}

/// The session port, from the context.
///
/// # Errors
/// `internal` when the server provided none.
pub fn sessions() -> Result<Arc<dyn SessionPort>, AppError> {
    use_context::<Arc<dyn SessionPort>>()
        .ok_or_else(|| AppError::refuse(Error::internal("no session port in the context")))
}

/// Whether a form was posted without JavaScript: the answer can only be a redirect.
pub fn is_plain_form_post() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        let accept = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        accept.contains("text/html")
    })
}

/// Where a plain form of server function `F` goes back to when it was refused outside of it: the page that it came from,
/// whose form then says why.
pub fn back_to_form<F: ServerFn>(from: &str, error: Error) -> String {
    let mut from = from.to_owned();
    ServerFnUrlError::<AppError>::strip_error_info(&mut from);
    let refusal = ServerFnUrlError::new(F::PATH, AppError::refuse(error));
    refusal.to_url(&from).map_or(from, |url| url.to_string())
}

/// Refuses a plain form whose answer holds a link: a redirect would carry it in the URL, into logs and histories. Any
/// other answer is marked as not to be kept. `route` is the REST route to use instead.
///
/// # Errors
/// [`Code::Conflict`] for a plain form.
pub fn link_needs_javascript(route: &str) -> Result<(), AppError> {
    if !is_plain_form_post() {
        do_not_store();
        return Ok(());
    }
    let detail = format!("The link is shown once, which needs JavaScript here. Without it, use {route}");
    Err(AppError::refuse(Error::conflict(Code::Conflict, detail)))
}

/// No cache may keep this answer: it holds a secret, or what only this person may see.
pub fn do_not_store() {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// One more cookie with this answer.
pub fn set_cookie(cookie: HeaderValue) {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.append_header(header::SET_COOKIE, cookie);
    }
}

/// The page being written answers with this status.
pub fn set_status(status: StatusCode) {
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(status);
    }
}

/// The page being written becomes a redirect (302). `leptos_axum::redirect` would leave 200 for clients that do not
/// ask for HTML by name.
pub fn redirect_page(path: &str) {
    let (Some(response), Ok(path)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(path)) else { return };
    response.insert_header(header::LOCATION, path);
    response.set_status(StatusCode::FOUND);
}

/// Content-Security-Policy of a page, with the nonce of this very response. Source: `security.md` §4.3.
pub fn content_security_policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'strict-dynamic' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// Sets the headers that only the page itself can set: the policy knows the nonce.
pub fn set_page_headers() {
    do_not_store();
    let nonce = leptos::nonce::use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
    let (Some(response), Ok(policy)) =
        (use_context::<ResponseOptions>(), HeaderValue::from_str(&content_security_policy(&nonce)))
    else {
        return;
    };
    response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
}

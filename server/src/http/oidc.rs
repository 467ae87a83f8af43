//! To an identity provider and back. Every failure is one page with the request id; its cause is in the log.
//!
//! Source: `security.md` §4.5. Starting is a link and no form: browsers hold forms to `form-action 'self'`.

mod cookie;

use axum::Router;
use axum::extract::State;
use axum::http::header::{LOCATION, REFERER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use backend::Caller;
use domain::{Code, Error};
use openidconnect::url::Url;
use secrecy::SecretString;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::extract::{ApiPath, ApiQuery};
use super::request_id;
use super::session::BrowserSession;
use super::state::AppState;
use crate::oidc::flow::{Flow, Purpose};
use crate::oidc::{Provider, Verified, causes, refused};
use crate::public_url::PublicUrl;

pub use cookie::{farewell, farewell_cookie};

/// Where somebody wants to go, and what for.
#[derive(Deserialize)]
struct Start {
    next: Option<String>,
    purpose: Option<Purpose>,
}

/// The provider's answer.
#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// Routes under `/auth/oidc`.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/auth/oidc/{provider}/start", get(start))
        .route("/auth/oidc/{provider}/callback", get(callback))
        .route("/auth/oidc/{provider}/logout", get(logout))
}

/// `GET /auth/oidc/{provider}/start?next=&purpose=`: changes nothing here but the browser's cookie.
async fn start(
    State(state): State<AppState>,
    browser: BrowserSession,
    headers: HeaderMap,
    ApiPath(id): ApiPath<String>,
    ApiQuery(query): ApiQuery<Start>,
) -> Response {
    let purpose = query.purpose.unwrap_or(Purpose::SignIn);
    let next = query.next.as_deref().and_then(app::paths::local).unwrap_or("/").to_owned();
    let session = match allowed(&state, &browser, &headers, purpose) {
        Ok(session) => session,
        Err(Error::Forbidden { code: Code::ReauthenticationRequired }) => {
            return see_other(&app::paths::reauthenticate(&next), None);
        }
        Err(error) => return failed(&id, &anyhow::Error::new(error)),
    };
    let flow = Flow::begin(&id, purpose, next, session, state.clock.now());
    match leave(&state, &id, &flow).await {
        Ok((url, cookie)) => see_other(url.as_str(), Some(cookie)),
        Err(error) => failed(&id, &error),
    }
}

/// Linking and re-authentication are for who is signed in, and begin on a page of ours: a foreign page could otherwise
/// link an identity of its choice.
fn allowed(
    state: &AppState,
    browser: &BrowserSession,
    headers: &HeaderMap,
    purpose: Purpose,
) -> Result<Option<domain::id::SessionId>, Error> {
    if purpose == Purpose::SignIn {
        return Ok(None);
    }
    if !from_own_page(headers, &state.public_url) {
        return Err(Error::Forbidden { code: Code::CrossSite });
    }
    let caller = browser.caller()?;
    if purpose == Purpose::Link {
        state.backend.require_recent_login(caller)?;
    }
    Ok(caller.proof.session_id)
}

fn from_own_page(headers: &HeaderMap, url: &PublicUrl) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let from = headers.get(REFERER).and_then(|v| v.to_str().ok()).and_then(|text| Url::parse(text).ok());
    from.is_some_and(|from| from.origin().ascii_serialization() == url.as_str())
}

async fn leave(state: &AppState, id: &str, flow: &Flow) -> anyhow::Result<(Url, HeaderValue)> {
    let provider = state.oidc.provider(id).ok_or_else(|| refused("there is no such provider"))?;
    let url = provider.authorize(flow).await?;
    let sealed = state.oidc.seal().and_then(|seal| flow.sealed(seal));
    let cookie = sealed.and_then(|value| cookie::flow(&state.public_url, &value));
    Ok((url, cookie.ok_or_else(|| refused("the cookie cannot be made"))?))
}

/// `GET /auth/oidc/{provider}/callback`: works once, in the browser that left.
async fn callback(
    State(state): State<AppState>,
    browser: BrowserSession,
    headers: HeaderMap,
    ApiPath(id): ApiPath<String>,
    ApiQuery(answer): ApiQuery<Answer>,
) -> Response {
    let value = cookie::read(&headers, cookie::flow_name(&state.public_url));
    let flow = value.zip(state.oidc.seal()).and_then(|(value, seal)| Flow::open(seal, &value, state.clock.now()));
    let end = cookie::no_flow(&state.public_url);
    let Some(flow) = flow.filter(|flow| flow.provider == id) else {
        return with_cookie(failed(&id, &refused("no flow of this browser with this provider")), end);
    };
    match arrive(&state, &browser, &flow, answer).await {
        Ok(()) => see_other(&flow.next, Some(end)),
        Err(error) => {
            if let Err(error) = state.backend.vouched_sign_in_failed(browser.origin(), &id).await {
                tracing::warn!(%error, "A failed sign-in is missing from the audit log");
            }
            with_cookie(failed(&id, &error), end)
        }
    }
}

async fn arrive(state: &AppState, browser: &BrowserSession, flow: &Flow, answer: Answer) -> anyhow::Result<()> {
    let provider = state.oidc.provider(&flow.provider).ok_or_else(|| refused("there is no such provider"))?;
    let named = answer.state.unwrap_or_default();
    if !bool::from(named.as_bytes().ct_eq(flow.state.as_bytes())) {
        return Err(refused("the answer belongs to another flow"));
    }
    provider.check_issuer(answer.iss.as_deref()).await?;
    if answer.error.is_some() {
        return Err(refused("the provider refused, or the person did"));
    }
    let code = answer.code.ok_or_else(|| refused("the answer has no code"))?;
    let verified = provider.finish(flow, code).await?;
    enter(state, browser, flow, provider, verified).await
}

async fn enter(
    state: &AppState,
    browser: &BrowserSession,
    flow: &Flow,
    provider: &Provider,
    verified: Verified,
) -> anyhow::Result<()> {
    let Verified { vouched, id_token } = verified;
    match flow.purpose {
        Purpose::SignIn => {
            let signed_in = state.backend.sign_in_vouched(browser.origin(), &vouched).await?;
            browser.begin_vouched(&signed_in, kept(state, provider, id_token)).await?;
        }
        Purpose::Link => state.backend.link_identity(asking(browser, flow)?, &vouched).await?,
        Purpose::Reauthenticate => {
            let proved = state.backend.reauthenticate_vouched(asking(browser, flow)?, &vouched).await?;
            browser.proved_again(proved).await?;
        }
    }
    Ok(())
}

/// The caller, if it is still the session that began the flow.
fn asking<'a>(browser: &'a BrowserSession, flow: &Flow) -> anyhow::Result<&'a Caller> {
    let caller = browser.caller()?;
    let same = flow.session.is_some() && caller.proof.session_id == flow.session;
    if same { Ok(caller) } else { Err(refused("another session began this flow")) }
}

/// The ID token, encrypted: it is needed once, to sign out of the provider.
fn kept(state: &AppState, provider: &Provider, id_token: Option<SecretString>) -> Option<String> {
    cookie::sealed_farewell(state.oidc.seal()?, provider.id(), &id_token?)
}

/// `GET /auth/oidc/{provider}/logout`: after our own session has ended; the provider decides what it asks.
async fn logout(State(state): State<AppState>, headers: HeaderMap, ApiPath(id): ApiPath<String>) -> Response {
    let end = cookie::no_farewell(&state.public_url);
    let home = app::paths::login(None);
    let found = cookie::read(&headers, cookie::farewell_name(&state.public_url));
    let id_token = found.zip(state.oidc.seal()).and_then(|(value, seal)| farewell(seal, &value, &id));
    let (Some(id_token), Some(provider)) = (id_token, state.oidc.provider(&id)) else {
        return see_other(&home, Some(end));
    };
    match provider.end_session(&id_token).await {
        Ok(Some(url)) => see_other(url.as_str(), Some(end)),
        Ok(None) => see_other(&home, Some(end)),
        Err(error) => with_cookie(failed(&id, &error), end),
    }
}

/// The one page of every failure; it can only be looked up by its request id.
fn failed(provider: &str, error: &anyhow::Error) -> Response {
    let provider: String = provider.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    tracing::warn!(oidc.provider = provider, cause = causes(error), "Signing in with a provider failed");
    see_other(&app::paths::sign_in_failed(&request_id::current()), None)
}

/// 303: whatever the request was, the browser goes on with GET.
fn see_other(location: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    match cookie {
        Some(cookie) => with_cookie(response, cookie),
        None => response,
    }
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().append(SET_COOKIE, cookie);
    response
}

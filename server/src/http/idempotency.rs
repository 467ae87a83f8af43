//! `Idempotency-Key` on what makes something: a repeated request is done once and answered twice.
//!
//! Source: `console-api.md` §1. A refused request leaves its key free. An answer with a secret is not kept: the
//! repetition is told where the thing is.

use app::ssr::CallerSlot;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use backend::{Backend, Caller};
use domain::request::{Begun, IdempotencyKey, KeptAnswer, RequestRecord};
use domain::{Code, Error, Result};
use tracing::Instrument as _;

use super::answer::Keep;
use super::problem::Problem;
use super::request_id;
use super::state::AppState;
use super::v1::contract::Contract;

/// Name of the header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
const AGAIN_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Middleware over the session routes.
pub async fn once(State((state, contract)): State<(AppState, Contract)>, request: Request, next: Next) -> Response {
    let creates = contract.operation(&request).is_some_and(|operation| operation.creates);
    let caller = request.extensions().get::<CallerSlot>().and_then(|slot| slot.0.clone());
    match (request.headers().get(HEADER).cloned(), caller) {
        (Some(key), Some(caller)) if creates => done_once(&state.backend, &caller, &key, request, next).await,
        _ => next.run(request).await,
    }
}

/// The same for a request that is known to make something, and a caller who was found in another way.
pub async fn done_once(
    backend: &Backend,
    caller: &Caller,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Response {
    match begin(backend, caller, key, request, next).await {
        Ok(response) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}

async fn begin(
    backend: &Backend,
    caller: &Caller,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response> {
    let key = IdempotencyKey::new(key.to_str().unwrap_or_default())?;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Ok(Problem::from_status(StatusCode::PAYLOAD_TOO_LARGE).into_response());
    };
    // With and without its last slash it is one place (`tenant-api.md` §1).
    let place = parts.uri.to_string();
    let route = format!("{} {}", parts.method, place.trim_end_matches('/'));
    let (record, begun) = backend.begin_request(caller, &route, &key, &body).await?;
    match begun {
        Begun::New => Ok(go_on(backend.clone(), record, Request::from_parts(parts, Body::from(body)), next).await),
        Begun::Running => {
            let detail = "The same request is being answered at this moment: try again in a second";
            let mut response = Problem::from(Error::conflict(Code::Conflict, detail)).into_response();
            response.headers_mut().insert("retry-after", AGAIN_AFTER);
            Ok(response)
        }
        Begun::Other => {
            let detail = "This Idempotency-Key was used for another request: take a new one";
            Err(Error::conflict(Code::Conflict, detail))
        }
        Begun::Done(answer) => again(answer),
    }
}

/// In a task of its own: a client that hangs up must not leave a change made and its answer unknown.
async fn go_on(backend: Backend, record: RequestRecord, request: Request, next: Next) -> Response {
    let work = async move {
        let response = next.run(request).await;
        let (response, answer) = keep(response).await;
        backend.end_request(&record, answer.as_ref()).await;
        response
    };
    let work = request_id::scope(request_id::current(), work.in_current_span());
    match tokio::spawn(work).await {
        Ok(response) => response,
        Err(error) => Problem::panicked(error.to_string()).into_response(),
    }
}

/// What of an answer is kept: of a success its status and place, and the body where it is marked as free of secrets.
async fn keep(response: Response) -> (Response, Option<KeptAnswer>) {
    if !response.status().is_success() {
        return (response, None);
    }
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if response.extensions().get::<Keep>().is_none() {
        return (response, Some(KeptAnswer { status, location, body: None }));
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let answer = KeptAnswer { status, location, body: Some(text) };
    (Response::from_parts(parts, Body::from(bytes)), Some(answer))
}

fn again(answer: KeptAnswer) -> Result<Response> {
    let place = answer.location.as_deref().map(|location| format!(" at {location}")).unwrap_or_default();
    let Some(body) = answer.body else {
        let detail = format!("This request was answered before: the thing was made{place}; its secret is shown once");
        return Err(Error::conflict(Code::Conflict, detail));
    };
    let status = StatusCode::from_u16(answer.status).map_err(Error::internal)?;
    let mut response = (status, [(CONTENT_TYPE, "application/json")], [REPLAYED], body).into_response();
    if let Some(location) = answer.location {
        let location = HeaderValue::try_from(location).map_err(Error::internal)?;
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

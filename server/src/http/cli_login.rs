//! `/cli/authorize`: somebody who is signed in lets a machine's command line act for them (RULINGS 6, RFC 8252).
//!
//! Pages of their own, without the app: they must answer a plain post with a page that goes on to 127.0.0.1.

use app::pages::cli_login::{Step, document};
use app::paths;
use app::ssr::{CallerSlot, content_security_policy};
use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Form, Router};
use domain::cli_session::{LoginQuery, LoginRequest};
use domain::{Code, Error};
use leptos::nonce::Nonce;

use super::extract::ApiQuery;
use super::problem::Problem;
use super::state::AppState;

/// The two pages.
pub fn routes() -> Router<AppState> {
    Router::new().route("/cli/authorize", get(ask).post(allow))
}

/// `GET /cli/authorize?code_challenge=&redirect_port=&state=&name=`
async fn ask(
    State(state): State<AppState>,
    Extension(slot): Extension<CallerSlot>,
    uri: Uri,
    ApiQuery(query): ApiQuery<LoginQuery>,
) -> Response {
    let request = match LoginRequest::check(&query) {
        Ok(request) => request,
        Err(error) => return wrong(&state, &error),
    };
    let Some(caller) = slot.0 else {
        let here = uri.path_and_query().map_or("/", |here| here.as_str());
        return Redirect::to(&paths::login(Some(here))).into_response();
    };
    let session = state.backend.session_view(&caller);
    page(&state, StatusCode::OK, Step::Ask { request, query, session: Box::new(session) })
}

/// `POST /cli/authorize`: yes. Other sites cannot post here, the layer in front refuses them.
async fn allow(
    State(state): State<AppState>,
    Extension(slot): Extension<CallerSlot>,
    Form(query): Form<LoginQuery>,
) -> Result<Response, Problem> {
    let caller = slot.0.ok_or(Error::Unauthenticated { code: Code::MissingAccessToken })?;
    match LoginRequest::check(&query) {
        Ok(request) => {
            let callback = state.backend.allow_cli_login(&caller, &request).await?;
            Ok(page(&state, StatusCode::OK, Step::Allowed { callback }))
        }
        Err(error) => Ok(wrong(&state, &error)),
    }
}

fn wrong(state: &AppState, error: &Error) -> Response {
    page(state, StatusCode::BAD_REQUEST, Step::Wrong { sentence: error.to_string() })
}

fn page(state: &AppState, status: StatusCode, step: Step) -> Response {
    let nonce = Nonce::new();
    let html = document(&state.leptos, nonce.as_inner(), step);
    let policy = content_security_policy(nonce.as_inner());
    (status, [(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
}

//! Invitations into the account the session acts in, and what the holder of a link does with it.

use app::ssr::SessionPort as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::invitation::{InvitationLink, InvitationOffer, InvitationView, NewInvitation};
use domain::page::Page;
use domain::session::SessionView;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem, Refused};
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

/// Body of `POST /v1/invitations/offer`. In a body, because URLs end up in logs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Link {
    /// The last part of the link.
    token: String,
}

/// Body of `POST /v1/invitations/accept`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Accept {
    /// The last part of the link.
    token: String,
    /// One's own, or that of somebody new, 12 to 1024 characters. Not needed by who is signed in.
    #[schema(format = Password)]
    password: Option<String>,
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(offer))
        .routes(routes!(accept))
        .routes(routes!(read, revoke))
        .routes(routes!(resend))
}

/// The invitations of the account
#[utoipa::path(get, path = "/invitations", operation_id = "list_invitations", tag = "Invitations",
    params(PagingQuery), responses((status = 200, body = Page<InvitationView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<InvitationView>>, Problem> {
    Ok(Json(backend.list_invitations(&caller, &page).await?))
}

/// Invite somebody by link
///
/// The only answer that holds the link: there is no mail server, whoever invites hands it over.
#[utoipa::path(post, path = "/invitations", operation_id = "create_invitation", tag = "Invitations",
    request_body = NewInvitation, responses((status = 201, body = InvitationLink), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewInvitation>,
) -> Result<Created<InvitationLink>, Problem> {
    let made = backend.create_invitation(&caller, new).await?;
    Ok(Created::secret(format!("/v1/invitations/{}", made.invitation.id), made))
}

/// What a link offers
#[utoipa::path(post, path = "/invitations/offer", operation_id = "get_invitation_offer", tag = "Invitations",
    request_body = Link, responses((status = 200, body = InvitationOffer), Conflicting))]
async fn offer(State(backend): State<Backend>, ApiJson(link): ApiJson<Link>) -> Result<Json<InvitationOffer>, Problem> {
    Ok(Json(backend.invitation_offer(&link.token).await?))
}

/// Accept an invitation and sign in
///
/// Somebody new chooses a password with it; the session acts in the account then.
#[utoipa::path(post, path = "/invitations/accept", operation_id = "accept_invitation", tag = "Invitations",
    request_body = Accept, responses((status = 200, body = SessionView), Refused, Conflicting))]
async fn accept(browser: BrowserSession, ApiJson(accept): ApiJson<Accept>) -> Result<Json<SessionView>, Problem> {
    let password = accept.password.map(SecretString::from);
    Ok(Json(browser.accept_invitation(&accept.token, password).await?))
}

/// One invitation
#[utoipa::path(get, path = "/invitations/{invitation_id}", operation_id = "get_invitation", tag = "Invitations",
    responses((status = 200, body = InvitationView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<InvitationView>, Problem> {
    Ok(Json(backend.get_invitation(&caller, &id).await?))
}

/// Withdraw an invitation
#[utoipa::path(delete, path = "/invitations/{invitation_id}", operation_id = "revoke_invitation", tag = "Invitations",
    responses((status = 204), Missing))]
async fn revoke(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.revoke_invitation(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new link for an invitation
///
/// The old link is dead.
#[utoipa::path(post, path = "/invitations/{invitation_id}/resend", operation_id = "resend_invitation",
    tag = "Invitations", responses((status = 200, body = InvitationLink), MissingOrConflicting))]
async fn resend(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<InvitationLink>, Problem> {
    Ok(Json(backend.resend_invitation(&caller, &id).await?))
}

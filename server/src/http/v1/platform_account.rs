//! Accounts, for the operators of the platform.

use app::ssr::SessionPort as _;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::account::DeleteAccount;
use domain::id::AccountId;
use domain::invitation::{InvitationLink, NewInvitation};
use domain::page::Page;
use domain::platform_account::{ChangeAccount, CreatedAccount, NewAccount, PlatformAccountView, SupportRequest};
use domain::session::SessionView;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, Ordered, OrderedQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::session::BrowserSession;
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(invite))
        .routes(routes!(support, leave))
}

/// Every account with what it has
#[utoipa::path(get, path = "/platform/accounts", operation_id = "list_platform_accounts", tag = "Platform",
    params(OrderedQuery), responses((status = 200, body = Page<PlatformAccountView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Ordered(page): Ordered,
) -> Result<Json<Page<PlatformAccountView>>, Problem> {
    Ok(Json(backend.list_platform_accounts(&caller, &page).await?))
}

/// Make an account
///
/// With `owner_email` the answer holds the link for its first owner, only here.
#[utoipa::path(post, path = "/platform/accounts", operation_id = "create_platform_account", tag = "Platform",
    request_body = NewAccount, responses((status = 201, body = CreatedAccount), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewAccount>,
) -> Result<Created<CreatedAccount>, Problem> {
    let made = backend.create_platform_account(&caller, new).await?;
    Ok(Created::secret(format!("/v1/platform/accounts/{}", made.account.id), made))
}

/// One account
#[utoipa::path(get, path = "/platform/accounts/{account_id}", operation_id = "get_platform_account",
    tag = "Platform", responses((status = 200, body = PlatformAccountView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<PlatformAccountView>, Problem> {
    Ok(Tagged(backend.get_platform_account(&caller, &id).await?))
}

/// Suspend or resume an account, change its limits
#[utoipa::path(patch, path = "/platform/accounts/{account_id}", operation_id = "change_platform_account",
    tag = "Platform", request_body = ChangeAccount,
    responses((status = 200, body = PlatformAccountView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<ChangeAccount>,
) -> Result<Tagged<PlatformAccountView>, Problem> {
    let saw = if_match.check(backend.get_platform_account(&caller, &id)).await?;
    Ok(Tagged(backend.change_platform_account(&caller, &id, change, saw.as_ref()).await?))
}

/// Delete an account that has no namespaces
#[utoipa::path(delete, path = "/platform/accounts/{account_id}", operation_id = "delete_platform_account",
    tag = "Platform", request_body = DeleteAccount, responses((status = 204), MissingOrConflicting))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(body): ApiJson<DeleteAccount>,
) -> Result<StatusCode, Problem> {
    backend.delete_platform_account(&caller, &id, &body.confirm).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invite somebody into any account
#[utoipa::path(post, path = "/platform/accounts/{account_id}/invitations", operation_id = "invite_into_account",
    tag = "Platform", request_body = NewInvitation,
    responses((status = 200, body = InvitationLink), MissingOrConflicting))]
async fn invite(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(new): ApiJson<NewInvitation>,
) -> Result<Json<InvitationLink>, Problem> {
    Ok(Json(backend.invite_into_account(&caller, &id, new).await?))
}

/// Look into an account, read only
///
/// The reason goes into that account's audit log. The session sees the account until it leaves.
#[utoipa::path(post, path = "/platform/accounts/{account_id}/support", operation_id = "begin_support",
    tag = "Platform", request_body = SupportRequest, responses((status = 200, body = SessionView), Missing))]
async fn support(
    _: SignedIn,
    browser: BrowserSession,
    ApiPath(id): ApiPath<String>,
    ApiJson(request): ApiJson<SupportRequest>,
) -> Result<Json<SessionView>, Problem> {
    Ok(Json(browser.begin_support(&id, &request).await?))
}

/// Leave an account that one looked into
#[utoipa::path(delete, path = "/platform/accounts/{account_id}/support", operation_id = "leave_support",
    tag = "Platform", responses((status = 204)))]
async fn leave(_: SignedIn, browser: BrowserSession, ApiPath(id): ApiPath<String>) -> Result<StatusCode, Problem> {
    AccountId::parse(&id)?;
    browser.leave_support().await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Outgoing webhooks of the account: where it is told of what happens, and what became of each delivery.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use backend::Backend;
use domain::page::Page;
use domain::webhook::{DeliveryView, NewWebhook, SwitchWebhook, WebhookSecret, WebhookView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::answer::Created;
use crate::http::etag::{IfMatch, Tagged};
use crate::http::extract::{ApiJson, ApiPath, Paging, PagingQuery, SignedIn};
use crate::http::problem::{Conflicting, Missing, MissingOrConflicting, Problem};
use crate::http::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(rotate))
        .routes(routes!(switch))
        .routes(routes!(test))
        .routes(routes!(deliveries))
        .routes(routes!(redeliver))
}

/// The webhooks of the account
#[utoipa::path(get, path = "/webhooks", operation_id = "list_webhooks", tag = "Webhooks",
    params(PagingQuery), responses((status = 200, body = Page<WebhookView>)))]
async fn list(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    Paging(page): Paging,
) -> Result<Json<Page<WebhookView>>, Problem> {
    Ok(Json(backend.list_webhooks(&caller, &page).await?))
}

/// Make a webhook
///
/// The only answer that holds the secret. Deliveries are signed as the Standard Webhooks specification says: headers
/// `webhook-id`, `webhook-timestamp`, `webhook-signature` (`v1`, HMAC-SHA256).
#[utoipa::path(post, path = "/webhooks", operation_id = "create_webhook", tag = "Webhooks",
    request_body = NewWebhook, responses((status = 201, body = WebhookSecret), Conflicting))]
async fn create(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiJson(new): ApiJson<NewWebhook>,
) -> Result<Created<WebhookSecret>, Problem> {
    let made = backend.create_webhook(&caller, &new).await?;
    Ok(Created::secret(format!("/v1/webhooks/{}", made.webhook.id), made))
}

/// One webhook
#[utoipa::path(get, path = "/webhooks/{webhook_id}", operation_id = "get_webhook", tag = "Webhooks",
    responses((status = 200, body = WebhookView), Missing))]
async fn read(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Tagged<WebhookView>, Problem> {
    Ok(Tagged(backend.get_webhook(&caller, &id).await?))
}

/// Change a webhook
#[utoipa::path(put, path = "/webhooks/{webhook_id}", operation_id = "change_webhook", tag = "Webhooks",
    request_body = NewWebhook, responses((status = 200, body = WebhookView), MissingOrConflicting))]
async fn change(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    if_match: IfMatch,
    ApiJson(new): ApiJson<NewWebhook>,
) -> Result<Tagged<WebhookView>, Problem> {
    let saw = if_match.check(backend.get_webhook(&caller, &id)).await?;
    Ok(Tagged(backend.change_webhook(&caller, &id, &new, saw.as_ref()).await?))
}

/// Delete a webhook
///
/// What is on its way is not sent any more.
#[utoipa::path(delete, path = "/webhooks/{webhook_id}", operation_id = "delete_webhook", tag = "Webhooks",
    responses((status = 204)))]
async fn delete(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.delete_webhook(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret
///
/// Deliveries carry the signatures of both secrets for a day.
#[utoipa::path(post, path = "/webhooks/{webhook_id}/rotate", operation_id = "rotate_webhook_secret", tag = "Webhooks",
    responses((status = 200, body = WebhookSecret), MissingOrConflicting))]
async fn rotate(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<Json<WebhookSecret>, Problem> {
    Ok(Json(backend.rotate_webhook_secret(&caller, &id).await?))
}

/// Switch a webhook off or on
///
/// What happens while it is off is not told later; what waited is.
#[utoipa::path(post, path = "/webhooks/{webhook_id}/switch", operation_id = "switch_webhook", tag = "Webhooks",
    request_body = SwitchWebhook, responses((status = 200, body = WebhookView), Missing))]
async fn switch(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    ApiJson(switch): ApiJson<SwitchWebhook>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(backend.switch_webhook(&caller, &id, switch.enabled).await?))
}

/// Send a test event
#[utoipa::path(post, path = "/webhooks/{webhook_id}/test", operation_id = "test_webhook", tag = "Webhooks",
    responses((status = 204), MissingOrConflicting))]
async fn test(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
) -> Result<StatusCode, Problem> {
    backend.test_webhook(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The deliveries of a webhook
///
/// Newest first, of the last 30 days, each with its tries.
#[utoipa::path(get, path = "/webhooks/{webhook_id}/deliveries", operation_id = "list_webhook_deliveries",
    tag = "Webhooks", params(PagingQuery), responses((status = 200, body = Page<DeliveryView>), Missing))]
async fn deliveries(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath(id): ApiPath<String>,
    Paging(page): Paging,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    Ok(Json(backend.list_deliveries(&caller, &id, &page).await?))
}

/// Deliver an event again
#[utoipa::path(post, path = "/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    operation_id = "redeliver_webhook", tag = "Webhooks", responses((status = 204), MissingOrConflicting))]
async fn redeliver(
    SignedIn(caller): SignedIn,
    State(backend): State<Backend>,
    ApiPath((id, delivery)): ApiPath<(String, String)>,
) -> Result<StatusCode, Problem> {
    backend.redeliver(&caller, &id, &delivery).await?;
    Ok(StatusCode::NO_CONTENT)
}

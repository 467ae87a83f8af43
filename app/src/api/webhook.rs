//! Outgoing webhooks. The secret crosses once, in the answer that makes it.

use domain::page::Page;
use domain::webhook::{DeliveryView, WebhookSecret, WebhookView};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::webhook_form::WebhookForm;

/// Webhooks, and whether the caller is an operator.
pub type WebhooksAndRank = (Page<WebhookView>, bool);

/// A webhook with its deliveries, and whether the caller is an operator.
pub type WebhookDetail = (WebhookView, Page<DeliveryView>, bool);

/// One page of webhooks.
#[server(prefix = "/api", endpoint = "webhook/list")]
pub async fn list_webhooks(cursor: String) -> Result<Packed<WebhooksAndRank>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    Packed::new(&(backend.list_webhooks(&caller, &page).await?, caller.user.operator))
}

/// One webhook with a page of its deliveries.
#[server(prefix = "/api", endpoint = "webhook/get")]
pub async fn get_webhook(id: String, cursor: String) -> Result<Packed<WebhookDetail>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(Some(25), Some(cursor).filter(|c| !c.is_empty()))?;
    let webhook = backend.get_webhook(&caller, &id).await?;
    Packed::new(&(webhook, backend.list_deliveries(&caller, &id, &page).await?, caller.user.operator))
}

/// Makes a webhook. Refused to a plain form post, whose redirect could not carry the secret back safely.
#[server(prefix = "/api", endpoint = "webhook/create")]
pub async fn create_webhook(form: WebhookForm) -> Result<Packed<WebhookSecret>, AppError> {
    let caller = crate::ssr::caller().await?;
    if crate::ssr::is_plain_form_post() {
        return Err(AppError::refuse(WebhookForm::needs_javascript()));
    }
    crate::ssr::do_not_store();
    Packed::new(&crate::ssr::backend()?.create_webhook(&caller, &form.into_request()?).await?)
}

/// Changes a webhook and comes back to its page.
#[server(prefix = "/api", endpoint = "webhook/change")]
pub async fn change_webhook(id: String, form: WebhookForm) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let changed = crate::ssr::backend()?.change_webhook(&caller, &id, &form.into_request()?, None).await?;
    leptos_axum::redirect(&Notice::WebhookChanged.after(&crate::paths::webhook(&id), &changed.name));
    Ok(())
}

/// Gives a webhook a new secret. Refused to a plain form post, as the creation is.
#[server(prefix = "/api", endpoint = "webhook/rotate")]
pub async fn rotate_webhook(id: String) -> Result<Packed<WebhookSecret>, AppError> {
    let caller = crate::ssr::caller().await?;
    if crate::ssr::is_plain_form_post() {
        return Err(AppError::refuse(WebhookForm::needs_javascript()));
    }
    crate::ssr::do_not_store();
    Packed::new(&crate::ssr::backend()?.rotate_webhook_secret(&caller, &id).await?)
}

/// Switches a webhook off or on and comes back to its page.
#[server(prefix = "/api", endpoint = "webhook/switch")]
pub async fn switch_webhook(id: String, enabled: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let switched = crate::ssr::backend()?.switch_webhook(&caller, &id, enabled).await?;
    let notice = if enabled { Notice::WebhookEnabled } else { Notice::WebhookDisabled };
    leptos_axum::redirect(&notice.after(&crate::paths::webhook(&id), &switched.name));
    Ok(())
}

/// Sends a test event and comes back to the webhook's page.
#[server(prefix = "/api", endpoint = "webhook/test")]
pub async fn test_webhook(id: String, #[server(default)] name: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.test_webhook(&caller, &id).await?;
    leptos_axum::redirect(&Notice::WebhookTested.after(&crate::paths::webhook(&id), &name));
    Ok(())
}

/// Sends an event again and comes back to the webhook's page.
#[server(prefix = "/api", endpoint = "webhook/redeliver")]
pub async fn redeliver_webhook(id: String, delivery: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.redeliver(&caller, &id, &delivery).await?;
    leptos_axum::redirect(&Notice::WebhookRedelivered.after(&crate::paths::webhook(&id), &delivery));
    Ok(())
}

/// Deletes a webhook and goes to the list.
#[server(prefix = "/api", endpoint = "webhook/delete")]
pub async fn delete_webhook(id: String, name: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.delete_webhook(&caller, &id).await?;
    leptos_axum::redirect(&Notice::WebhookDeleted.after(&crate::paths::webhooks(), &name));
    Ok(())
}

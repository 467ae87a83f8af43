//! Outgoing webhooks: made, changed, tested, looked at. `deliver.rs` carries what happens to them.
//!
//! Source: issue 7 D, `security.md` §7.1 and §7.4 (secrets are write-only).

mod announce;
mod deliver;
mod deployment;
mod secret;

use domain::audit::{Action, AuditEvent};
use domain::id::{DeliveryId, WebhookId};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::version::{stale, unchanged};
use domain::webhook::event::TEST;
use domain::webhook::{
    Delivery, DeliveryState, DeliveryView, Disabled, DisabledReason, NewWebhook, OVERLAP, Webhook, WebhookSecret,
    WebhookSettings, WebhookView,
};
use domain::{Code, Error, Result};

use crate::{Backend, Caller, Grant};

impl Backend {
    /// Webhooks of the account, oldest first; those of the platform for its operators only.
    ///
    /// # Errors
    /// `forbidden` for who may not manage the account.
    pub async fn list_webhooks(&self, caller: &Caller, page: &PageRequest) -> Result<Page<WebhookView>> {
        manages(caller)?;
        let platform = caller.may(Permission::ManagePlatform);
        let rows = self.inner.store.list_webhooks(caller.account.id, platform, page).await?;
        let now = self.inner.clock.now();
        Ok(Page::from_rows(rows, page.limit, |webhook| webhook.id.to_string()).map(|webhook| webhook.view(now)))
    }

    /// One webhook.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_webhook(&self, caller: &Caller, id: &str) -> Result<WebhookView> {
        Ok(self.webhook(caller, id).await?.view(self.inner.clock.now()))
    }

    /// Makes a webhook; the answer is the only place where its secret ever appears.
    ///
    /// # Errors
    /// [`Error::Invalid`], `quota_exceeded`, `forbidden` for `platform` by who is no operator.
    pub async fn create_webhook(&self, caller: &Caller, new: &NewWebhook) -> Result<WebhookSecret> {
        caller.require(Permission::ManageAccount)?;
        let settings = settings(caller, new)?;
        let id = WebhookId::new(self.inner.random.uuid());
        let (text, secret) = self.new_webhook_secret(id)?;
        let WebhookSettings { name, url, topics, platform } = settings;
        let webhook = Webhook {
            id,
            account_id: caller.account.id,
            name,
            url,
            topics,
            platform,
            secret,
            old_secret: None,
            disabled: None,
            failing_since: None,
            created_at: self.inner.clock.now(),
        };
        let audit = self.about(caller, Action::WebhookCreated, &webhook, facts(&webhook));
        self.inner.store.create_webhook(&webhook, &audit).await?;
        Ok(WebhookSecret { webhook: webhook.view(webhook.created_at), secret: text })
    }

    /// Writes other settings. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], `forbidden` as for [`Backend::create_webhook`], `conflict` when somebody
    /// was faster.
    pub async fn change_webhook(
        &self,
        caller: &Caller,
        id: &str,
        new: &NewWebhook,
        saw: Option<&WebhookView>,
    ) -> Result<WebhookView> {
        let webhook = self.webhook_to_change(caller, id).await?.into_inner();
        let now = self.inner.clock.now();
        unchanged(saw, &webhook.view(now))?;
        let settings = settings(caller, new)?;
        let WebhookSettings { name, url, topics, platform } = settings.clone();
        let failing_since = webhook.failing_since.filter(|_| webhook.url == url);
        let changed = Webhook { name, url, topics, platform, failing_since, ..webhook.clone() };
        let audit = self.about(caller, Action::WebhookChanged, &changed, facts(&changed));
        let written = self.inner.store.change_webhook(&webhook, &settings, &audit).await?;
        written.then(|| changed.view(now)).ok_or_else(stale)
    }

    /// A new secret; the one before it signs too for a day.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike; `conflict` when another rotation came first.
    pub async fn rotate_webhook_secret(&self, caller: &Caller, id: &str) -> Result<WebhookSecret> {
        let webhook = self.webhook_to_change(caller, id).await?;
        let (text, secret) = self.new_webhook_secret(webhook.id)?;
        let now = self.inner.clock.now();
        let audit = self.about(caller, Action::WebhookSecretRotated, &webhook, "");
        let old = (self.retired_webhook_secret(webhook.id, &webhook.secret)?, now + OVERLAP);
        // A secret that was handed out and never signs would be worse than none.
        if !self.inner.store.rotate_webhook_secret(webhook.id, &webhook.secret, &secret, &old, &audit).await? {
            return Err(Error::conflict(
                Code::Conflict,
                "The secret was changed at the same time: look, then try again",
            ));
        }
        let rotated = Webhook { old_secret: Some(old), ..webhook.into_inner() };
        Ok(WebhookSecret { webhook: rotated.view(now), secret: text })
    }

    /// Switches a webhook off or on; repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn switch_webhook(&self, caller: &Caller, id: &str, enabled: bool) -> Result<WebhookView> {
        let webhook = self.webhook_to_change(caller, id).await?.into_inner();
        let now = self.inner.clock.now();
        let disabled = (!enabled).then_some(Disabled { at: now, reason: DisabledReason::ByHand });
        if webhook.disabled.is_none() == enabled {
            return Ok(webhook.view(now));
        }
        let action = if enabled { Action::WebhookEnabled } else { Action::WebhookDisabled };
        let audit = self.about(caller, action, &webhook, "");
        self.inner.store.switch_webhook(webhook.id, disabled.as_ref(), &audit).await?;
        Ok(Webhook { disabled, failing_since: None, ..webhook }.view(now))
    }

    /// Deletes a webhook with what is on its way. Done twice it is done once: for unknown and foreign ids nothing happens.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn delete_webhook(&self, caller: &Caller, id: &str) -> Result<()> {
        caller.require(Permission::ManageAccount)?;
        let webhook = match self.webhook(caller, id).await {
            Err(Error::NotFound) => return Ok(()),
            found => found?,
        };
        let audit = self.about(caller, Action::WebhookDeleted, &webhook, "");
        self.inner.store.delete_webhook(webhook.id, &audit).await.map(drop)
    }

    /// Sends an event of its own kind to one webhook, ahead of what waits: who mended a receiver wants to know now.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `conflict` while it is switched off.
    pub async fn test_webhook(&self, caller: &Caller, id: &str) -> Result<()> {
        let webhook = self.webhook_to_change(caller, id).await?;
        sent(&webhook)?;
        let audit = self.about(caller, Action::WebhookTested, &webhook, "");
        let delivery = Delivery {
            id: DeliveryId::new(self.inner.random.uuid()),
            webhook_id: webhook.id,
            kind: TEST.to_owned(),
            account_id: Some(caller.account.id),
            target: target(webhook.id),
            target_name: webhook.name.clone(),
            outcome: audit.outcome.as_str().to_owned(),
            detail: "A test".to_owned(),
            ecosystem: None,
            at: audit.at,
            state: DeliveryState::Waiting,
            tries: 0,
            first_tried_at: None,
            next_at: audit.at,
        };
        self.inner.store.add_delivery(&delivery, &audit).await.map(drop)
    }

    /// Deliveries of a webhook, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn list_deliveries(&self, caller: &Caller, id: &str, page: &PageRequest) -> Result<Page<DeliveryView>> {
        let webhook = self.webhook(caller, id).await?;
        let rows = self.inner.store.list_deliveries(webhook.id, page).await?;
        let page = Page::from_rows(rows, page.limit, |(delivery, _)| delivery.id.to_string());
        Ok(page.map(|(delivery, attempts)| delivery.view(&attempts)))
    }

    /// Makes a delivery wait again, as new; one that waits already is tried at once.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `conflict` while the webhook is switched off.
    pub async fn redeliver(&self, caller: &Caller, id: &str, delivery: &str) -> Result<()> {
        let delivery = DeliveryId::parse(delivery)?;
        let webhook = self.webhook_to_change(caller, id).await?;
        sent(&webhook)?;
        let audit = self.about(caller, Action::WebhookRedelivered, &webhook, delivery.to_string());
        let ordered = self.inner.store.redeliver(webhook.id, delivery, self.inner.clock.now(), &audit).await?;
        if ordered { Ok(()) } else { Err(Error::NotFound) }
    }

    async fn webhook(&self, caller: &Caller, id: &str) -> Result<Grant<Webhook>> {
        let id = WebhookId::parse(id)?;
        let found = self.inner.store.webhook(caller.account.id, id).await?;
        // One of the platform tells of what no account sees: to everybody but operators it does not exist.
        let visible = |webhook: &Webhook| {
            caller.may(Permission::Read) && (!webhook.platform || caller.may(Permission::ManagePlatform))
        };
        let found = found.filter(visible).ok_or(Error::NotFound)?;
        manages(caller)?;
        Ok(Grant::new(found))
    }

    async fn webhook_to_change(&self, caller: &Caller, id: &str) -> Result<Grant<Webhook>> {
        let webhook = self.webhook(caller, id).await?;
        caller.require(Permission::ManageAccount)?;
        Ok(webhook)
    }

    fn about(&self, caller: &Caller, action: Action, webhook: &Webhook, detail: impl Into<String>) -> AuditEvent {
        self.audit(caller, action, target(webhook.id), detail).named(webhook.name.as_str())
    }
}

/// Checks settings: those of the platform are for its operators.
fn settings(caller: &Caller, new: &NewWebhook) -> Result<WebhookSettings> {
    let settings = new.check()?;
    if settings.platform {
        caller.require(Permission::ManagePlatform)?;
    }
    Ok(settings)
}

/// Looking is allowed to whoever manages, in a suspended account too.
fn manages(caller: &Caller) -> Result<()> {
    if caller.may(Permission::ManageAccount) { Ok(()) } else { Err(Error::Forbidden { code: Code::Forbidden }) }
}

fn sent(webhook: &Webhook) -> Result<()> {
    match webhook.disabled {
        Some(_) => Err(Error::conflict(Code::Conflict, "This webhook is disabled: enable it first")),
        None => Ok(()),
    }
}

/// What an audit row says of a webhook: the host only, as the path may hold a token of the receiver.
fn facts(webhook: &Webhook) -> String {
    let topics: Vec<&str> = webhook.topics.iter().map(|topic| topic.as_str()).collect();
    let platform = if webhook.platform { ", platform" } else { "" };
    format!("{}: {}{platform}", webhook.url.host(), topics.join(", "))
}

/// The audit target of a webhook.
fn target(id: WebhookId) -> String {
    format!("webhook:{id}")
}

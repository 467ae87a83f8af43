//! What the use cases need of stored webhooks and their deliveries, and of whoever carries them.

use async_trait::async_trait;
use domain::Result;
use domain::audit::AuditEvent;
use domain::id::{AccountId, ApiKeyId, DeliveryId, WebhookId};
use domain::page::PageRequest;
use domain::webhook::delivery::Next;
use domain::webhook::deployment::{DeploymentStep, ToldDeployment};
use domain::webhook::{Attempt, Delivery, Disabled, Webhook, WebhookSettings, WebhookUrl};
use jiff::Timestamp;

/// A key that ends soon and was not announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingKey {
    /// Which.
    pub id: ApiKeyId,
    /// Whose.
    pub account_id: AccountId,
    /// What people call it.
    pub name: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Webhooks, and what is on its way to them. The deliveries themselves are written with the audit row of what happened.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Adds a webhook. `QuotaExceeded` when the account has [`domain::webhook::MOST`].
    async fn create_webhook(&self, webhook: &Webhook, audit: &AuditEvent) -> Result<()>;
    /// Finds a webhook of an account.
    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>>;
    /// Webhooks of an account by id, `limit + 1` rows; those of the platform only where `platform` asks for them too.
    async fn list_webhooks(&self, account: AccountId, platform: bool, page: &PageRequest) -> Result<Vec<Webhook>>;
    /// Writes other settings of a webhook as it was read; false when it has others by now, or is gone.
    async fn change_webhook(&self, webhook: &Webhook, settings: &WebhookSettings, audit: &AuditEvent) -> Result<bool>;
    /// Puts a new sealed secret in the place of `read`; the one before it, sealed as such, signs until then. False when
    /// another one is there by now, or none.
    async fn rotate_webhook_secret(
        &self,
        id: WebhookId,
        read: &str,
        secret: &str,
        old: &(String, Timestamp),
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Switches it off, or on (none) with a clean record. False when nothing changes.
    async fn switch_webhook(&self, id: WebhookId, disabled: Option<&Disabled>, audit: &AuditEvent) -> Result<bool>;
    /// Webhooks of the platform that are on, in accounts which no operator manages any more: they are told nothing.
    async fn stray_webhooks(&self, limit: u32) -> Result<Vec<Webhook>>;
    /// Deletes it with its deliveries; false when it is gone.
    async fn delete_webhook(&self, id: WebhookId, audit: &AuditEvent) -> Result<bool>;
    /// Adds a delivery for this webhook only. False when the webhook is gone.
    async fn add_delivery(&self, delivery: &Delivery, audit: &AuditEvent) -> Result<bool>;
    /// Deliveries of a webhook, newest first, `limit + 1` rows, each with its attempts, the first first.
    async fn list_deliveries(&self, id: WebhookId, page: &PageRequest) -> Result<Vec<(Delivery, Vec<Attempt>)>>;
    /// Makes a delivery that ended wait again, as new. False when there is none.
    async fn redeliver(&self, webhook: WebhookId, id: DeliveryId, now: Timestamp, audit: &AuditEvent) -> Result<bool>;
    /// What is due of each webhook that is sent, one at a time: a test, which waits for nothing, or else the first event
    /// that waits, since a webhook is told in order. One that cannot be read fails as [`domain::webhook::Problem::Unreadable`], and holds up no other.
    async fn due_deliveries(&self, now: Timestamp, limit: u32) -> Result<Vec<(Webhook, Delivery)>>;
    /// Keeps an attempt and what follows from it; the webhook's record too. Bookkeeping without an audit row.
    async fn record_attempt(&self, delivery: &Delivery, attempt: &Attempt, next: Next) -> Result<()>;
    /// Removes deliveries of events before `before`, and those of webhooks that are gone.
    async fn prune_deliveries(&self, before: Timestamp) -> Result<u64>;
    /// Living keys that end before `until` and were not announced with that end.
    async fn ending_keys(&self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<EndingKey>>;
    /// Marks such a key as announced; false when it changed or was announced meanwhile.
    async fn announce_ending_key(&self, key: &EndingKey, audit: &AuditEvent) -> Result<bool>;
    /// What was told of every Deployment that was there.
    async fn told_deployments(&self) -> Result<Vec<ToldDeployment>>;
    /// Takes each step with its messages to whichever webhooks ask for them, or neither: nothing from another state
    /// than the stored one, nor in a namespace that is not stored. Bookkeeping without an audit row.
    async fn tell_of_deployments(&self, steps: &[DeploymentStep], now: Timestamp) -> Result<()>;
}

/// One request to a receiver.
pub struct Outgoing<'a> {
    /// Where to.
    pub url: &'a WebhookUrl,
    /// Names and values; the body is JSON.
    pub headers: [(&'static str, String); 3],
    /// The body.
    pub body: String,
}

/// Carries deliveries, by the rules for outbound connections (`security.md` §7.1).
#[async_trait]
pub trait Courier: Send + Sync {
    /// Posts it and gives the status of the answer, which is not read any further.
    async fn post(&self, outgoing: Outgoing<'_>) -> Result<u16, domain::webhook::Problem>;
}

//! The delivery loop: the leader carries what waits, in order for each webhook, side by side for all of them.
//!
//! At least once: a leader that ends in the middle of a request leaves its delivery waiting, and the next one sends it
//! again under the same `webhook-id`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::audit::Action;
use domain::id::WebhookId;
use domain::webhook::delivery::Next;
use domain::webhook::{Attempt, DISABLED_AFTER, Delivery, Disabled, DisabledReason, KEPT, Problem, Webhook, event};
use domain::{Error, Result};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::secret::{OLD, PRESENT};
use super::target;
use crate::Backend;
use crate::envelope::kek_id;
use crate::ports::{Courier, Outgoing};

// What happens is told within a second.
const LOOK: Duration = Duration::from_secs(1);
// Old deliveries and keys that end: nobody waits for these.
const SWEEP: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 64;
// Of the platform, in one sweep.
const STRAY: u32 = 100;
// After a fault of ours nothing is known of the delivery but that it still waits: never send it again and again.
const HOLD: SignedDuration = SignedDuration::from_secs(30);

/// Webhooks that are not asked now.
#[derive(Default)]
struct Engaged {
    /// Being sent to.
    busy: BTreeSet<WebhookId>,
    /// A fault of ours came between; until when they are left alone.
    held: BTreeMap<WebhookId, Timestamp>,
}

// === impl Engaged ===

impl Engaged {
    /// How many more may be sent to.
    fn room(&self) -> usize {
        AT_ONCE.saturating_sub(self.busy.len())
    }

    /// How many rows to read: those that are engaged are among them, and must not stand in the way of the others.
    fn rows(&self) -> u32 {
        u32::try_from(AT_ONCE.saturating_add(self.held.len())).unwrap_or(u32::MAX)
    }

    /// One is through; it is left alone for a while if that went wrong on our side.
    fn through(&mut self, id: WebhookId, went_wrong: bool, now: Timestamp) {
        self.busy.remove(&id);
        if went_wrong {
            self.held.insert(id, now + HOLD);
        }
    }

    fn release(&mut self, now: Timestamp) {
        self.held.retain(|_, until| now < *until);
    }

    fn is_free(&self, id: WebhookId) -> bool {
        !self.busy.contains(&id) && !self.held.contains_key(&id)
    }
}

impl Backend {
    /// Delivers until cancelled; idle while another replica leads.
    pub async fn deliver_webhooks(&self, courier: &dyn Courier, shutdown: CancellationToken) {
        let (mut look, mut sweep) = (interval(LOOK), interval(SWEEP));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut running = FuturesUnordered::new();
        let mut engaged = Engaged::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                // One that is through may have a next one behind it.
                Some((id, went_wrong)) = running.next(), if !running.is_empty() => {
                    engaged.through(id, went_wrong, self.inner.clock.now());
                }
                _ = look.tick() => {}
                _ = sweep.tick() => if self.leads() { self.sweep_webhooks().await },
            }
            if !self.leads() {
                // Dropped in the middle: the next leader sends these again.
                running.clear();
                engaged = Engaged::default();
                continue;
            }
            engaged.release(self.inner.clock.now());
            for (webhook, delivery) in self.due(&engaged).await {
                engaged.busy.insert(webhook.id);
                running.push(self.carry(courier, webhook, delivery));
            }
        }
    }

    /// What may be sent now, besides what is being sent.
    async fn due(&self, engaged: &Engaged) -> Vec<(Webhook, Delivery)> {
        let room = engaged.room();
        if room == 0 {
            return Vec::new();
        }
        match self.inner.store.due_deliveries(self.inner.clock.now(), engaged.rows()).await {
            Ok(due) => due.into_iter().filter(|(webhook, _)| engaged.is_free(webhook.id)).take(room).collect(),
            Err(error) => {
                troubled("reading the deliveries that wait", &error);
                Vec::new()
            }
        }
    }

    async fn sweep_webhooks(&self) {
        if let Err(error) = self.announce_ending_keys().await {
            troubled("announcing keys that end", &error);
        }
        if let Err(error) = self.silence_stray_webhooks().await {
            troubled("looking for operators of the platform's webhooks", &error);
        }
        if let Err(error) = self.inner.store.prune_deliveries(self.inner.clock.now() - KEPT).await {
            troubled("removing old deliveries", &error);
        }
    }

    /// One try, with what follows from it; true when something went wrong on our side.
    async fn carry(&self, courier: &dyn Courier, webhook: Webhook, delivery: Delivery) -> (WebhookId, bool) {
        let tried = self.try_once(courier, &webhook, &delivery).await;
        if let Err(error) = &tried {
            troubled("delivering to a webhook", error);
        }
        (webhook.id, tried.is_err())
    }

    async fn try_once(&self, courier: &dyn Courier, webhook: &Webhook, delivery: &Delivery) -> Result<()> {
        let begun = self.inner.clock.now();
        let outgoing = match self.outgoing(webhook, delivery, begun) {
            Err(error) if self.is_damaged(webhook) => return self.give_up(delivery, begun, &error).await,
            outgoing => outgoing?,
        };
        let answer = courier.post(outgoing).await;
        let took_ms = self.inner.clock.now().as_millisecond() - begun.as_millisecond();
        let attempt = Attempt { at: begun, status: answer.ok(), problem: answer.err(), took_ms: took_ms.max(0) };
        let outcome = if attempt.arrived() { "delivered" } else { "failed" };
        metrics::counter!("remotegpu_webhook_attempts_total", "outcome" => outcome).increment(1);
        // A receiver that is gone for good says so (Standard Webhooks, "Disabling endpoints").
        let gone = attempt.status == Some(410);
        let next = if gone { Next::GiveUp } else { delivery.after(&attempt) };
        self.inner.store.record_attempt(delivery, &attempt, next).await?;
        let failing = webhook.failing_since.is_some_and(|since| !attempt.arrived() && begun >= since + DISABLED_AFTER);
        match (gone, failing) {
            (true, _) => self.silence(webhook, DisabledReason::Gone, begun).await,
            (false, true) => self.silence(webhook, DisabledReason::Failing, begun).await,
            (false, false) => Ok(()),
        }
    }

    /// Signed by the present secret, and by the one before it while both are good.
    fn outgoing<'a>(&self, webhook: &'a Webhook, delivery: &Delivery, now: Timestamp) -> Result<Outgoing<'a>> {
        let (id, second, body) = (delivery.id.to_string(), now.as_second(), event::body(delivery));
        let text = event::signed_text(&id, second, &body);
        let mut signatures = vec![self.sign_webhook(webhook.id, PRESENT, &webhook.secret, &text)?];
        if let Some((sealed, _)) = webhook.old_secret.as_ref().filter(|(_, until)| now < *until) {
            signatures.push(self.sign_webhook(webhook.id, OLD, sealed, &text)?);
        }
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", second.to_string()),
            ("webhook-signature", signatures.join(" ")),
        ];
        Ok(Outgoing { url: &webhook.url, headers, body })
    }

    /// Whether its secrets will never be read: all keys that seal them are there. While one is missing, deliveries wait.
    fn is_damaged(&self, webhook: &Webhook) -> bool {
        let old = webhook.old_secret.as_ref().map(|(sealed, _)| sealed);
        let mut keys = std::iter::once(&webhook.secret).chain(old).filter_map(|sealed| kek_id(sealed));
        keys.all(|key| self.inner.envelope.knows(key))
    }

    /// It will never be sent: those behind it must not wait for it.
    async fn give_up(&self, delivery: &Delivery, at: Timestamp, error: &Error) -> Result<()> {
        damaged(delivery, error);
        let attempt = Attempt { at, status: None, problem: Some(Problem::Unreadable), took_ms: 0 };
        self.inner.store.record_attempt(delivery, &attempt, Next::GiveUp).await
    }

    /// Whoever made one of the platform may be no operator any more: nothing of the platform is for that account then.
    async fn silence_stray_webhooks(&self) -> Result<()> {
        for webhook in self.inner.store.stray_webhooks(STRAY).await? {
            self.silence(&webhook, DisabledReason::NoOperator, self.inner.clock.now()).await?;
        }
        Ok(())
    }

    async fn silence(&self, webhook: &Webhook, reason: DisabledReason, at: Timestamp) -> Result<()> {
        let (action, disabled) = (Action::WebhookDisabled, Disabled { at, reason });
        let audit = self.audit_system(webhook.account_id, action, target(webhook.id), reason.words());
        let audit = audit.named(webhook.name.as_str());
        self.inner.store.switch_webhook(webhook.id, Some(&disabled), &audit).await.map(drop)
    }
}

fn damaged(delivery: &Delivery, error: &Error) {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, webhook = %delivery.webhook_id, "a secret cannot be read; the delivery has failed");
}

pub(super) fn troubled(doing: &'static str, error: &Error) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(error, doing, "will be tried again");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> WebhookId {
        WebhookId::parse(text).unwrap()
    }

    #[test]
    fn a_webhook_is_left_alone_after_a_fault_of_ours_and_holds_up_nobody_else() {
        let (broken, sound) = (id("019c1b2e-7f00-7abc-8def-0123456789ab"), id("019c1b2e-7f00-7abc-8def-0123456789ac"));
        let now = Timestamp::from_second(1000).unwrap();
        let mut engaged = Engaged::default();
        engaged.busy.extend([broken, sound]);
        assert!(!engaged.is_free(broken) && !engaged.is_free(sound));
        engaged.through(broken, true, now);
        engaged.through(sound, false, now);
        engaged.release(now);
        assert!(!engaged.is_free(broken) && engaged.is_free(sound));
        assert_eq!((engaged.room(), engaged.rows()), (64, 65), "its row is read besides those that may be sent");
        engaged.release(now + SignedDuration::from_secs(29));
        assert!(!engaged.is_free(broken));
        engaged.release(now + HOLD);
        assert!(engaged.is_free(broken));
    }
}

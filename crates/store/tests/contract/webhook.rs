//! Webhooks: what happens is written for whoever asked, with its audit row; each is told in order; keys that end, once.

use backend::ports::*;
use domain::Code;
use domain::api_key::ApiKey;
use domain::audit::{Action, AuditEvent, Outcome};
use domain::id::{DeliveryId, WebhookId};
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::webhook::delivery::Next;
use domain::webhook::{
    Attempt, Delivery, DeliveryState, Disabled, DisabledReason, MOST, Problem, Topic, Webhook, WebhookSettings,
    WebhookUrl,
};
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    a_webhook_is_read_as_it_was_made_and_changed
    a_webhook_of_another_account_is_invisible
    both_secrets_are_found_when_the_key_that_seals_them_is_replaced
    an_account_has_twenty_webhooks_and_not_one_more
    what_happens_is_written_with_its_audit_row_for_whoever_asked
    a_change_that_is_rolled_back_is_told_to_nobody
    what_belongs_to_no_account_is_told_to_the_platform_only
    each_webhook_is_told_in_order_and_one_does_not_hold_up_another
    attempts_are_kept_and_a_delivery_that_failed_can_be_ordered_anew
    a_webhook_that_is_off_is_told_nothing_and_goes_on_with_what_waited
    a_deleted_webhook_leaves_nothing_and_old_deliveries_go
    a_key_that_ends_soon_is_announced_once_for_each_end
}

fn new(tenant: &Tenant, topics: &[Topic]) -> Webhook {
    Webhook {
        id: WebhookId::new(Uuid::now_v7()),
        account_id: tenant.account.id,
        name: "chat".into(),
        url: WebhookUrl::parse("https://hooks.example.com/x").unwrap(),
        topics: topics.to_vec(),
        platform: false,
        secret: "sealed".into(),
        old_secret: None,
        disabled: None,
        failing_since: None,
        created_at: at(0),
    }
}

async fn stored(db: &Database, tenant: &Tenant, webhook: Webhook) -> Webhook {
    db.create_webhook(&webhook, &tenant.event(Action::WebhookCreated)).await.unwrap();
    webhook
}

async fn made(db: &Database, tenant: &Tenant, topics: &[Topic]) -> Webhook {
    stored(db, tenant, new(tenant, topics)).await
}

async fn read(db: &Database, webhook: &Webhook) -> Webhook {
    db.webhook(webhook.account_id, webhook.id).await.unwrap().unwrap()
}

/// Something happens at `second`; gives its row.
async fn happens(db: &Database, tenant: &Tenant, action: Action, second: i64) -> AuditEvent {
    let row = AuditEvent { at: at(second), ..tenant.event(action) };
    db.record(&row).await.unwrap();
    row
}

async fn deliveries(db: &Database, webhook: &Webhook) -> Vec<Delivery> {
    let page = PageRequest { limit: 100, after: None };
    db.list_deliveries(webhook.id, &page).await.unwrap().into_iter().map(|(delivery, _)| delivery).collect()
}

/// What is due at `second`, of one webhook.
async fn due(db: &Database, webhook: &Webhook, second: i64) -> Option<Delivery> {
    let all = db.due_deliveries(at(second), 1000).await.unwrap();
    all.into_iter().find(|(of, _)| of.id == webhook.id).map(|(_, delivery)| delivery)
}

fn attempt(second: i64, status: u16) -> Attempt {
    Attempt { at: at(second), status: Some(status), problem: None, took_ms: 7 }
}

async fn a_webhook_is_read_as_it_was_made_and_changed(db: &Database) {
    let tenant = given::tenant(db).await;
    let first = made(db, &tenant, &[Topic::Budget, Topic::Deployment]).await;
    assert_eq!(read(db, &first).await, first);
    let url = WebhookUrl::parse("https://192.0.2.1:8443/y").unwrap();
    let settings = WebhookSettings { name: "pager".into(), url, topics: vec![Topic::Engine], platform: true };
    assert!(db.change_webhook(first.id, &settings, &tenant.event(Action::WebhookChanged)).await.unwrap());
    let old = ("sealed-old".to_owned(), at(86_400));
    let audit = tenant.event(Action::WebhookSecretRotated);
    assert!(db.rotate_webhook_secret(first.id, "sealed", "sealed-2", &old, &audit).await.unwrap());
    let late = db.rotate_webhook_secret(first.id, "sealed", "sealed-3", &old, &audit).await.unwrap();
    assert!(!late, "another rotation came first: a secret that never signs must not be handed out");
    let WebhookSettings { name, url, topics, platform } = settings.clone();
    let (secret, old_secret) = ("sealed-2".to_owned(), Some(old.clone()));
    let changed = Webhook { name, url, topics, platform, secret, old_secret, ..first };
    assert_eq!(read(db, &changed).await, changed);
    let actions = [Action::WebhookSecretRotated, Action::WebhookChanged, Action::WebhookCreated];
    assert_eq!(tenant.audited(db).await[..3], actions);
    let gone = WebhookId::new(Uuid::now_v7());
    assert!(!db.change_webhook(gone, &settings, &tenant.event(Action::WebhookChanged)).await.unwrap());
    assert!(!db.rotate_webhook_secret(gone, "x", "y", &old, &tenant.event(Action::WebhookChanged)).await.unwrap());
}

async fn a_webhook_of_another_account_is_invisible(db: &Database) {
    let (tenant, other) = (given::tenant(db).await, given::tenant(db).await);
    let webhook = made(db, &tenant, &[Topic::Budget]).await;
    assert_eq!(db.webhook(other.account.id, webhook.id).await.unwrap(), None);
    let page = PageRequest::default();
    assert_eq!(db.list_webhooks(other.account.id, true, &page).await.unwrap(), []);
    let platform = stored(db, &tenant, Webhook { platform: true, ..new(&tenant, &[Topic::Engine]) }).await;
    assert_eq!(db.list_webhooks(tenant.account.id, false, &page).await.unwrap(), std::slice::from_ref(&webhook));
    assert_eq!(db.list_webhooks(tenant.account.id, true, &page).await.unwrap(), [webhook, platform]);
    let foreign = made(db, &other, &[Topic::Deployment]).await;
    happens(db, &tenant, Action::DeploymentCreated, 1).await;
    assert_eq!(deliveries(db, &foreign).await, []);
}

async fn both_secrets_are_found_when_the_key_that_seals_them_is_replaced(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::Budget]).await;
    let old = ("sealed-old".to_owned(), at(9));
    let audit = tenant.event(Action::WebhookSecretRotated);
    assert!(db.rotate_webhook_secret(webhook.id, "sealed", "sealed-new", &old, &audit).await.unwrap());
    let mut rows = db.sealed_rows().await.unwrap();
    rows.retain(|row| row.table == "webhooks" && row.row == webhook.id.to_string());
    assert_eq!(rows.iter().map(|row| row.sealed.as_str()).collect::<Vec<_>>(), ["sealed-new", "sealed-old"]);
    for row in &rows {
        let wrapped = format!("{}-anew", row.sealed);
        assert!(db.rewrap(row, &wrapped, &tenant.event(Action::SecretRewrapped)).await.unwrap());
        assert!(!db.rewrap(row, &wrapped, &tenant.event(Action::SecretRewrapped)).await.unwrap(), "it is not there");
    }
    let found = read(db, &webhook).await;
    assert_eq!((found.secret.as_str(), found.old_secret), ("sealed-new-anew", Some(("sealed-old-anew".into(), at(9)))));
}

async fn an_account_has_twenty_webhooks_and_not_one_more(db: &Database) {
    let tenant = given::tenant(db).await;
    for _ in 0..MOST {
        made(db, &tenant, &[Topic::Budget]).await;
    }
    let more = db.create_webhook(&new(&tenant, &[Topic::Budget]), &tenant.event(Action::WebhookCreated)).await;
    assert_eq!(more.unwrap_err().code(), Code::QuotaExceeded);
    let page = PageRequest { limit: 200, after: None };
    assert_eq!(db.list_webhooks(tenant.account.id, true, &page).await.unwrap().len(), 20);
}

async fn what_happens_is_written_with_its_audit_row_for_whoever_asked(db: &Database) {
    let tenant = given::tenant(db).await;
    let (asked, silent) = (made(db, &tenant, &[Topic::Deployment]).await, made(db, &tenant, &[Topic::Engine]).await);
    let row = happens(db, &tenant, Action::WorkloadDeleted, 5).await;
    happens(db, &tenant, Action::SignedIn, 6).await;
    let refused = AuditEvent { outcome: Outcome::Refused, ..tenant.event(Action::DeploymentCreated) };
    db.record(&refused).await.unwrap();
    let told = Delivery {
        id: DeliveryId::parse(&row.id.to_string()).unwrap(),
        webhook_id: asked.id,
        kind: "workload.deleted".into(),
        account_id: Some(tenant.account.id),
        target: row.target,
        target_name: row.target_name,
        outcome: "success".into(),
        detail: row.detail,
        ecosystem: None,
        at: at(5),
        state: DeliveryState::Waiting,
        tries: 0,
        first_tried_at: None,
        next_at: at(5),
    };
    assert_eq!(deliveries(db, &asked).await, [told]);
    assert_eq!(deliveries(db, &silent).await, []);
}

async fn a_change_that_is_rolled_back_is_told_to_nobody(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::Deployment]).await;
    // Nothing changes, so nothing is committed: neither the row nor what would be told of it.
    let gone = WebhookId::new(Uuid::now_v7());
    assert!(!db.delete_webhook(gone, &tenant.event(Action::DeploymentDeleted)).await.unwrap());
    assert_eq!(deliveries(db, &webhook).await, []);
}

async fn what_belongs_to_no_account_is_told_to_the_platform_only(db: &Database) {
    let tenant = given::tenant(db).await;
    let plain = made(db, &tenant, &[Topic::Deployment]).await;
    let platform = stored(db, &tenant, Webhook { platform: true, ..new(&tenant, &[Topic::Deployment]) }).await;
    let row = AuditEvent { account_id: None, ..tenant.event(Action::DeploymentCreated) };
    db.record(&row).await.unwrap();
    assert_eq!(deliveries(db, &plain).await, []);
    let told = deliveries(db, &platform).await;
    assert_eq!((told.len(), told[0].account_id), (1, None));
}

async fn each_webhook_is_told_in_order_and_one_does_not_hold_up_another(db: &Database) {
    let tenant = given::tenant(db).await;
    let (slow, quick) = (made(db, &tenant, &[Topic::Deployment]).await, made(db, &tenant, &[Topic::Deployment]).await);
    for second in [1, 2] {
        happens(db, &tenant, Action::DeploymentCreated, second).await;
    }
    assert_eq!(due(db, &slow, 0).await, None, "not before it happened");
    let first = due(db, &slow, 5).await.unwrap();
    assert_eq!(first.at, at(1));
    db.record_attempt(&first, &attempt(5, 500), Next::Again(at(10))).await.unwrap();
    assert_eq!(due(db, &slow, 9).await, None, "the second waits behind the first");
    let again = due(db, &slow, 10).await.unwrap();
    assert_eq!((again.id, again.tries, again.first_tried_at), (first.id, 1, Some(at(5))));
    assert_eq!(read(db, &slow).await.failing_since, Some(at(5)));
    db.record_attempt(&again, &attempt(10, 204), Next::Delivered).await.unwrap();
    assert_eq!(read(db, &slow).await.failing_since, None);
    assert_eq!(due(db, &slow, 10).await.unwrap().at, at(2));
    assert_eq!(due(db, &quick, 5).await.unwrap().at, at(1));
}

async fn attempts_are_kept_and_a_delivery_that_failed_can_be_ordered_anew(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::Deployment]).await;
    happens(db, &tenant, Action::DeploymentCreated, 1).await;
    let unreached = Attempt { status: None, problem: Some(Problem::Timeout), ..attempt(2, 0) };
    let first = due(db, &webhook, 2).await.unwrap();
    db.record_attempt(&first, &unreached, Next::Again(at(3))).await.unwrap();
    let second = due(db, &webhook, 3).await.unwrap();
    db.record_attempt(&second, &attempt(3, 404), Next::GiveUp).await.unwrap();
    let page = PageRequest::default();
    let listed = db.list_deliveries(webhook.id, &page).await.unwrap();
    assert_eq!(listed[0].0.state, DeliveryState::Failed);
    assert_eq!(listed[0].1, [unreached, attempt(3, 404)]);
    assert_eq!(due(db, &webhook, 9999).await, None);
    let audit = tenant.event(Action::WebhookRedelivered);
    assert!(db.redeliver(webhook.id, first.id, at(20), &audit).await.unwrap());
    let anew = due(db, &webhook, 20).await.unwrap();
    assert_eq!((anew.id, anew.tries, anew.first_tried_at), (first.id, 0, None));
    let other = made(db, &tenant, &[Topic::Deployment]).await;
    let audit = tenant.event(Action::WebhookRedelivered);
    assert!(!db.redeliver(other.id, first.id, at(20), &audit).await.unwrap(), "another webhook's");
}

async fn a_webhook_that_is_off_is_told_nothing_and_goes_on_with_what_waited(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::Deployment]).await;
    happens(db, &tenant, Action::DeploymentCreated, 1).await;
    let off = Disabled { at: at(2), reason: DisabledReason::Gone };
    let switch = async |to: Option<&Disabled>| {
        db.switch_webhook(webhook.id, to, &tenant.event(Action::WebhookDisabled)).await.unwrap()
    };
    assert!(switch(Some(&off)).await && !switch(Some(&off)).await);
    assert_eq!(read(db, &webhook).await.disabled, Some(off));
    happens(db, &tenant, Action::DeploymentDeleted, 3).await;
    assert_eq!(due(db, &webhook, 9).await, None);
    assert!(switch(None).await && !switch(None).await);
    assert_eq!(due(db, &webhook, 9).await.unwrap().at, at(1));
    assert_eq!(deliveries(db, &webhook).await.len(), 1, "what happened meanwhile is not told");
}

async fn a_deleted_webhook_leaves_nothing_and_old_deliveries_go(db: &Database) {
    let tenant = given::tenant(db).await;
    let (gone, kept) = (made(db, &tenant, &[Topic::Deployment]).await, made(db, &tenant, &[Topic::Deployment]).await);
    for second in [1, 100] {
        happens(db, &tenant, Action::DeploymentCreated, second).await;
    }
    let first = due(db, &gone, 1).await.unwrap();
    db.record_attempt(&first, &attempt(1, 500), Next::Again(at(2))).await.unwrap();
    assert!(db.delete_webhook(gone.id, &tenant.event(Action::WebhookDeleted)).await.unwrap());
    assert!(!db.delete_webhook(gone.id, &tenant.event(Action::WebhookDeleted)).await.unwrap());
    assert_eq!((deliveries(db, &gone).await.len(), db.count("webhook_attempts").await), (0, 0));
    db.prune_deliveries(at(50)).await.unwrap();
    let left: Vec<_> = deliveries(db, &kept).await.into_iter().map(|delivery| delivery.at).collect();
    assert_eq!(left, [at(100)]);
}

async fn a_key_that_ends_soon_is_announced_once_for_each_end(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::KeyExpiry]).await;
    let ends = |second: i64| ApiKey { expires_at: Some(at(second)), ..tenant.new_api_key(Scope::All) };
    let soon = tenant.stored(db, ends(50)).await;
    for second in [5, 200] {
        tenant.stored(db, ends(second)).await;
    }
    tenant.stored(db, ApiKey { revoked_at: Some(at(1)), ..ends(60) }).await;
    tenant.api_key(db, Scope::All).await;
    let find = async || {
        let found = db.ending_keys(at(10), at(100), 10).await.unwrap();
        found.into_iter().filter(|key| key.account_id == tenant.account.id).collect::<Vec<_>>()
    };
    let found = find().await;
    assert_eq!(found.iter().map(|key| (key.id, key.expires_at)).collect::<Vec<_>>(), [(soon.id, at(50))]);
    let announce = async || db.announce_ending_key(&found[0], &tenant.event(Action::ApiKeyExpiring)).await.unwrap();
    assert!(announce().await && !announce().await);
    assert!(find().await.is_empty());
    let told = deliveries(db, &webhook).await;
    assert_eq!((told.len(), told[0].kind.as_str()), (1, "api_key.expiring"));
    let later = ApiKey { expires_at: Some(at(70)), ..soon };
    assert!(db.update_api_key(&later, false, &tenant.event(Action::ApiKeyChanged)).await.unwrap());
    assert_eq!(find().await.len(), 1, "another end");
}

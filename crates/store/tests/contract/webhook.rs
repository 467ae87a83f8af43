//! Webhooks: what happens is written for whoever asked, with its audit row; each is told in order; keys that end, once.

use backend::ports::*;
use domain::Code;
use domain::api_key::ApiKey;
use domain::audit::{Action, AuditEvent, Outcome};
use domain::id::{DeliveryId, NamespaceId, WebhookId};
use domain::page::PageRequest;
use domain::permission::{Permission, allows};
use domain::scope::Scope;
use domain::user::Role;
use domain::webhook::delivery::Next;
use domain::webhook::deployment::{DeploymentNews, DeploymentStep, ToldDeployment};
use domain::webhook::event::TEST;
use domain::webhook::{
    Attempt, Delivery, DeliveryState, Disabled, DisabledReason, MOST, Problem, Topic, Webhook, WebhookSettings,
    WebhookUrl,
};
use futures::future::join_all;
use uuid::Uuid;

use crate::database::Database;
use crate::given::{self, Tenant, at};

on_both_engines! {
    a_webhook_is_read_as_it_was_made_and_changed
    a_webhook_of_another_account_is_invisible
    both_secrets_are_found_when_the_key_that_seals_them_is_replaced
    an_account_has_twenty_webhooks_and_not_one_more
    of_many_who_take_the_last_place_of_an_account_at_once_one_gets_it
    what_happens_is_written_with_its_audit_row_for_whoever_asked
    a_change_that_is_rolled_back_is_told_to_nobody
    what_belongs_to_no_account_is_told_to_the_platform_only
    a_webhook_of_the_platform_is_told_nothing_unless_an_operator_manages_its_account
    each_webhook_is_told_in_order_and_one_does_not_hold_up_another
    a_test_is_due_whatever_waits_and_holds_nothing_back
    a_delivery_that_cannot_be_read_fails_alone
    a_new_address_has_not_failed_yet
    attempts_are_kept_and_a_delivery_that_failed_can_be_ordered_anew
    a_webhook_that_is_off_is_told_nothing_and_goes_on_with_what_waited
    a_deleted_webhook_leaves_nothing_and_old_deliveries_go
    a_key_that_ends_soon_is_announced_once_for_each_end
    a_step_of_a_deployment_is_told_once_and_only_from_where_it_begins
    a_deployment_in_a_namespace_of_somebody_else_is_neither_kept_nor_told
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

/// Somebody gives a webhook this name and address.
async fn rewritten(db: &Database, tenant: &Tenant, webhook: &Webhook, name: &str, url: &str) {
    let (url, topics) = (WebhookUrl::parse(url).unwrap(), webhook.topics.clone());
    let settings = WebhookSettings { name: name.into(), url, topics, platform: webhook.platform };
    let (read, audit) = (read(db, webhook).await, tenant.event(Action::WebhookChanged));
    assert!(db.change_webhook(&read, &settings, &audit).await.unwrap());
}

/// Something happens at `second`; gives its row.
async fn happens(db: &Database, tenant: &Tenant, action: Action, second: i64) -> AuditEvent {
    let row = AuditEvent { at: at(second), ..tenant.event(action) };
    db.record(&row).await.unwrap();
    row
}

/// Something that belongs to no account happens at `second`.
async fn of_the_platform(db: &Database, tenant: &Tenant, second: i64) {
    let row = AuditEvent { account_id: None, at: at(second), ..tenant.event(Action::DeploymentCreated) };
    db.record(&row).await.unwrap();
}

/// The owner of the account has this role from now on, and is an operator or not.
async fn stands(db: &Database, tenant: &Tenant, operator: bool, role: Role) {
    let (id, role) = (tenant.owner.id, role.as_str());
    db.run(format!("UPDATE users SET operator = {operator} WHERE id = '{id}'")).await.unwrap();
    db.run(format!("UPDATE members SET role = '{role}' WHERE user_id = '{id}'")).await.unwrap();
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
    assert!(db.change_webhook(&first, &settings, &tenant.event(Action::WebhookChanged)).await.unwrap());
    let late = db.change_webhook(&first, &settings, &tenant.event(Action::WebhookChanged)).await.unwrap();
    assert!(!late, "it was changed since it was read");
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
    let absent = Webhook { id: gone, ..changed };
    assert!(!db.change_webhook(&absent, &settings, &tenant.event(Action::WebhookChanged)).await.unwrap());
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

async fn of_many_who_take_the_last_place_of_an_account_at_once_one_gets_it(db: &Database) {
    let tenant = given::tenant(db).await;
    for _ in 1..MOST {
        made(db, &tenant, &[Topic::Budget]).await;
    }
    let tries = (0..8).map(|_| {
        let (webhook, audit) = (new(&tenant, &[Topic::Budget]), tenant.event(Action::WebhookCreated));
        async move { db.create_webhook(&webhook, &audit).await }
    });
    let (made, refused): (Vec<_>, Vec<_>) = join_all(tries).await.into_iter().partition(Result::is_ok);
    assert!(made.len() == 1 && refused.into_iter().all(|full| full.unwrap_err().code() == Code::QuotaExceeded));
    assert_eq!(db.count("webhooks").await, MOST);
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
    stands(db, &tenant, true, Role::Owner).await;
    of_the_platform(db, &tenant, 1).await;
    assert_eq!(deliveries(db, &plain).await, []);
    let told = deliveries(db, &platform).await;
    assert_eq!((told.len(), told[0].account_id), (1, None));
}

async fn a_webhook_of_the_platform_is_told_nothing_unless_an_operator_manages_its_account(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = stored(db, &tenant, Webhook { platform: true, ..new(&tenant, &[Topic::Deployment]) }).await;
    for role in Role::ALL {
        stands(db, &tenant, true, role).await;
        let stray = db.stray_webhooks(10).await.unwrap();
        assert_eq!(stray.is_empty(), allows(role, true, Permission::ManageAccount), "{role:?}");
    }
    stands(db, &tenant, true, Role::Owner).await;
    of_the_platform(db, &tenant, 1).await;
    stands(db, &tenant, false, Role::Owner).await;
    of_the_platform(db, &tenant, 2).await;
    assert_eq!(db.stray_webhooks(10).await.unwrap(), std::slice::from_ref(&webhook));
    assert_eq!(due(db, &webhook, 5).await, None, "what waited is not for them either");
    stands(db, &tenant, true, Role::Admin).await;
    assert_eq!(due(db, &webhook, 5).await.unwrap().at, at(1));
    assert_eq!(deliveries(db, &webhook).await.len(), 1, "what happened meanwhile is not told");
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

async fn a_test_is_due_whatever_waits_and_holds_nothing_back(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::Deployment]).await;
    happens(db, &tenant, Action::DeploymentCreated, 1).await;
    let first = due(db, &webhook, 5).await.unwrap();
    db.record_attempt(&first, &attempt(5, 500), Next::Again(at(100))).await.unwrap();
    let test = |second| Delivery {
        id: DeliveryId::new(Uuid::now_v7()),
        kind: TEST.into(),
        at: at(second),
        next_at: at(second),
        ..first.clone()
    };
    let (early, late) = (test(6), test(7));
    for test in [&early, &late] {
        assert!(db.add_delivery(test, &tenant.event(Action::WebhookTested)).await.unwrap());
    }
    assert_eq!(due(db, &webhook, 8).await.unwrap().id, early.id, "the event before it waits for its next try");
    db.record_attempt(&early, &attempt(8, 500), Next::Again(at(200))).await.unwrap();
    assert_eq!(due(db, &webhook, 8).await.unwrap().id, late.id, "a second test does not wait for the first");
    db.record_attempt(&late, &attempt(8, 500), Next::Again(at(200))).await.unwrap();
    assert_eq!(due(db, &webhook, 99).await, None);
    assert_eq!(due(db, &webhook, 100).await.unwrap().id, first.id, "a test that failed holds nothing back");
}

async fn a_delivery_that_cannot_be_read_fails_alone(db: &Database) {
    let tenant = given::tenant(db).await;
    let (hurt, sound) = (made(db, &tenant, &[Topic::Deployment]).await, made(db, &tenant, &[Topic::Deployment]).await);
    let row = happens(db, &tenant, Action::DeploymentCreated, 1).await;
    happens(db, &tenant, Action::DeploymentCreated, 2).await;
    let one = format!("webhook_id = '{}' AND id = '{}'", hurt.id, row.id);
    db.run(format!("UPDATE webhook_deliveries SET account_id = 'broken' WHERE {one}")).await.unwrap();
    assert_eq!(due(db, &sound, 5).await.unwrap().at, at(1), "another webhook goes on");
    assert_eq!(due(db, &hurt, 5).await.unwrap().at, at(2), "what is behind it goes on");
    let failed = db.count(&format!("webhook_deliveries WHERE {one} AND state = 'failed'")).await;
    let why = db.count(&format!("webhook_attempts WHERE delivery_id = '{}' AND problem = 'unreadable'", row.id)).await;
    assert_eq!((failed, why), (1, 1));
}

async fn a_new_address_has_not_failed_yet(db: &Database) {
    let tenant = given::tenant(db).await;
    let webhook = made(db, &tenant, &[Topic::Deployment]).await;
    happens(db, &tenant, Action::DeploymentCreated, 1).await;
    let delivery = due(db, &webhook, 5).await.unwrap();
    db.record_attempt(&delivery, &attempt(5, 500), Next::Again(at(10))).await.unwrap();
    rewritten(db, &tenant, &webhook, "pager", webhook.url.as_str()).await;
    assert_eq!(read(db, &webhook).await.failing_since, Some(at(5)), "it is still the same receiver");
    rewritten(db, &tenant, &webhook, "pager", "https://192.0.2.9/new").await;
    assert_eq!(read(db, &webhook).await.failing_since, None);
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

fn told(namespace: NamespaceId, generation: i64) -> ToldDeployment {
    let (uid, name) = (format!("uid-{namespace}"), "demo".to_owned());
    ToldDeployment { uid, namespace_id: namespace, name, generation, replicas: 2, available: false, failed: false }
}

fn step(before: Option<ToldDeployment>, after: Option<ToldDeployment>, kind: &'static str) -> DeploymentStep {
    let news = vec![DeploymentNews { id: DeliveryId::new(Uuid::now_v7()), kind, detail: "2 replicas".into() }];
    DeploymentStep { before, after, news }
}

/// What is kept of the Deployments of a namespace.
async fn kept(db: &Database, namespace: NamespaceId) -> Vec<ToldDeployment> {
    let all = db.told_deployments().await.unwrap();
    all.into_iter().filter(|told| told.namespace_id == namespace).collect()
}

async fn a_step_of_a_deployment_is_told_once_and_only_from_where_it_begins(db: &Database) {
    let tenant = given::tenant(db).await;
    let asks = made(db, &tenant, &[Topic::DeploymentState]).await;
    let other = made(db, &tenant, &[Topic::Deployment]).await;
    let namespace = tenant.namespace(db, "team").await.id;
    let (first, second) = (told(namespace, 1), ToldDeployment { available: true, ..told(namespace, 3) });
    let begin = step(None, Some(first.clone()), "deployment.appeared");
    let change = step(Some(first.clone()), Some(second.clone()), "deployment.changed");
    for _ in 0..2 {
        db.tell_of_deployments(std::slice::from_ref(&begin), at(10)).await.unwrap();
    }
    assert_eq!(kept(db, namespace).await, [first]);
    db.tell_of_deployments(&[change.clone(), change], at(20)).await.unwrap();
    assert_eq!(kept(db, namespace).await, std::slice::from_ref(&second));
    let end = step(Some(second), None, "deployment.gone");
    db.tell_of_deployments(&[end.clone(), end], at(30)).await.unwrap();
    assert!(kept(db, namespace).await.is_empty());
    let mut seen: Vec<_> =
        deliveries(db, &asks).await.into_iter().map(|one| (one.kind, one.at, one.target_name)).collect();
    seen.sort_by_key(|(_, at, _)| *at);
    let demo = |kind: &str, second: i64| (kind.to_owned(), at(second), "demo".to_owned());
    let all = [demo("deployment.appeared", 10), demo("deployment.changed", 20), demo("deployment.gone", 30)];
    assert_eq!(seen, all);
    assert!(deliveries(db, &other).await.is_empty());
}

async fn a_deployment_in_a_namespace_of_somebody_else_is_neither_kept_nor_told(db: &Database) {
    let tenant = given::tenant(db).await;
    let asks = made(db, &tenant, &[Topic::DeploymentState]).await;
    let foreign = NamespaceId::new(Uuid::now_v7());
    let begin = step(None, Some(told(foreign, 1)), "deployment.appeared");
    let end = step(Some(told(foreign, 1)), None, "deployment.gone");
    db.tell_of_deployments(&[begin, end], at(10)).await.unwrap();
    assert_eq!((kept(db, foreign).await, deliveries(db, &asks).await), (Vec::new(), Vec::new()));
}

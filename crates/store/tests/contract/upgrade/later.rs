//! Every row of the files after `0001.sql`, through the ports, as far as a console of some schema had them.

use backend::ports::*;
use domain::credential::Access;
use domain::engine::{Depth, EngineKind, EngineStatus, RowStatus, Settings};
use domain::engine_manifest::{EngineFeature, TokenForm};
use domain::id::{AccountId, ApiKeyId, CredentialId, EngineId, NamespaceId, SkypilotKubeconfigId, UserId, WebhookId};
use domain::idle_gpu::IdleGpuAction;
use domain::request::{Begun, KeptAnswer, RequestRecord};
use domain::session::Acting;
use domain::tenant::TenantId;
use domain::usage::{Day, UsageKey};
use domain::user::Role;
use domain::webhook::{DeliveryState, Problem};

use super::{ACCOUNT, ACTIVE, OWNER, everything, ms};
use crate::database::Database;
use crate::given::{self, at};

const HELD: &str = "019c1b2e-7f00-7aaa-8def-000000000002";
const CAROL: &str = "019c1b2e-7f00-7bbb-8def-000000000003";
const RESEARCH: &str = "019c1b2e-7f00-7ccc-8def-000000000004";
const REVOKED: &str = "019c1b2e-7f00-7ddd-8def-000000000002";
const ROTATED: &str = "019c1b2e-7f00-7ddd-8def-000000000003";
const CREDENTIAL: &str = "019c1b2e-7f00-7eee-8def-000000000003";
const WEBHOOK: &str = "019c1b2e-7f00-7666-8def-000000000001";
const KUBECONFIG: &str = "019c1b2e-7f00-7555-8def-000000000001";
const CAROLS_KUBECONFIG: &str = "019c1b2e-7f00-7555-8def-000000000002";
const ENGINE: &str = "019c1b2e-7f00-7999-8def-000000000001";
const PLATFORMS_ENGINE: &str = "019c1b2e-7f00-7999-8def-000000000002";
const SUPPORT_SESSION: &str = "2222222233334444555566666666666677777777888888889999999900000000";
const NAMED_SESSION: &str = "3333333333333333333333333333333333333333333333333333333333333333";

fn held() -> AccountId {
    AccountId::parse(HELD).unwrap()
}

fn carol() -> UserId {
    UserId::parse(CAROL).unwrap()
}

fn research() -> NamespaceId {
    NamespaceId::parse(RESEARCH).unwrap()
}

fn rotated() -> ApiKeyId {
    ApiKeyId::parse(ROTATED).unwrap()
}

/// Every row of the files after the first, as far as a console of `version` had them.
pub(super) async fn read_later_kinds(db: &Database, version: i64) {
    if version >= 2 {
        held_account(db, version).await;
        held_namespace(db, version).await;
        sessions(db, version).await;
    }
    if version >= 3 {
        reset_and_identity(db).await;
    }
    if version >= 4 {
        keys_and_credentials(db).await;
    }
    if version >= 5 {
        machines(db).await;
    }
    if version >= 7 {
        answered_request(db).await;
    }
    if version >= 9 {
        revocations(db, version).await;
    }
    if version >= 11 {
        engines(db, version).await;
    }
    if version >= 12 {
        usage_and_budget(db).await;
    }
    if version >= 14 {
        webhooks(db).await;
    }
    if version >= 15 {
        skypilot(db, version).await;
    }
    if version >= 16 {
        manifest(db).await;
    }
    if version >= 26 {
        draft(db).await;
    }
    if version >= 29 {
        usage_of_a_key(db).await;
    }
    if version >= 31 {
        let (user, email) = db.password_reset("made-hash", at(1)).await.unwrap().unwrap();
        assert_eq!((user, email.as_str()), (carol(), "carol@example.com"));
    }
    if version >= 32 {
        let told = db.told_deployments().await.unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.name.as_str(), one.generation, one.replicas)).collect();
        assert_eq!(told, [("llama", 3, 2)]);
    }
}

/// What a schema after `version` brought is as in every account.
async fn held_account(db: &Database, version: i64) {
    let account = db.account(held()).await.unwrap().unwrap();
    assert_eq!((account.name.as_str(), account.customer.as_str()), ("held account", "skgu00006"));
    assert_eq!(account.suspended_at, Some(at(0)));
    assert_eq!((account.quota.namespaces, account.quota.gpus, account.quota.pods), (3, 1, 30));
    assert!(account.skus.grants("cpu-shared-8g"));
    assert_eq!(account.skus.grants("gpu-h100-1x"), version < 10);
    assert_eq!(account.ecosystem_required, version >= 30);
    if version >= 13 {
        assert!(db.is_current(carol(), 3).await.unwrap());
    }
    let (invitation, account) = db.open_invitation("invitation-hash", at(1)).await.unwrap().unwrap();
    assert_eq!((invitation.email.as_str(), invitation.role), ("eve@example.com", Role::Member));
    assert_eq!(account.id.to_string(), ACCOUNT);

    let log = given::log_of(db, held()).await;
    let log: Vec<_> = log.iter().map(|row| (row.action.as_str(), row.actor_name.as_str(), row.sequence)).collect();
    let sealed: Option<(&str, &str, i64)> = (version >= 6).then_some(("account.suspended", "ada@example.com", 1));
    assert_eq!(log, sealed.into_iter().chain([("account.created", "", 0)]).collect::<Vec<_>>());
}

async fn held_namespace(db: &Database, version: i64) {
    let outdated = db.outdated_namespaces(10).await.unwrap();
    let (namespace, since) = outdated.first().unwrap();
    assert_eq!((outdated.len(), namespace.id, namespace.name.as_str(), *since), (1, research(), "research", at(0)));
    if version >= 13 {
        let number = TenantId::from_number(41);
        assert_eq!((namespace.tenant, namespace.label()), (Some(number), "Our research"));
        assert_eq!(namespace.activated_at, Some(ms(1_700_000_000_050)));
        assert_eq!(db.tenant_id_of(research()).await.unwrap(), Some(number));
    }
    if version >= 17 {
        let rule = db.idle_gpu(research()).await.unwrap().unwrap();
        let rule = (rule.action, rule.warn_after_minutes, rule.stop_after_minutes);
        assert_eq!(rule, (IdleGpuAction::Stop, 20, 90));
    }
    let sku = db.default_sku(research()).await.unwrap();
    assert_eq!(sku.as_deref(), (version >= 19).then_some("cpu-shared-8g"));
    let limited = (version >= 28).then_some(1);
    assert_eq!((namespace.share.gpus, namespace.share.gpu_classes.get("h100").copied()), (limited, limited));
}

async fn sessions(db: &Database, version: i64) {
    let support = db.peek_session(SUPPORT_SESSION, at(0)).await.unwrap().unwrap();
    assert_eq!(support.acting, Acting { account: Some(held()), support: true });
    assert_eq!(support.id.to_string(), "22222222-3333-4444-5555-666666666666", "named after its hash");
    assert_eq!((support.authenticated_at, support.provider.as_deref()), (ms(0), None));
    if version >= 3 {
        let named = db.peek_session(NAMED_SESSION, at(0)).await.unwrap().unwrap();
        assert_eq!(named.id.to_string(), "019c1b2e-7f00-7888-8def-000000000001");
        assert_eq!((named.acting, named.authenticated_at), (Acting::default(), at(60)));
        assert_eq!((named.provider.as_deref(), named.provider_sid.as_deref()), (Some("corp"), Some("sid-1")));
    }
}

async fn reset_and_identity(db: &Database) {
    let (owner, email) = db.password_reset("reset-hash", at(1)).await.unwrap().unwrap();
    assert_eq!((owner.to_string().as_str(), email.as_str()), (OWNER, "ada@example.com"));
    let identity = db.identity("https://id.example.com", "ada-1").await.unwrap().unwrap();
    assert_eq!((identity.user_id, identity.provider.as_str()), (owner, "corp"));
}

async fn keys_and_credentials(db: &Database) {
    let key = db.api_key(held(), rotated()).await.unwrap().unwrap();
    let old = key.old_secret.as_ref().unwrap();
    assert_eq!((key.secret.digest.as_str(), key.secret.generation, key.secret.hash_version), ("digest-3b", 2, 1));
    assert_eq!((old.secret.digest.as_str(), old.secret.generation, old.secret.hash_version), ("digest-3a", 1, 1));
    assert_eq!((key.secret.pepper_id.as_str(), old.secret.pepper_id.as_str()), ("p2", "p1"));
    assert_eq!((old.ends_at, key.revision), (at(86_400), 3));
    assert_eq!(db.order_ended_keys(at(1)).await.unwrap(), 0, "its end was seen");
    let order = db.keys_to_settle(Some(ApiKeyId::parse(REVOKED).unwrap()), 1).await.unwrap();
    assert_eq!(order.first().unwrap().ticket, 3);

    let found = db.credential(held(), CredentialId::parse(CREDENTIAL).unwrap()).await.unwrap().unwrap();
    assert_eq!((found.namespace.as_str(), found.api_key.unwrap().name.as_str()), ("research", "rotated"));
    let credential = found.credential;
    assert_eq!((credential.access, credential.revoked_at), (Some(Access::View), Some(at(0))));
    assert_eq!((credential.token_id.as_deref(), credential.address.as_deref()), (Some("jti-1"), Some("192.0.2.9")));
    let ordered = db.accounts_to_remove(10).await.unwrap();
    assert!(ordered.contains(&(credential.service_account, research())), "{ordered:?}");
    assert_eq!(db.installation_id("another").await.unwrap(), "installation-1");
}

async fn machines(db: &Database) {
    let machine = db.cli_session_by_token("token-hash", at(1)).await.unwrap().unwrap();
    assert_eq!((machine.user_id.to_string().as_str(), machine.name.as_str()), (OWNER, "laptop"));
    assert_eq!(db.take_cli_code("code-hash").await.unwrap().unwrap().0.name, "desktop");
}

async fn answered_request(db: &Database) {
    let request = RequestRecord { key_hash: "request-hash".into(), body_hash: "body-hash".into() };
    let (location, body) = (Some("/v1/budgets/1".into()), Some(r#"{"id":"1"}"#.into()));
    let answer = Begun::Done(KeptAnswer { status: 201, location, body });
    assert_eq!(db.begin_request(&request, at(1), at(121)).await.unwrap(), answer);
}

/// The ledger knows of the key of 0009.sql, and of the rotation in 0004.sql since 0024.sql.
async fn revocations(db: &Database, version: i64) {
    let missing = db.revocations_to_note(10).await.unwrap();
    let missing: Vec<_> = missing.iter().map(|one| (one.public_id.as_str(), one.before)).collect();
    let rotation: Option<(&str, Option<u32>)> = (version < 24).then_some(("cccccccc", Some(2)));
    assert_eq!(missing, [("bbbbbbbb", None)].into_iter().chain(rotation).collect::<Vec<_>>());
}

async fn engines(db: &Database, version: i64) {
    let all = db.list_engines(held(), true, &everything()).await.unwrap();
    let all: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.account_id, one.settings.kind())).collect();
    let platforms = ("docker-1", None, EngineKind::Docker);
    assert_eq!(all, [("onprem-1", Some(held()), EngineKind::OnPremise), platforms]);

    let id = EngineId::parse(ENGINE).unwrap();
    let engine = db.engine(id).await.unwrap().unwrap();
    assert_eq!((engine.ecosystem.as_str(), engine.failures, engine.revision), ("eu", 2, 4));
    assert_eq!((engine.status, engine.status_reason.as_str()), (EngineStatus::Degraded, "a right is lacking"));
    let features = [EngineFeature::Pods, EngineFeature::Logs];
    assert!(
        matches!(&engine.settings, Settings::OnPremise(one) if one.features == features && one.gpus[0].count == 8),
        "{engine:?}"
    );
    assert_eq!(engine.settings.address(), "https://kubernetes.example.com:6443");
    assert_eq!(engine.auth.expires_at, Some(at(1_440_000)));
    assert_eq!((engine.facts.version.as_str(), engine.facts.cluster_uid.as_str()), ("v1.33.1", "cluster-1"));
    assert_eq!((engine.last_check_at, engine.last_full_at), (Some(at(0)), Some(at(-10_000))));
    assert_eq!(db.engine_credentials(id).await.unwrap().as_deref(), Some("sealed-engine-1"));
    let checks = db.engine_checks(id, 10).await.unwrap();
    assert_eq!((checks.len(), checks[0].at, checks[0].depth), (1, at(0), Depth::Full));
    let row = checks[0].report.rows.first().unwrap();
    assert_eq!((row.id.as_str(), row.status), ("tls-name", RowStatus::Warn));

    // Rows of before count as held.
    let platforms = EngineId::parse(PLATFORMS_ENGINE).unwrap();
    assert!(db.engine_is_held(id).await.unwrap());
    assert_eq!(db.engine_is_held(platforms).await.unwrap(), version < 27);
}

async fn usage_and_budget(db: &Database) {
    let account = AccountId::parse(ACCOUNT).unwrap();
    let open = db.open_usage(Some(account)).await.unwrap();
    assert_eq!((open.len(), open[0].pod_uid.as_str(), open[0].price.micros), (1, "uid-1", 3_290_000));
    assert_eq!((open[0].started_at, open[0].ended_at), (at(0), None));
    let days = db.usage_days(account, Day::of(at(0)), Day::of(at(0))).await.unwrap();
    assert_eq!((days.len(), days[0].seconds, days[0].micros), (1, 3600, 3_290_000));
    assert_eq!(db.metered_until().await.unwrap(), Some(at(0)));
    let budgets = db.budgets_of(account).await.unwrap();
    assert_eq!((budgets.len(), budgets[0].terms.amount.micros), (1, 100_000_000));
    assert_eq!(budgets[0].terms.warn_at, [80, 100]);
}

async fn usage_of_a_key(db: &Database) {
    let key = Some(UsageKey { id: rotated(), name: "rotated".into() });
    let open = db.open_usage(Some(held())).await.unwrap();
    assert_eq!((open.len(), open[0].pod_uid.as_str(), &open[0].key), (1, "uid-2", &key));
    let days = db.usage_days(held(), Day::of(at(0)), Day::of(at(0))).await.unwrap();
    let days: Vec<_> = days.into_iter().map(|day| (day.key, day.seconds, day.micros)).collect();
    assert_eq!(days, [(None, 1800, 1_645_000), (key, 1800, 1_645_000)]);
}

async fn webhooks(db: &Database) {
    let webhooks = db.list_webhooks(AccountId::parse(ACCOUNT).unwrap(), false, &everything()).await.unwrap();
    let webhook = webhooks.first().unwrap();
    assert_eq!((webhook.name.as_str(), webhook.secret.as_str(), webhook.topics.len()), ("chat", "sealed-2", 2));
    assert_eq!(webhook.old_secret, Some(("sealed-1".to_owned(), at(86_400))));
    let told = db.list_deliveries(WebhookId::parse(WEBHOOK).unwrap(), &everything()).await.unwrap();
    let (delivery, attempts) = told.first().unwrap();
    let stands = (delivery.kind.as_str(), delivery.state, delivery.tries);
    assert_eq!(stands, ("engine.status_changed", DeliveryState::Delivered, 2));
    assert_eq!((delivery.ecosystem.as_deref(), delivery.at, delivery.next_at), (Some("eu"), at(0), at(5)));
    let attempts: Vec<_> = attempts.iter().map(|one| (one.status, one.problem, one.took_ms)).collect();
    assert_eq!(attempts, [(None, Some(Problem::Timeout), 10_000), (Some(204), None, 12)]);
    assert!(db.ending_keys(at(1), at(7200), 10).await.unwrap().is_empty(), "its end was announced");
}

async fn skypilot(db: &Database, version: i64) {
    let (active, id) = (NamespaceId::parse(ACTIVE).unwrap(), SkypilotKubeconfigId::parse(KUBECONFIG).unwrap());
    let issued = db.skypilot_kubeconfig(active, id).await.unwrap().unwrap();
    assert_eq!((issued.created_by.as_str(), issued.owner_id), ("ada@example.com", None));
    assert!(db.skypilot_access(active).await.unwrap().unwrap().wanted);
    if version >= 20 {
        let id = SkypilotKubeconfigId::parse(CAROLS_KUBECONFIG).unwrap();
        let issued = db.skypilot_kubeconfig(research(), id).await.unwrap().unwrap();
        assert_eq!((issued.created_by.as_str(), issued.owner_id), ("carol@example.com", Some(carol())));
    }
}

async fn manifest(db: &Database) {
    let input = db.find_engine_manifest("0123456789abcdef0123456789abcdef", at(1)).await.unwrap().unwrap();
    assert_eq!((input.engine_name.as_str(), input.namespace.as_str()), ("onprem-2", "gpus"));
    assert_eq!((input.token, input.self_renewal), (TokenForm::LongLived, false));
    assert_eq!((input.features, input.namespaces), (vec![EngineFeature::Pods], vec!["more".to_owned()]));
}

async fn draft(db: &Database) {
    let draft = "connector-draft".to_owned();
    assert_eq!(db.living_connectors(std::slice::from_ref(&draft)).await.unwrap(), ["connector-draft"]);
    let ordered = db.accounts_to_remove(10).await.unwrap();
    assert!(ordered.contains(&(draft, research())), "{ordered:?}");
}

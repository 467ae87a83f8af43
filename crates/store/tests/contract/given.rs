//! What tests begin with. Functions that take `db` have stored what they return; the others only made it up.

use std::time::Duration;

use backend::ports::*;
use domain::account::{Account, AccountName, CustomerId, Quota};
use domain::api_key::{ApiKey, HASH_VERSION, KeySecret, PublicId};
use domain::audit::{Action, AuditEvent, AuditFilter, AuditRecord, AuditScope, Outcome};
use domain::credential::{Access, Credential};
use domain::id::{AccountId, ApiKeyId, AuditId, CredentialId, NamespaceId, SessionId, UserId};
use domain::namespace::{KubernetesName, Namespace, NamespaceName, NamespaceStatus};
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::session::SessionRecord;
use domain::user::{Email, Role, User};
use jiff::Timestamp;
use store::SqlStore;
use uuid::Uuid;

/// An account with its owner.
pub struct Tenant {
    pub account: Account,
    pub owner: User,
}

/// Seconds on the test clock.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Waits for what comes by itself. Panics with `what` after a minute: no test may hold up the run.
pub async fn in_time<T>(what: &str, awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), awaited).await.expect(what)
}

/// An audit row in `account`.
pub fn event(account: AccountId, action: Action) -> AuditEvent {
    AuditEvent {
        id: AuditId::new(Uuid::now_v7()),
        at: at(0),
        account_id: Some(account),
        actor: "user:ada".into(),
        actor_name: "ada@example.com".into(),
        action,
        target: "thing:1".into(),
        target_name: "the thing".into(),
        outcome: Outcome::Success,
        code: None,
        detail: "müde & <wach>".into(),
        address: "192.0.2.7".into(),
        user_agent: "curl/8".into(),
        request_id: "r-1".into(),
        jti: None,
    }
}

pub fn new_account(name: &str) -> Account {
    Account {
        id: AccountId::new(Uuid::now_v7()),
        name: AccountName::new(name).unwrap(),
        customer: CustomerId::from_number(0),
        created_at: at(0),
        suspended_at: None,
        quota: Quota::default(),
        skus: Default::default(),
        ecosystem_required: false,
    }
}

pub fn new_user(email: &str) -> User {
    let email = Email::new(email).unwrap();
    User { id: UserId::new(Uuid::now_v7()), email, operator: false, disabled: false, created_at: at(0) }
}

/// What is stored of a secret; each generation has a digest of its own.
pub fn new_secret(generation: u32) -> KeySecret {
    let digest = format!("{generation:064x}");
    KeySecret { generation, digest, pepper_id: "p1".into(), hash_version: HASH_VERSION }
}

pub async fn account(db: &SqlStore, name: &str) -> Account {
    let account = new_account(name);
    db.create_account(&account, &event(account.id, Action::AccountCreated)).await.unwrap()
}

pub async fn member(db: &SqlStore, account: &Account, role: Role) -> User {
    let user = new_user(&format!("{}@example.com", Uuid::now_v7()));
    let audit = event(account.id, Action::UserCreated);
    db.create_user(&user, Some("$argon2id$hash"), account.id, role, &audit).await.unwrap();
    user
}

pub async fn tenant(db: &SqlStore) -> Tenant {
    let account = account(db, &format!("account {}", Uuid::now_v7())).await;
    let owner = member(db, &account, Role::Owner).await;
    Tenant { account, owner }
}

/// The first page of somebody's sessions.
pub async fn sessions(db: &SqlStore, user: UserId, now: Timestamp) -> Vec<SessionRecord> {
    db.list_sessions(user, now, &PageRequest::default()).await.unwrap()
}

/// An account's audit log, newest first.
pub async fn log_of(db: &SqlStore, account: AccountId) -> Vec<AuditRecord> {
    let (scope, page) = (AuditScope::Account(account), PageRequest { limit: 200, after: None });
    db.list_audit(scope, &AuditFilter::default(), None, &page).await.unwrap()
}

impl Tenant {
    /// `Conflict` or false as the store says.
    pub async fn rename(&self, db: &SqlStore, from: &Namespace, name: &str) -> domain::Result<bool> {
        let to = Namespace { name: NamespaceName::new(name).unwrap(), ..from.clone() };
        db.change_namespace(from, &to, at(0), &[self.event(Action::NamespaceRenamed)]).await
    }

    pub fn event(&self, action: Action) -> AuditEvent {
        event(self.account.id, action)
    }

    pub fn new_namespace(&self, name: &str) -> Namespace {
        let (id, name) = (NamespaceId::new(Uuid::now_v7()), NamespaceName::new(name).unwrap());
        Namespace {
            id,
            account_id: self.account.id,
            kubernetes_name: KubernetesName::derive(&name, id),
            name,
            status: NamespaceStatus::Creating,
            status_message: None,
            created_by: self.owner.id,
            created_at: at(0),
            tenant: None,
            label: None,
            activated_at: None,
            share: domain::account::Share::default(),
        }
    }

    pub async fn namespace(&self, db: &SqlStore, name: &str) -> Namespace {
        let namespace = self.new_namespace(name);
        db.create_namespace(&namespace, &self.event(Action::NamespaceCreated)).await.unwrap();
        namespace
    }

    pub async fn namespace_in(&self, db: &SqlStore, name: &str, status: NamespaceStatus) -> Namespace {
        let mut namespace = self.namespace(db, name).await;
        let audit = self.event(Action::NamespaceActivated);
        assert!(db.set_namespace_status(namespace.id, NamespaceStatus::Creating, status, None, &audit).await.unwrap());
        namespace.status = status;
        namespace.activated_at = (status == NamespaceStatus::Active).then_some(audit.at);
        namespace
    }

    pub fn new_api_key(&self, scope: Scope) -> ApiKey {
        let id = ApiKeyId::new(Uuid::now_v7());
        ApiKey {
            id,
            account_id: self.account.id,
            owner_id: self.owner.id,
            name: "laptop".into(),
            public_id: PublicId::from_trusted(id.short()),
            secret: new_secret(1),
            old_secret: None,
            scope,
            access: Access::Edit,
            expires_at: None,
            disabled: false,
            revoked_at: None,
            created_at: at(0),
            last_used_at: None,
            last_used_ip: None,
            revision: 1,
            removal_pending: false,
        }
    }

    pub async fn stored(&self, db: &SqlStore, key: ApiKey) -> ApiKey {
        db.create_api_key(&key, &self.event(Action::ApiKeyCreated)).await.unwrap();
        key
    }

    pub async fn api_key(&self, db: &SqlStore, scope: Scope) -> ApiKey {
        self.stored(db, self.new_api_key(scope)).await
    }

    pub fn new_credential(&self, key: Option<&ApiKey>, namespace: &Namespace) -> Credential {
        Credential {
            id: CredentialId::new(Uuid::now_v7()),
            account_id: self.account.id,
            api_key_id: key.map(|key| key.id),
            namespace_id: namespace.id,
            service_account: "key-a1b2c3d4-1-456789ab".into(),
            access: Some(Access::Edit),
            token_id: Some("6d2f".into()),
            address: Some("192.0.2.7".into()),
            issued_at: at(0),
            expires_at: at(3540),
            last_used_at: at(0),
            revoked_at: None,
        }
    }

    /// The account's audit log, newest first.
    pub async fn log(&self, db: &SqlStore) -> Vec<AuditRecord> {
        log_of(db, self.account.id).await
    }

    /// Actions in the account's audit log, newest first.
    pub async fn audited(&self, db: &SqlStore) -> Vec<Action> {
        self.log(db).await.iter().map(|row| Action::parse(&row.action).unwrap()).collect()
    }

    /// Signed in at second 0: idle for 8 h, at most 7 days.
    pub async fn session(&self, db: &SqlStore, id_hash: &str) -> SessionRecord {
        let session = SessionRecord {
            id_hash: id_hash.into(),
            data: "{}".into(),
            address: "192.0.2.7".into(),
            user_agent: "Firefox".into(),
            ..SessionRecord::begin(SessionId::new(Uuid::now_v7()), self.owner.id, false, at(0))
        };
        assert!(db.create_session(&session).await.unwrap());
        session
    }
}

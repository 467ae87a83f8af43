//! Coming from every earlier schema with data in it, and old binaries beside new ones (`migrations/README.md`).
//!
//! `upgrade/NNNN.sql` is what a console of that schema had in its tables, in the columns of that day; it is missing only
//! for a schema that brought neither a table nor a column. Migrations are found by themselves.

mod later;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use backend::ports::*;
use domain::api_key::PublicId;
use domain::audit::Action;
use domain::credential::{Access, Credential};
use domain::id::{AccountId, ApiKeyId, CredentialId, NamespaceId, UserId};
use domain::namespace::NamespaceStatus;
use domain::page::PageRequest;
use domain::scope::Scope;
use domain::user::{Email, Role};
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Database, Empty};
use crate::given::{self, at};
use later::read_later_kinds;

on_both_engines! {
    data_of_every_earlier_schema_is_read_and_worked_with
    rows_that_an_old_binary_writes_into_the_new_schema_are_read_and_worked_with
    an_upgrade_in_single_steps_ends_in_the_same_schema
}

const ACCOUNT: &str = "019c1b2e-7f00-7aaa-8def-000000000001";
const OWNER: &str = "019c1b2e-7f00-7bbb-8def-000000000001";
const ACTIVE: &str = "019c1b2e-7f00-7ccc-8def-000000000001";
const DELETING: &str = "019c1b2e-7f00-7ccc-8def-000000000002";
const KEY: &str = "019c1b2e-7f00-7ddd-8def-000000000001";
const CREDENTIAL: &str = "019c1b2e-7f00-7eee-8def-000000000001";
/// SHA-256 of a cookie's id.
const SESSION: &str = "cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/upgrade")
}

/// What consoles of `version` had written, if that schema brought anything.
fn data(version: i64) -> Option<String> {
    std::fs::read_to_string(folder().join(format!("{version:04}.sql"))).ok()
}

/// The texts of a folder's SQL files by the version that their names begin with.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let sql = files.filter(|path| path.extension().is_some_and(|kind| kind == "sql"));
    let named = sql.map(|path| (path.file_name().unwrap().to_str().unwrap()[..4].to_owned(), path));
    named.map(|(version, path)| (version, std::fs::read_to_string(path).unwrap())).collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// Names of the tables and columns that a migration brings.
fn brought(migration: &str) -> Vec<String> {
    let plain: Vec<&str> = migration.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let text = plain.join("\n").to_uppercase().replace("IF NOT EXISTS", "");
    let all = words(&text);
    let new = all.windows(3).filter(|three| matches!(three[..2], ["CREATE", "TABLE"] | ["ADD", "COLUMN"]));
    new.map(|three| three[2].to_lowercase()).collect()
}

#[test]
fn each_table_and_column_has_data_of_the_schema_that_brought_it() {
    let mut versions = BTreeSet::new();
    for engine in ["sqlite", "postgres"] {
        let migrations = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").join(engine));
        assert!(!migrations.is_empty());
        for (version, migration) in migrations {
            let (new, data) = (brought(&migration), data(version.parse().unwrap()).unwrap_or_default());
            let had = words(&data);
            let missing: Vec<_> = new.iter().filter(|name| !had.contains(&name.as_str())).collect();
            assert!(missing.is_empty(), "upgrade/{version}.sql has no row with {missing:?}: add one, and read it back");
            versions.insert(version);
        }
    }
    for (version, _) in texts(&folder()) {
        assert!(versions.contains(&version), "there is no migration for upgrade/{version}.sql");
    }
}

async fn fill(empty: &Empty, upto: i64) {
    for text in empty.versions().into_iter().filter(|version| *version <= upto).filter_map(data) {
        empty.run(text).await;
    }
}

async fn data_of_every_earlier_schema_is_read_and_worked_with(db: &Database) {
    let versions = db.empty_beside().await.versions();
    assert_eq!(versions.first(), Some(&1));
    for version in versions {
        let empty = db.empty_beside().await;
        empty.migrate_to(version).await;
        fill(&empty, version).await;
        let opened = empty.open().await;
        read_back(&opened).await;
        read_later_kinds(&opened, version).await;
        log_is_whole(&opened).await;
        work_with(&opened).await;
        log_is_whole(&opened).await;
        opened.drop_schema().await;
    }
}

async fn rows_that_an_old_binary_writes_into_the_new_schema_are_read_and_worked_with(db: &Database) {
    db.run(data(1).unwrap()).await.unwrap();
    read_back(db).await;
    work_with(db).await;
}

async fn an_upgrade_in_single_steps_ends_in_the_same_schema(db: &Database) {
    let empty = db.empty_beside().await;
    for version in empty.versions() {
        empty.migrate_to(version).await;
        if let Some(text) = data(version) {
            empty.run(text).await;
        }
    }
    let opened = empty.open().await;
    read_back(&opened).await;
    read_later_kinds(&opened, i64::MAX).await;
    work_with(&opened).await;
    log_is_whole(&opened).await;
    assert_eq!(opened.count("_sqlx_migrations").await, db.count("_sqlx_migrations").await);
    opened.drop_schema().await;
}

/// Rows of every age fit their chains, those that were sealed by a console of that day too.
async fn log_is_whole(db: &Database) {
    let reports = db.verify_audit(None).await.unwrap();
    let broken: Vec<_> = reports.iter().filter(|report| report.broken.is_some()).collect();
    assert!(!reports.is_empty() && broken.is_empty(), "{broken:?}");
}

fn ms(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

fn everything() -> PageRequest {
    PageRequest { limit: 100, after: None }
}

/// Every row of 0001.sql, through the ports.
async fn read_back(db: &Database) {
    people(db).await;
    namespaces_and_keys(db).await;
    let session = db.load_session(SESSION, at(0)).await.unwrap().unwrap();
    assert_eq!((session.data.as_str(), session.user_id.to_string().as_str()), ("{\"a\":1}", OWNER));
    let counters = db.login_counters(&["email:ada@example.com".into()]).await.unwrap();
    assert_eq!((counters[0].failures, counters[0].last_failed_at), (3, Some(at(0))));
    let events = given::log_of(db, AccountId::parse(ACCOUNT).unwrap()).await;
    let events: Vec<_> = events.iter().map(|event| (event.action.as_str(), event.detail.as_str())).collect();
    assert_eq!(events, [("api_key.created", "{\"all\":true}"), ("namespace.created", "team-ml")]);
}

async fn people(db: &Database) {
    let account = db.account_by_name("old account").await.unwrap().unwrap();
    assert_eq!((account.id.to_string().as_str(), account.customer.as_str()), (ACCOUNT, "skgu00007"));
    let ada = db.member_by_email(&Email::new("ada@example.com").unwrap()).await.unwrap().unwrap();
    assert_eq!((ada.role, ada.user.operator, ada.user.disabled), (Role::Owner, true, false));
    assert_eq!(ada.password_hash.as_deref(), Some("$argon2id$old"));
    assert_eq!(ada.account, account);
    let bob = db.member_by_email(&Email::new("bob@example.com").unwrap()).await.unwrap().unwrap();
    assert_eq!((bob.role, bob.user.disabled, bob.password_hash), (Role::Viewer, true, None));
    let found = db.member(UserId::parse(OWNER).unwrap(), None).await.unwrap().unwrap();
    assert_eq!(found.user, ada.user);
}

async fn namespaces_and_keys(db: &Database) {
    let account = AccountId::parse(ACCOUNT).unwrap();
    let names = |namespaces: Vec<domain::namespace::Namespace>| -> Vec<(String, NamespaceStatus)> {
        namespaces.into_iter().map(|n| (n.kubernetes_name.as_str().to_owned(), n.status)).collect()
    };
    let listed = names(db.list_namespaces(account, &everything()).await.unwrap());
    let wanted = [
        ("team-ml-00000001".to_owned(), NamespaceStatus::Active),
        ("going-00000002".to_owned(), NamespaceStatus::Deleting),
        ("broken-00000003".to_owned(), NamespaceStatus::Failed),
    ];
    assert_eq!(listed, wanted);
    let orders = db.namespaces_in(&[NamespaceStatus::Deleting], None, 10).await.unwrap();
    assert_eq!(names(orders), wanted[1..2]);
    let keys = db.list_api_keys(account, None, &everything().into()).await.unwrap();
    let keys: Vec<_> = keys.iter().map(|k| (k.name.as_str(), k.access, k.scope.clone(), k.revoked_at)).collect();
    assert_eq!(
        keys,
        [
            ("laptop", Access::Edit, Scope::All, None),
            ("revoked", Access::View, Scope::Inference, Some(ms(1_700_000_000_010))),
        ]
    );
    let active = NamespaceId::parse(ACTIVE).unwrap();
    let found = db.key_access(&PublicId::from_trusted("aaaaaaaa".into()), Some(active)).await.unwrap().unwrap();
    assert_eq!((found.owner_role, found.namespace.map(|n| n.id)), (Some(Role::Owner), Some(active)));
    assert_eq!(
        (found.key.secret.digest.as_str(), found.key.secret.generation, found.key.disabled),
        ("digest-1", 1, false)
    );
    let queue = db.keys_to_settle(None, 10).await.unwrap();
    assert_eq!(queue.len(), 1, "the revoked key's objects are still to be removed");
}

/// The main paths of the contract, on the rows that were found.
async fn work_with(db: &Database) {
    let account = AccountId::parse(ACCOUNT).unwrap();
    let event = |action| given::event(account, action);
    let (active, deleting) = (NamespaceId::parse(ACTIVE).unwrap(), NamespaceId::parse(DELETING).unwrap());
    let credential = Credential {
        id: CredentialId::new(Uuid::now_v7()),
        account_id: account,
        api_key_id: Some(ApiKeyId::parse(KEY).unwrap()),
        namespace_id: active,
        service_account: "key-aaaaaaaa-1-00000001".into(),
        access: Some(Access::Edit),
        token_id: None,
        address: None,
        issued_at: at(0),
        expires_at: at(3540),
        last_used_at: at(0),
        revoked_at: None,
    };
    assert!(db.record_credential(&credential, &event(Action::CredentialIssued)).await.unwrap());
    let old = CredentialId::parse(CREDENTIAL).unwrap();
    db.touch_credential(old, at(120), "192.0.2.8", &event(Action::CredentialReused)).await.unwrap();
    assert_eq!(db.count("audit WHERE action = 'credential.reused'").await, 1);

    let key = ApiKeyId::parse(KEY).unwrap();
    assert!(db.revoke_api_key(key, at(121), &event(Action::ApiKeyRevoked)).await.unwrap());
    assert!(
        !db.record_credential(
            &Credential { id: CredentialId::new(Uuid::now_v7()), ..credential },
            &event(Action::CredentialIssued)
        )
        .await
        .unwrap()
    );
    for order in db.keys_to_settle(None, 10).await.unwrap() {
        db.key_settled(order.key.id, order.ticket).await.unwrap();
    }
    assert!(db.keys_to_settle(None, 10).await.unwrap().is_empty());

    db.remove_namespace(deleting, &event(Action::NamespaceDeleted)).await.unwrap();
    assert_eq!(db.namespace_by_id(deleting).await.unwrap(), None);
    assert!(db.save_session(SESSION, "{}").await.unwrap());
    db.delete_session(SESSION).await.unwrap();
    assert_eq!(db.load_session(SESSION, at(1)).await.unwrap(), None);
    db.record_login("email:ada@example.com", "address:192.0.2.1", &event(Action::SignedIn)).await.unwrap();

    numbered(db, account).await;
    let later = given::account(db, "later").await;
    assert_eq!(later.customer.as_str(), "skgu00008", "numbers go on where they were");
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "new").await;
    let new = tenant.api_key(db, Scope::All).await;
    let fresh = tenant.new_credential(Some(&new), &namespace);
    assert!(db.record_credential(&fresh, &tenant.event(Action::CredentialIssued)).await.unwrap());
    let events = given::log_of(db, account).await;
    assert_eq!(events.len(), 7, "old and new rows stand in one log");
}

/// Every namespace that was there before has an id of the tenant API, in the order in which they were made.
async fn numbered(db: &Database, account: AccountId) {
    while db.number_tenants(1).await.unwrap() > 0 {}
    let found = db.list_namespaces(account, &everything()).await.unwrap();
    let ids: Vec<_> = found.iter().map(|namespace| namespace.tenant).collect();
    assert!(ids.iter().all(Option::is_some) && ids.is_sorted(), "{ids:?}");
    let active = found.iter().find(|namespace| namespace.id.to_string() == ACTIVE).unwrap();
    let same = db.tenant(account, active.tenant.unwrap()).await.unwrap().unwrap();
    assert_eq!((same.id, same.label()), (active.id, "team-ml"));
}

//! Opening: migrations run once, many may write at once, and no URL ever shows.

use backend::ports::*;
use domain::Error;
use domain::audit::Action;
use domain::page::PageRequest;
use futures::FutureExt as _;
use futures::future::{join_all, try_join_all};
use store::SqlStore;

use crate::database::{Database, sealer};
use crate::given;

on_both_engines! {
    opening_again_runs_no_migration_twice
    four_processes_that_open_at_once_all_succeed
    a_migration_of_a_newer_version_is_no_error
    fifty_writers_at_once_all_succeed
    writers_of_two_processes_do_not_fail_each_other
    a_change_that_is_dropped_while_it_begins_takes_no_later_write_with_it
    a_closed_database_is_unavailable
    neither_debug_nor_errors_show_the_url
}

async fn opening_again_runs_no_migration_twice(db: &Database) {
    let stored = given::account(db, "default").await;
    let before = db.count("_sqlx_migrations").await;
    let again = db.opened_again().await;
    assert_eq!(again.account_by_name("default").await.unwrap(), Some(stored));
    assert_eq!(db.count("_sqlx_migrations").await, before);
}

async fn four_processes_that_open_at_once_all_succeed(db: &Database) {
    let empty = db.empty_beside().await;
    let versions = i64::try_from(empty.versions().len()).unwrap();
    let stores = try_join_all((0..4).map(|_| SqlStore::connect(empty.url(), sealer()))).await.unwrap();
    for store in &stores {
        store.ping().await.unwrap();
        store.close().await;
    }
    let opened = empty.open().await;
    assert_eq!(opened.count("_sqlx_migrations").await, versions);
    opened.drop_schema().await;
}

async fn a_migration_of_a_newer_version_is_no_error(db: &Database) {
    db.run(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 9999, 'newer', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await
    .unwrap();
    db.opened_again().await.ping().await.unwrap();
}

async fn fifty_writers_at_once_all_succeed(db: &Database) {
    let tenant = given::tenant(db).await;
    let tenant = &tenant;
    let writers = (0..50).map(|n| async move {
        tenant.namespace(db, &format!("n{n}")).await;
        tenant.session(db, &format!("h{n}")).await;
        assert!(db.save_session(&format!("h{n}"), "saved").await.unwrap());
        // Readers meanwhile.
        db.list_namespaces(tenant.account.id, &PageRequest::default()).await.unwrap();
    });
    join_all(writers).await;
    assert_eq!(db.count("namespaces").await, 50);
    assert_eq!(db.count("audit WHERE action = 'namespace.created'").await, 50);
}

async fn writers_of_two_processes_do_not_fail_each_other(db: &Database) {
    let tenant = given::tenant(db).await;
    let (tenant, other) = (&tenant, &db.opened_again().await);
    let writers = (0..40).map(|n| async move {
        let store: &SqlStore = if n % 2 == 0 { db } else { other };
        tenant.namespace(store, &format!("n{n}")).await;
        given::account(store, &format!("account {n}")).await;
    });
    join_all(writers).await;
    assert_eq!(db.count("namespaces").await, 40);
    assert_eq!(db.count("accounts").await, 41);
}

async fn a_change_that_is_dropped_while_it_begins_takes_no_later_write_with_it(db: &Database) {
    let tenant = given::tenant(db).await;
    let namespace = tenant.namespace(db, "team-ml").await;
    // Asked once and never again, as when a request is broken off: the engine has been told to begin.
    drop(db.record(&tenant.event(Action::CredentialReused)).now_or_never());
    // More than there are connections, so that each of them writes.
    let names: Vec<String> = (0..50).map(|n| format!("connector-{n}")).collect();
    try_join_all(names.iter().map(|name| db.begin_connector(name, namespace.id))).await.unwrap();
    let living = db.opened_again().await.living_connectors(&names).await.unwrap();
    assert_eq!(living.len(), names.len(), "another process sees all that was written");
}

async fn a_closed_database_is_unavailable(db: &Database) {
    let tenant = given::tenant(db).await;
    db.close().await;
    let read = db.namespace_by_id(tenant.new_namespace("a").id).await.map(drop);
    let new = tenant.new_namespace("a");
    let change = db.create_namespace(&new, &tenant.event(Action::NamespaceCreated)).await.map(drop);
    for answer in [read, change, db.ping().await] {
        assert!(matches!(answer, Err(Error::Unavailable { .. })), "{answer:?}");
    }
}

async fn neither_debug_nor_errors_show_the_url(db: &Database) {
    assert!(["SqlStore(\"sqlite\")", "SqlStore(\"postgres\")"].contains(&format!("{:?}", **db).as_str()));
    for url in [
        "postgres://ada:s3cret@[broken/db",
        "mysql://ada:s3cret@db/x",
        "sqlite::memory:?s3cret",
        "sqlite:///no/such/directory/s3cret",
        "postgres://ada:s3cret@127.0.0.1:1/db",
    ] {
        let error = SqlStore::connect(url, sealer()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{url}");
    }
}

/// The file holds password hashes.
#[cfg(unix)]
#[tokio::test]
async fn a_new_sqlite_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let db = Database::sqlite().await;
    given::account(&db, "default").await;
    let file = db.file().unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", file.display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

/// Nothing is sent before the refusal: no such server is needed.
#[tokio::test]
async fn a_server_elsewhere_is_refused_unless_its_certificate_is_checked() {
    for url in [
        "postgres://ada:s3cret@db.example/x",
        "postgres://ada:s3cret@192.0.2.7/x?sslmode=prefer",
        "postgres://ada:s3cret@db.example/x?sslmode=require",
        "postgres://ada:s3cret@db.example/x?sslmode=verify-ca",
        "postgres://ada:s3cret@db.example/x?sslmode=disable",
        "postgres://ada:s3cret@127.0.0.1/x?host=db.example",
    ] {
        for refused in [SqlStore::connect(url, sealer()).await.map(drop), SqlStore::migrate(url).await] {
            let said = format!("{:?}", refused.unwrap_err());
            assert!(said.contains("add sslmode=verify-full") && !said.contains("s3cret"), "{url}: {said}");
        }
    }
    for url in [
        "postgres://ada@127.0.0.1:1/x",
        "postgres://ada@[::1]:1/x",
        "postgres://ada@localhost:1/x",
        "postgres://ada@x/x?host=/no/such/socket",
        "postgres://ada@db.invalid:1/x?sslmode=verify-full",
    ] {
        let said = format!("{:?}", SqlStore::migrate(url).await.unwrap_err());
        assert!(!said.contains("sslmode"), "{url}: {said}");
    }
}

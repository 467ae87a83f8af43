//! The database role of docs/AUDIT.md: the console works with it, and cannot alter what is written.

use store::SqlStore;
use uuid::Uuid;

use crate::database::{Database, run_at, sealer};
use crate::given;

/// Of a role that lives as long as the test.
const PASSWORD: &str = "a-password-for-tests";

/// As the docs say it, for another schema and name.
fn grants(role: &str, schema: &str) -> String {
    format!(
        "CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';
         GRANT USAGE ON SCHEMA {schema} TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
         REVOKE UPDATE, DELETE, TRUNCATE ON audit, audit_segments FROM {role};
         REVOKE DELETE ON audit_heads FROM {role};
         REVOKE INSERT, UPDATE, DELETE ON _sqlx_migrations FROM {role}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_works_with_a_role_that_cannot_alter_the_log() {
    let Some(db) = Database::postgres().await else { return };
    let (_, place) = db.url().split_once('@').unwrap();
    let role = format!("app_{}", Uuid::now_v7().simple());
    let url = format!("postgres://{role}:{PASSWORD}@{place}");
    db.run(grants(&role, db.schema().unwrap())).await.unwrap();
    let store = SqlStore::connect_migrated(&url, sealer()).await.unwrap();
    let tenant = given::tenant(&store).await;
    tenant.namespace(&store, "team-ml").await;
    for forbidden in [
        "UPDATE audit SET actor = 'user:eve'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DELETE FROM audit_heads",
        "UPDATE audit_segments SET row_count = 9",
        "CREATE TABLE mine (n INT)",
    ] {
        let error = run_at(&url, forbidden.to_owned()).await.unwrap_err().to_string();
        assert!(error.contains("permission denied") || error.contains("must be owner"), "{forbidden}: {error}");
    }
    assert!(SqlStore::migrate(&url).await.is_err(), "migrations are somebody else's");
    let report = backend::ports::AuditLog::verify_audit(&store, Some(tenant.account.id)).await.unwrap().remove(0);
    assert_eq!((report.rows, report.broken), (3, None));
    store.close().await;
    db.run(format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    db.drop_schema().await;
}

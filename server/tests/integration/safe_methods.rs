//! A GET changes nothing: every documented one, every page and every server function is asked for by GET, and each table of
//! the database is read before and after.
//!
//! Source: `security.md` §4.2, RULINGS 39, decision 004 (what a GET may write all the same).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use testkit::TestApp;

use crate::CONSOLE;

const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
/// "Last seen"; rows of the log, which are looked at one by one; the console's own token for whoever looks at workloads;
/// the mark that the loop of the meter keeps, whoever asks for what.
const MAY_DIFFER: [&str; 5] = ["sessions", "audit", "audit_heads", "credentials", "usage_meter"];
/// What a GET may leave in the log.
const MAY_BE_SAID: [&str; 4] = ["kubeconfig.downloaded", "audit.exported", "credential.issued", "credential.reused"];
const PAGES: [&str; 12] = [
    "/",
    "/kubernetes",
    "/kubernetes?new=namespace",
    "/catalogue",
    "/settings/profile",
    "/settings/members",
    "/settings/api-keys",
    "/settings/audit",
    "/settings/cli",
    "/usage",
    "/platform/accounts",
    "/login",
];

/// Every table with all its rows as text.
async fn database(connection: &mut SqliteConnection) -> BTreeMap<String, Vec<String>> {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let names: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut *connection).await.unwrap();
    let mut all = BTreeMap::new();
    for table in names {
        let columns = format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')");
        let columns: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&mut *connection).await.unwrap();
        let rows = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || ' ' || "));
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut *connection).await.unwrap();
        all.insert(table, rows);
    }
    all
}

async fn said(connection: &mut SqliteConnection) -> BTreeSet<(String, String)> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, action FROM audit").fetch_all(connection).await.unwrap();
    rows.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_get_changes_anything() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await;
    let namespace = app.namespace(&operator).await;
    let id = namespace["id"].as_str().unwrap();
    let key = operator.post("/v1/api-keys", json!({"name": "quiet", "scopes": {"all": true}})).await.str("/id");
    let account = operator.get("/v1/auth/session").await.str("/account/id");
    let mut connection = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let (before, said_before) = (database(&mut connection).await, said(&mut connection).await);
    let mut asked = 0;
    for operation in operator.contract().await.operations().iter().filter(|operation| operation.method == "GET") {
        let path = operation.at(|name| match name {
            "namespace_id" => id.to_owned(),
            "key_id" => key.clone(),
            "account_id" => account.clone(),
            "kind" => "deployment".to_owned(),
            name if name.ends_with("_id") => UNKNOWN.to_owned(),
            _ => "absent".to_owned(),
        });
        let reply = operator.get(&path).await;
        assert!(reply.status < 500, "{path}: {}", reply.text);
        asked += 1;
    }
    assert!(asked >= 40, "{asked}");
    for page in PAGES {
        let reply = operator.clone().with("accept", "text/html").get(page).await;
        assert!(reply.status < 500, "{page}: {}", reply.status);
    }
    for (function, _) in server::http::v1::permission::FUNCTIONS {
        let reply = operator.get(&format!("{function}?id={key}&namespace={id}&name=quiet&confirm=quiet")).await;
        assert!(matches!(reply.status, 404 | 405), "{function} answers a GET: {}", reply.status);
    }
    let (after, said_after) = (database(&mut connection).await, said(&mut connection).await);
    assert!(before["api_keys"].len() == 1 && before["namespaces"].len() == 1, "there was something to lose");
    for (table, rows) in before.iter().filter(|(table, _)| !MAY_DIFFER.contains(&table.as_str())) {
        assert_eq!(&after[table], rows, "{table}");
    }
    for (_, action) in said_after.difference(&said_before) {
        assert!(MAY_BE_SAID.contains(&action.as_str()), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_hands_nothing_out_and_leaves_no_row() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await.with("accept", "text/csv, */*;q=0.5");
    let namespace = app.namespace(&operator).await;
    let id = namespace["id"].as_str().unwrap();
    let mut connection = SqliteConnection::connect(&app.database_url()).await.unwrap();
    for (path, action) in [
        (format!("/v1/kubernetes/namespaces/{id}/kubeconfig"), "kubeconfig.downloaded"),
        (format!("/download/kubeconfig/{id}"), "kubeconfig.downloaded"),
        ("/v1/usage".to_owned(), "usage.exported"),
        ("/download/usage".to_owned(), "usage.exported"),
        ("/v1/audit/export".to_owned(), "audit.exported"),
        ("/v1/platform/audit/export".to_owned(), "audit.exported"),
    ] {
        let before = said(&mut connection).await;
        let head = operator.send(Method::HEAD, &path, None).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        let handed_out = async |connection: &mut SqliteConnection| {
            let after = said(connection).await;
            after.difference(&before).filter(|(_, said)| said == action).count()
        };
        assert_eq!(handed_out(&mut connection).await, 0, "HEAD {path}");
        let get = operator.get(&path).await;
        assert_eq!(handed_out(&mut connection).await, 1, "GET {path}");
        for name in ["content-type", "content-disposition"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

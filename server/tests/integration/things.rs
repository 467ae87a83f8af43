//! One of each kind of thing in an account, so that a sweep over routes reaches every one of them by its id.

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use testkit::{Client, TestApp, unique};

use crate::CONSOLE;
use crate::engine::imported;

/// What no account has.
pub const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";

const IDENTITY: &str = "019c1b2e-7f00-7abc-8def-0000000000a1";
const CLI_SESSION: &str = "019c1b2e-7f00-7abc-8def-0000000000a2";
const CREDENTIAL: &str = "019c1b2e-7f00-7abc-8def-0000000000a3";
const KUBECONFIG: &str = "019c1b2e-7f00-7abc-8def-0000000000a4";

/// Parameters of paths, each with the id of something that is there.
pub struct Things(Vec<(&'static str, String)>);

// === impl Things ===

impl Things {
    /// In an account of their own, with its owner, in a console that may reach this machine.
    pub async fn made() -> (TestApp, Client, Self) {
        let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
        let owner = app.stranger("owner").await;
        let things = Self::of(&app, &owner).await;
        (app, owner, things)
    }

    async fn of(app: &TestApp, owner: &Client) -> Self {
        let made = async |path: &str, body: Value| {
            let reply = owner.post(path, body).await;
            assert_eq!(reply.status, 201, "{path}: {}", reply.text);
            reply.str("/id")
        };
        let first = async |path: &str| owner.get(path).await.str("/items/0/id");
        let session = owner.get("/v1/auth/session").await;
        let (account, person) = (session.str("/account/id"), session.str("/user/id"));
        let name = session.str("/account/name");
        let namespace = made("/v1/kubernetes/namespaces", json!({"name": "swept-first"})).await;
        let key = made("/v1/api-keys", json!({"name": "swept", "scopes": {"all": true}})).await;
        let mut terms = json!({"amount": "1", "currency": "EUR", "warn_at": [50], "hard_stop": false});
        terms["namespace_id"] = json!(namespace);
        let webhook = json!({"name": "swept", "url": "https://hooks.example.com/x", "topics": ["budget"]});
        let webhook = made("/v1/webhooks", webhook).await;
        let told = owner.post(&format!("/v1/webhooks/{webhook}/test"), json!({})).await;
        assert_eq!(told.status, 204, "{}", told.text);
        rows(app, [&account, &person, &namespace, &key]).await;
        // Somebody whom every admin outranks.
        let member = app.member_of(&name, "viewer").await.get("/v1/auth/session").await.str("/user/id");
        let invitation = json!({"email": format!("{}@example.com", unique("guest")), "role": "viewer"});
        Self(vec![
            ("account_id", account),
            ("audit_id", first("/v1/audit").await),
            ("budget_id", made("/v1/budgets", terms).await),
            ("cli_session_id", CLI_SESSION.to_owned()),
            ("credential_id", CREDENTIAL.to_owned()),
            ("delivery_id", first(&format!("/v1/webhooks/{webhook}/deliveries")).await),
            ("engine_id", imported(app, owner).await["id"].as_str().unwrap().to_owned()),
            ("identity_id", IDENTITY.to_owned()),
            ("invitation_id", made("/v1/invitations", invitation).await),
            ("key_id", key),
            ("kubeconfig_id", KUBECONFIG.to_owned()),
            ("session_id", first("/v1/auth/sessions").await),
            ("skypilot_id", namespace.clone()),
            ("namespace_id", namespace),
            ("user_id", member),
            ("webhook_id", webhook),
        ])
    }

    /// Only these, for a walk that needs no others.
    pub fn only(ids: &[(&'static str, &str)]) -> Self {
        Self(ids.iter().map(|(name, id)| (*name, (*id).to_owned())).collect())
    }

    /// What stands for a parameter of a path.
    ///
    /// # Panics
    /// For an id that nothing here has: a new kind of thing is to be made above, or its routes are not swept.
    pub fn at(&self, parameter: &str) -> String {
        if let Some(word) = word(parameter) {
            return word.to_owned();
        }
        let found = self.0.iter().find(|(known, _)| *known == parameter);
        found.unwrap_or_else(|| panic!("make a thing for {{{parameter}}} in things.rs")).1.clone()
    }

    /// A text with each `{parameter}` filled in.
    pub fn filled(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }
}

/// What stands for a parameter of a path where nothing is there.
pub fn nothing_at(parameter: &str) -> String {
    word(parameter).unwrap_or(UNKNOWN).to_owned()
}

/// What is no id: objects in the cluster are looked up by name, after their namespace was with the permission it takes.
fn word(parameter: &str) -> Option<&'static str> {
    match parameter {
        "kind" => Some("deployment"),
        "name" | "pod" | "code" | "file" => Some("absent"),
        _ => None,
    }
}

/// What it takes a provider, a terminal or a cluster to make.
async fn rows(app: &TestApp, [account, person, namespace, key]: [&str; 4]) {
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    sqlx::query("INSERT INTO identities VALUES ($1, $2, 'https://id.example', 'swept', 'one', 'swept', 0, 0)")
        .bind(IDENTITY)
        .bind(person)
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO cli_sessions (id, token_hash, user_id, account_id, name, created_ms, last_seen_ms,
             idle_expires_ms, absolute_expires_ms, address, user_agent)
         VALUES ($1, 'of nothing', $2, $3, 'laptop', 0, 0, 4102444800000, 4102444800000, '127.0.0.1', 'test')",
    )
    .bind(CLI_SESSION)
    .bind(person)
    .bind(account)
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO credentials (id, account_id, api_key_id, namespace_id, service_account, issued_ms, expires_ms,
             last_used_ms, access)
         VALUES ($1, $2, $3, $4, 'key-swept', 0, 4102444800000, 0, 'edit')",
    )
    .bind(CREDENTIAL)
    .bind(account)
    .bind(key)
    .bind(namespace)
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO skypilot_kubeconfigs (id, namespace_id, name, service_account, owner_id, created_by, created_ms,
             expires_ms, ended)
         VALUES ($1, $2, 'ci', 'sky-sa', $3, 'ada@example.com', 0, 4102444800000, FALSE)",
    )
    .bind(KUBECONFIG)
    .bind(namespace)
    .bind(person)
    .execute(&mut database)
    .await
    .unwrap();
    database.close().await.unwrap();
}

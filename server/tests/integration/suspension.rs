//! Tokens that act without asking the console: connectors' and SkyPilot's. A suspended account's open nothing and work again
//! afterwards; those that the database does not know are swept.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use testkit::{CallProxy, Client, Plane, Ran, TestApp, eventually};

use crate::CONSOLE;

struct Stage {
    app: TestApp,
    operator: Client,
    owner: Client,
    namespace: Value,
}

/// One download of a tenant's kubeconfig.
struct Connector {
    file: PathBuf,
    account: String,
}

/// An account with an active namespace.
async fn stage(app: TestApp) -> Stage {
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let namespace = app.namespace(&owner).await;
    Stage { app, operator, owner, namespace }
}

impl Stage {
    fn id(&self) -> &str {
        self.namespace["id"].as_str().unwrap()
    }

    async fn connector(&self) -> Connector {
        let file = self.owner.post(&format!("/download/connector/{}", self.id()), json!({})).await;
        assert_eq!(file.status, 200, "{}", file.text);
        let account = self.owner.get("/v1/credentials").await.str("/items/0/service_account");
        Connector { file: self.app.secret_file("connector", &file.text), account }
    }

    /// A kubeconfig of SkyPilot's account.
    async fn skypilot(&self) -> PathBuf {
        let route = format!("/v1/kubernetes/namespaces/{}/skypilot", self.id());
        let ticked = self.owner.put(&route, json!({"features": ["base", "ssh"]})).await;
        assert_eq!(ticked.status, 200, "{}", ticked.text);
        eventually("SkyPilot access is applied", async || {
            let found = self.owner.get(&route).await;
            if found.json()["state"] == "applied" { Ok(()) } else { Err(found.text) }
        })
        .await;
        let made = self.owner.post(&format!("{route}/kubeconfigs"), json!({"name": "ci", "days": 1})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        self.app.secret_file("kubeconfig", &made.str("/kubeconfig"))
    }

    async fn suspend(&self, suspended: bool) {
        let account = self.owner.get("/v1/auth/session").await.str("/account/id");
        let path = format!("/v1/platform/accounts/{account}");
        let changed = self.operator.patch(&path, json!({"suspended": suspended})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }

    async fn get(&self, kubeconfig: &Path, what: &str) -> Ran {
        self.app.plane.kubectl(kubeconfig, &["get", what], &[]).await
    }

    async fn becomes_forbidden(&self, kubeconfig: &Path, what: &str) {
        eventually("the token opens nothing", async || {
            let ran = self.get(kubeconfig, what).await;
            if !ran.ok && ran.stderr.contains("orbidden") { Ok(()) } else { Err(ran.stdout + &ran.stderr) }
        })
        .await;
    }

    async fn becomes_allowed(&self, kubeconfig: &Path, what: &str) {
        eventually("the token opens what it opened", async || {
            let ran = self.get(kubeconfig, what).await;
            if ran.ok { Ok(()) } else { Err(ran.stderr) }
        })
        .await;
    }

    /// Kills the console, changes its database behind its back, and starts it again.
    async fn restored(&mut self, changes: String) {
        self.app.kill().await;
        let mut database = SqliteConnection::connect(&self.app.database_url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(changes)).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        self.app.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_accounts_tokens_open_nothing_and_work_again_when_it_is_resumed() {
    let stage = stage(TestApp::start(CONSOLE).await).await;
    let (connector, skypilot) = (stage.connector().await, stage.skypilot().await);
    let opened = [(connector.file.as_path(), "pods"), (skypilot.as_path(), "pods"), (skypilot.as_path(), "nodes")];
    for (file, what) in opened {
        stage.get(file, what).await.out();
    }
    stage.suspend(true).await;
    for (file, what) in opened {
        stage.becomes_forbidden(file, what).await;
    }
    stage.suspend(false).await;
    for (file, what) in opened {
        stage.becomes_allowed(file, what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_was_killed_before_it_took_the_rights_takes_them_when_it_is_back() {
    let proxy = CallProxy::to(Plane::current()).await;
    let mut stage = stage(TestApp::setup(CONSOLE).behind(&proxy.server()).start().await).await;
    let connector = stage.connector().await;
    let failure = json!({"kind": "Status", "status": "Failure", "code": 503});
    proxy.answer("DELETE", "/rolebindings/", 503, failure);
    stage.suspend(true).await;
    eventually("it was tried", async || {
        let tries = proxy.count("DELETE", "/rolebindings/");
        if tries > 0 { Ok(()) } else { Err(tries) }
    })
    .await;
    stage.get(&connector.file, "pods").await.out();
    stage.app.kill().await;
    proxy.pass();
    stage.app.restart().await;
    stage.becomes_forbidden(&connector.file, "pods").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_without_a_row_is_swept_and_one_that_may_be_in_the_making_is_not() {
    let proxy = CallProxy::to(Plane::current()).await;
    let mut stage = stage(TestApp::setup(CONSOLE).behind(&proxy.server()).start().await).await;
    let neighbour = self::stage(TestApp::start(CONSOLE).await).await;
    let theirs = neighbour.connector().await;
    let (lost, living, drafted) = (stage.connector().await, stage.connector().await, stage.connector().await);
    // A console of an earlier version writes no draft: this one may be in its hands.
    let young = stage.connector().await;
    let plane = &stage.app.plane;
    plane.admin(&["-n", "remotegpu-access", "label", "serviceaccount", &lost.account, "aged=true"]).await.out();
    proxy.change("GET", "/serviceaccounts", aged);
    // What a restored backup leaves: objects whose rows came after it.
    let begun = jiff::Timestamp::now().as_millisecond();
    let (id, draft, orphan, fresh) = (stage.id(), &drafted.account, &lost.account, &young.account);
    let changes = format!(
        "INSERT INTO connector_drafts (service_account, namespace_id, begun_ms) VALUES ('{draft}', '{id}', {begun});
         DELETE FROM credentials WHERE service_account IN ('{draft}', '{orphan}', '{fresh}')"
    );
    stage.restored(changes).await;
    for kind in ["serviceaccount", "role", "rolebinding"] {
        eventually("nothing of the orphan is left", async || {
            let ran = stage.app.plane.admin(&["-n", "remotegpu-access", "get", kind, &lost.account]).await;
            if ran.ok { Err(ran.stdout) } else { Ok(()) }
        })
        .await;
    }
    stage.get(&lost.file, "pods").await.refused();
    for file in [&living.file, &drafted.file, &theirs.file, &young.file] {
        stage.get(file, "pods").await.out();
    }
}

/// What bears the mark was made long ago.
fn aged(answer: &mut Value) {
    for item in answer["items"].as_array_mut().into_iter().flatten() {
        if item["metadata"]["labels"]["aged"] == "true" {
            item["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skypilot_access_without_a_row_is_swept_and_that_of_others_is_not() {
    let mut stage = stage(TestApp::start(CONSOLE).await).await;
    let neighbour = self::stage(TestApp::start(CONSOLE).await).await;
    let (lost, theirs) = (stage.skypilot().await, neighbour.skypilot().await);
    let gone = stage.id().to_owned();
    // A namespace that the backup does not hold.
    let changes = format!(
        "PRAGMA foreign_keys = OFF;
         DELETE FROM skypilot_kubeconfigs WHERE namespace_id = '{gone}';
         DELETE FROM skypilot_access WHERE namespace_id = '{gone}';
         DELETE FROM credentials WHERE namespace_id = '{gone}';
         DELETE FROM namespaces WHERE id = '{gone}'"
    );
    stage.restored(changes).await;
    let selector = format!("remotegpu.ai/skypilot=true,remotegpu.ai/namespace-id={gone}");
    for kind in ["clusterrolebindings", "rolebindings", "serviceaccounts"] {
        eventually("nothing of it is left", async || {
            let left = stage.app.plane.admin(&["get", kind, "-A", "-l", &selector, "-o", "name"]).await.out();
            if left.is_empty() { Ok(()) } else { Err(left) }
        })
        .await;
    }
    stage.get(&lost, "pods").await.refused();
    stage.get(&theirs, "pods").await.out();
    let name = stage.namespace["kubernetes_name"].as_str().unwrap();
    stage.app.plane.admin(&["delete", "namespace", name, "--wait=false"]).await.out();
}

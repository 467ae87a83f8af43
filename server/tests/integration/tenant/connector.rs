//! The kubeconfig of a tenant: what it opens, what it may renew, and what ends it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engines::kubernetes::{Access, Renewal};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, Ran, Scratch, TestApp, eventually, unique};

use super::{CLUSTERS, console, ready, signed_in};

/// A tenant's kubeconfig as a file, and its text.
struct Connector {
    file: PathBuf,
    text: String,
    account: String,
    folder: Scratch,
}

impl Connector {
    async fn of(app: &TestApp, owner: &Client, client: &Client, cluster: &str) -> Self {
        let reply = client.get(&format!("{CLUSTERS}{cluster}/kubeconfig")).await;
        assert_eq!((reply.status, reply.header("content-type").as_str()), (200, "application/yaml"), "{}", reply.text);
        let wanted = format!("attachment; filename=\"{cluster}.kubeconfig\"");
        assert_eq!(
            (reply.header("content-disposition"), reply.header("cache-control")),
            (wanted, "no-store".to_owned())
        );
        let folder = Scratch::new();
        let file = folder.secret(&unique("connector"), &reply.text);
        let listed = credentials(owner).await;
        let account = listed[0]["service_account"].as_str().unwrap().to_owned();
        let connector = Self { file, text: reply.text, account, folder };
        connector.run(app, &["get", "pods"]).await.out();
        connector
    }

    async fn run(&self, app: &TestApp, arguments: &[&str]) -> Ran {
        app.plane.kubectl(&self.file, arguments, &[]).await
    }

    fn token(&self) -> &str {
        self.text.split("token: \"").nth(1).unwrap().split('"').next().unwrap()
    }

    /// The same kubeconfig with another token.
    fn with(&self, token: &str) -> PathBuf {
        self.folder.secret(&unique("connector"), &self.text.replace(self.token(), token))
    }
}

/// The account's credentials, newest first.
async fn credentials(owner: &Client) -> Vec<Value> {
    owner.get("/v1/credentials").await.json()["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_opens_the_tenants_namespace_and_renews_itself_alone() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let cluster = ready(&client).await;
    let (one, two) =
        (Connector::of(&app, &owner, &client, &cluster).await, Connector::of(&app, &owner, &client, &cluster).await);
    assert_ne!(one.account, two.account, "each download is an identity of its own");
    assert!(!one.text.contains("exec:"), "no program to run: {}", one.text);
    for allowed in [
        "create pods",
        "get pods --subresource=log",
        "create pods --subresource=exec",
        "create configmaps",
        "get secrets",
        "watch events",
    ] {
        let words: Vec<&str> = ["auth", "can-i"].into_iter().chain(allowed.split(' ')).collect();
        assert_eq!(one.run(&app, &words).await.out().trim(), "yes", "{allowed}");
    }
    let elsewhere = one.run(&app, &["get", "pods", "-n", "default"]).await.refused();
    assert!(elsewhere.contains("Forbidden") || elsewhere.contains("forbidden"), "{elsewhere}");
    let renew = async |who: &Connector, whose: &str| {
        who.run(&app, &["create", "token", whose, "-n", "remotegpu-access", "--duration", "24h"]).await
    };
    assert!(renew(&one, &one.account).await.out().starts_with("ey"));
    for foreign in [two.account.as_str(), "remotegpu-none"] {
        let refused = renew(&one, foreign).await.refused();
        assert!(refused.contains("orbidden"), "{foreign}: {refused}");
    }
    a_node_renews_its_token_and_begins_with_the_newest(&app, &one).await;
}

/// What the customer's node does at half the life of its token, and when it starts long after.
async fn a_node_renews_its_token_and_begins_with_the_newest(app: &TestApp, connector: &Connector) {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let kept = connector.file.with_extension("token");
    let (client, _) = Access::File(connector.file.clone()).connect().await.unwrap();
    Renewal::of(connector.token()).unwrap().renew(&client, &kept).await.unwrap();
    let newest = std::fs::read_to_string(&kept).unwrap();
    assert_ne!(newest, connector.token());
    app.plane.kubectl(&connector.with(&newest), &["get", "pods"], &[]).await.out();

    // The kubeconfig as it lies in the customer's Secret by then: of the same account, and long dead.
    let subject = format!("system:serviceaccount:remotegpu-access:{}", connector.account);
    let claims = json!({"sub": subject, "iat": 1000, "exp": 5000});
    let dead = connector.with(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())));
    let (client, _) = Renewal::connect(&dead, Some(&kept)).await.unwrap();
    Renewal::of(&newest).unwrap().renew(&client, &kept).await.unwrap();
    assert_ne!(std::fs::read_to_string(&kept).unwrap(), newest, "what was kept opens the cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_listed_with_its_end_audited_and_revocable() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let cluster = ready(&client).await;
    let connector = Connector::of(&app, &owner, &client, &cluster).await;
    let row = credentials(&owner).await.remove(0);
    assert_eq!((row["renews"].as_bool(), row["status"].as_str()), (Some(true), Some("active")), "{row}");
    assert_eq!((row["access"].as_str(), &row["api_key_id"]), (Some("edit"), &Value::Null));
    let audit = owner.get("/v1/audit?action=connector.issued").await;
    let detail = audit.str("/items/0/detail");
    assert!(detail.contains(&connector.account) && detail.contains(row["expires_at"].as_str().unwrap()), "{detail}");
    let token = connector.token();
    assert!(!audit.text.contains(token) && !app.log().contains(token), "the token is nowhere");
    assert!(!app.database_bytes().windows(token.len()).any(|bytes| bytes == token.as_bytes()));

    let revoked = owner.delete(&format!("/v1/credentials/{}", row["id"].as_str().unwrap())).await;
    assert_eq!(revoked.status, 204, "{}", revoked.text);
    eventually("the connector is refused", async || {
        let ran = connector.run(&app, &["get", "pods"]).await;
        if ran.ok { Err(ran.stdout) } else { Ok(()) }
    })
    .await;
    for kind in ["serviceaccount", "role", "rolebinding"] {
        eventually("nothing of it is left", async || {
            let ran = app.plane.admin(&["get", kind, &connector.account, "-n", "remotegpu-access"]).await;
            if ran.ok { Err(format!("{kind}: {}", ran.stdout)) } else { Ok(()) }
        })
        .await;
    }
    assert_eq!(credentials(&owner).await[0]["status"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_leaves_it_and_the_end_of_the_tenant_takes_it() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let cluster = ready(&client).await;
    let connector = Connector::of(&app, &owner, &client, &cluster).await;
    assert_eq!(client.put("/k8sgpu/v1/user", json!({"password": "another-password"})).await.status, 200);
    connector.run(&app, &["get", "pods"]).await.out();

    let admin = app.operator().await;
    let row = admin.get("/v1/platform/tenants?limit=200").await.json();
    let tenant = row["items"].as_array().unwrap().iter().find(|row| row["tenant"] == cluster.as_str()).unwrap().clone();
    assert_eq!(tenant["connectors"], 1);
    let name = tenant["account_name"].as_str().unwrap().to_owned();
    let owner = app.member_of(&name, "owner").await;
    let client = signed_in(&app, &owner).await;
    assert_eq!(client.delete(&format!("{CLUSTERS}{cluster}")).await.status, 202);
    eventually("the connector ended with its tenant", async || {
        let ran = app.plane.admin(&["get", "role", &connector.account, "-n", "remotegpu-access"]).await;
        if ran.ok { Err(ran.stdout) } else { Ok(()) }
    })
    .await;
    connector.run(&app, &["get", "pods"]).await.refused();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_holds_the_same_and_the_console_gives_it_to_who_manages_the_namespace() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let cluster = ready(&client).await;
    let path = format!("{CLUSTERS}{cluster}/kubeconfig/");
    let head = client.send(Method::HEAD, &path, None).await;
    let post = client.post(&path, json!({})).await;
    for refused in [&head, &post] {
        assert_eq!((refused.status, refused.header("allow").as_str()), (405, "GET"), "{}", refused.text);
    }
    assert_eq!(credentials(&owner).await.len(), 0, "looking makes no credential");
    let reply = client.clone().with("accept", "application/json").get(&path).await;
    assert_eq!((reply.str("/cluster"), reply.str("/filename")), (cluster.clone(), format!("{cluster}.kubeconfig")));
    assert!(reply.str("/kubeconfig").contains(&format!("namespace: \"{cluster}-gpu\"")), "{}", reply.text);

    let listed = owner.get("/v1/kubernetes/namespaces").await;
    let download = format!("/download/connector/{}", listed.str("/items/0/id"));
    let file = owner.post(&download, json!({})).await;
    assert_eq!(file.status, 200, "{}", file.text);
    assert!(file.text.contains("token: \"ey"));
    assert_eq!(owner.get(&download).await.status, 405, "no link makes a credential");
    let stranger = app.stranger("owner").await;
    stranger.post(&download, json!({})).await.is_problem(404, "not_found", "Not found");
    assert_eq!(credentials(&owner).await.len(), 2);
}

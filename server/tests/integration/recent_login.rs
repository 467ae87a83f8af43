//! What is dangerous asks for a proof of identity that is not old (`security.md` §5): each action on its own, because a
//! look that is missing in one of them shows nowhere else.

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use testkit::{Client, KubeApi, TestApp, eventually, unique};

use crate::CONSOLE;
use crate::engine::imported;
use crate::sku::{Sold, spec};

/// Everybody who is signed in proved so long ago.
pub async fn age_sessions(app: &TestApp) {
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    sqlx::raw_sql("UPDATE sessions SET authenticated_ms = authenticated_ms - 601000")
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

async fn me(client: &Client) -> (String, String, String) {
    let session = client.get("/v1/auth/session").await;
    (session.str("/user/id"), session.str("/account/id"), session.str("/account/name"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_dangerous_action_is_refused_to_an_old_proof_and_done_after_a_fresh_one() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let (user, account, name) = me(&owner).await;
    let (member, _, _) = me(&app.member_of(&name, "member").await).await;
    let (heir, _, _) = me(&app.member_of(&name, "admin").await).await;
    // A row is enough: what is asked first is whose it is.
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let identity = "019c1b2e-7f00-7abc-8def-0123456789ab";
    sqlx::query("INSERT INTO identities VALUES ($1, $2, 'https://id.example', 'ada', 'one', 'ada', 0, 0)")
        .bind(identity)
        .bind(&user)
        .execute(&mut database)
        .await
        .unwrap();
    let confirm = json!({"confirm": name});
    let platform = format!("/v1/platform/accounts/{account}");
    // In this order each is still possible when its turn comes.
    let actions: Vec<(&Client, &str, String, Value)> = vec![
        (&owner, "PATCH", format!("/v1/members/{member}"), json!({"role": "viewer"})),
        (&owner, "POST", format!("/v1/members/{member}/password-reset"), Value::Null),
        (&owner, "DELETE", format!("/v1/members/{member}"), Value::Null),
        (&owner, "DELETE", format!("/v1/auth/identities/{identity}"), Value::Null),
        (&operator, "POST", "/v1/platform/accounts".to_owned(), json!({"name": unique("made")})),
        (&operator, "POST", format!("{platform}/invitations"), json!({"email": "x@example.com", "role": "owner"})),
        (&operator, "PATCH", platform.clone(), json!({"quota": {"gpus": 3}})),
        (&operator, "POST", format!("{platform}/support"), json!({"reason": "they asked"})),
        (&operator, "DELETE", format!("{platform}/support"), Value::Null),
        (&owner, "POST", format!("/v1/accounts/{account}/transfer"), json!({"confirm": name, "user_id": heir})),
        (&operator, "DELETE", platform, confirm.clone()),
    ];
    age_sessions(&app).await;
    let own = app.stranger("owner").await;
    let (_, own_account, own_name) = me(&own).await;
    age_sessions(&app).await;
    let last = (&own, "DELETE", format!("/v1/accounts/{own_account}"), json!({"confirm": own_name}));
    let actions: Vec<_> = actions.into_iter().chain([last]).collect();
    let act = async |(client, method, path, body): &(&Client, &str, String, Value)| {
        client.send(method.parse().unwrap(), path, (!body.is_null()).then(|| body.to_string())).await
    };
    for action in actions.iter().filter(|action| !(action.1 == "DELETE" && action.2.ends_with("/support"))) {
        let reply = act(action).await;
        assert_eq!(
            (reply.status, reply.str("/code").as_str()),
            (403, "reauthentication_required"),
            "{} {}: {}",
            action.1,
            action.2,
            reply.text
        );
    }
    let fresh = "UPDATE sessions SET authenticated_ms = authenticated_ms + 1202000";
    sqlx::raw_sql(fresh).execute(&mut database).await.unwrap();
    for action in &actions {
        let reply = act(action).await;
        assert!(matches!(reply.status, 200 | 201 | 204), "{} {}: {} {}", action.1, action.2, reply.status, reply.text);
    }
    let log = operator.get("/v1/platform/audit?action=account.support_access").await;
    assert_eq!(log.str("/items/0/detail"), "they asked", "looking into an account stands in the log: {}", log.text);
    assert_eq!(log.str("/items/0/target"), format!("account:{account}"));
}

/// A closed node without pods, which the console has seen.
async fn node(app: &TestApp, operator: &Client) -> String {
    let name = unique("node");
    let labels = json!({"type": "virtual-kubelet", "remotegpu.ai/engine": name});
    let object = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
        "spec": {"unschedulable": true}});
    KubeApi::admin(app.plane).create("/api/v1/nodes", &object).await.done();
    eventually("the console has seen the node", async || {
        let seen = operator.get(&format!("/v1/nodes/{name}")).await;
        if seen.status == 200 { Ok(()) } else { Err(seen.text) }
    })
    .await;
    name
}

/// The engine is on its way out, and waits for pods that it may still run; the owner has no password any more.
async fn leaving(app: &TestApp, engine: &str, owner: &str) {
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let text = "UPDATE engines SET status = 'deleting', held = TRUE, revision = revision + 1,
                    facts = json_set(facts, '$.waits_for_pods', json('true')) WHERE id = $1";
    sqlx::query(text).bind(engine).execute(&mut database).await.unwrap();
    let text = "UPDATE users SET password_hash = NULL WHERE id = $1";
    sqlx::query(text).bind(owner).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_running_pods_and_a_first_password_take_a_fresh_proof() {
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let (user, account, _) = me(&owner).await;
    let engine = imported(&app, &owner).await["id"].as_str().unwrap().to_owned();
    let (sold, node) = (Sold::of(&app, spec("0.50")).await, node(&app, &operator).await);
    leaving(&app, &engine, &user).await;
    age_sessions(&app).await;
    let (sku, engine) = (format!("/v1/platform/skus/{}", sold.code), format!("/v1/engines/{engine}"));
    let ending = |how: &str| json!({"confirm": "onprem-1", how: true});
    let actions: Vec<(&Client, &str, String, Value)> = vec![
        (&operator, "POST", "/v1/platform/skus".to_owned(), json!({"code": unique("sku"), "spec": spec("0.50")})),
        (&operator, "PATCH", sku.clone(), json!({"title": "another"})),
        (&operator, "PATCH", sku, json!({"retired": true})),
        (&operator, "PUT", format!("/v1/platform/accounts/{account}/skus"), json!({"all": true, "codes": []})),
        (&operator, "POST", format!("/v1/nodes/{node}/drain"), json!({"confirm": node})),
        (&owner, "DELETE", engine.clone(), ending("force")),
        (&owner, "DELETE", engine, ending("abandon")),
        (&owner, "POST", "/v1/auth/password".to_owned(), json!({"current": "", "new": unique("quite-a-long-one")})),
    ];
    for (client, method, path, body) in &actions {
        let reply = client.send(method.parse().unwrap(), path, Some(body.to_string())).await;
        let code = (reply.status, reply.str("/code"));
        assert_eq!(code, (403, "reauthentication_required".to_owned()), "{method} {path}: {}", reply.text);
    }
    KubeApi::admin(app.plane).delete(&format!("/api/v1/nodes/{node}")).await.done();
    sold.gone().await;
}

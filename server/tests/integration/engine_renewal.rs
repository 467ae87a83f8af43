//! The console keeps an engine's short-lived token alive by TokenRequest, with the one right of the self-renewal role; a
//! second real control plane is the engine (`engine-import.md` §5 and §10).

use std::sync::Arc;

use backend::ports::Engines as _;
use backend::{AuditKeys, Envelope, open_engine_credentials};
use domain::audit::Action;
use domain::engine::{AuthFacts, Credentials, Engine};
use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use domain::id::EngineId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::SqlStore;
use testkit::{AUDIT_KEY, KEK, OtherPlane, Receiver, TestApp, eventually, unique};

use crate::nodes_of_engines::event;
use crate::{CONSOLE, webhook};

/// A ServiceAccount over there, with the generated role, and the form that imports it.
async fn form(there: &OtherPlane, name: &str, self_renewal: bool) -> Value {
    let input = NewEngineManifest {
        namespace: name.to_owned(),
        features: vec![EngineFeature::Pods],
        self_renewal,
        ..NewEngineManifest::for_engine(name)
    };
    let input = input.checked().unwrap();
    there.admin_apply(&input.yaml()).await.out();
    if self_renewal {
        let account = &input.service_account;
        let (target, subject) =
            (format!("serviceaccounts/{account}"), format!("system:serviceaccount:{name}:{account}"));
        let question = ["-n", name, "auth", "can-i", "create", &target, "--subresource=token", "--as", &subject];
        eventually("the right to renew has arrived", async || {
            let ran = there.admin(&question).await;
            if ran.stdout.trim() == "yes" { Ok(()) } else { Err((ran.stdout, ran.stderr)) }
        })
        .await;
    }
    let token = there.admin(&["-n", name, "create", "token", &input.service_account, "--duration=1h"]).await.out();
    json!({
        "kind": "on_premise", "name": name, "api_url": there.server(), "load_balancer_ip": "203.0.113.10",
        "ca_data": there.ca(), "bearer_token": token.trim(), "namespaces": [name], "features": ["pods"],
    })
}

async fn kept(store: &SqlStore, id: EngineId) -> (Engine, Credentials) {
    let sealed = store.engine_credentials(id).await.unwrap().unwrap();
    let credentials = open_engine_credentials(&Envelope::from_hex_lines(KEK).unwrap(), id, &sealed).unwrap();
    (store.engine(id).await.unwrap().unwrap(), credentials)
}

/// As if the token had been made that many hours ago. A check may come between.
async fn aged(store: &SqlStore, id: EngineId, hours: i64) -> (Engine, Credentials) {
    eventually("the token is made older", async || {
        let (engine, credentials) = kept(store, id).await;
        let auth =
            AuthFacts { issued_at: Some(Timestamp::now() - SignedDuration::from_hours(hours)), ..engine.auth.clone() };
        let older = Engine { auth, ..engine.clone() };
        let written = store.change_engine(&older, None, &event(Action::EngineChanged, &older)).await.unwrap();
        if written { Ok((older, credentials)) } else { Err(engine.revision) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_it_ends_where_its_identity_may_do_that() {
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let (owner, there) = (app.stranger("owner").await, OtherPlane::start().await);
    let keys = Arc::new(AuditKeys::from_hex_lines(AUDIT_KEY).unwrap());
    let store = SqlStore::connect_migrated(&app.database_url(), keys).await.unwrap();
    let name = unique("renews");
    let form = form(&there, &name, true).await;
    let made = owner.post("/v1/engines", json!({"engine": form})).await;
    assert_eq!((made.status, &made.json()["auth"]["renewable"]), (201, &json!(true)), "{}", made.text);
    let path = format!("/v1/engines/{}", made.str("/id"));
    // More than half of its life is over.
    let (old, first) = aged(&store, EngineId::parse(&made.str("/id")).unwrap(), 2).await;

    let (new, second) = eventually("the console has the next token", async || {
        let (engine, credentials) = kept(&store, old.id).await;
        if credentials == first { Err(engine.auth) } else { Ok((engine, credentials)) }
    })
    .await;
    assert!(new.auth.renewable && new.auth.issued_at > old.auth.issued_at, "{:?}", new.auth);
    assert_eq!(new.auth.identity, old.auth.identity, "{:?}", new.auth);
    let Credentials::BearerToken { token } = &second else { unreachable!("{second:?}") };
    let checked = owner.post(&format!("{path}/check"), json!({})).await;
    assert_eq!((checked.status, checked.str("/status")), (200, "ready".to_owned()), "{}", checked.text);
    let audit = owner.get("/v1/audit?action=engine.credentials_changed").await;
    assert!(audit.text.contains("renewed by itself, until "), "{}", audit.text);
    for shown in [&checked.text, &audit.text, &owner.get(&path).await.text] {
        assert!(!shown.contains(token.as_str()), "nobody sees it: {shown}");
    }

    let off = owner.post(&format!("{path}/disable"), json!({})).await;
    assert_eq!(off.str("/status"), "disabled", "{}", off.text);
    let (_, before) = aged(&store, old.id, 2).await;
    eventually("it is renewed also out of use: what runs there goes on", async || {
        let (engine, credentials) = kept(&store, old.id).await;
        if credentials == before { Err(engine.auth) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_renew_itself_is_announced_with_the_rule_that_lets_it() {
    let receiver = Receiver::start().await;
    let (app, _dir) = webhook::console(&[&receiver]).await;
    let (owner, there, name) = (app.stranger("owner").await, OtherPlane::start().await, unique("ends"));
    webhook::webhook(&owner, &receiver.url).await;
    let form = form(&there, &name, false).await;
    let seen = owner.post("/v1/engines/preflight", form.clone()).await.json();
    let rows = seen["report"]["rows"].as_array().unwrap().clone();
    let row = rows.iter().find(|row| row["id"] == "token-renewal").unwrap();
    assert_eq!(row["status"], "skip", "{row}");
    assert!(row["fix"].as_str().unwrap().contains("resources: [\"serviceaccounts/token\"]"), "{row}");
    let life = rows.iter().find(|row| row["id"] == "token-life").unwrap();
    assert_eq!(life["status"], "warn", "it ends within a day: {life}");
    let made = owner.post("/v1/engines", json!({"engine": form})).await;
    assert_eq!((made.status, &made.json()["auth"]["renewable"]), (201, &json!(false)), "{}", made.text);

    let keys = Arc::new(AuditKeys::from_hex_lines(AUDIT_KEY).unwrap());
    let store = SqlStore::connect_migrated(&app.database_url(), keys).await.unwrap();
    let (engine, _) = aged(&store, EngineId::parse(&made.str("/id")).unwrap(), 24).await;
    let end = engine.auth.expires_at.unwrap();
    eventually("its end is announced", async || {
        let told = owner.get("/v1/audit?action=engine.credentials_expiring").await;
        if told.text.contains(&format!("ends {end}")) { Ok(()) } else { Err(told.text) }
    })
    .await;
    assert_eq!(kept(&store, engine.id).await.0.facts.end_told, Some(end), "so that it is announced once");
    let told = webhook::told(&receiver, "engine.credentials_expiring").await;
    assert_eq!(told["data"]["target"], format!("engine:{}", engine.id), "{told}");
}

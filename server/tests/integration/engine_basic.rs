//! Basic authentication, which nothing but a proxy in front of the API server reads any more (`engine-import.md` §3): on a
//! second real control plane behind such a proxy.

use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use serde_json::{Value, json};
use testkit::{OtherPlane, PasswordProxy, TestApp, unique};

use crate::CONSOLE;

const PASSWORD: &str = "s3cret-of-the-proxy";

fn row(report: &Value, id: &str) -> Value {
    let mut rows = report["rows"].as_array().unwrap().iter();
    rows.find(|row| row["id"] == id).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_behind_a_proxy_that_checks_passwords_is_imported_and_named_as_such() {
    let (there, name) = (OtherPlane::start().await, unique("basic"));
    let input = NewEngineManifest {
        namespace: name.clone(),
        features: vec![EngineFeature::Pods],
        ..NewEngineManifest::for_engine(&name)
    };
    let input = input.checked().unwrap();
    there.admin_apply(&input.yaml()).await.out();
    let token = there.admin(&["-n", &name, "create", "token", &input.service_account, "--duration=24h"]).await.out();
    let proxy = PasswordProxy::before(&there, ("console", PASSWORD), &token).await;
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let owner = app.stranger("owner").await;
    let form = |password: &str| {
        json!({
            "kind": "on_premise", "name": name, "api_url": proxy.url, "load_balancer_ip": "203.0.113.10",
            "ca_data": proxy.authority.pem(), "basic_username": "console", "basic_password": password,
            "namespaces": [name], "features": ["pods"],
        })
    };

    let refused = owner.post("/v1/engines/preflight", form("wrong")).await.json();
    let said = "The proxy in front of the API server refused the user name and password (401)";
    assert_eq!((&row(&refused["report"], "auth")["message"], &refused["preflight_id"]), (&json!(said), &Value::Null));

    let seen = owner.post("/v1/engines/preflight", form(PASSWORD)).await.json();
    assert_eq!(seen["status"], "ready", "{seen}");
    let warned = row(&seen["report"], "auth-basic-proxy");
    assert_eq!(warned["status"], "warn", "{seen}");
    let says = warned["message"].as_str().unwrap();
    assert!(says.starts_with("A proxy in front of the API server checks the password; groups: "), "{says}");
    assert!(says.contains(&format!("system:serviceaccounts:{name}")), "{says}");

    let new = json!({"preflight_id": seen["preflight_id"], "engine": form(PASSWORD)});
    let made = owner.post("/v1/engines", new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let identity = format!("system:serviceaccount:{name}:{}", input.service_account);
    assert_eq!((made.str("/auth/method"), made.str("/auth/identity")), ("basic".to_owned(), identity));
    let path = format!("/v1/engines/{}", made.str("/id"));
    let wrong = json!({"basic_username": "console", "basic_password": "wrong"});
    let kept = owner.put(&format!("{path}/credentials"), wrong).await;
    assert_eq!((kept.status, kept.str("/code").as_str()), (409, "preflight_failed"), "{}", kept.text);
    assert_eq!(owner.post(&format!("{path}/check"), json!({})).await.str("/status"), "ready", "the old one is in use");
    for text in [made.text, owner.get(&path).await.text, owner.get("/v1/audit?limit=200").await.text] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    assert!(!app.log().contains(PASSWORD));
}

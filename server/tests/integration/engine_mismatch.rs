//! Another cluster at the address of an engine, which takes the same credentials (`engine-import.md` §7 row 5, §9): two
//! real control planes behind one proxy that checks passwords.

use domain::engine_manifest::{EngineFeature, NewEngineManifest};
use serde_json::json;
use testkit::{KubeApi, OtherPlane, PasswordProxy, TestApp, eventually, unique};

use crate::CONSOLE;
use crate::engine_manifest::given;

/// Certificate, password, identity and rights are all as before: nothing but the UID of `kube-system` tells it.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_is_a_mismatch_while_its_address_leads_to_another_cluster_and_ready_once_it_is_back() {
    let (there, name) = (OtherPlane::start().await, unique("moved"));
    let app = TestApp::setup(CONSOLE).with("REMOTEGPU_OUTBOUND_ALLOWED_NETWORKS", "127.0.0.0/8").start().await;
    let input = NewEngineManifest {
        namespace: name.clone(),
        service_account: format!("{name}-sa"),
        features: vec![EngineFeature::Pods],
        ..NewEngineManifest::for_engine(&name)
    };
    let input = input.checked().unwrap();
    let identity = (input.namespace.as_str(), input.service_account.as_str());
    let make = ["-n", name.as_str(), "create", "token", identity.1, "--duration=24h"];
    there.admin_apply(&input.yaml()).await.out();
    let subject = format!("--as=system:serviceaccount:{name}:{}", identity.1);
    for right in [["list", "namespaces", "--all-namespaces"], ["create", "pods", &format!("--namespace={name}")]] {
        eventually("the right is given over there", async || {
            let ran = there.admin(&[&["auth", "can-i", subject.as_str()][..], &right[..]].concat()).await;
            if ran.stdout.trim() == "yes" { Ok(()) } else { Err(ran.stdout) }
        })
        .await;
    }
    let first = there.admin(&make).await.out();
    app.plane.admin_apply(&input.yaml()).await.out();
    given(&KubeApi::admin(app.plane), identity, &input.rights()).await;
    let second = app.plane.admin(&make).await.out();

    let proxy = PasswordProxy::before(&there, ("console", "s3cret"), &first).await;
    let owner = app.stranger("owner").await;
    let form = json!({
        "kind": "on_premise", "name": name, "api_url": proxy.url, "load_balancer_ip": "203.0.113.10",
        "ca_data": proxy.authority.pem(), "basic_username": "console", "basic_password": "s3cret",
        "namespaces": [name], "features": ["pods"],
    });
    let seen = owner.post("/v1/engines/preflight", form.clone()).await.json();
    let made = owner.post("/v1/engines", json!({"preflight_id": seen["preflight_id"], "engine": form})).await;
    assert_eq!((made.status, made.str("/status").as_str()), (201, "ready"), "{}", made.text);
    let path = format!("/v1/engines/{}", made.str("/id"));
    let check = async || {
        let checked = owner.post(&format!("{path}/check"), json!({})).await;
        (checked.str("/status"), checked.str("/status_reason"), checked.str("/cluster_uid"))
    };

    proxy.lead_to(&app.plane.server(), &std::fs::read_to_string(app.plane.ca_file()).unwrap(), &second);
    let (moved, uid) = ("The address now leads to another cluster".to_owned(), made.str("/cluster_uid"));
    assert_eq!(check().await, ("mismatch".to_owned(), moved, uid.clone()), "whose cluster it is stays known");

    proxy.lead_to(&there.server(), &there.ca(), &first);
    assert_eq!(check().await, ("ready".to_owned(), String::new(), uid));
}

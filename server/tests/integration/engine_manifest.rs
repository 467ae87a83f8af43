//! The generated manifests on the real control plane: each can be applied, and gives what a preflight asks and no more
//! (`engine-import.md` §4 and §5).

use domain::engine_manifest::{EngineRight, ManifestPreset, NewEngineManifest, WriteScope};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{KubeApi, TestApp, eventually, unique};

use crate::engine::{console, elsewhere, message, preflight};
use crate::{CONSOLE, shell};

/// What the API server says about one right of a ServiceAccount.
async fn allowed(admin: &KubeApi, (namespace, account): (&str, &str), right: &EngineRight) -> bool {
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": format!("system:serviceaccount:{namespace}:{account}"),
        "groups": ["system:authenticated", "system:serviceaccounts", format!("system:serviceaccounts:{namespace}")],
        "resourceAttributes": {"group": right.group, "resource": right.resource, "subresource": right.subresource,
            "verb": right.verb, "name": right.name.as_deref().unwrap_or_default(),
            "namespace": right.namespace.as_deref().unwrap_or_default()},
    }});
    let answer = admin.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review).await.done();
    answer["status"]["allowed"] == true
}

/// Waits until a ServiceAccount has all of these rights: the API server hears of new roles a moment after it stored them.
pub async fn given(admin: &KubeApi, account: (&str, &str), rights: &[EngineRight]) {
    for right in rights {
        eventually("the right is given", async || {
            if allowed(admin, account, right).await { Ok(()) } else { Err(format!("{account:?}: {right:?}")) }
        })
        .await;
    }
}

/// Names of its own, so that tests do not meet.
fn fresh() -> NewEngineManifest {
    let name = unique("engine");
    NewEngineManifest {
        namespace: name.clone(),
        service_account: format!("{name}-sa"),
        ..NewEngineManifest::for_engine(&name)
    }
}

/// Generates through REST, applies as a person would, asks about every right.
async fn applied(app: &TestApp, input: NewEngineManifest) -> Value {
    let (operator, admin) = (app.operator().await, KubeApi::admin(app.plane));
    for namespace in &input.namespaces {
        app.plane.admin(&["create", "namespace", namespace]).await.out();
    }
    let made = operator.post("/v1/engine-manifests", serde_json::to_value(&input).unwrap()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let (url, yaml) = (made["url"].as_str().unwrap(), made["yaml"].as_str().unwrap());
    app.plane.admin(&["apply", "-f", url]).await.out();
    let input = input.checked().unwrap();
    assert_eq!(yaml, input.yaml());
    let rights = input.rights();
    let account = (input.namespace.as_str(), input.service_account.as_str());
    given(&admin, account, &rights).await;
    // Everything that any manifest may give, everywhere: only what is listed may be there.
    let exact = NewEngineManifest { preset: ManifestPreset::AichorExact, ..fresh() }.checked().unwrap();
    let widest = NewEngineManifest { write_scope: WriteScope::AllNamespaces, self_renewal: false, ..fresh() };
    let more = EngineRight {
        group: String::new(),
        resource: "serviceaccounts".into(),
        subresource: "token".into(),
        verb: "create".into(),
        name: None,
        namespace: Some(input.namespace.clone()),
    };
    for right in exact.rights().into_iter().chain(widest.rights()).chain([more]) {
        assert_eq!(allowed(&admin, account, &right).await, rights.contains(&right), "{right:?}");
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_rights_are_given_and_no_more() {
    let app = TestApp::start(CONSOLE).await;
    let input = NewEngineManifest { namespaces: vec![unique("train")], ..fresh() };
    let (namespace, train) = (input.namespace.clone(), input.namespaces[0].clone());
    let made = applied(&app, input).await;
    let token = made["commands"]["token"].as_str().unwrap();
    let arguments: Vec<&str> = token.split(' ').skip(1).collect();
    let printed = app.plane.admin(&arguments).await.out();
    assert_eq!(printed.trim().split('.').count(), 3, "a token: {token}");
    let ca = made["commands"]["ca"].as_str().unwrap().replace('\'', "");
    let arguments: Vec<&str> = ca.split(' ').skip(1).collect();
    eventually("the cluster has laid its CA there", async || {
        let ran = app.plane.admin(&arguments).await;
        if ran.stdout.starts_with("-----BEGIN CERTIFICATE-----") { Ok(()) } else { Err((ran.stdout, ran.stderr)) }
    })
    .await;
    app.plane.admin(&["delete", "-f", made["url"].as_str().unwrap()]).await.out();
    app.plane.admin(&["get", "namespace", &namespace]).await.refused();
    app.plane.admin(&["delete", "namespace", &train, "--wait=false"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_namespaces_is_what_it_says() {
    let app = TestApp::start(CONSOLE).await;
    let made = applied(&app, NewEngineManifest { write_scope: WriteScope::AllNamespaces, ..fresh() }).await;
    assert!(made["warnings"][0].as_str().unwrap().contains("cluster administrator"));
    app.plane.admin(&["delete", "-f", made["url"].as_str().unwrap()]).await.out();
}

/// The published names are shared with whoever else imports this cluster, so they stay.
#[tokio::test(flavor = "multi_thread")]
async fn the_published_manifests_are_given_as_they_are_published() {
    let app = console().await;
    let made = applied(&app, NewEngineManifest { preset: ManifestPreset::AichorExact, ..fresh() }).await;
    let names: Vec<&str> = made["files"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    let published = ["serviceaccount.yaml", "clusterrole.yaml", "clusterrolebinding.yaml", "secret.yaml"];
    assert_eq!(names[1..], published);
    // "Apply all four manifests": each alone says what the whole file said.
    for file in made["files"].as_array().unwrap() {
        let again = app.plane.admin_apply(file["yaml"].as_str().unwrap()).await.out();
        assert!(again.lines().all(|line| line.ends_with(" unchanged")), "{}: {again}", file["name"]);
    }
    let role: Value =
        serde_json::from_str(&app.plane.admin(&["get", "clusterrole", "dp-sa-cluster-role", "-o", "json"]).await.out())
            .unwrap();
    let (everything, four) =
        (["get", "list", "watch", "create", "update", "patch", "delete"], ["create", "get", "delete"]);
    let first = ["pods", "pods/status", "pods/exec", "serviceaccounts", "configmaps", "namespaces", "secrets"];
    assert_eq!(
        role["rules"],
        json!([
            {"apiGroups": [""], "resources": first, "verbs": everything},
            {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": four},
            {"apiGroups": ["cert-manager.io"], "resources": ["certificates"], "verbs": ["create"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create", "get", "delete", "list"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["services"], "verbs": four},
            {"apiGroups": ["ray.instadeep.io"], "resources": ["rayclusters"], "verbs": ["list", "create", "get", "delete"]},
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "patch"]},
        ])
    );
    let secret = app.plane.admin(&["-n", "aichor", "get", "secret", "dp-cluster-service-account-token"]).await.out();
    assert!(secret.contains("kubernetes.io/service-account-token"), "{secret}");
    the_token_that_the_command_prints_is_the_one_to_paste(&app, made["commands"]["token"].as_str().unwrap()).await;
}

/// The page's last step: "The output is the bearer token to enter in the Bearer Token field".
async fn the_token_that_the_command_prints_is_the_one_to_paste(app: &TestApp, command: &str) {
    let token = eventually("the cluster has made the token", async || {
        let printed = shell::typed(command, &app.plane.kubeconfig("admin")).await;
        if printed.starts_with("ey") { Ok(printed) } else { Err(printed) }
    })
    .await;
    let form = json!({
        "kind": "on_premise", "name": "onprem-1", "api_url": elsewhere(app).await, "load_balancer_ip": "203.0.113.10",
        "ca_data": std::fs::read_to_string(app.plane.ca_file()).unwrap(), "bearer_token": token,
        "namespaces": [], "features": ["pods"], "gpus": [{"model": "NVIDIA-H100-80GB-HBM3", "count": 4}],
    });
    let seen = preflight(&app.stranger("owner").await, &form).await;
    let report = &seen["report"];
    assert_eq!(message(report, "auth"), "The credentials are accepted", "{seen}");
    assert_eq!(message(report, "identity"), "system:serviceaccount:aichor:dp-cluster-service-account");
    assert_eq!(message(report, "token-life"), "This token never expires");
    assert!(seen["preflight_id"].is_string(), "it may be added: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_fetched_without_signing_in_and_by_its_published_parts() {
    let app = TestApp::start(CONSOLE).await;
    let admin = app.stranger("admin").await;
    let made = admin.post("/v1/engine-manifests", json!({"engine_name": "onprem-1"})).await;
    let location = made.header("location");
    assert!(made.str("/url").ends_with(&location), "{location}");
    let anonymous = app.anonymous();
    let whole = anonymous.get(&location).await;
    assert_eq!((whole.status, whole.text.as_str()), (200, made.str("/yaml").as_str()));
    assert_eq!(whole.header("content-type"), "application/yaml");
    let digest: String = Sha256::digest(whole.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(made.str("/sha256"), digest);
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"engine-onprem-1-rbac.yaml\"");
    let part = anonymous.get(&format!("{location}?part=clusterrole.yaml")).await;
    assert!(
        part.status == 200 && part.text.starts_with("apiVersion: \"rbac.authorization.k8s.io/v1\""),
        "{}",
        part.text
    );
    anonymous.get(&format!("{location}?part=secret.yaml")).await.is_problem(404, "not_found", "Not found");
    for unknown in [format!("{}.yaml", "0".repeat(32)), "x.yaml".to_owned(), "x".to_owned()] {
        let reply = anonymous.get(&format!("/v1/engine-manifests/{unknown}")).await;
        assert_eq!((reply.status, reply.str("/code")), (409, "link_invalid".to_owned()));
    }
    let wrong = admin.post("/v1/engine-manifests", json!({"engine_name": "1st", "namespaces": ["No"]})).await;
    let fields: Vec<Value> = wrong.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!((wrong.status, fields), (400, vec![json!("engine_name"), json!("namespaces")]));
    let member = app.stranger("member").await;
    let refused = member.post("/v1/engine-manifests", json!({"engine_name": "onprem-1"})).await;
    assert_eq!((refused.status, refused.str("/code")), (403, "forbidden".to_owned()));
}

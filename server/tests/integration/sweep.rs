//! What every route of its kind does when it is asked again: a delete done twice, a change of what changed meanwhile.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::Operation;

use crate::things::Things;

const STALE: &str = "Somebody changed this meanwhile: read it again, then make your change";

/// What a DELETE of what was deleted just now answers; none for what other tests delete twice: objects in the cluster
/// (`workload.rs`, `config.rs`), what goes later or with the caller's own session (`namespace.rs`, `account.rs`,
/// `sign_in.rs`).
fn second_delete(operation: &str) -> Option<u16> {
    match operation {
        "revoke_api_key"
        | "unlink_identity"
        | "delete_budget"
        | "revoke_cli_session"
        | "revoke_credential"
        | "delete_engine"
        | "revoke_invitation"
        | "remove_skypilot"
        | "revoke_skypilot_kubeconfig"
        | "delete_webhook" => Some(204),
        "remove_member" => Some(404),
        "delete_namespace"
        | "delete_account"
        | "delete_platform_account"
        | "end_session"
        | "end_sessions"
        | "leave_support"
        | "delete_config_map"
        | "delete_secret"
        | "delete_service"
        | "delete_deployment"
        | "delete_workload" => None,
        other => panic!("say here and in docs/API.md what a second {other} answers"),
    }
}

/// Whether a change of it may be tied to what was seen. What has a name and no id is in the cluster, and proven with it
/// (`config.rs`, `deployment.rs`, `workload.rs`, `sku.rs`).
fn is_edit(operation: &Operation) -> bool {
    let parameters = operation.body["parameters"].as_array();
    let declared = parameters.into_iter().flatten().any(|parameter| parameter["name"] == "If-Match");
    declared && operation.parameters().iter().all(|name| name.ends_with("_id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_not_changed_and_a_delete_done_twice_is_done_once() {
    let (app, owner, things) = Things::made().await;
    let (operator, contract) = (app.operator().await, owner.contract().await);
    let operations = contract.operations();
    let edits: Vec<&Operation> = operations.iter().filter(|operation| is_edit(operation)).collect();
    assert!(edits.len() >= 9, "{}", edits.len());
    for operation in edits {
        let path = operation.at(|parameter| things.at(parameter));
        let person = if path.starts_with("/v1/platform/") { &operator } else { &owner };
        assert_ne!(person.get(&path).await.header("etag"), "", "{path}");
        let late = person.clone().with("if-match", "\"as it was\"");
        let body = contract.sample_body(operation).as_ref().map(Value::to_string);
        late.send(operation.method.parse().unwrap(), &path, body).await.is_problem(409, "conflict", STALE);
    }
    let budget = |amount: &str| json!({"amount": amount, "currency": "EUR", "warn_at": [50], "hard_stop": false});
    let webhook = |name: &str| json!({"name": name, "url": "https://hooks.example.com/x", "topics": ["budget"]});
    let required = |yes: bool| json!({"ecosystem_required": yes});
    for (method, path, first, second) in [
        (Method::PATCH, "/v1/accounts/{account_id}", required(true), required(false)),
        (Method::PUT, "/v1/budgets/{budget_id}", budget("2"), budget("3")),
        (Method::PUT, "/v1/webhooks/{webhook_id}", webhook("first"), webhook("second")),
        (Method::PATCH, "/v1/engines/{engine_id}", json!({"ecosystem": "first"}), json!({"ecosystem": "second"})),
    ] {
        let path = things.filled(path);
        let careful = owner.clone().with("if-match", &owner.get(&path).await.header("etag"));
        let changed = careful.send(method.clone(), &path, Some(first.to_string())).await;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text);
        careful.send(method.clone(), &path, Some(second.to_string())).await.is_problem(409, "conflict", STALE);
        let fresh = owner.clone().with("if-match", &changed.header("etag"));
        assert_eq!(fresh.send(method, &path, Some(second.to_string())).await.status, 200, "{path}");
    }
    // Backwards: whoever unlinks an identity has no session of the command line any more.
    for operation in operations.iter().rev().filter(|operation| operation.method == "DELETE") {
        let Some(second) = second_delete(&operation.id) else { continue };
        let path = operation.at(|parameter| things.at(parameter));
        let body = (operation.id == "delete_engine").then(|| json!({"confirm": "onprem-1"}).to_string());
        for status in [204, second] {
            let reply = owner.send(Method::DELETE, &path, body.clone()).await;
            assert_eq!(reply.status, status, "{}: {}", operation.id, reply.text);
        }
    }
}

//! What people change, read back from the log: that each use case writes its own action, about the right thing.

use serde_json::{Value, json};
use testkit::{Client, TestApp, unique};

use crate::things::Things;

/// What somebody does, and the action and target of the row that must say so.
type Step = (&'static str, &'static str, Value, &'static str, &'static str);

fn webhook(name: &str) -> Value {
    json!({"name": name, "url": "https://hooks.example.com/x", "topics": ["budget"]})
}

fn of_the_owner() -> Vec<Step> {
    let (key, hook, engine) = ("api_key:{key_id}", "webhook:{webhook_id}", "engine:{engine_id}");
    let (user, invitation) = ("user:{user_id}", "invitation:{invitation_id}");
    let (terminal, account) = ("cli_session:{cli_session_id}", "account:{account_id}");
    let terms = json!({"amount": "2", "currency": "EUR", "warn_at": [50], "hard_stop": false});
    vec![
        ("DELETE", "/v1/credentials/{credential_id}", Value::Null, "credential.revoked", "credential:{credential_id}"),
        ("PATCH", "/v1/api-keys/{key_id}", json!({"name": "changed"}), "api_key.changed", key),
        ("PATCH", "/v1/api-keys/{key_id}", json!({"disabled": true}), "api_key.disabled", key),
        ("PATCH", "/v1/api-keys/{key_id}", json!({"disabled": false}), "api_key.enabled", key),
        ("POST", "/v1/api-keys/{key_id}/rotate", json!({"overlap_seconds": 0}), "api_key.rotated", key),
        ("PUT", "/v1/budgets/{budget_id}", terms, "budget.changed", "budget:{budget_id}"),
        ("DELETE", "/v1/budgets/{budget_id}", Value::Null, "budget.deleted", "budget:{budget_id}"),
        ("PUT", "/v1/webhooks/{webhook_id}", webhook("changed"), "webhook.changed", hook),
        ("POST", "/v1/webhooks/{webhook_id}/rotate", Value::Null, "webhook.secret_rotated", hook),
        ("POST", "/v1/webhooks/{webhook_id}/switch", json!({"enabled": false}), "webhook.disabled", hook),
        ("POST", "/v1/webhooks/{webhook_id}/switch", json!({"enabled": true}), "webhook.enabled", hook),
        ("DELETE", "/v1/webhooks/{webhook_id}", Value::Null, "webhook.deleted", hook),
        ("POST", "/v1/invitations/{invitation_id}/resend", Value::Null, "invitation.resent", invitation),
        ("DELETE", "/v1/invitations/{invitation_id}", Value::Null, "invitation.revoked", invitation),
        ("PATCH", "/v1/engines/{engine_id}", json!({"ecosystem": "next"}), "engine.changed", engine),
        ("POST", "/v1/engines/{engine_id}/disable", Value::Null, "engine.disabled", engine),
        ("POST", "/v1/engines/{engine_id}/enable", Value::Null, "engine.enabled", engine),
        ("DELETE", "/v1/engines/{engine_id}", json!({"confirm": "onprem-1"}), "engine.deleted", engine),
        ("PATCH", "/v1/members/{user_id}", json!({"role": "member"}), "member.role_changed", user),
        ("POST", "/v1/members/{user_id}/password-reset", Value::Null, "password.reset_requested", user),
        ("DELETE", "/v1/members/{user_id}", Value::Null, "member.removed", user),
        ("DELETE", "/v1/cli-sessions/{cli_session_id}", Value::Null, "cli_session.revoked", terminal),
        ("DELETE", "/v1/auth/identities/{identity_id}", Value::Null, "identity.unlinked", "identity:{identity_id}"),
        ("PATCH", "/v1/accounts/{account_id}", json!({"ecosystem_required": true}), "account.changed", account),
        ("PATCH", "/v1/accounts/{account_id}", json!({"name": unique("new")}), "account.renamed", account),
    ]
}

fn of_an_operator() -> Vec<Step> {
    let (path, account) = ("/v1/platform/accounts/{account_id}", "account:{account_id}");
    let no_skus = json!({"all": false, "codes": []});
    let support = json!({"reason": "they asked"});
    vec![
        ("PATCH", path, json!({"quota": {"gpus": 3}}), "account.quota_changed", account),
        ("PATCH", path, json!({"suspended": true}), "account.suspended", account),
        ("PATCH", path, json!({"suspended": false}), "account.resumed", account),
        ("PUT", "/v1/platform/accounts/{account_id}/skus", no_skus, "account.skus_changed", account),
        ("POST", "/v1/platform/accounts/{account_id}/support", support, "account.support_access", account),
    ]
}

/// What was made before anybody walked.
const MADE: &[(&str, &str)] = &[
    ("account.created", "account:{account_id}"),
    ("api_key.created", "api_key:{key_id}"),
    ("budget.created", "budget:{budget_id}"),
    ("engine.created", "engine:{engine_id}"),
    ("invitation.created", "invitation:{invitation_id}"),
    ("namespace.created", "namespace:{namespace_id}"),
    ("user.created", "user:{user_id}"),
    ("webhook.created", "webhook:{webhook_id}"),
    ("webhook.tested", "webhook:{webhook_id}"),
];

async fn walked(person: &Client, things: &Things, steps: &[Step]) {
    for (method, path, body, ..) in steps {
        let (path, body) = (things.filled(path), (!body.is_null()).then(|| body.to_string()));
        let reply = person.send(method.parse().unwrap(), &path, body).await;
        assert!(matches!(reply.status, 200 | 201 | 204), "{method} {path}: {} {}", reply.status, reply.text);
    }
}

/// Exactly one row says so, and that it was done.
async fn told(app: &TestApp, things: &Things, steps: impl Iterator<Item = (&'static str, &'static str)>) {
    let operator = app.operator().await;
    for (action, target) in steps {
        let target = things.filled(target);
        let log = operator.get(&format!("/v1/platform/audit?action={action}&target={target}")).await;
        let rows = log.json()["items"].as_array().unwrap().clone();
        assert_eq!(rows.len(), 1, "{action} {target}: {}", log.text);
        assert_eq!(rows[0]["outcome"], "success", "{action} {target}: {}", log.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_change_is_told_once_with_its_own_action_and_target() {
    let (app, owner, things) = Things::made().await;
    let (own, platform) = (of_the_owner(), of_an_operator());
    walked(&owner, &things, &own).await;
    walked(&app.operator().await, &things, &platform).await;
    let steps = own.iter().chain(&platform).map(|(.., action, target)| (*action, *target));
    told(&app, &things, MADE.iter().copied().chain(steps)).await;
}

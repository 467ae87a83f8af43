//! What people change, read back from the log: that each use case writes its own action, about the right thing.
//! Actions that no walk here comes by stand in `audit_witness.rs`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Client, TestApp, unique};

use crate::sign_in::moved;
use crate::things::Things;
use crate::{CONSOLE, cli};

const PASSWORD: &str = "a-password-for-tests";
const NEW: &str = "another-password-for-tests";

/// What somebody does, and the action and target of the row that must say so.
type Step = (&'static str, &'static str, Value, &'static str, &'static str);

/// An action that somebody was seen to do, and its target.
type Done = (&'static str, String);

/// A route of the namespace of a walk.
macro_rules! route {
    ($rest:literal) => {
        concat!("/v1/kubernetes/namespaces/{namespace_id}", $rest)
    };
}

/// The target of what is in that namespace.
macro_rules! inside {
    ($rest:literal) => {
        concat!("namespace:{namespace_id}", $rest)
    };
}

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
        (
            "POST",
            "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
            Value::Null,
            "webhook.redelivered",
            hook,
        ),
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

fn inside_a_namespace() -> Vec<Step> {
    let (secret, map) = (inside!("/secret:database"), inside!("/config_map:settings"));
    let (service, job) = (inside!("/service:web"), inside!("/job:report"));
    let rule = json!({"action": "stop", "warn_after_minutes": 20, "stop_after_minutes": 90});
    let web = json!({"name": "web", "sku_code": "cpu-shared-8g", "replicas": 0, "image": "nginx:1.27-alpine"});
    let report =
        json!({"kind": "job", "name": "report", "sku_code": "cpu-shared-8g", "image": "registry.invalid/app:1"});
    let exposed = json!({"name": "web", "deployment": "web", "port": 80});
    vec![
        ("PUT", route!("/idle-gpu"), rule, "idle_gpu.changed", inside!("")),
        ("POST", route!("/secrets"), json!({"name": "database", "values": {"USER": "ada"}}), "secret.created", secret),
        ("PATCH", route!("/secrets/database"), json!({"values": {"USER": "bob"}}), "secret.changed", secret),
        ("DELETE", route!("/secrets/database"), Value::Null, "secret.deleted", secret),
        ("POST", route!("/config-maps"), json!({"name": "settings", "data": {"A": "1"}}), "config_map.created", map),
        ("PATCH", route!("/config-maps/settings"), json!({"data": {"A": "2"}}), "config_map.changed", map),
        ("DELETE", route!("/config-maps/settings"), Value::Null, "config_map.deleted", map),
        ("POST", route!("/deployments"), web, "deployment.created", inside!("/deployment:web")),
        ("POST", route!("/services"), exposed, "service.created", service),
        ("DELETE", route!("/services/web"), Value::Null, "service.deleted", service),
        ("POST", route!("/workloads"), report, "workload.created", job),
        ("DELETE", route!("/workloads/job/report"), Value::Null, "workload.deleted", job),
        ("PUT", route!("/skypilot"), json!({"features": ["base"]}), "skypilot.changed", inside!("/skypilot")),
    ]
}

/// An operator decides on it while it stands.
fn skypilot_allowed() -> Vec<Step> {
    let path = "/v1/platform/skypilot/{namespace_id}";
    vec![("PUT", path, json!({"approved": []}), "skypilot.approved", inside!("/skypilot"))]
}

fn skypilot_removed() -> Vec<Step> {
    vec![("DELETE", route!("/skypilot"), Value::Null, "skypilot.removed", inside!("/skypilot"))]
}

/// What people do with their own access and with accounts, in this order.
const OF_ACCESS: [&str; 11] = [
    "session.revoked",
    "session.ended_everywhere",
    "session.reauthenticated",
    "password.changed",
    "password.reset",
    "invitation.accepted",
    "cli_session.created",
    "account.ownership_transferred",
    "account.deleted",
    "audit.pruned",
    REFUSED,
];
const REFUSED: &str = "session.refused";

/// Every action that is read back here.
pub fn actions() -> BTreeSet<&'static str> {
    let inside = [inside_a_namespace(), skypilot_allowed(), skypilot_removed()].concat();
    let steps = [of_the_owner(), of_an_operator(), inside].concat();
    let walked = steps.iter().map(|(.., action, _)| *action);
    let made = MADE.iter().map(|(action, _)| *action);
    walked.chain(made).chain(OF_ACCESS).collect()
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

/// Exactly one row says so, and how it went.
async fn told_once(operator: &Client, action: &str, target: &str, outcome: &str) {
    let log = operator.get(&format!("/v1/platform/audit?action={action}&target={target}")).await;
    let rows = log.json()["items"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 1, "{action} {target}: {}", log.text);
    assert_eq!(rows[0]["outcome"], outcome, "{action} {target}: {}", log.text);
}

async fn told(operator: &Client, things: &Things, steps: impl Iterator<Item = (&'static str, &'static str)>) {
    for (action, target) in steps {
        told_once(operator, action, &things.filled(target), "success").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_change_is_told_once_with_its_own_action_and_target() {
    let (app, owner, things) = Things::made().await;
    let (own, platform) = (of_the_owner(), of_an_operator());
    walked(&owner, &things, &own).await;
    let operator = app.operator().await;
    walked(&operator, &things, &platform).await;
    let steps = own.iter().chain(&platform).map(|(.., action, target)| (*action, *target));
    told(&operator, &things, MADE.iter().copied().chain(steps)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_make_inside_a_namespace_is_told_once_with_its_own_action_and_target() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let namespace = app.namespace(&owner).await;
    let things = Things::only(&[("namespace_id", namespace["id"].as_str().unwrap())]);
    let (inside, allowed, removed) = (inside_a_namespace(), skypilot_allowed(), skypilot_removed());
    for (person, steps) in [(&owner, &inside), (&operator, &allowed), (&owner, &removed)] {
        walked(person, &things, steps).await;
    }
    let steps = inside.iter().chain(&allowed).chain(&removed).map(|(.., action, target)| (*action, *target));
    told(&operator, &things, steps).await;
}

/// Ends sessions, proves who they are and takes another password; gives the person as they are then.
async fn own_sessions(app: &TestApp, person: Client) -> (Client, Vec<Done>) {
    let seen = person.get("/v1/auth/session").await;
    let (email, person_is) = (seen.str("/user/email"), format!("user:{}", seen.str("/user/id")));
    app.anonymous().sign_in(&email, PASSWORD).await;
    let sessions = person.get("/v1/auth/sessions").await.json()["items"].as_array().unwrap().clone();
    let other = sessions.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    assert_eq!(person.delete(&format!("/v1/auth/sessions/{other}")).await.status, 204);
    assert_eq!(person.delete("/v1/auth/sessions").await.status, 204);
    let proved = person.post("/v1/auth/reauthenticate", json!({"password": PASSWORD})).await;
    assert_eq!(proved.status, 204, "{}", proved.text);
    let person = moved(app, &proved);
    let changed = person.post("/v1/auth/password", json!({"current": PASSWORD, "new": NEW})).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    let mut done = vec![(OF_ACCESS[0], format!("session:{other}"))];
    done.extend(OF_ACCESS[1..4].iter().map(|action| (*action, person_is.clone())));
    (moved(app, &changed), done)
}

/// A link that resets a password, one that leads into the account, and a machine that is let in.
async fn links(app: &TestApp, owner: &Client, member: &str) -> Vec<Done> {
    let last = |link: String| link.rsplit('/').next().unwrap().to_owned();
    let link = owner.post(&format!("/v1/members/{member}/password-reset"), json!({})).await.str("/url");
    let new = json!({"token": last(link), "new": NEW});
    let reset = app.anonymous().post("/v1/auth/password/reset", new).await;
    assert_eq!(reset.status, 204, "{}", reset.text);
    let guest = json!({"email": format!("{}@example.com", unique("guest")), "role": "viewer"});
    let invited = owner.post("/v1/invitations", guest).await;
    let joining = json!({"token": last(invited.str("/link")), "password": PASSWORD});
    let joined = app.anonymous().post("/v1/invitations/accept", joining).await;
    assert_eq!(joined.status, 200, "{}", joined.text);
    let machine = cli::token(app, owner).await;
    let targets = [
        format!("user:{member}"),
        format!("invitation:{}", invited.str("/id")),
        format!("cli_session:{}", machine["id"].as_str().unwrap()),
    ];
    OF_ACCESS[4..7].iter().copied().zip(targets).collect()
}

/// An account that is handed over, and one that an operator makes and deletes.
async fn accounts(operator: &Client, owner: &Client, member: &str) -> Vec<Done> {
    let seen = owner.get("/v1/auth/session").await;
    let account = seen.str("/account/id");
    let heir = json!({"user_id": member, "confirm": seen.str("/account/name")});
    let given = owner.post(&format!("/v1/accounts/{account}/transfer"), heir).await;
    assert_eq!(given.status, 200, "{}", given.text);
    let name = unique("gone");
    let path = operator.post("/v1/platform/accounts", json!({"name": name})).await.header("location");
    let confirmed = json!({"confirm": name}).to_string();
    let gone = operator.send("DELETE".parse().unwrap(), &path, Some(confirmed)).await;
    assert_eq!(gone.status, 204, "{path}: {}", gone.text);
    let deleted = path.rsplit('/').next().unwrap();
    let targets = [account.as_str(), deleted].map(|id| format!("account:{id}"));
    OF_ACCESS[7..9].iter().copied().zip(targets).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_with_their_access_is_told_once_with_its_own_action_and_target() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let account = owner.get("/v1/auth/session").await.str("/account/name");
    let member = app.member_of(&account, "member").await.get("/v1/auth/session").await.str("/user/id");
    let (owner, mut done) = own_sessions(&app, owner).await;
    done.extend(links(&app, &owner, &member).await);
    done.extend(accounts(&operator, &owner, &member).await);
    app.admin(&["prune-audit", "--before", "2020-01-01"]).await;
    done.push((OF_ACCESS[9], "audit".to_owned()));
    // Last, because it holds back whoever signs in next. The name that was tried is no target.
    let wrong = json!({"email": "nobody@example.com", "password": "a-wrong-password"});
    assert_eq!(app.anonymous().post("/v1/auth/login", wrong).await.status, 401);
    assert_eq!(done.iter().map(|(action, _)| *action).chain([REFUSED]).collect::<Vec<_>>(), OF_ACCESS);
    for (action, target) in done {
        told_once(&operator, action, &target, "success").await;
    }
    told_once(&operator, REFUSED, "", "refused").await;
}

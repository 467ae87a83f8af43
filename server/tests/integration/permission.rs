//! The sweep: every operation and every server function, as everybody (`security.md` §5). What a caller needs comes
//! from the table in `server/src/http/v1/permission.rs`; an operation or function without a row fails here.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::Method;
use domain::permission::{Holder, Permission, allows};
use domain::user::Role;
use leptos::server_fn::axum::server_fn_paths;
use serde_json::{Value, json};
use server::http::v1::permission::{FUNCTIONS, Need};
use testkit::{Client, Contract, Operation, Reply, TestApp};

use crate::CONSOLE;
use crate::things::{Things, UNKNOWN, nothing_at};

const PLAN: &str = "form[name]=x&form[sku_code]=cpu-small&form[image]=nginx&form[replicas]=1&form[command]=\
    &form[args]=&form[env]=&form[ports]=";
const KEY: &str = "form[name]=x&form[scope]=all&form[access]=edit&form[expires_on]=&form[namespace_ids][0]=";
const CHANGED_KEY: &str = "id={key_id}&form[name]=x&form[scope]=all&form[access]=edit&form[expires_on]=";

/// Forms that the server functions take; `{namespace_id}` and `{key}` are things of the account.
const FORMS: &[(&str, &str)] = &[
    ("/api/session/sign-in", "email=nobody@example.com&password=wrong&next="),
    ("/api/session/sign-out", ""),
    ("/api/session/current", ""),
    ("/api/session/reauthenticate", "password=wrong&next="),
    ("/api/session/profile", "cursor="),
    ("/api/session/providers", ""),
    ("/api/session/unlink-identity", "id={identity_id}"),
    ("/api/session/end", "id={session_id}"),
    ("/api/session/end-others", ""),
    ("/api/password/create-reset", "user_id={user_id}"),
    ("/api/password/change", "current=wrong&new=wrong"),
    ("/api/password/reset", "token=wrong&new=wrong"),
    ("/api/cli-session/list", "cursor="),
    ("/api/cli-session/revoke", "id={cli_session_id}&name=x"),
    ("/api/account/switch", "account_id={account_id}"),
    ("/api/account/get", ""),
    ("/api/account/quota", ""),
    ("/api/account/rename", "id={account_id}&name=x"),
    ("/api/account/ecosystem", "id={account_id}&required=true"),
    ("/api/account/transfer", "id={account_id}&user_id={user_id}&confirm=x"),
    ("/api/account/delete", "id={account_id}&confirm=x"),
    ("/api/member/list", "cursor="),
    ("/api/member/change", "user_id={user_id}&role=viewer&email=x"),
    ("/api/member/remove", "user_id={user_id}&email=x"),
    ("/api/invitation/create", "email=x@example.com&role=viewer"),
    ("/api/invitation/resend", "id={invitation_id}"),
    ("/api/invitation/revoke", "id={invitation_id}&email=x"),
    ("/api/invitation/offer", "token=wrong"),
    ("/api/invitation/accept", "token=wrong&password=wrong"),
    ("/api/platform-account/list", "cursor="),
    ("/api/platform-account/get", "id={account_id}"),
    ("/api/platform-account/create", "name=x&owner_email="),
    ("/api/platform-account/invite", "id={account_id}&email=x@example.com"),
    ("/api/platform-account/suspend", "id={account_id}&suspended=true"),
    ("/api/platform-account/quota", "id={account_id}&quota[gpus]=1"),
    ("/api/platform-account/delete", "id={account_id}&confirm=x"),
    ("/api/platform-account/support", "id={account_id}&reason=x"),
    ("/api/platform-account/leave-support", ""),
    ("/api/platform-account/grant", "id={account_id}&form[which]=all"),
    ("/api/platform-tenant/list", "cursor="),
    ("/api/health/get", ""),
    ("/api/platform-sku/list", ""),
    ("/api/platform-sku/get", "code=absent"),
    ("/api/platform-sku/create", "form[code]=swept&form[title]=x"),
    ("/api/platform-sku/change", "version=1&form[code]=absent&form[title]=x"),
    ("/api/platform-sku/retire", "code=absent&retired=true"),
    ("/api/node/list", ""),
    ("/api/node/get", "name=absent"),
    ("/api/node/cordon", "name=absent&cordoned=true"),
    ("/api/node/drain", "name=absent&confirm=absent"),
    ("/api/engine/list", "cursor="),
    ("/api/engine/get", "id={engine_id}"),
    ("/api/engine/add", "preflight_id=&form[kind]=runpod&form[name]=x"),
    ("/api/engine/change", "id={engine_id}&form[name]=x"),
    ("/api/engine/rotate", "id={engine_id}&form[kind]=runpod"),
    ("/api/engine/check", "id={engine_id}"),
    ("/api/engine/switch", "id={engine_id}&disabled=true"),
    ("/api/engine/delete", "id={engine_id}&confirm=x"),
    ("/api/engine-manifest/create", "form[engine_name]=x"),
    ("/api/overview/get", ""),
    ("/api/namespace/list", "cursor="),
    ("/api/namespace/create", "name=swept"),
    ("/api/namespace/get", "id={namespace_id}"),
    ("/api/namespace/rename", "id={namespace_id}&name=renamed"),
    ("/api/namespace/share", "id={namespace_id}&share[gpus]="),
    ("/api/namespace/delete", "id={namespace_id}&confirm=wrong"),
    ("/api/default-sku/get", "namespace={namespace_id}"),
    ("/api/default-sku/set", "namespace={namespace_id}&sku_code="),
    ("/api/api-key/list", "cursor="),
    ("/api/api-key/create", KEY),
    ("/api/api-key/get", "id={key_id}"),
    ("/api/api-key/update", CHANGED_KEY),
    ("/api/api-key/switch", "id={key_id}&disabled=true"),
    ("/api/api-key/rotate", "id={key_id}&overlap_seconds=0"),
    ("/api/api-key/revoke", "id={key_id}&name=x"),
    ("/api/api-key/revoke-many", "items[0]={key_id}"),
    ("/api/credential/list", "of=key/{key_id}&cursor="),
    ("/api/credential/revoke", "id={credential_id}&back="),
    ("/api/kubeconfig/facts", "namespace={namespace_id}&variant=sh&access=edit"),
    ("/api/sku/list", "namespace="),
    ("/api/deployment/check", "namespace={namespace_id}&{plan}"),
    ("/api/deployment/create", "namespace={namespace_id}&{plan}"),
    ("/api/deployment/sources", "namespace={namespace_id}"),
    ("/api/workload/list", "namespace={namespace_id}&query="),
    ("/api/workload/get", "namespace={namespace_id}&kind=deployment&name=absent"),
    ("/api/workload/delete", "namespace={namespace_id}&kind=deployment&name=absent&confirm=absent"),
    ("/api/workload/delete-many", "namespace={namespace_id}&items[0]=deployment/absent&confirm=absent"),
    ("/api/workload/scale", "namespace={namespace_id}&kind=deployment&name=absent&replicas=1"),
    ("/api/workload/image", "namespace={namespace_id}&kind=deployment&name=absent&container=app&image=x"),
    ("/api/workload/restart", "namespace={namespace_id}&kind=deployment&name=absent"),
    ("/api/workload/suspend", "namespace={namespace_id}&kind=cronjob&name=absent&suspended=true"),
    ("/api/workload/run", "namespace={namespace_id}&kind=cronjob&name=absent"),
    ("/api/workload/revisions", "namespace={namespace_id}&name=absent"),
    ("/api/workload/roll-back", "namespace={namespace_id}&kind=deployment&name=absent&revision=1"),
    ("/api/workload/manifest", "namespace={namespace_id}&kind=deployment&name=absent"),
    ("/api/workload/preview", "namespace={namespace_id}&kind=deployment&name=absent&version=1&yaml=a: 1"),
    ("/api/workload/apply", "namespace={namespace_id}&kind=deployment&name=absent&version=1&yaml=a: 1"),
    ("/api/metric/get", "namespace={namespace_id}&kind=deployment&name=absent"),
    ("/api/idle-gpu/get", "namespace={namespace_id}"),
    ("/api/idle-gpu/set", "namespace={namespace_id}&action=warn&warn_after_minutes=30&stop_after_minutes=240"),
    ("/api/manifest/check", "namespace={namespace_id}&yaml=kind: Pod"),
    ("/api/manifest/apply", "namespace={namespace_id}&yaml=kind: Pod"),
    ("/api/config-map/list", "namespace={namespace_id}"),
    ("/api/config-map/get", "namespace={namespace_id}&name=absent"),
    ("/api/config-map/create", "namespace={namespace_id}&name=Wrong&lines=&key=a&value=b"),
    ("/api/config-map/set", "namespace={namespace_id}&name=absent&version=1&key=a&value=b"),
    ("/api/config-map/remove", "namespace={namespace_id}&name=absent&version=1&key=a"),
    ("/api/config-map/delete", "namespace={namespace_id}&name=absent&confirm=absent"),
    ("/api/secret/list", "namespace={namespace_id}"),
    ("/api/secret/get", "namespace={namespace_id}&name=absent"),
    ("/api/secret/create", "namespace={namespace_id}&name=Wrong&lines=&key=a&value=b"),
    ("/api/secret/create-pull", "namespace={namespace_id}&name=Wrong&server=ghcr.io&username=a&password=b"),
    ("/api/secret/set", "namespace={namespace_id}&name=absent&version=1&key=a&value=b"),
    ("/api/secret/set-pull", "namespace={namespace_id}&name=absent&version=1&server=ghcr.io&username=a&password=b"),
    ("/api/secret/remove", "namespace={namespace_id}&name=absent&version=1&key=a"),
    ("/api/secret/delete", "namespace={namespace_id}&name=absent&confirm=absent"),
    ("/api/service/list", "namespace={namespace_id}"),
    ("/api/service/create", "namespace={namespace_id}&name=x&deployment=absent&port=80&target_port="),
    ("/api/service/delete", "namespace={namespace_id}&name=absent&confirm=absent"),
    ("/api/skypilot/get", "namespace={namespace_id}&query="),
    ("/api/skypilot/verification", "namespace={namespace_id}"),
    ("/api/skypilot/apply", "namespace={namespace_id}&service_account=sky-sa&features=base"),
    ("/api/skypilot/remove", "namespace={namespace_id}&confirm=sky-sa"),
    ("/api/skypilot/issue", "namespace={namespace_id}&name=ci&days=1"),
    ("/api/skypilot/revoke", "namespace={namespace_id}&id={kubeconfig_id}"),
    ("/api/platform-skypilot/list", "cursor="),
    ("/api/platform-skypilot/approve", "id={skypilot_id}&features=gpus"),
    ("/api/webhook/list", "cursor="),
    ("/api/webhook/get", "id={webhook_id}&cursor="),
    ("/api/webhook/create", "form[name]=x&form[url]=https://hooks.example.com/x&form[topics][0]=budget"),
    (
        "/api/webhook/change",
        "id={webhook_id}&form[name]=x&form[url]=https://hooks.example.com/x&form[topics][0]=budget",
    ),
    ("/api/webhook/rotate", "id={webhook_id}"),
    ("/api/webhook/switch", "id={webhook_id}&enabled=true"),
    ("/api/webhook/test", "id={webhook_id}"),
    ("/api/webhook/redeliver", "id={webhook_id}&delivery={delivery_id}"),
    ("/api/webhook/delete", "id={webhook_id}&name=x"),
    ("/api/audit/list", "query=&platform=false"),
    ("/api/audit/get", "id={audit_id}&platform=false"),
    ("/api/usage/summary", "query="),
    ("/api/usage/list", "query="),
    ("/api/budget/list", "cursor="),
    ("/api/budget/create", "namespace_id=&form[amount]=1&form[currency]=EUR&form[warn_at]="),
    ("/api/budget/change", "id={budget_id}&form[amount]=1&form[currency]=EUR&form[warn_at]="),
    ("/api/budget/delete", "id={budget_id}"),
];

/// Refused with 404 and not with 403: a colleague's key, and what was issued for it, does not exist to whoever may not
/// manage keys.
const UNSEEN: &[&str] = &[
    "update_api_key",
    "rotate_api_key",
    "revoke_credential",
    "/api/api-key/update",
    "/api/api-key/switch",
    "/api/api-key/rotate",
    "/api/credential/revoke",
];

/// Done for every id that is not the caller's: of what is gone nothing tells whose it was.
const IDEMPOTENT: &[&str] =
    &["delete_budget", "delete_engine", "delete_webhook", "end_session", "leave_support", "unlink_identity"];

/// Functions that answer a stranger as if the id were of nothing: an empty list, and the deletes above.
const EMPTY: &[&str] = &[
    "/api/credential/list",
    "/api/session/end",
    "/api/session/unlink-identity",
    "/api/budget/delete",
    "/api/webhook/delete",
];

struct Account {
    name: String,
    things: Things,
    contract: Arc<Contract>,
}

impl Account {
    async fn with_things() -> (TestApp, Self) {
        let (app, owner, things) = Things::made().await;
        let name = owner.get("/v1/auth/session").await.str("/account/name");
        let contract = owner.contract().await;
        (app, Self { name, things, contract })
    }

    async fn call(&self, client: &Client, operation: &Operation, own: bool) -> Reply {
        let at = |parameter: &str| if own { self.things.at(parameter) } else { nothing_at(parameter) };
        sent(&self.contract, client, operation, at).await
    }

    fn form(&self, path: &str) -> String {
        let (_, form) = FORMS.iter().find(|(known, _)| *known == path).unwrap_or_else(|| panic!("no form for {path}"));
        let form = self.things.filled(&form.replace("{unknown}", UNKNOWN).replace("{plan}", PLAN));
        assert!(!form.contains('{'), "make a thing for {path} in things.rs: {form}");
        form.replace('[', "%5B").replace(']', "%5D")
    }
}

async fn sent(contract: &Contract, client: &Client, operation: &Operation, at: impl Fn(&str) -> String) -> Reply {
    let body = contract.sample_body(operation).as_ref().map(Value::to_string);
    client.send(operation.method.parse::<Method>().unwrap(), &operation.at(at), body).await
}

/// A thing that one may see and not touch is 403. Whoever may not even read the account finds its things forbidden or
/// absent, whichever the use case comes to first.
#[track_caller]
fn is_refused(reply: &Reply, role: Role, name: &str) {
    let right = match (allows(role, false, Permission::Read), UNSEEN.contains(&name)) {
        (true, false) => reply.status == 403,
        (true, true) => reply.status == 404,
        (false, _) => matches!(reply.status, 403 | 404),
    };
    assert!(right, "{role:?} {name}: {} {}", reply.status, reply.text);
}

fn need(operation: &Operation) -> Need {
    Need::of(&operation.id).unwrap_or_else(|| panic!("{} has no row in permission.rs", operation.id))
}

/// To the owner of another account. What only operators do is refused before anything is looked up.
fn to_a_stranger(need: Need, name: &str) -> u16 {
    match need {
        Need::Key | Need::Has(Permission::ManageAccounts | Permission::ManagePlatform) => 403,
        _ if IDEMPOTENT.contains(&name) => 204,
        _ => 404,
    }
}

/// Ends or changes the caller's own session: would end the sweep.
fn is_own_end(operation: &Operation) -> bool {
    need(operation) == Need::Session && operation.method != "GET"
}

#[test]
fn every_server_function_has_a_row() {
    // Functions register themselves when the crate of the pages is linked; this names it.
    let _linked = app::App;
    let registered: BTreeSet<&str> = server_fn_paths().map(|(path, _)| path).collect();
    let listed: BTreeSet<&str> = FUNCTIONS.iter().map(|(path, _)| *path).collect();
    assert_eq!(registered, listed);
    assert_eq!(listed, FORMS.iter().map(|(path, _)| *path).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_signing_in() {
    let (app, account) = Account::with_things().await;
    let anonymous = app.anonymous();
    let cookie = anonymous.clone().with("cookie", "remotegpu=AAAAAAAAAAAAAAAAAAAAAA");
    for operation in account.contract.operations().iter().filter(|o| need(o) != Need::Everybody) {
        for caller in [&anonymous, &cookie] {
            let reply = account.call(caller, operation, true).await;
            assert_eq!(reply.status, 401, "{}: {}", operation.id, reply.text);
            assert_eq!(reply.header("content-type"), "application/problem+json", "{}", operation.id);
        }
    }
    let json = anonymous.with("accept", "application/json");
    for (path, _) in FUNCTIONS.iter().filter(|(_, need)| *need != Need::Everybody) {
        let reply = json.post_form(path, &account.form(path)).await;
        assert_eq!(reply.status, 401, "{path}: {}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_the_key_route_and_nothing_else() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let key = app.key(&owner, json!({"all": true})).await;
    let contract = owner.contract().await;
    for client in [app.anonymous().with("x-api-key", &key), owner.with("authorization", &format!("Bearer {key}"))] {
        for operation in contract.operations().iter().filter(|o| !matches!(need(o), Need::Everybody | Need::Key)) {
            let reply = sent(&contract, &client, operation, nothing_at).await;
            assert_eq!(reply.status, 401, "{}: {}", operation.id, reply.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let (app, account) = Account::with_things().await;
    // The weakest first: what they must not do is still there for them to try.
    for role in Role::ALL.into_iter().rev() {
        let client = app.member_of(&account.name, role.as_str()).await;
        let json = client.clone().with("accept", "application/json");
        for operation in account.contract.operations() {
            let Need::Has(permission) = need(&operation) else { continue };
            if allows(role, false, permission) {
                let harmless = matches!(operation.method.as_str(), "GET" | "POST");
                let reply = account.call(&client, &operation, harmless).await;
                assert!(!matches!(reply.status, 401 | 403), "{role:?} {}: {}", operation.id, reply.text);
            } else {
                is_refused(&account.call(&client, &operation, true).await, role, &operation.id);
            }
        }
        for (path, need) in FUNCTIONS {
            let Need::Has(permission) = need else { continue };
            let refused = !allows(role, false, *permission);
            if refused {
                is_refused(&json.post_form(path, &account.form(path)).await, role, path);
            }
        }
        for operation in account.contract.operations().iter().filter(|o| need(o) == Need::Session && !is_own_end(o)) {
            let reply = account.call(&client, operation, true).await;
            assert!(!matches!(reply.status, 401 | 403), "{role:?} {}: {}", operation.id, reply.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_sees_nothing_of_it() {
    let (app, account) = Account::with_things().await;
    let stranger = app.stranger("owner").await;
    let key = app.anonymous().with("x-api-key", &app.key(&stranger, json!({"all": true})).await);
    for operation in account.contract.operations() {
        let things = operation.parameters().iter().any(|name| name.ends_with("_id"));
        if !things || need(&operation) == Need::Everybody {
            continue;
        }
        let client = if need(&operation) == Need::Key { &key } else { &stranger };
        let foreign = account.call(client, &operation, true).await;
        let refusal = to_a_stranger(need(&operation), &operation.id);
        assert_eq!(foreign.status, refusal, "{}: {}", operation.id, foreign.text);
        let unknown = account.call(client, &operation, false).await;
        let bare = |reply: &Reply| {
            let (mut body, mut headers) = (reply.json(), reply.headers.clone());
            body["request_id"] = Value::Null;
            ["date", "x-request-id"].iter().for_each(|name| drop(headers.remove(*name)));
            (body, headers)
        };
        assert_eq!(bare(&foreign), bare(&unknown), "{}: foreign and unknown differ", operation.id);
    }
    let json = stranger.with("accept", "application/json");
    let of_a_thing = |form: &str| form != account.things.filled(form);
    for (path, need) in FUNCTIONS.iter().filter(|(_, need)| *need != Need::Everybody) {
        let named = FORMS.iter().any(|(known, form)| known == path && of_a_thing(form));
        if named && !EMPTY.contains(path) {
            let reply = json.post_form(path, &account.form(path)).await;
            assert_eq!(reply.status, to_a_stranger(*need, path), "{path}: {}", reply.text);
        }
    }
    an_operator_opens_the_platform_only(&app.operator().await, &account).await;
}

/// Who runs the platform is nobody in an account, too.
async fn an_operator_opens_the_platform_only(operator: &Client, account: &Account) {
    for operation in account.contract.operations().iter().filter(|operation| operation.method == "GET") {
        let Need::Has(permission) = need(operation) else { continue };
        let reply = account.call(operator, operation, true).await;
        if permission.holder() == Holder::Operator {
            assert!(!matches!(reply.status, 401 | 403), "{}: {}", operation.id, reply.text);
        } else if operation.parameters().iter().any(|name| name.ends_with("_id")) {
            assert_eq!(reply.status, 404, "{}: {}", operation.id, reply.text);
        }
    }
}

/// Ids that the document does not know as parts of a path: streams, downloads, filters, cursors.
#[tokio::test(flavor = "multi_thread")]
async fn another_account_sees_nothing_of_it_in_streams_downloads_filters_and_cursors() {
    let (app, account) = Account::with_things().await;
    let owner = app.member_of(&account.name, "owner").await;
    let stranger = app.stranger("owner").await;
    let (ns, key) = (&account.things.at("namespace_id"), &account.things.at("key_id"));
    for path in [
        "/live/namespaces/{ns}",
        "/live/namespaces/{ns}/workloads",
        "/live/namespaces/{ns}/workloads/deployment/any",
        "/live/namespaces/{ns}/log?pods=any",
        "/live/namespaces/{ns}/workloads/deployment/any/metrics",
        "/live/namespaces/{ns}/pods/any/exec?container=app",
        "/download/kubeconfig/{ns}",
        "/download/skypilot/{ns}",
    ] {
        let at = async |id: &str| {
            let reply = stranger.get(&path.replace("{ns}", id)).await;
            let mut headers = reply.headers.clone();
            let differ = ["date", "x-request-id"];
            differ.iter().for_each(|name| drop(headers.remove(*name)));
            let mut body = reply.json();
            body["request_id"] = Value::Null;
            (reply.status, body, headers)
        };
        let (foreign, unknown) = (at(ns).await, at(UNKNOWN).await);
        assert_eq!(foreign.0, 404, "{path}: {foreign:?}");
        assert_eq!(foreign, unknown, "{path}: foreign and unknown differ");
    }
    for path in [
        format!("/v1/credentials?namespace_id={ns}"),
        format!("/v1/credentials?api_key_id={key}"),
        format!("/v1/audit?target=namespace:{ns}"),
    ] {
        let reply = stranger.get(&path).await;
        assert_eq!((reply.status, &reply.json()["items"]), (200, &json!([])), "{path}: {}", reply.text);
    }
    for n in 0..2 {
        owner.post("/v1/api-keys", json!({"name": format!("more-{n}"), "scopes": {"all": true}})).await;
        owner.post("/v1/kubernetes/namespaces", json!({"name": format!("more-{n}")})).await;
    }
    for list in ["/v1/api-keys", "/v1/kubernetes/namespaces", "/v1/members", "/v1/audit"] {
        app.member_of(&account.name, "viewer").await;
        let cursor = owner.get(&format!("{list}?limit=1")).await.str("/next_cursor");
        let own = stranger.get(&format!("{list}?limit=200")).await.json()["items"].as_array().unwrap().len();
        let by_cursor = stranger.get(&format!("{list}?limit=200&cursor={cursor}")).await;
        let items = by_cursor.json()["items"].as_array().map_or(0, Vec::len);
        assert!(items <= own, "{list}: a cursor of another account showed {items} of {own}");
        assert!(!by_cursor.text.contains("more-") && !by_cursor.text.contains("swept"), "{list}: {}", by_cursor.text);
    }
}

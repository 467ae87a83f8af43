//! The sweep: every operation and every server function, as everybody (`security.md` §5). What a caller needs comes
//! from the table in `server/src/http/v1/permission.rs`; an operation or function without a row fails here.

use std::collections::BTreeSet;

use axum::http::Method;
use domain::permission::allows;
use domain::user::Role;
use leptos::server_fn::axum::server_fn_paths;
use serde_json::{Value, json};
use server::http::v1::permission::{FUNCTIONS, Need};
use testkit::{Client, Contract, Operation, Reply, TestApp};

use crate::CONSOLE;

const UNKNOWN: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
const PLAN: &str = "form[name]=x&form[sku_code]=cpu-small&form[image]=nginx&form[replicas]=1&form[command]=\
    &form[args]=&form[env]=&form[ports]=";
const KEY: &str = "form[name]=x&form[scope]=all&form[access]=edit&form[expires_on]=&form[namespace_ids][0]=";
const CHANGED_KEY: &str = "id={key}&form[name]=x&form[scope]=all&form[access]=edit&form[expires_on]=";

/// Forms that the server functions take; `{ns}` and `{key}` are things of the account.
const FORMS: &[(&str, &str)] = &[
    ("/api/session/sign-in", "email=nobody@example.com&password=wrong&next="),
    ("/api/session/sign-out", ""),
    ("/api/session/current", ""),
    ("/api/session/reauthenticate", "password=wrong&next="),
    ("/api/session/profile", "cursor="),
    ("/api/session/providers", ""),
    ("/api/session/unlink-identity", "id={unknown}"),
    ("/api/session/end", "id={unknown}"),
    ("/api/session/end-others", ""),
    ("/api/password/create-reset", "user_id={unknown}"),
    ("/api/password/change", "current=wrong&new=wrong"),
    ("/api/password/reset", "token=wrong&new=wrong"),
    ("/api/cli-session/list", "cursor="),
    ("/api/cli-session/revoke", "id={unknown}&name=x"),
    ("/api/account/switch", "account_id={unknown}"),
    ("/api/account/get", ""),
    ("/api/account/quota", ""),
    ("/api/account/rename", "id={unknown}&name=x"),
    ("/api/account/transfer", "id={unknown}&user_id={unknown}&confirm=x"),
    ("/api/account/delete", "id={unknown}&confirm=x"),
    ("/api/member/list", "cursor="),
    ("/api/member/change", "user_id={unknown}&role=viewer&email=x"),
    ("/api/member/remove", "user_id={unknown}&email=x"),
    ("/api/invitation/create", "email=x@example.com&role=viewer"),
    ("/api/invitation/resend", "id={unknown}"),
    ("/api/invitation/revoke", "id={unknown}&email=x"),
    ("/api/invitation/offer", "token=wrong"),
    ("/api/invitation/accept", "token=wrong&password=wrong"),
    ("/api/platform-account/list", "cursor="),
    ("/api/platform-account/get", "id={unknown}"),
    ("/api/platform-account/create", "name=x&owner_email="),
    ("/api/platform-account/invite", "id={unknown}&email=x@example.com"),
    ("/api/platform-account/suspend", "id={unknown}&suspended=true"),
    ("/api/platform-account/quota", "id={unknown}&quota[gpus]=1"),
    ("/api/platform-account/delete", "id={unknown}&confirm=x"),
    ("/api/platform-account/support", "id={unknown}&reason=x"),
    ("/api/platform-account/leave-support", ""),
    ("/api/platform-account/grant", "id={unknown}&form[which]=all"),
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
    ("/api/engine/get", "id={unknown}"),
    ("/api/engine/add", "preflight_id=&form[kind]=runpod&form[name]=x"),
    ("/api/engine/change", "id={unknown}&form[name]=x"),
    ("/api/engine/rotate", "id={unknown}&form[kind]=runpod"),
    ("/api/engine/check", "id={unknown}"),
    ("/api/engine/switch", "id={unknown}&disabled=true"),
    ("/api/engine/delete", "id={unknown}&confirm=x"),
    ("/api/engine-manifest/create", "form[engine_name]=x"),
    ("/api/overview/get", ""),
    ("/api/namespace/list", "cursor="),
    ("/api/namespace/create", "name=swept"),
    ("/api/namespace/get", "id={ns}"),
    ("/api/namespace/rename", "id={ns}&name=renamed"),
    ("/api/namespace/delete", "id={ns}&confirm=wrong"),
    ("/api/default-sku/get", "namespace={ns}"),
    ("/api/default-sku/set", "namespace={ns}&sku_code="),
    ("/api/api-key/list", "cursor="),
    ("/api/api-key/create", KEY),
    ("/api/api-key/get", "id={key}"),
    ("/api/api-key/update", CHANGED_KEY),
    ("/api/api-key/switch", "id={key}&disabled=true"),
    ("/api/api-key/rotate", "id={key}&overlap_seconds=0"),
    ("/api/api-key/revoke", "id={key}&name=x"),
    ("/api/api-key/revoke-many", "items[0]={key}"),
    ("/api/credential/list", "of=key/{unknown}&cursor="),
    ("/api/credential/revoke", "id={unknown}&back="),
    ("/api/kubeconfig/facts", "namespace={ns}&variant=sh&access=edit"),
    ("/api/sku/list", "namespace="),
    ("/api/deployment/check", "namespace={ns}&{plan}"),
    ("/api/deployment/create", "namespace={ns}&{plan}"),
    ("/api/deployment/sources", "namespace={ns}"),
    ("/api/workload/list", "namespace={ns}&query="),
    ("/api/workload/get", "namespace={ns}&kind=deployment&name=absent"),
    ("/api/workload/delete", "namespace={ns}&kind=deployment&name=absent&confirm=absent"),
    ("/api/workload/delete-many", "namespace={ns}&items[0]=deployment/absent"),
    ("/api/workload/scale", "namespace={ns}&kind=deployment&name=absent&replicas=1"),
    ("/api/workload/image", "namespace={ns}&kind=deployment&name=absent&container=app&image=x"),
    ("/api/workload/restart", "namespace={ns}&kind=deployment&name=absent"),
    ("/api/workload/suspend", "namespace={ns}&kind=cronjob&name=absent&suspended=true"),
    ("/api/workload/run", "namespace={ns}&kind=cronjob&name=absent"),
    ("/api/workload/revisions", "namespace={ns}&name=absent"),
    ("/api/workload/roll-back", "namespace={ns}&kind=deployment&name=absent&revision=1"),
    ("/api/workload/manifest", "namespace={ns}&kind=deployment&name=absent"),
    ("/api/workload/preview", "namespace={ns}&kind=deployment&name=absent&version=1&yaml=a: 1"),
    ("/api/workload/apply", "namespace={ns}&kind=deployment&name=absent&version=1&yaml=a: 1"),
    ("/api/metric/get", "namespace={ns}&kind=deployment&name=absent"),
    ("/api/idle-gpu/get", "namespace={ns}"),
    ("/api/idle-gpu/set", "namespace={ns}&action=warn&warn_after_minutes=30&stop_after_minutes=240"),
    ("/api/manifest/check", "namespace={ns}&yaml=kind: Pod"),
    ("/api/manifest/apply", "namespace={ns}&yaml=kind: Pod"),
    ("/api/config-map/list", "namespace={ns}"),
    ("/api/config-map/get", "namespace={ns}&name=absent"),
    ("/api/config-map/create", "namespace={ns}&name=Wrong&lines=&key=a&value=b"),
    ("/api/config-map/set", "namespace={ns}&name=absent&version=1&key=a&value=b"),
    ("/api/config-map/remove", "namespace={ns}&name=absent&version=1&key=a"),
    ("/api/config-map/delete", "namespace={ns}&name=absent&confirm=absent"),
    ("/api/secret/list", "namespace={ns}"),
    ("/api/secret/get", "namespace={ns}&name=absent"),
    ("/api/secret/create", "namespace={ns}&name=Wrong&lines=&key=a&value=b"),
    ("/api/secret/create-pull", "namespace={ns}&name=Wrong&server=ghcr.io&username=a&password=b"),
    ("/api/secret/set", "namespace={ns}&name=absent&version=1&key=a&value=b"),
    ("/api/secret/set-pull", "namespace={ns}&name=absent&version=1&server=ghcr.io&username=a&password=b"),
    ("/api/secret/remove", "namespace={ns}&name=absent&version=1&key=a"),
    ("/api/secret/delete", "namespace={ns}&name=absent&confirm=absent"),
    ("/api/service/list", "namespace={ns}"),
    ("/api/service/create", "namespace={ns}&name=x&deployment=absent&port=80&target_port="),
    ("/api/service/delete", "namespace={ns}&name=absent"),
    ("/api/skypilot/get", "namespace={ns}&query="),
    ("/api/skypilot/verification", "namespace={ns}"),
    ("/api/skypilot/apply", "namespace={ns}&service_account=sky-sa&features=base"),
    ("/api/skypilot/remove", "namespace={ns}&confirm=sky-sa"),
    ("/api/skypilot/issue", "namespace={ns}&name=ci&days=1"),
    ("/api/skypilot/revoke", "namespace={ns}&id={unknown}"),
    ("/api/platform-skypilot/list", "cursor="),
    ("/api/platform-skypilot/approve", "id={unknown}&features=gpus"),
    ("/api/webhook/list", "cursor="),
    ("/api/webhook/get", "id={unknown}&cursor="),
    ("/api/webhook/create", "form[name]=x&form[url]=https://hooks.example.com/x&form[topics][0]=budget"),
    ("/api/webhook/change", "id={unknown}&form[name]=x&form[url]=https://hooks.example.com/x&form[topics][0]=budget"),
    ("/api/webhook/rotate", "id={unknown}"),
    ("/api/webhook/switch", "id={unknown}&enabled=true"),
    ("/api/webhook/test", "id={unknown}"),
    ("/api/webhook/redeliver", "id={unknown}&delivery={unknown}"),
    ("/api/webhook/delete", "id={unknown}&name=x"),
    ("/api/audit/list", "query=&platform=false"),
    ("/api/audit/get", "id={unknown}&platform=false"),
    ("/api/usage/summary", "query="),
    ("/api/usage/list", "query="),
    ("/api/budget/list", "cursor="),
    ("/api/budget/create", "namespace_id=&form[amount]=1&form[currency]=EUR&form[warn_at]="),
    ("/api/budget/change", "id={unknown}&form[amount]=1&form[currency]=EUR&form[warn_at]="),
    ("/api/budget/delete", "id={unknown}"),
];

struct Account {
    name: String,
    namespace: String,
    key: String,
    contract: std::sync::Arc<Contract>,
}

impl Account {
    async fn with_things(app: &TestApp) -> Self {
        let owner = app.stranger("owner").await;
        let name = owner.get("/v1/auth/session").await.str("/account/name");
        let namespace = owner.post("/v1/kubernetes/namespaces", json!({"name": "swept-first"})).await.str("/id");
        let key = owner.post("/v1/api-keys", json!({"name": "swept", "scopes": {"all": true}})).await.str("/id");
        Self { name, namespace, key, contract: owner.contract().await }
    }

    async fn call(&self, client: &Client, operation: &Operation, own: bool) -> Reply {
        let path = operation.at(|name| match name {
            "namespace_id" if own => self.namespace.clone(),
            "key_id" if own => self.key.clone(),
            _ if name.ends_with("_id") => UNKNOWN.to_owned(),
            _ => "absent".to_owned(),
        });
        let body = self.contract.sample_body(operation).as_ref().map(Value::to_string);
        client.send(operation.method.parse::<Method>().unwrap(), &path, body).await
    }

    fn form(&self, path: &str) -> String {
        let (_, form) = FORMS.iter().find(|(known, _)| *known == path).unwrap_or_else(|| panic!("no form for {path}"));
        let form = form.replace("{ns}", &self.namespace).replace("{key}", &self.key);
        form.replace("{unknown}", UNKNOWN).replace("{plan}", PLAN).replace('[', "%5B").replace(']', "%5D")
    }
}

fn need(operation: &Operation) -> Need {
    Need::of(&operation.id).unwrap_or_else(|| panic!("{} has no row in permission.rs", operation.id))
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
    let app = TestApp::start(CONSOLE).await;
    let account = Account::with_things(&app).await;
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
    let account = Account { name: String::new(), namespace: UNKNOWN.into(), key: UNKNOWN.into(), contract };
    for client in [app.anonymous().with("x-api-key", &key), owner.with("authorization", &format!("Bearer {key}"))] {
        for operation in
            account.contract.operations().iter().filter(|o| !matches!(need(o), Need::Everybody | Need::Key))
        {
            let reply = account.call(&client, operation, true).await;
            assert_eq!(reply.status, 401, "{}: {}", operation.id, reply.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let app = TestApp::start(CONSOLE).await;
    let account = Account::with_things(&app).await;
    // The weakest first: what they must not do is still there for them to try.
    for role in Role::ALL.into_iter().rev() {
        let client = app.member_of(&account.name, role.as_str()).await;
        let json = client.clone().with("accept", "application/json");
        for operation in account.contract.operations() {
            let Need::Has(permission) = need(&operation) else { continue };
            let name = format!("{role:?} {}", operation.id);
            if allows(role, false, permission) {
                let harmless = matches!(operation.method.as_str(), "GET" | "POST");
                let reply = account.call(&client, &operation, harmless).await;
                assert!(!matches!(reply.status, 401 | 403), "{name}: {} {}", reply.status, reply.text);
            } else {
                let reply = account.call(&client, &operation, true).await;
                assert!(matches!(reply.status, 403 | 404), "{name}: {} {}", reply.status, reply.text);
            }
        }
        for (path, need) in FUNCTIONS {
            let Need::Has(permission) = need else { continue };
            let refused = !allows(role, false, *permission);
            if refused {
                let reply = json.post_form(path, &account.form(path)).await;
                assert!(matches!(reply.status, 403 | 404), "{role:?} {path}: {} {}", reply.status, reply.text);
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
    let app = TestApp::start(CONSOLE).await;
    let account = Account::with_things(&app).await;
    let stranger = app.stranger("owner").await;
    let key = app.anonymous().with("x-api-key", &app.key(&stranger, json!({"all": true})).await);
    let mut swept = 0;
    for operation in account.contract.operations() {
        let things = operation.parameters().iter().any(|name| matches!(*name, "namespace_id" | "key_id"));
        if !things || need(&operation) == Need::Everybody {
            continue;
        }
        swept += 1;
        let (client, refusal) = if need(&operation) == Need::Key { (&key, 403) } else { (&stranger, 404) };
        let foreign = account.call(client, &operation, true).await;
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
    assert!(swept >= 10, "{swept}");
    let json = stranger.with("accept", "application/json");
    for (path, _) in FUNCTIONS.iter().filter(|(path, _)| {
        FORMS.iter().any(|(known, form)| known == path && (form.contains("{ns}") || form.contains("{key}")))
    }) {
        let reply = json.post_form(path, &account.form(path)).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
    }
}

/// Ids that the document does not know as parts of a path: streams, downloads, filters, cursors.
#[tokio::test(flavor = "multi_thread")]
async fn another_account_sees_nothing_of_it_in_streams_downloads_filters_and_cursors() {
    let app = TestApp::start(CONSOLE).await;
    let account = Account::with_things(&app).await;
    let owner = app.member_of(&account.name, "owner").await;
    let stranger = app.stranger("owner").await;
    let (ns, key) = (&account.namespace, &account.key);
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

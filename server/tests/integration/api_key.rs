//! API keys: scopes, reveal once, revoke (`console-api.md` §3).

use serde_json::{Value, json};
use testkit::{Client, TestApp, eventually};

use crate::CONSOLE;
use crate::token::{ends, exec, opens};

const ROUTE: &str = "/v1/api-keys";

#[tokio::test(flavor = "multi_thread")]
async fn each_legal_scope_makes_a_key_whose_secret_is_seen_once() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let id = member.post("/v1/kubernetes/namespaces", json!({"name": "team-ml"})).await.str("/id");
    let mut keys = Vec::new();
    for scopes in [
        json!({"all": true}),
        json!({"inference": true}),
        json!({"kubernetes_exec": {"all_namespaces": true}}),
        json!({"kubernetes_exec": {"namespace_ids": [id]}}),
    ] {
        let created = member.post(ROUTE, json!({"name": "ci", "scopes": scopes})).await;
        assert_eq!(created.status, 201, "{}", created.text);
        assert_eq!(created.header("cache-control"), "no-store");
        assert_eq!(created.json()["scopes"], scopes);
        assert_eq!(created.str("/status"), "active");
        assert_eq!(created.str("/access"), "edit");
        let key = created.str("/key");
        assert!(key.starts_with(&format!("{}_", created.str("/prefix"))), "{key}");
        keys.push(key);
    }
    let list = member.get(ROUTE).await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 4);
    for key in keys {
        let secret = &key["rgpu_a1b2c3d4_".len()..];
        assert!(!list.text.contains(secret), "lists hold prefixes only");
        let dump = app.database_bytes();
        assert!(!dump.windows(secret.len()).any(|w| w == secret.as_bytes()), "the database holds digests only");
        assert!(!app.log().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_in_the_order_asked_for_and_a_cursor_of_another_order_is_refused() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    for name in ["bravo", "Charlie", "alpha"] {
        assert_eq!(member.post(ROUTE, json!({"name": name, "scopes": {"all": true}})).await.status, 201);
    }
    for (asked, wanted) in [
        ("", ["bravo", "Charlie", "alpha"]),
        ("&order=desc", ["alpha", "Charlie", "bravo"]),
        ("&sort=name", ["alpha", "bravo", "Charlie"]),
        ("&sort=name&order=desc", ["Charlie", "bravo", "alpha"]),
    ] {
        let first = member.get(&format!("{ROUTE}?limit=2{asked}")).await;
        let next = member.get(&format!("{ROUTE}?limit=2{asked}&cursor={}", first.str("/next_cursor"))).await;
        let names: Vec<String> = ["/items/0/name", "/items/1/name"].iter().map(|name| first.str(name)).collect();
        assert_eq!([&names[0], &names[1], &next.str("/items/0/name")], wanted, "{asked}");
        assert_eq!(next.json()["next_cursor"], Value::Null, "{asked}");
    }
    let by_name = member.get(&format!("{ROUTE}?limit=1&sort=name")).await.str("/next_cursor");
    let of_before = member.get(&format!("{ROUTE}?limit=1")).await.str("/next_cursor");
    for (query, field, sentence) in [
        (format!("cursor={by_name}"), "cursor", "This cursor belongs to another order"),
        (format!("sort=name&order=desc&cursor={by_name}"), "cursor", "This cursor belongs to another order"),
        (format!("sort=name&cursor={of_before}"), "cursor", "This cursor belongs to another order"),
        ("cursor=nonsense".to_owned(), "cursor", "Unknown cursor"),
        ("sort=size".to_owned(), "sort", "sort is not valid"),
        ("order=up".to_owned(), "order", "order is not valid"),
    ] {
        let refused = member.get(&format!("{ROUTE}?{query}")).await;
        assert_eq!((refused.status, refused.str("/errors/0/field")), (400, field.to_owned()), "{query}");
        assert!(refused.str("/detail").starts_with(sentence), "{query}: {}", refused.text);
    }
    for list in ["/v1/platform/accounts", "/v1/platform/tenants"] {
        assert_eq!(member.get(&format!("{list}?sort=name&order=desc")).await.status, 200, "{list}");
        assert_eq!(member.get(&format!("{list}?cursor={by_name}")).await.status, 400, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn illegal_scopes_and_foreign_namespaces_are_refused() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let foreign = stranger.post("/v1/kubernetes/namespaces", json!({"name": "theirs"})).await.str("/id");
    let unknown = "019c1b2e-7f00-7abc-8def-0123456789ab";
    for scopes in [
        json!({}),
        json!({"all": false}),
        json!({"all": true, "inference": true}),
        json!({"inference": true, "kubernetes_exec": {"all_namespaces": true}}),
        json!({"kubernetes_exec": {}}),
        json!({"kubernetes_exec": {"namespace_ids": []}}),
        json!({"kubernetes_exec": {"all_namespaces": false}}),
        json!({"kubernetes_exec": {"namespace_ids": ["team-ml"]}}),
        json!({"admin": true}),
        json!([]),
        json!(null),
    ] {
        let reply = member.post(ROUTE, json!({"name": "x", "scopes": scopes})).await;
        assert_eq!((reply.status, reply.str("/code").as_str()), (400, "invalid_request"), "{scopes}");
        assert!(reply.str("/errors/0/field").starts_with("scopes"), "{}", reply.text);
    }
    let refuse = async |id: &str| {
        let scopes = json!({"kubernetes_exec": {"namespace_ids": [id]}});
        let reply = member.post(ROUTE, json!({"name": "x", "scopes": scopes})).await;
        (reply.status, reply.json()["errors"].clone())
    };
    let (of_others, of_nobody) = (refuse(&foreign).await, refuse(unknown).await);
    assert_eq!(of_others.0, 400);
    assert_eq!(of_others, of_nobody, "foreign and unknown ids must read the same");
    let mine = member.post("/v1/kubernetes/namespaces", json!({"name": "mine"})).await.str("/id");
    for (place, ids) in [[unknown, mine.as_str()], [mine.as_str(), unknown]].iter().enumerate() {
        let scopes = json!({"kubernetes_exec": {"namespace_ids": ids}});
        let reply = member.post(ROUTE, json!({"name": "x", "scopes": scopes})).await;
        let field = format!("scopes.kubernetes_exec.namespace_ids[{place}]");
        assert_eq!(reply.str("/errors/0/field"), field, "where it was sent, not where it is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fields_are_named_all_at_once() {
    let app = TestApp::start(CONSOLE).await;
    let body = json!({"name": "", "scopes": {}, "expires_at": "2020-01-01T00:00:00Z"});
    let reply = app.operator().await.post(ROUTE, body).await;
    let fields: Vec<String> = (0..3).map(|i| reply.str(&format!("/errors/{i}/field"))).collect();
    assert_eq!(fields, ["name", "scopes", "expires_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_is_final_and_repeatable_and_not_for_strangers() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let id = member.post(ROUTE, json!({"name": "ci", "scopes": {"all": true}})).await.str("/id");
    let path = format!("{ROUTE}/{id}");
    stranger.delete(&path).await.is_problem(404, "not_found", "Not found");
    assert_eq!(member.delete(&path).await.status, 204);
    assert_eq!(member.delete(&path).await.status, 204);
    assert_eq!(member.get(ROUTE).await.str("/items/0/status"), "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_their_own_keys_and_admins_everybodys() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let member = app.member_of("default", "member").await;
    app.key(&owner, json!({"all": true})).await;
    app.key(&member, json!({"all": true})).await;
    assert_eq!(member.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(owner.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 2);
}

/// A key that reaches every namespace: its id, its whole text.
async fn key(member: &Client, body: Value) -> (String, String) {
    let mut whole = json!({"name": "ci", "scopes": {"all": true}});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let created = member.post(ROUTE, whole).await;
    assert_eq!(created.status, 201, "{}", created.text);
    (created.str("/id"), created.str("/key"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_read_and_changed_field_by_field() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let (id, _) = key(&member, json!({"expires_at": "2099-01-01T00:00:00Z"})).await;
    let path = format!("{ROUTE}/{id}");
    stranger.get(&path).await.is_problem(404, "not_found", "Not found");
    stranger.patch(&path, json!({"name": "x"})).await.is_problem(404, "not_found", "Not found");
    let read = member.get(&path).await;
    assert_eq!((read.status, read.str("/expires_at").as_str()), (200, "2099-01-01T00:00:00Z"));
    assert_eq!((read.json()["generation"].as_u64(), read.str("/cluster").as_str()), (Some(1), "settled"));
    let changed = member.patch(&path, json!({"name": "ci 2", "access": "view", "expires_at": null})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!((changed.str("/name").as_str(), changed.str("/access").as_str()), ("ci 2", "view"));
    assert_eq!(changed.json()["expires_at"], Value::Null);
    assert_eq!(member.patch(&path, json!({})).await.json()["name"], "ci 2");
    for (body, field) in [
        (json!({"owner_id": id}), "owner_id"),
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"scopes": {}}), "scopes"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
    ] {
        let refused = member.patch(&path, body.clone()).await;
        assert_eq!((refused.status, refused.str("/errors/0/field").as_str()), (400, field), "{body}");
    }
    assert_eq!(member.delete(&path).await.status, 204);
    let late = member.patch(&path, json!({"name": "x"})).await;
    assert_eq!((late.status, late.str("/code").as_str()), (409, "conflict"));
    assert_eq!(member.post(&format!("{path}/rotate"), json!({"overlap_seconds": 0})).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_id_stays_valid_on_its_key_after_the_namespace_is_gone() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let (gone, kept) = (app.namespace(&member).await, app.namespace(&member).await);
    let ids = json!([gone["id"], kept["id"]]);
    let (id, text) = key(&member, json!({"scopes": {"kubernetes_exec": {"namespace_ids": ids}}})).await;
    let namespace = format!("/v1/kubernetes/namespaces/{}", gone["id"].as_str().unwrap());
    let (_, everywhere) = key(&member, json!({})).await;
    let token = exec(&app, &gone, &everywhere).await.str("/status/token");
    let file = app.kubeconfig(&member, gone["id"].as_str().unwrap(), "").await;
    assert_eq!(member.delete(&namespace).await.status, 202);
    eventually("the namespace is gone", async || {
        if member.get(&namespace).await.status == 404 { Ok(()) } else { Err("still there") }
    })
    .await;
    let scopes = json!({"scopes": {"kubernetes_exec": {"namespace_ids": ids}}, "name": "renamed"});
    let changed = member.patch(&format!("{ROUTE}/{id}"), scopes).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(exec(&app, &gone, &text).await.status, 403);
    assert_eq!(exec(&app, &kept, &text).await.status, 200);
    // Another one under the same name is another one: what opened the first does not open it.
    let again = member.post("/v1/kubernetes/namespaces", json!({"name": gone["name"]})).await;
    assert_eq!(again.status, 201, "{}", again.text);
    let path = format!("/v1/kubernetes/namespaces/{}", again.str("/id"));
    let again = eventually("it is active", async || {
        let found = member.get(&path).await;
        if found.json()["status"] == "active" { Ok(found.json()) } else { Err(found.text) }
    })
    .await;
    assert_eq!(exec(&app, &again, &text).await.status, 403, "the key lists the first one only");
    assert!(!opens(&app, &again, &token).await);
    let old_file = app.plane.kubectl(&file, &["get", "pods"], &[("REMOTEGPU_API_KEY", &everywhere)]).await.refused();
    assert!(old_file.contains("does not allow Kubernetes access"), "{old_file}");
    assert_eq!(exec(&app, &again, &everywhere).await.status, 200, "a key for all of them opens it by its own id");
    let (other, _) = key(&member, json!({})).await;
    let fresh = json!({"scopes": {"kubernetes_exec": {"namespace_ids": [gone["id"]]}}});
    assert_eq!(member.patch(&format!("{ROUTE}/{other}"), fresh).await.status, 400, "not on this key");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_takes_a_right_away_ends_issued_tokens_and_only_those() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.stranger("owner").await;
    let (one, two) = (app.namespace(&member).await, app.namespace(&member).await);
    for (body, still_in_two) in [
        (json!({"disabled": true}), false),
        (json!({"access": "view"}), false),
        (json!({"scopes": {"inference": true}}), false),
        (json!({"scopes": {"kubernetes_exec": {"namespace_ids": [two["id"]]}}}), true),
    ] {
        let (id, text) = key(&member, json!({})).await;
        let (_, bystander) = key(&member, json!({})).await;
        let token = async |namespace: &Value, key: &str| exec(&app, namespace, key).await.str("/status/token");
        let (in_one, in_two) = (token(&one, &text).await, token(&two, &text).await);
        let other = token(&one, &bystander).await;
        assert!(opens(&app, &one, &in_one).await && opens(&app, &two, &in_two).await);
        let changed = member.patch(&format!("{ROUTE}/{id}"), body.clone()).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        ends(&app, &one, &in_one).await;
        if still_in_two {
            assert!(opens(&app, &two, &in_two).await, "{body}");
        } else {
            ends(&app, &two, &in_two).await;
        }
        assert!(opens(&app, &one, &other).await, "the other key lives");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enabled_key_works_again_and_with_a_token_of_its_own() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let (id, text) = key(&member, json!({})).await;
    let before = exec(&app, &namespace, &text).await.str("/status/token");
    let path = format!("{ROUTE}/{id}");
    assert_eq!(member.patch(&path, json!({"disabled": true})).await.str("/status"), "disabled");
    exec(&app, &namespace, &text).await.is_problem(401, "api_key_disabled", "API key disabled");
    assert_eq!(member.patch(&path, json!({"disabled": false})).await.str("/status"), "active");
    let after = exec(&app, &namespace, &text).await.str("/status/token");
    assert_ne!(before, after);
    assert!(opens(&app, &namespace, &after).await);
    ends(&app, &namespace, &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlap_keeps_the_old_secret_a_second_rotation_ends_it_and_a_revocation_both() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let (id, first) = key(&member, json!({})).await;
    let old_token = exec(&app, &namespace, &first).await.str("/status/token");
    let rotate = async |overlap: u32| {
        let rotated = member.post(&format!("{ROUTE}/{id}/rotate"), json!({"overlap_seconds": overlap})).await;
        assert_eq!((rotated.status, rotated.header("cache-control").as_str()), (200, "no-store"), "{}", rotated.text);
        rotated
    };
    let rotated = rotate(3600).await;
    let second = rotated.str("/key");
    assert_eq!(&second[..14], &first[..14], "the public id stays");
    assert_eq!(rotated.json()["generation"], 2);
    assert!(rotated.json()["overlap_ends_at"].is_string());
    let new_token = exec(&app, &namespace, &second).await.str("/status/token");
    assert_ne!(old_token, new_token, "each secret has an account of its own");
    assert_eq!(exec(&app, &namespace, &first).await.str("/status/token"), old_token);

    let third = rotate(3600).await.str("/key");
    exec(&app, &namespace, &first).await.is_problem(401, "invalid_api_key", "Invalid API key");
    ends(&app, &namespace, &old_token).await;
    assert!(opens(&app, &namespace, &new_token).await);
    assert_eq!(exec(&app, &namespace, &third).await.status, 200);

    let fourth = rotate(0).await.str("/key");
    for dead in [&second, &third] {
        exec(&app, &namespace, dead).await.is_problem(401, "invalid_api_key", "Invalid API key");
    }
    ends(&app, &namespace, &new_token).await;
    let last = exec(&app, &namespace, &fourth).await.str("/status/token");
    let overlap = rotate(604_800).await.str("/key");
    assert_eq!(member.delete(&format!("{ROUTE}/{id}")).await.status, 204);
    for dead in [&fourth, &overlap] {
        exec(&app, &namespace, dead).await.is_problem(401, "api_key_revoked", "API key revoked");
    }
    ends(&app, &namespace, &last).await;
    let too_long = member.post(&format!("{ROUTE}/{id}/rotate"), json!({"overlap_seconds": 604_801})).await;
    assert_eq!(too_long.status, 400);
    for secret in [first, second, third, fourth, overlap] {
        assert!(!app.log().contains(&secret[14..]) && !contains(&app.database_bytes(), &secret[14..]));
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_expires_loses_its_objects_without_anybody_calling() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    // Time enough for a busy machine to give it a token before.
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(15);
    let (id, text) = key(&member, json!({"expires_at": end.to_string()})).await;
    let token = exec(&app, &namespace, &text).await.str("/status/token");
    ends(&app, &namespace, &token).await;
    exec(&app, &namespace, &text).await.is_problem(401, "api_key_expired", "API key expired");
    eventually("nothing is left to remove", async || {
        let key = member.get(&format!("{ROUTE}/{id}")).await;
        assert_eq!(key.str("/status"), "expired");
        if key.str("/cluster") == "settled" { Ok(()) } else { Err(key.text) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_a_key_says_what_it_opens_and_why_not_and_takes_no_secret() {
    let app = TestApp::start(CONSOLE).await;
    let (member, stranger) = (app.operator().await, app.stranger("owner").await);
    let (one, two) = (app.namespace(&member).await, app.namespace(&member).await);
    let scopes = json!({"kubernetes_exec": {"namespace_ids": [one["id"]]}});
    let (id, text) = key(&member, json!({"scopes": scopes, "access": "view"})).await;
    let test = async |who: &Client, id: &str| who.post(&format!("{ROUTE}/test"), json!({"api_key_id": id})).await;
    stranger.post(&format!("{ROUTE}/test"), json!({"api_key_id": id})).await.is_problem(404, "not_found", "Not found");
    assert_eq!(member.post(&format!("{ROUTE}/test"), json!({"key": text})).await.status, 400, "never the secret");
    let report = test(&member, &id).await.json();
    assert_eq!(report["works"], true);
    let of = |namespace: &Value| {
        let all = report["namespaces"].as_array().unwrap();
        all.iter().find(|found| found["id"] == namespace["id"]).unwrap().clone()
    };
    assert_eq!((&of(&one)["allowed"], &of(&one)["access"]), (&json!(true), &json!("view")));
    assert_eq!(
        (&of(&two)["allowed"], of(&two)["reason"].as_str()),
        (&json!(false), Some("Not in the scope of the key"))
    );
    let right = |name: &str| report["rights"].as_array().unwrap().iter().find(|r| r["right"] == name).unwrap().clone();
    assert_eq!(right("kubernetes_exec")["allowed"], true);
    assert_eq!(right("inference")["allowed"], false);
    assert_eq!(right("console")["allowed"], false);
    member.delete(&format!("{ROUTE}/{id}")).await;
    let dead = test(&member, &id).await;
    assert_eq!((dead.json()["works"].clone(), dead.str("/reason").as_str()), (json!(false), "The key is revoked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_may_switch_and_revoke_a_colleagues_key_but_not_become_them() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, member) = (app.operator().await, app.member_of("default", "member").await);
    let other = app.member_of("default", "member").await;
    let (id, _) = key(&member, json!({})).await;
    let path = format!("{ROUTE}/{id}");
    other.get(&path).await.is_problem(404, "not_found", "Not found");
    for (body, status) in [
        (json!({"name": "mine"}), 409),
        (json!({"scopes": {"all": true}, "disabled": true}), 409),
        (json!({"disabled": true}), 200),
        (json!({"disabled": false}), 200),
    ] {
        assert_eq!(owner.patch(&path, body.clone()).await.status, status, "{body}");
    }
    assert_eq!(owner.post(&format!("{path}/rotate"), json!({"overlap_seconds": 0})).await.status, 409);
    assert_eq!(owner.delete(&path).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_keys_are_revoked_together_or_none_of_them() {
    const MANY: &str = "/api/api-key/revoke-many";
    let app = TestApp::start(CONSOLE).await;
    let (member, other) = (app.member_of("default", "member").await, app.member_of("default", "member").await);
    let ((one, _), (two, _)) = (key(&member, json!({})).await, key(&member, json!({})).await);
    let (theirs, _) = key(&other, json!({})).await;
    let status = async |client: &Client, id: &str| client.get(&format!("{ROUTE}/{id}")).await.str("/status");
    let form = |second: &str| format!("items%5B0%5D={one}&items%5B1%5D={second}");
    let json = member.clone().with("accept", "application/json");
    let refused = json.post_form(MANY, &form(&theirs)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    assert_eq!((status(&member, &one).await.as_str(), status(&other, &theirs).await.as_str()), ("active", "active"));
    let done = member.post_form(MANY, &form(&two)).await;
    assert!(done.header("location").contains("done=keys-revoked"), "{} {}", done.status, done.text);
    for id in [&one, &two] {
        assert_eq!(status(&member, id).await, "revoked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_gets_the_secret_in_the_answer_to_its_form_and_nowhere_else() {
    const FORM: &str = "/download/api-key";
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let id = app.namespace(&owner).await["id"].as_str().unwrap().to_owned();
    let browser = owner.clone().with("accept", "text/html");
    let fields = "form%5Bname%5D=ci&form%5Bscope%5D=namespaces&form%5Baccess%5D=view&form%5Bexpires_on%5D=";
    let made = browser.post_form(FORM, &format!("{fields}&form%5Bnamespace_ids%5D%5B%5D={id}")).await;
    assert_eq!((made.status, made.header("cache-control").as_str()), (200, "no-store"), "{}", made.text);
    assert!(made.header("content-security-policy").contains("style-src 'self'"), "it has its style sheet");
    let shown = made.text[made.text.find("rgpu_").expect("a key")..].chars();
    let secret: String = shown.take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let listed = owner.get(ROUTE).await;
    assert!(secret.starts_with(&format!("{}_", listed.str("/items/0/prefix"))), "{secret}");
    assert_eq!(listed.json()["items"][0]["scopes"], json!({"kubernetes_exec": {"namespace_ids": [id]}}));
    assert_eq!(listed.str("/items/0/access"), "view");
    let exec = format!("/v1/kubernetes/namespaces/{id}/exec-credential");
    let issued = app.anonymous().with("x-api-key", &secret).post(&exec, json!({})).await;
    assert_eq!(issued.status, 200, "{}", issued.text);
    assert!(!listed.text.contains(&secret) && !app.log().contains(&secret));

    // What is wrong goes back to the form, or to whoever does not say where it stands.
    let page = format!("{}/settings/api-keys?new=key", app.url);
    let wrong = browser.clone().with("referer", &page).post_form(FORM, fields).await;
    let back = wrong.header("location");
    assert_eq!(wrong.status, 302, "{}", wrong.text);
    assert!(back.starts_with(&format!("{page}&__path=")) && back.contains("&__err="), "{back}");
    assert_eq!(browser.post_form(FORM, fields).await.status, 400);
    assert_eq!(owner.get(ROUTE).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_page_of_a_namespace_leads_to_every_key_that_reaches_it() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let namespace = app.namespace(&owner).await;
    let oldest = owner.post(ROUTE, json!({"name": "oldest", "scopes": {"all": true}})).await.str("/id");
    for n in 0..55 {
        let other = json!({"name": format!("other-{n}"), "scopes": {"inference": true}});
        assert_eq!(owner.post(ROUTE, other).await.status, 201);
    }
    let (browser, link) = (owner.with("accept", "text/html"), format!("/settings/api-keys/{oldest}"));
    let first = browser.get(&format!("/kubernetes/{}/access", namespace["id"].as_str().unwrap())).await.text;
    assert!(!first.contains(&link) && first.contains("None among the keys of this page."), "{first}");
    let mut links = first.split("href=\"").filter_map(|rest| rest.split('"').next());
    let older = links.find(|href| href.contains("?keys=")).expect("a link to older keys");
    let older = browser.get(older).await.text;
    assert!(older.contains(&link) && !older.contains("?keys="), "{older}");
}

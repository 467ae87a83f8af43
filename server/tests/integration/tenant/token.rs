//! Signing in to the tenant API, and what ends its tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::{Client, TestApp, unique};

use super::{CLUSTERS, LOGIN, PASSWORD, console, email, is_refused, names, signed_in, token};
use crate::CONSOLE;

const USER: &str = "/k8sgpu/v1/user";
const INVALID: (u16, &str, &str) = (401, "invalid_token", "Invalid access token");

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_answers_as_published() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let name = email(&owner).await;
    for path in [LOGIN, LOGIN.trim_end_matches('/')] {
        let reply = app
            .anonymous()
            .post(path, json!({"username": format!("  {}", name.to_uppercase()), "password": PASSWORD}))
            .await;
        assert_eq!((reply.status, reply.header("cache-control").as_str()), (200, "no-store"), "{}", reply.text);
        assert_eq!((reply.str("/user"), reply.json()["max_age"].clone()), (name.clone(), json!(14_400)));
        let (token, expire) = (reply.str("/token"), reply.str("/expire"));
        assert_eq!(part(&token, 0), json!({"alg": "HS256", "typ": "JWT"}));
        let claims = part(&token, 1);
        assert_eq!(claims["username"], name.as_str());
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 14_400);
        assert!(expire.len() == 26 && expire.contains(' ') && !expire.contains('Z'), "{expire}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_raw_or_with_bearer_and_nothing_else_opens() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let name = email(&owner).await;
    let token = token(&app, &name, PASSWORD).await.str("/token");
    for value in [token.clone(), format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER  {token}")] {
        let reply = app.anonymous().with("authorization", &value).get(&format!("{USER}/")).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"username": name})));
    }
    is_refused(&app.anonymous().get(USER).await, 401, "missing_token", "Missing access token");
    is_refused(&owner.get(USER).await, 401, "missing_token", "Missing access token");
    let (head, rest) = token.split_once('.').unwrap();
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#), rest.split('.').next().unwrap());
    for odd in [none, format!("{head}.{rest}x"), "x".to_owned(), "Basic YTpi".to_owned(), format!("{token} {token}")] {
        let reply = app.anonymous().with("authorization", &odd).get(CLUSTERS).await;
        is_refused(&reply, INVALID.0, INVALID.1, INVALID.2);
    }
    let other_header = app.anonymous().with("x-apitoken", &token).get(CLUSTERS).await;
    is_refused(&other_header, 401, "missing_token", "Missing access token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_no_route_of_the_console() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    assert_eq!(client.get("/v1/kubernetes/namespaces").await.status, 401);
    assert_eq!(client.post("/v1/api-keys", json!({"name": "x", "scopes": {"all": true}})).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_logins_tell_nothing_and_wait_ever_longer() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let name = email(&owner).await;
    let known = token(&app, &name, "a-wrong-password").await;
    is_refused(&known, 401, "invalid_login", "Invalid username or password");
    // A try that comes after the wait makes the next one longer.
    let mut locked = known;
    for _ in 0..20 {
        locked = token(&app, &name, "a-wrong-password").await;
        if locked.status == 429 {
            break;
        }
    }
    assert_eq!((locked.status, locked.str("/code").as_str()), (429, "rate_limited"));
    assert!(!locked.header("retry-after").is_empty());

    let other = console().await;
    let unknown = token(&other, "nobody@example.com", "a-wrong-password").await;
    is_refused(&unknown, 401, "invalid_login", "Invalid username or password");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_login_bodies_are_refused_before_any_work() {
    let app = console().await;
    for (body, status) in [
        (json!({"username": ["a@example.com"], "password": "x"}), 400),
        (json!({"username": "a@example.com"}), 400),
        (json!({"username": "a@example.com", "password": "x", "otp": "1"}), 400),
        (json!({"username": "a@example.com", "password": "x".repeat(1_000_000)}), 413),
    ] {
        let reply = app.anonymous().post(LOGIN, body).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert_eq!(reply.str("/message"), reply.str("/detail"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_every_token_and_session() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let name = email(&owner).await;
    let (client, other) = (signed_in(&app, &owner).await, signed_in(&app, &owner).await);
    for bad in ["short", &name, &"x".repeat(1025)] {
        assert_eq!(client.put(USER, json!({"password": bad})).await.status, 400, "{bad}");
    }
    assert_eq!(client.put(USER, json!({"password": "another-password", "username": "x"})).await.status, 400);
    let changed = client.patch(USER, json!({"password": "another-password"})).await;
    assert_eq!((changed.status, changed.json()), (200, json!({"username": name})));
    for dead in [&client, &other] {
        is_refused(&dead.get(CLUSTERS).await, INVALID.0, INVALID.1, INVALID.2);
    }
    assert_eq!(owner.get("/v1/auth/session").await.status, 401);
    assert_eq!(token(&app, &name, "another-password").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_and_leaving_the_account_end_tokens() {
    let app = console().await;
    let account = unique("account");
    app.admin(&["create-account", "--name", &account]).await;
    let (owner, member) = (app.member_of(&account, "owner").await, app.member_of(&account, "member").await);
    let (own, theirs) = (signed_in(&app, &owner).await, signed_in(&app, &member).await);

    let everywhere = owner.delete("/v1/auth/sessions").await;
    assert_eq!(everywhere.status, 204, "{}", everywhere.text);
    is_refused(&own.get(CLUSTERS).await, INVALID.0, INVALID.1, INVALID.2);

    let admin = app.member_of(&account, "owner").await;
    let id = member.get("/v1/auth/session").await.str("/user/id");
    let removed = admin.delete(&format!("/v1/members/{id}")).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    is_refused(&theirs.get(CLUSTERS).await, INVALID.0, INVALID.1, INVALID.2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_acts_in_the_account_that_was_joined_first_and_ends_with_that_place() {
    let app = console().await;
    let (first, second) = (app.stranger("owner").await, app.stranger("owner").await);
    let account = first.get("/v1/auth/session").await.str("/account/name");
    let person = app.member_of(&account, "member").await;
    let (name, id) = (email(&person).await, person.get("/v1/auth/session").await.str("/user/id"));
    let invited = second.post("/v1/invitations", json!({"email": name, "role": "member"})).await;
    let link = invited.str("/link");
    let accept = json!({"token": link.rsplit('/').next().unwrap()});
    let joined = person.post("/v1/invitations/accept", accept).await;
    assert_eq!(joined.status, 200, "{}", joined.text);

    let order = async |owner: &Client| signed_in(&app, owner).await.post(CLUSTERS, json!({})).await.str("/cluster");
    let (here, there) = (order(&first).await, order(&second).await);
    let login = async || {
        let token = token(&app, &name, PASSWORD).await.str("/token");
        app.anonymous().with("authorization", &token)
    };
    let client = login().await;
    assert_eq!(names(&client.get(CLUSTERS).await), [here]);
    is_refused(&client.get(&format!("{CLUSTERS}{there}")).await, 404, "cluster_not_found", "Cluster not found");

    let removed = first.delete(&format!("/v1/members/{id}")).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    is_refused(&client.get(CLUSTERS).await, INVALID.0, INVALID.1, INVALID.2);
    assert_eq!(names(&login().await.get(CLUSTERS).await), [there], "the next one acts where the person is now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_keeps_tokens_of_the_key_before() {
    let mut app = console().await;
    let owner = app.stranger("owner").await;
    let name = email(&owner).await;
    let before = token(&app, &name, PASSWORD).await.str("/token");
    let fresh: String = testkit::JWT_KEY.chars().rev().collect();
    app.secret("jwt-key", &format!("{fresh}\n{}\n", testkit::JWT_KEY));
    app.kill().await;
    app.restart().await;
    let after = token(&app, &name, PASSWORD).await.str("/token");
    let status =
        async |app: &TestApp, token: &str| app.anonymous().with("authorization", token).get(CLUSTERS).await.status;
    assert_eq!((status(&app, &before).await, status(&app, &after).await), (200, 200));
    app.secret("jwt-key", &fresh);
    app.kill().await;
    app.restart().await;
    assert_eq!((status(&app, &before).await, status(&app, &after).await), (401, 200), "the old key is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_of_this_api_is_there() {
    let app = TestApp::setup(CONSOLE).without_tenant_api().start().await;
    let reply = app.anonymous().post(LOGIN, json!({"username": "a@example.com", "password": "x"})).await;
    is_refused(&reply, 404, "not_found", "Not found");
}

//! Sign-in, cookies, cross-site requests (`console-api.md` §1, `security.md` §4).

use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};
use testkit::{Client, Reply, TestApp};

use crate::CONSOLE;

/// The first answer that is no refused password. Wrong ones make the pause longer, so that on a slow machine too, where
/// the first pause may be over before the next try, one of them comes too early.
async fn held_back(attempt: impl AsyncFn() -> Reply) -> Reply {
    for _ in 0..10 {
        let reply = attempt().await;
        if reply.status != 401 {
            return reply;
        }
    }
    panic!("nobody was held back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_user_is_operator_and_owner_of_the_default_account() {
    let app = TestApp::start(CONSOLE).await;
    let session = app.operator().await.get("/v1/auth/session").await;
    assert_eq!(session.status, 200);
    assert_eq!(session.str("/user/email"), "admin@remotegpu.local");
    assert_eq!(session.str("/user/role"), "owner");
    assert_eq!(session.json()["user"]["operator"], true);
    assert_eq!(session.str("/account/name"), "default");
    assert_eq!(session.str("/account/customer"), "skgu00001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_read_the_same() {
    let app = TestApp::start(CONSOLE).await;
    let nobody = json!({"email": "nobody@example.com", "password": "a-wrong-password"});
    let reply = app.anonymous().post("/v1/auth/login", nobody).await;
    reply.is_problem(401, "invalid_login", "Invalid e-mail or password");
    assert_eq!(reply.header("set-cookie"), "", "no session row for strangers");

    let app = TestApp::start(CONSOLE).await;
    let wrong = json!({"email": "admin@remotegpu.local", "password": "a-wrong-password"});
    let again = app.anonymous().post("/v1/auth/login", wrong.clone()).await;
    again.is_problem(401, "invalid_login", "Invalid e-mail or password");
    let next = held_back(async || app.anonymous().post("/v1/auth/login", wrong.clone()).await).await;
    next.is_problem(429, "rate_limited", "Too many requests");
    assert!(next.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_and_forged_cookies_are_nobody() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let cookie = member.cookie().unwrap().to_owned();
    assert_eq!(member.get("/v1/auth/session").await.status, 200);

    let forged = app.anonymous().with("cookie", &format!("{cookie}x")).get("/v1/auth/session").await;
    forged.is_problem(401, "missing_access_token", "Missing access token");
    let invented = app.anonymous().with("cookie", "remotegpu=AAAAAAAAAAAAAAAAAAAAAA").get("/v1/auth/session").await;
    invented.is_problem(401, "missing_access_token", "Missing access token");

    assert_eq!(member.post("/v1/auth/logout", json!({})).await.status, 204);
    let ended = app.anonymous().with("cookie", &cookie).get("/v1/auth/session").await;
    ended.is_problem(401, "missing_access_token", "Missing access token");
}

#[tokio::test(flavor = "multi_thread")]
async fn proving_who_one_is_again_gives_the_session_a_new_id_and_kills_the_old_one() {
    let app = TestApp::start(CONSOLE).await;
    let (member, route) = (app.operator().await, "/v1/auth/reauthenticate");
    let again = member.post(route, json!({"password": "a-password-for-tests"})).await;
    assert_eq!(again.status, 204, "{}", again.text);
    let cookie = again.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_ne!(Some(cookie.as_str()), member.cookie());
    assert_eq!(member.get("/v1/auth/session").await.status, 401);
    let member = app.anonymous().with("cookie", &cookie);
    assert_eq!(member.get("/v1/auth/session").await.status, 200);

    let wrong = json!({"password": "a-wrong-password"});
    let refused = member.post(route, wrong.clone()).await;
    refused.is_problem(401, "invalid_login", "Invalid e-mail or password");
    let next = held_back(async || member.post(route, wrong.clone()).await).await;
    next.is_problem(429, "rate_limited", "Too many requests");
    assert_eq!(member.get("/v1/auth/session").await.status, 200, "a wrong try ends nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_gets_its_new_id_while_all_are_ended_ends_with_them() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    // Somebody ends all sessions between the end of the old id and the beginning of the new one.
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let meanwhile = "CREATE TRIGGER meanwhile AFTER DELETE ON sessions
         BEGIN UPDATE users SET token_version = token_version + 1 WHERE id = OLD.user_id; END";
    sqlx::raw_sql(meanwhile).execute(&mut database).await.unwrap();
    let again = member.post("/v1/auth/reauthenticate", json!({"password": "a-password-for-tests"})).await;
    again.is_problem(401, "invalid_login", "Invalid e-mail or password");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&mut database).await.unwrap();
    assert_eq!(left, 0);
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_cookie_is_http_only_lax_and_its_id_is_not_in_the_database() {
    let app = TestApp::start(CONSOLE).await;
    let login = json!({"email": "admin@remotegpu.local", "password": "a-password-for-tests"});
    let cookie = app.anonymous().post("/v1/auth/login", login).await.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let id = cookie.split(['=', ';']).nth(1).unwrap();
    let dump = app.database_bytes();
    assert!(!dump.windows(id.len()).any(|w| w == id.as_bytes()), "the table must hold a hash only");
    assert!(!app.log().contains(id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_from_another_site_changes_nothing() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    for (header, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let foreign = member.clone().with(header, value);
        let reply = foreign.post("/v1/kubernetes/namespaces", json!({"name": "stolen"})).await;
        reply.is_problem(403, "cross_site", "Requests from other sites are refused");
    }
    assert_eq!(member.get("/v1/kubernetes/namespaces").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_session_route_refuses_strangers_and_api_keys() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let key = app.key(&member, json!({"all": true})).await;
    let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
    let routes = [
        ("GET", "/v1/auth/session".to_owned()),
        ("POST", "/v1/auth/reauthenticate".to_owned()),
        ("GET", "/v1/kubernetes/namespaces".to_owned()),
        ("POST", "/v1/kubernetes/namespaces".to_owned()),
        ("GET", format!("/v1/kubernetes/namespaces/{id}")),
        ("PATCH", format!("/v1/kubernetes/namespaces/{id}")),
        ("DELETE", format!("/v1/kubernetes/namespaces/{id}")),
        ("GET", format!("/v1/kubernetes/namespaces/{id}/kubeconfig")),
        ("POST", format!("/v1/kubernetes/namespaces/{id}/admission-check")),
        ("GET", format!("/v1/kubernetes/namespaces/{id}/deployments")),
        ("POST", format!("/v1/kubernetes/namespaces/{id}/deployments")),
        ("GET", format!("/v1/kubernetes/namespaces/{id}/deployments/x")),
        ("DELETE", format!("/v1/kubernetes/namespaces/{id}/deployments/x")),
        ("GET", "/v1/api-keys".to_owned()),
        ("POST", "/v1/api-keys".to_owned()),
        ("DELETE", format!("/v1/api-keys/{id}")),
        ("GET", "/v1/skus".to_owned()),
        ("GET", format!("/live/namespaces/{id}/workloads")),
        ("GET", format!("/download/kubeconfig/{id}")),
        ("POST", format!("/download/connector/{id}")),
    ];
    let with_key = app.anonymous().with("x-api-key", &key);
    for (method, path) in routes {
        for client in [app.anonymous(), with_key.clone()] {
            let reply = client.send(method.parse().unwrap(), &path, None).await;
            assert_eq!(reply.status, 401, "{method} {path}: {}", reply.text);
            assert_eq!(reply.str("/code"), "missing_access_token", "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_methods_and_bodies_answer_problem_documents() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    member.get("/v1/nothing").await.is_problem(404, "not_found", "Not found");
    let wrong_method = member.send("PUT".parse().unwrap(), "/v1/kubernetes/namespaces", None).await;
    assert_eq!(wrong_method.status, 405);
    assert!(wrong_method.header("allow").contains("POST"), "{:?}", wrong_method.headers);
    assert_eq!(wrong_method.header("content-type"), "application/problem+json");

    for body in ["{", "[]", "\"x\"", "{\"name\": 1}", "{}", "{\"name\":\"a\",\"owner\":\"me\"}"] {
        let reply = member.send("POST".parse().unwrap(), "/v1/kubernetes/namespaces", Some(body.to_owned())).await;
        assert_eq!((reply.status, reply.str("/code").as_str()), (400, "invalid_request"), "{body}: {}", reply.text);
    }
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    let reply = member.send("POST".parse().unwrap(), "/v1/kubernetes/namespaces", Some(large)).await;
    assert_eq!(reply.status, 413, "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_told_to_stop_stops_by_itself() {
    let mut app = TestApp::start(CONSOLE).await;
    assert!(app.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_needs_no_session() {
    let app = TestApp::start(CONSOLE).await;
    let alive = Client::anonymous(&app.url).get("/healthz").await;
    assert_eq!((alive.status, alive.text.as_str()), (200, r#"{"status":"ok"}"#), "and tells nothing");
    assert_eq!(Client::anonymous(&app.url).get("/readyz").await.status, 200);
}

/// `security.md` §4.3, to the letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_allows_only_scripts_that_carry_its_own_nonce() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await.with("accept", "text/html");
    let mut nonces = std::collections::BTreeSet::new();
    for path in ["/login", "/login", "/kubernetes", "/settings/audit", "/sign-in-failed?request_id=x"] {
        let page = member.get(path).await;
        let policy = page.header("content-security-policy");
        let nonce =
            policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default().to_owned();
        assert!(nonce.len() >= 22, "128 bits: {policy}");
        assert_eq!(
            policy.replace(&nonce, "N"),
            "default-src 'self'; script-src 'strict-dynamic' 'nonce-N' 'wasm-unsafe-eval'; style-src 'self' 'nonce-N'; \
             img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
            "{path}"
        );
        assert!(page.text.contains("<script"), "{path}: {}", page.text);
        for tag in page.text.split("<script").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            assert!(
                tag.contains(&format!("nonce=\"{nonce}\"")) || tag.contains(&format!("nonce={nonce}")),
                "{path}: {tag}"
            );
        }
        assert!(nonces.insert(nonce), "{path}: a nonce twice");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{path}");
        }
    }
}

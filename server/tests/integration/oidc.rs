//! Signing in with a real identity provider (`security.md` §4.5): every way that must fail, and those that must not.

use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::{CLIENT_SECRET, Client, IdentityProvider, Reply, TestApp, eventually};

use crate::CONSOLE;

/// A console with providers; `change` completes the settings of each.
async fn console<const N: usize>(
    ids: [&str; N],
    change: impl Fn(&str, &mut Value),
) -> (TestApp, [IdentityProvider; N]) {
    let mut providers = Vec::new();
    let app = TestApp::start_with_oidc(CONSOLE, CLIENT_SECRET, async |url: &str, secret: &str| {
        let mut entries = Vec::new();
        for id in ids {
            let provider = IdentityProvider::start(url, id).await;
            let mut entry = provider.settings(id, secret);
            change(id, &mut entry);
            entries.push(entry);
            providers.push(provider);
        }
        json!({"providers": entries})
    })
    .await;
    (app, providers.try_into().ok().unwrap())
}

/// People of the account `default`: members, or admins by their group.
fn members(_: &str, entry: &mut Value) {
    let more = json!({"account": "default", "auto_create": "member", "role_claim": "groups",
        "roles": {"gpu-admins": "admin", "everybody": "member"}});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
}

/// A browser that has left for a provider.
struct Away {
    url: String,
    cookie: String,
}

/// The pairs of an answer's cookies that are not removals.
fn cookies(reply: &Reply) -> Vec<String> {
    let all = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    all.filter(|text| !text.contains("Max-Age=0")).map(|text| text.split(';').next().unwrap().to_owned()).collect()
}

async fn leave(client: &Client, path: &str) -> Away {
    let reply = client.get(path).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let cookie = cookies(&reply).join("; ");
    assert!(cookie.starts_with("remotegpu-oidc="), "{:?}", reply.headers);
    Away { url: reply.header("location"), cookie }
}

/// Comes back to the console with the provider's answer.
async fn come_back(app: &TestApp, cookie: &str, address: &str) -> Reply {
    let path = address.strip_prefix(&app.url).expect("the answer goes to the console");
    app.anonymous().with("cookie", cookie).get(path).await
}

async fn sign_in(app: &TestApp, provider: &IdentityProvider, id: &str, email: &str) -> (Reply, Client) {
    let away = leave(&app.anonymous(), &format!("/auth/oidc/{id}/start?next=/settings/profile")).await;
    let reply = come_back(app, &away.cookie, &provider.answer(&away.url, email).await).await;
    let client = app.anonymous().with("cookie", &cookies(&reply).join("; "));
    (reply, client)
}

#[track_caller]
fn is_the_failure_page(reply: &Reply) {
    assert_eq!(reply.status, 303, "{}", reply.text);
    let location = reply.header("location");
    assert!(location.starts_with("/sign-in-failed?request_id="), "{location}");
    assert_eq!(location.len(), "/sign-in-failed?request_id=".len() + 36);
    assert_eq!(cookies(reply), Vec::<String>::new(), "no session");
}

/// The address with one parameter changed, or without it.
fn with(address: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = address.split_once('?').unwrap();
    let others = query.split('&').filter(|pair| pair.split('=').next() != Some(name)).map(str::to_owned);
    let query: Vec<String> = others.chain(value.map(|value| format!("{name}={value}"))).collect();
    format!("{path}?{}", query.join("&"))
}

fn parameter(address: &str, name: &str) -> String {
    let pairs = address.split_once('?').unwrap().1.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).unwrap().1.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_becomes_a_member_by_the_settings_and_their_claims() {
    let (app, [one]) = console(["one"], members).await;
    let providers = app.anonymous().get("/v1/auth/providers").await;
    assert_eq!(providers.json()["items"], json!([{"id": "one", "title": "Provider one"}]));
    let page = app.anonymous().get("/login").await;
    assert!(page.text.contains("/auth/oidc/one/start"), "the sign-in page lists providers");

    let (reply, client) = sign_in(&app, &one, "one", "ada@example.com").await;
    assert_eq!((reply.status, reply.header("location").as_str()), (303, "/settings/profile"));
    let session = client.get("/v1/auth/session").await;
    assert_eq!(
        (session.str("/user/email").as_str(), session.str("/user/role").as_str()),
        ("ada@example.com", "member")
    );
    assert_eq!(session.str("/account/name"), "default");
    let list = client.get("/v1/auth/sessions").await;
    assert_eq!(list.str("/items/0/provider"), "one");

    let (_, again) = sign_in(&app, &one, "one", "ada@example.com").await;
    assert_eq!(again.get("/v1/auth/session").await.str("/user/id"), session.str("/user/id"));
    let (_, admin) = sign_in(&app, &one, "one", "admin-bob@example.com").await;
    assert_eq!(admin.get("/v1/auth/session").await.str("/user/role"), "admin");
    let (refused, _) = sign_in(&app, &one, "one", "unverified@example.com").await;
    is_the_failure_page(&refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_and_a_suspended_account_get_nobody_new_and_their_people_come_in() {
    let (app, [one]) = console(["one"], members).await;
    sign_in(&app, &one, "one", "ada@example.com").await;
    let operator = app.operator().await;
    let account = operator.get("/v1/auth/session").await.str("/account/id");
    // Two are there: the operator and Ada.
    for change in [json!({"quota": {"members": 2}}), json!({"quota": {"members": 3}, "suspended": true})] {
        let changed = operator.patch(&format!("/v1/platform/accounts/{account}"), change.clone()).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        let (refused, _) = sign_in(&app, &one, "one", "new@example.com").await;
        is_the_failure_page(&refused);
        let (_, ada) = sign_in(&app, &one, "one", "ada@example.com").await;
        assert_eq!(ada.get("/v1/auth/session").await.str("/user/email"), "ada@example.com", "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_has_pkce_state_and_nonce_and_its_cookie_shows_nothing() {
    let (app, [_one]) = console(["one"], members).await;
    let reply = app.anonymous().get("/auth/oidc/one/start").await;
    let url = reply.header("location");
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    assert_eq!(parameter(&url, "response_type"), "code");
    for name in ["code_challenge", "state", "nonce"] {
        assert_eq!(parameter(&url, name).len(), 43, "{name} in {url}");
    }
    let cookie = reply.header("set-cookie");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=600"), "{cookie}");
    assert!(!cookie.contains(&parameter(&url, "state")), "{cookie}");
    let again = app.anonymous().get("/auth/oidc/one/start").await.header("location");
    assert_ne!(parameter(&url, "state"), parameter(&again, "state"));
    let foreign = app.anonymous().get("/auth/oidc/one/start?next=//evil.example").await;
    assert_eq!(foreign.status, 303, "the way back is a local path or the overview");
    is_the_failure_page(&app.anonymous().get("/auth/oidc/nobody/start").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_works_once_in_the_browser_and_flow_it_belongs_to() {
    let (app, [one, two]) = console(["one", "two"], members).await;
    let away = leave(&app.anonymous(), "/auth/oidc/one/start").await;
    let answer = one.answer(&away.url, "ada@example.com").await;

    is_the_failure_page(&come_back(&app, "", &answer).await);
    is_the_failure_page(&come_back(&app, "remotegpu-oidc=AAAA", &answer).await);
    let other = leave(&app.anonymous(), "/auth/oidc/one/start").await;
    is_the_failure_page(&come_back(&app, &other.cookie, &answer).await);
    is_the_failure_page(&come_back(&app, &away.cookie, &with(&answer, "state", Some("wrong"))).await);
    is_the_failure_page(&come_back(&app, &away.cookie, &with(&answer, "state", None)).await);
    is_the_failure_page(&come_back(&app, &away.cookie, &with(&answer, "iss", Some("http%3A%2F%2Fevil"))).await);
    is_the_failure_page(&come_back(&app, &away.cookie, &with(&answer, "iss", None)).await);
    is_the_failure_page(&come_back(&app, &away.cookie, &answer.replace("/oidc/one/", "/oidc/two/")).await);

    let elsewhere = leave(&app.anonymous(), "/auth/oidc/two/start").await;
    let foreign = two.answer(&elsewhere.url, "ada@example.com").await;
    let mixed = with(&answer, "code", Some(&parameter(&foreign, "code")));
    is_the_failure_page(&come_back(&app, &away.cookie, &mixed).await);

    let right = come_back(&app, &away.cookie, &answer).await;
    assert_eq!((right.status, right.header("location").as_str()), (303, "/"), "{:?}", right.headers);
    let removed = right
        .headers
        .get_all("set-cookie")
        .iter()
        .any(|value| value.to_str().unwrap() == "remotegpu-oidc=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    assert!(removed, "the flow's cookie goes: {:?}", right.headers);
    is_the_failure_page(&come_back(&app, &away.cookie, &answer).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_without_our_nonce_and_a_code_for_another_challenge_are_refused() {
    let (app, [one]) = console(["one"], members).await;
    for (name, value) in
        [("nonce", None), ("nonce", Some("another")), ("code_challenge", Some("A".repeat(43).as_str()))]
    {
        let away = leave(&app.anonymous(), "/auth/oidc/one/start").await;
        let answer = one.answer(&with(&away.url, name, value), "ada@example.com").await;
        is_the_failure_page(&come_back(&app, &away.cookie, &answer).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_linked_by_their_address() {
    let (app, [one, two]) = console(["one", "two"], members).await;
    let (_, ada) = sign_in(&app, &one, "one", "ada@example.com").await;
    assert_eq!(ada.get("/v1/auth/session").await.status, 200);
    let (refused, _) = sign_in(&app, &two, "two", "ada@example.com").await;
    is_the_failure_page(&refused);
    let (refused, _) = sign_in(&app, &one, "one", "admin@remotegpu.local").await;
    is_the_failure_page(&refused);
    assert!(!app.log().contains("ada@example.com"), "addresses stay out of the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_links_and_unlinks_an_identity_from_a_page_of_ours_only() {
    let (app, [one]) = console(["one"], |_, _| ()).await;
    let (refused, _) = sign_in(&app, &one, "one", "ada@example.com").await;
    is_the_failure_page(&refused);

    let (person, other) = (app.operator().await, app.operator().await);
    let path = "/auth/oidc/one/start?purpose=link&next=/settings/profile";
    is_the_failure_page(&person.get(path).await);
    is_the_failure_page(&person.clone().with("sec-fetch-site", "cross-site").get(path).await);
    is_the_failure_page(&app.anonymous().with("sec-fetch-site", "same-origin").get(path).await);
    let away = leave(&person.clone().with("sec-fetch-site", "same-origin"), path).await;
    let answer = one.answer(&away.url, "ada@example.com").await;
    is_the_failure_page(&come_back(&app, &format!("{}; {}", away.cookie, other.cookie().unwrap()), &answer).await);

    let mut database = sqlx::SqliteConnection::connect(&app.database_url()).await.unwrap();
    let mut age = async |by: &'static str| {
        sqlx::raw_sql(by).execute(&mut database).await.unwrap();
    };
    age("UPDATE sessions SET authenticated_ms = authenticated_ms - 601000").await;
    let old = person.clone().with("sec-fetch-site", "same-origin").get(path).await;
    assert_eq!(old.header("location"), "/reauthenticate?next=%2Fsettings%2Fprofile", "first a fresh proof");
    age("UPDATE sessions SET authenticated_ms = authenticated_ms + 601000").await;
    let away = leave(&person.clone().with("sec-fetch-site", "same-origin"), path).await;
    let answer = one.answer(&away.url, "ada@example.com").await;
    let linked = come_back(&app, &format!("{}; {}", away.cookie, person.cookie().unwrap()), &answer).await;
    assert_eq!(linked.header("location"), "/settings/profile");
    assert_eq!(other.get("/v1/auth/session").await.status, 401, "other sessions end");
    let id = person.get("/v1/auth/identities").await.str("/items/0/id");
    let told = person.get("/v1/audit?action=identity.linked").await;
    assert_eq!(told.str("/items/0/target"), format!("identity:{id}"), "{}", told.text);

    let (_, by_provider) = sign_in(&app, &one, "one", "ada@example.com").await;
    assert_eq!(by_provider.get("/v1/auth/session").await.str("/user/email"), "admin@remotegpu.local");
    let stranger = app.stranger("owner").await;
    let route = format!("/v1/auth/identities/{id}");
    assert_eq!(stranger.delete(&route).await.status, 204, "as for one that never was");
    assert_eq!(person.get("/v1/auth/identities").await.str("/items/0/id"), id);
    assert_eq!(person.delete(&route).await.status, 204);
    let (refused, _) = sign_in(&app, &one, "one", "ada@example.com").await;
    is_the_failure_page(&refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_way_in_stays_and_a_provider_proves_again_who_one_is() {
    let (app, [one]) = console(["one"], members).await;
    let (_, person) = sign_in(&app, &one, "one", "ada@example.com").await;
    let id = person.get("/v1/auth/identities").await.str("/items/0/id");
    let refused = person.delete(&format!("/v1/auth/identities/{id}")).await;
    let sentence = "This is your only way to sign in: set a password first";
    refused.is_problem(409, "conflict", sentence);

    let path = "/auth/oidc/one/start?purpose=reauthenticate&next=/settings/profile";
    for (email, right) in [("bob@example.com", false), ("ada@example.com", true)] {
        let away = leave(&person.clone().with("sec-fetch-site", "same-origin"), path).await;
        assert_eq!(parameter(&away.url, "prompt"), "login");
        let answer = one.answer(&away.url, email).await;
        let cookie = format!("{}; {}", away.cookie, person.cookie().unwrap());
        let reply = come_back(&app, &cookie, &answer).await;
        if right {
            assert_eq!(reply.header("location"), "/settings/profile");
            assert_eq!(cookies(&reply).len(), 1, "a new session id: {:?}", reply.headers);
        } else {
            is_the_failure_page(&reply);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_a_provider_sets_a_password_before_they_use_the_tenant_api() {
    let (app, [one]) = console(["one"], members).await;
    let (_, person) = sign_in(&app, &one, "one", "ada@example.com").await;
    let login = json!({"username": "ada@example.com", "password": "a-first-password"});
    let login = async || app.anonymous().post("/k8sgpu/v1/user/login/", login.clone()).await;
    login().await.is_problem(401, "invalid_login", "Invalid username or password");
    let set = person.post("/v1/auth/password", json!({"new": "a-first-password"})).await;
    assert_eq!(set.status, 204, "{}", set.text);
    let made = eventually("the soft lock of the wrong try is over", async || {
        let reply = login().await;
        if reply.status == 429 { Err(reply.text) } else { Ok(reply) }
    })
    .await;
    assert_eq!((made.status, made.str("/user").as_str()), (200, "ada@example.com"), "{}", made.text);
    let client = app.anonymous().with("authorization", &made.str("/token"));
    assert_eq!(client.get("/k8sgpu/v1/cluster/").await.text, "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_keeps_nobody_from_signing_out() {
    let (app, [mut one]) = console(["one"], members).await;
    let (_, person) = sign_in(&app, &one, "one", "ada@example.com").await;
    let before = leave(&app.anonymous(), "/auth/oidc/one/start").await;
    let answer = one.answer(&before.url, "ada@example.com").await;
    one.stop().await;
    is_the_failure_page(&come_back(&app, &before.cookie, &answer).await);
    assert_eq!(person.post("/v1/auth/logout", json!({})).await.status, 204);
    assert_eq!(person.get("/v1/auth/session").await.status, 401);
    assert_eq!(app.operator().await.get("/v1/auth/session").await.status, 200, "passwords work");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_our_session_first_and_then_leads_to_the_provider_once() {
    let (app, [one]) = console(["one"], members).await;
    let (_, person) = sign_in(&app, &one, "one", "ada@example.com").await;
    let page = person.clone().with("accept", "text/html");
    let out = page.post("/api/session/sign-out", json!({})).await;
    assert_eq!(out.header("location"), "/login?signed-out=one", "{}", out.text);
    assert_eq!(person.get("/v1/auth/session").await.status, 401);
    let farewell = cookies(&out).join("; ");
    assert!(farewell.starts_with("remotegpu-farewell="), "{:?}", out.headers);

    let told = app.anonymous().with("cookie", &farewell).get("/auth/oidc/one/logout").await;
    let url = told.header("location");
    assert!(url.starts_with(&format!("{}/session/end?", one.issuer)), "{url}");
    assert!(parameter(&url, "id_token_hint").starts_with("eyJ"), "{url}");
    let back = format!("{}/login", app.url).replace(':', "%3A").replace('/', "%2F");
    assert_eq!(parameter(&url, "post_logout_redirect_uri"), back);
    assert!(told.header("set-cookie").contains("Max-Age=0"), "{}", told.header("set-cookie"));
    let nobody = app.anonymous().get("/auth/oidc/one/logout").await;
    assert_eq!((nobody.status, nobody.header("location").as_str()), (303, "/login"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_secrets_of_the_provider_stay_out_of_database_and_log() {
    let (app, [one]) = console(["one"], members).await;
    let away = leave(&app.anonymous(), "/auth/oidc/one/start").await;
    let answer = one.answer(&away.url, "ada@example.com").await;
    assert_eq!(come_back(&app, &away.cookie, &answer).await.header("location"), "/");
    let (dump, log) = (app.database_bytes(), app.log());
    // Every JWT begins like this: {"alg":…
    for secret in ["eyJhbGciOi", CLIENT_SECRET, &parameter(&answer, "code"), &parameter(&away.url, "state")] {
        assert!(!dump.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} in the database");
        assert!(!log.contains(secret), "{secret} in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_calls_itself_otherwise_than_its_settings_is_not_used() {
    let other = |_: &str, entry: &mut Value| {
        entry["issuer"] = json!(entry["issuer"].as_str().unwrap().replace("127.0.0.1", "localhost"));
    };
    let (app, [_one]) = console(["one"], other).await;
    is_the_failure_page(&app.anonymous().get("/auth/oidc/one/start").await);
    assert!(app.log().contains("discovery failed"), "{}", app.log());
}

/// Anybody can come with a key that nobody knows: one look a minute, not one for each.
#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_a_provider_are_fetched_once_a_minute_at_most() {
    let (app, [one]) = console(["one"], members).await;
    let away = leave(&app.anonymous(), "/auth/oidc/one/start?next=/settings/profile").await;
    assert_eq!(one.asked_for_keys().await, 1);
    one.rotate().await;
    let reply = come_back(&app, &away.cookie, &one.answer(&away.url, "ada@example.com").await).await;
    assert_eq!(reply.header("location"), "/settings/profile", "{}", app.log());
    assert_eq!(one.asked_for_keys().await, 2);
    for _ in 0..2 {
        one.rotate().await;
        let (refused, _) = sign_in(&app, &one, "one", "ada@example.com").await;
        is_the_failure_page(&refused);
    }
    assert_eq!(one.asked_for_keys().await, 2, "nobody was asked again within the minute");
}

//! Sessions one can see and end, passwords and links that reset them (`security.md` §4.1, §4.4).

use serde_json::json;
use testkit::{Client, TestApp};

use crate::CONSOLE;

const PASSWORD: &str = "a-password-for-tests";
const NEW: &str = "another-password-for-tests";

/// One more session of the first user.
async fn another(app: &TestApp) -> Client {
    app.operator().await
}

/// The client with the cookie of an answer that gave the session a new id.
pub fn moved(app: &TestApp, reply: &testkit::Reply) -> Client {
    let cookie = reply.header("set-cookie");
    app.anonymous().with("cookie", cookie.split(';').next().unwrap())
}

async fn is_signed_in(client: &Client) -> bool {
    client.get("/v1/auth/session").await.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_their_sessions_and_ends_one_or_all_others() {
    let app = TestApp::start(CONSOLE).await;
    let here = app.anonymous().with("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0");
    let here = here.sign_in("admin@remotegpu.local", PASSWORD).await;
    let (there, elsewhere) = (another(&app).await, another(&app).await);
    let list = here.get("/v1/auth/sessions").await;
    let items = list.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 3, "{}", list.text);
    assert_eq!((items[2]["device"].as_str(), items[2]["current"].as_bool()), (Some("Firefox on Linux"), Some(true)));
    assert_eq!(items[0]["current"], false);
    assert_eq!(items[0]["address"], "127.0.0.1");

    let first = here.get("/v1/auth/sessions?limit=2").await;
    assert_eq!(first.json()["items"], json!(items[..2]), "{}", first.text);
    let rest = here.get(&format!("/v1/auth/sessions?limit=2&cursor={}", first.str("/next_cursor"))).await;
    assert_eq!((&rest.json()["items"], &rest.json()["next_cursor"]), (&json!(items[2..]), &json!(null)));

    let newest = items[0]["id"].as_str().unwrap();
    let path = format!("/v1/auth/sessions/{newest}");
    let stranger = app.stranger("owner").await;
    assert_eq!(stranger.delete(&path).await.status, 204, "the same answer for a session that is not theirs");
    assert!(is_signed_in(&elsewhere).await);
    assert_eq!(here.delete(&path).await.status, 204);
    assert_eq!(here.delete(&path).await.status, 204);
    assert!(!is_signed_in(&elsewhere).await);
    assert!(is_signed_in(&there).await);

    assert_eq!(here.delete("/v1/auth/sessions").await.status, 204);
    assert!(!is_signed_in(&there).await);
    assert!(is_signed_in(&here).await);
    let out = here.delete("/v1/auth/sessions?all=true").await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    assert!(!is_signed_in(&here).await);
    assert!(is_signed_in(&stranger).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions_and_the_old_password() {
    let app = TestApp::start(CONSOLE).await;
    let (here, there) = (app.operator().await, another(&app).await);
    let short = here.post("/v1/auth/password", json!({"current": PASSWORD, "new": "short"})).await;
    assert_eq!((short.status, short.str("/errors/0/field").as_str()), (400, "new"), "{}", short.text);
    let changed = here.post("/v1/auth/password", json!({"current": PASSWORD, "new": NEW})).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    assert!(!is_signed_in(&there).await, "other sessions end");
    assert!(!is_signed_in(&here).await, "the old id too");
    let here = moved(&app, &changed);
    assert!(is_signed_in(&here).await);
    let login = |password: &str| json!({"email": "admin@remotegpu.local", "password": password});
    assert_eq!(app.anonymous().post("/v1/auth/login", login(NEW)).await.status, 200);
    let guess = json!({"current": PASSWORD, "new": "a-third-password"});
    here.post("/v1/auth/password", guess.clone()).await.is_problem(401, "invalid_login", "Invalid e-mail or password");
    // The right password too has to wait. The lock of one guess is over within a second, which a busy machine may take
    // for one request, and who comes then has opened it: another guess locks anew.
    for _ in 0..10 {
        let again = here.post("/v1/auth/password", guess.clone()).await;
        assert!([401, 429].contains(&again.status), "{}", again.text);
        let next = app.anonymous().post("/v1/auth/login", login(NEW)).await;
        if next.status != 200 {
            return next.is_problem(429, "rate_limited", "Too many requests");
        }
    }
    panic!("guesses at the password lock no sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_works_once_ends_every_session_and_opens_the_lock() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, member) = (app.operator().await, app.stranger("member").await);
    let id = member.get("/v1/auth/session").await.str("/user/id");
    let email = member.get("/v1/auth/session").await.str("/user/email");
    let path = format!("/v1/members/{id}/password-reset");
    let first = operator.post(&path, json!({})).await;
    assert_eq!((first.status, first.header("cache-control").as_str()), (200, "no-store"), "{}", first.text);
    let link = operator.post(&path, json!({})).await.str("/url");
    let token = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    assert_eq!(
        app.anonymous().get(link.strip_prefix(&app.url).unwrap()).await.status,
        200,
        "the page needs no session"
    );
    let dump = app.database_bytes();
    assert!(!dump.windows(64).any(|w| w == token(&link).as_bytes()), "the table must hold a hash only");

    let wrong = json!({"email": email, "password": "a-wrong-password"});
    assert_eq!(app.anonymous().post("/v1/auth/login", wrong).await.status, 401);
    let reset = async |token: &str, new: &str| {
        app.anonymous().post("/v1/auth/password/reset", json!({"token": token, "new": new})).await
    };
    let invalid = "This link was used, has expired or was withdrawn";
    reset(&token(&first.str("/url")), NEW).await.is_problem(409, "link_invalid", invalid);
    reset("0000", NEW).await.is_problem(409, "link_invalid", invalid);
    assert_eq!(reset(&token(&link), "short").await.status, 400, "a refused password leaves the link alive");
    assert_eq!(reset(&token(&link), NEW).await.status, 204);
    reset(&token(&link), NEW).await.is_problem(409, "link_invalid", invalid);
    assert!(!is_signed_in(&member).await, "every session ends");
    assert!(!app.log().contains(&token(&link)));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_that_begins_with_the_old_password_outlives_its_change() {
    let app = TestApp::start(CONSOLE).await;
    let person = app.stranger("owner").await;
    let email = person.get("/v1/auth/session").await.str("/user/email");
    let sign_in = async || {
        let body = json!({"email": email, "password": PASSWORD});
        app.anonymous().post("/v1/auth/login", body).await
    };
    let change = person.post("/v1/auth/password", json!({"current": PASSWORD, "new": NEW}));
    let (changed, replies) = tokio::join!(change, futures::future::join_all((0..12).map(|_| sign_in())));
    assert_eq!(changed.status, 204, "{}", changed.text);
    for reply in replies.iter().filter(|reply| reply.status == 200) {
        assert!(!is_signed_in(&moved(&app, reply)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_reset_their_own_members_only_and_never_somebody_above_them() {
    let app = TestApp::start(CONSOLE).await;
    let account = testkit::unique("account");
    app.admin(&["create-account", "--name", &account]).await;
    let (owner, admin) = (app.member_of(&account, "owner").await, app.member_of(&account, "admin").await);
    let (member, stranger) = (app.member_of(&account, "member").await, app.stranger("owner").await);
    let path = async |client: &Client| {
        format!("/v1/members/{}/password-reset", client.get("/v1/auth/session").await.str("/user/id"))
    };
    let ask = async |asking: &Client, about: &Client| asking.post(&path(about).await, json!({})).await;
    assert_eq!(ask(&admin, &member).await.status, 200);
    let refusal = "Your role does not allow this";
    ask(&admin, &owner).await.is_problem(403, "forbidden", refusal);
    ask(&member, &admin).await.is_problem(403, "forbidden", refusal);
    ask(&stranger, &member).await.is_problem(404, "not_found", "Not found");
    assert_eq!(ask(&app.operator().await, &owner).await.status, 200);
}

//! Invitations by link (`security.md` §4.4): once, for one address, hashed, and telling nobody who is known.

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use testkit::{Client, TestApp, unique};

use crate::CONSOLE;

const ROUTE: &str = "/v1/invitations";
const ACCEPT: &str = "/v1/invitations/accept";
const PASSWORD: &str = "a-password-for-tests";
const DEAD: &str = "This link was used, has expired or was withdrawn";

async fn invite(who: &Client, email: &str, role: &str) -> Value {
    let made = who.post(ROUTE, json!({"email": email, "role": role})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    made.json()
}

fn token(made: &Value) -> String {
    made["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_joins_with_a_password_and_is_signed_in() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let email = format!("{}@example.com", unique("new"));
    let made = invite(&owner, &format!(" {} ", email.to_uppercase()), "member").await;
    let token = token(&made);
    let offer = app.anonymous().post("/v1/invitations/offer", json!({"token": token})).await;
    assert_eq!(offer.json(), json!({"account": "default", "email": email, "role": "member"}));
    let short = app.anonymous().post(ACCEPT, json!({"token": token, "password": "short"})).await;
    short.is_problem(400, "invalid_request", "Password must be 12 to 1024 characters");

    let joined = app.anonymous().post(ACCEPT, json!({"token": token, "password": PASSWORD})).await;
    assert_eq!(joined.status, 200, "{}", joined.text);
    assert_eq!((joined.str("/user/role"), joined.str("/account/name")), ("member".into(), "default".into()));
    let cookie = joined.header("set-cookie");
    let person = app.anonymous().with("cookie", cookie.split(';').next().unwrap());
    assert_eq!(person.get("/v1/auth/session").await.str("/user/email"), email);
    app.anonymous().sign_in(&email, PASSWORD).await;

    let again = app.anonymous().post(ACCEPT, json!({"token": token, "password": PASSWORD})).await;
    again.is_problem(409, "link_invalid", DEAD);
    assert_eq!(owner.get(&format!("{ROUTE}/{}", made["id"].as_str().unwrap())).await.str("/status"), "accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_neither_stored_nor_logged_and_lists_hold_no_link() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let token = token(&invite(&owner, "new@example.com", "viewer").await);
    let page = app.anonymous().get(&format!("/invite/{token}")).await;
    assert_eq!((page.status, page.header("referrer-policy").as_str()), (200, "same-origin"), "{}", page.text);
    assert!(page.header("cache-control").contains("no-store"));
    assert!(page.text.contains("default") && page.text.contains("new@example.com"), "it works without JavaScript");
    app.anonymous().post(ACCEPT, json!({"token": token, "password": "wrong"})).await;
    assert!(!owner.get(ROUTE).await.text.contains(&token));
    let dump = app.database_bytes();
    assert!(!dump.windows(token.len()).any(|w| w == token.as_bytes()), "the table holds a hash only");
    assert!(!app.log().contains(&token), "{}", app.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_and_withdrawn_links_open_nothing() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let first = invite(&owner, "new@example.com", "viewer").await;
    let route = format!("{ROUTE}/{}", first["id"].as_str().unwrap());
    let second = owner.post(&format!("{route}/resend"), json!({})).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let offer = async |token: String| app.anonymous().post("/v1/invitations/offer", json!({"token": token})).await;
    offer(token(&first)).await.is_problem(409, "link_invalid", DEAD);
    assert_eq!(offer(token(&second.json())).await.status, 200);
    assert_eq!(owner.delete(&route).await.status, 204);
    assert_eq!(owner.delete(&route).await.status, 204);
    offer(token(&second.json())).await.is_problem(409, "link_invalid", DEAD);
    offer("nothing".into()).await.is_problem(409, "link_invalid", DEAD);
    assert_eq!(owner.post(&format!("{route}/resend"), json!({})).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_are_known_here_join_as_themselves_and_look_the_same_when_invited() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, known) = (app.operator().await, app.stranger("owner").await);
    let email = known.get("/v1/auth/session").await.str("/user/email");
    let made = invite(&owner, &email, "viewer").await;
    let other = invite(&owner, "nobody@example.com", "viewer").await;
    let shape = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(shape(&made), shape(&other));
    let wrong = app.anonymous().post(ACCEPT, json!({"token": token(&made), "password": "not-their-password"})).await;
    wrong.is_problem(401, "invalid_login", "Invalid e-mail or password");
    let stolen = owner.post(ACCEPT, json!({"token": token(&made)})).await;
    assert_eq!((stolen.status, stolen.str("/code").as_str()), (409, "conflict"), "{}", stolen.text);

    let joined = known.post(ACCEPT, json!({"token": token(&made)})).await;
    assert_eq!((joined.str("/account/name"), joined.str("/user/role")), ("default".into(), "viewer".into()));
    let accounts = known.get("/v1/accounts").await;
    assert_eq!(accounts.json()["items"].as_array().unwrap().len(), 2);
    let own = accounts.str("/items/0/id");
    let back = known.post("/v1/auth/session/account", json!({"account_id": own})).await;
    assert_eq!((back.str("/account/id"), back.str("/user/role")), (own, "owner".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_managers_invite_and_not_above_themselves() {
    let app = TestApp::start(CONSOLE).await;
    let (admin, member) = (app.member_of("default", "admin").await, app.member_of("default", "member").await);
    let body = |role: &str| json!({"email": format!("{}@example.com", unique("p")), "role": role});
    member.post(ROUTE, body("viewer")).await.is_problem(403, "forbidden", "Your role does not allow this");
    admin.post(ROUTE, body("owner")).await.is_problem(403, "forbidden", "Your role does not allow this");
    assert_eq!(admin.post(ROUTE, body("admin")).await.status, 201);
    let twice = json!({"email": "twice@example.com", "role": "viewer"});
    assert_eq!(admin.post(ROUTE, twice.clone()).await.status, 201);
    assert_eq!(admin.post(ROUTE, twice).await.str("/code"), "conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_invitations_are_not_there() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, stranger) = (app.operator().await, app.stranger("owner").await);
    let made = invite(&owner, "new@example.com", "viewer").await;
    let route = format!("{ROUTE}/{}", made["id"].as_str().unwrap());
    stranger.get(&route).await.is_problem(404, "not_found", "Not found");
    stranger.delete(&route).await.is_problem(404, "not_found", "Not found");
    stranger.post(&format!("{route}/resend"), json!({})).await.is_problem(404, "not_found", "Not found");
    assert_eq!(stranger.get(ROUTE).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_worth_what_its_maker_may_do_when_it_is_used() {
    let app = TestApp::start(CONSOLE).await;
    let admin = app.member_of("default", "admin").await;
    let made = invite(&admin, &format!("{}@example.com", unique("late")), "admin").await;
    let maker = admin.get("/v1/auth/session").await.str("/user/id");
    // As if their right had been taken away at the moment at which they invited: there was nothing to withdraw yet.
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let text = "UPDATE members SET role = 'member' WHERE user_id = $1";
    sqlx::query(text).bind(maker).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let offer = app.anonymous().post("/v1/invitations/offer", json!({"token": token(&made)})).await;
    offer.is_problem(409, "link_invalid", DEAD);
    let joined = app.anonymous().post(ACCEPT, json!({"token": token(&made), "password": PASSWORD})).await;
    joined.is_problem(409, "link_invalid", DEAD);
}

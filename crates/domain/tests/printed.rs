//! What is printed for a programmer ends in a log one day: no answer that holds a secret shows it (`security.md` §7.4).

use domain::api_key::CreatedApiKey;
use domain::cli_session::CreatedCliSession;
use domain::invitation::InvitationLink;
use domain::jwt::LoginAnswer;
use domain::password::ResetLink;
use domain::webhook::WebhookSecret;
use serde_json::json;

const CANARY: &str = "hunter2-canary";
const TIME: &str = "2026-11-21T09:00:00Z";

#[test]
fn an_answer_that_holds_a_secret_is_printed_without_it() {
    let key: CreatedApiKey = serde_json::from_value(json!({"id": "k", "owner_id": "u", "name": "shown",
        "prefix": "rgpu_a1b2c3d4", "scopes": {"all": true}, "access": "edit", "status": "active", "generation": 1,
        "created_at": TIME, "expires_soon": false, "cluster": "settled", "key": CANARY}))
    .unwrap();
    let webhook: WebhookSecret = serde_json::from_value(json!({"id": "w", "name": "shown",
        "url": "https://hooks.example.com/x", "topics": ["engine"], "platform": false, "enabled": true,
        "created_at": TIME, "secret": CANARY}))
    .unwrap();
    let invitation: InvitationLink = serde_json::from_value(json!({"id": "i", "email": "shown@example.com",
        "role": "member", "status": "open", "created_at": TIME, "expires_at": TIME, "link": CANARY}))
    .unwrap();
    let session: CreatedCliSession = serde_json::from_value(json!({"id": "shown", "token": CANARY, "expires_at": TIME,
        "user": {"id": "u", "email": "ada@example.com", "role": "member", "operator": false},
        "account": {"id": "a", "name": "default", "customer": "skgu00001"}}))
    .unwrap();
    let reset = ResetLink { url: CANARY.into(), expires_at: "shown".into() };
    let login = LoginAnswer { token: CANARY.into(), expire: TIME.into(), user: "shown".into(), max_age: 1 };
    for printed in [
        format!("{key:?} {key:#?}"),
        format!("{webhook:?} {webhook:#?}"),
        format!("{invitation:?} {invitation:#?}"),
        format!("{session:?} {session:#?}"),
        format!("{reset:?} {reset:#?}"),
        format!("{login:?} {login:#?}"),
    ] {
        assert!(printed.contains("shown") && !printed.contains(CANARY), "{printed}");
    }
}

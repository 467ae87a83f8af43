//! A backup put back brings nobody's session and no revoked key back to life.

use std::time::Duration;

use serde_json::json;
use testkit::{Client, eventually};

use super::{Console, EMAIL, PASSWORD};

const NOWHERE: &str = "/v1/kubernetes/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/exec-credential";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_after_the_backup_stays_dead() {
    let mut console = Console::start(&[]).await;
    let member = console.operator().await;
    let key = async || member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    let (kept, dead, rotated) = (key().await, key().await, key().await);
    let passphrase = console.dir.secret("passphrase", "correct horse battery staple");
    let passphrase = passphrase.to_str().unwrap().to_owned();
    let file = console.path("backup");
    let saved = console.admin(&["backup", "--output", &file, "--passphrase-file", &passphrase]).await;
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(EMAIL.len()).any(|part| part == EMAIL.as_bytes()), "it is encrypted");

    assert_eq!(member.delete(&format!("/v1/api-keys/{}", dead.str("/id"))).await.status, 204);
    let rotate = format!("/v1/api-keys/{}/rotate", rotated.str("/id"));
    assert_eq!(member.post(&rotate, json!({"overlap_seconds": 0})).await.status, 200);
    let ledger = console.path("console.sqlite.revocations");
    let ids = [&dead, &rotated].map(|key| key.str("/key")[5..13].to_owned());
    eventually("the ledger has the revocation and the rotation", async || {
        let text = std::fs::read_to_string(&ledger).unwrap_or_default();
        if ids.iter().all(|id| text.contains(id)) { Ok(()) } else { Err(text) }
    })
    .await;
    console.terminate().await;
    assert!(console.ended(Duration::from_secs(40)).await.success());

    let restore = ["restore", "--input", &file, "--passphrase-file", &passphrase];
    let refused = console.admin(&restore).await;
    assert!(!refused.status.success(), "a database that is there is not overwritten");
    for name in ["console.sqlite", "console.sqlite-wal", "console.sqlite-shm"] {
        let _not_there = std::fs::remove_file(console.path(name));
    }
    console.dir.secret("wrong", "another passphrase of length");
    let wrong = console.path("wrong");
    let refused = console.admin(&["restore", "--input", &file, "--passphrase-file", &wrong]).await;
    assert!(!refused.status.success() && !std::path::Path::new(&console.path("console.sqlite")).exists());
    let restored = console.admin(&restore).await;
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let said = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(said.contains("1 sessions") && said.contains("2 keys"), "{said}");

    let again = Console::in_dir(console.dir.clone(), &[]).await;
    let ghost = Client::anonymous(&again.url).with("cookie", member.cookie().unwrap());
    assert_eq!(ghost.get("/v1/auth/session").await.status, 401, "everybody signs in anew");
    let with = |key: &str| Client::anonymous(&again.url).with("x-api-key", key);
    with(&dead.str("/key")).post(NOWHERE, json!({})).await.is_problem(401, "api_key_revoked", "API key revoked");
    let leaked = with(&rotated.str("/key")).post(NOWHERE, json!({})).await;
    leaked.is_problem(401, "api_key_revoked", "API key revoked");
    assert_eq!(with(&kept.str("/key")).post(NOWHERE, json!({})).await.status, 403, "this one lives");
    let operator = Client::anonymous(&again.url).sign_in(EMAIL, PASSWORD).await;
    let told = operator.get("/v1/platform/audit?action=database.restored").await;
    assert_eq!((told.status, told.str("/items/0/outcome").as_str()), (200, "success"), "{}", told.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_made_and_a_forgotten_password_is_reset_from_the_command_line() {
    let console = Console::start(&[]).await;
    let file = console.dir.secret("new", "another long password");
    let file = file.to_str().unwrap().to_owned();
    let email = "ops@example.com";
    let made = console.admin(&["create-operator", "--email", email, "--password-file", &file]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let operator = Client::anonymous(&console.url).sign_in(email, "another long password").await;
    assert_eq!(operator.get("/v1/auth/session").await.json()["user"]["operator"], true);

    let link = console.admin(&["reset-password", "--email", email, "--public-url", "https://c.example.com/"]).await;
    let link = String::from_utf8(link.stdout).unwrap();
    assert!(link.starts_with("https://c.example.com/reset/") && link.contains("Works once"), "{link}");
    assert_eq!(operator.get("/v1/auth/session").await.status, 200, "a link alone ends nothing");

    let file = console.dir.secret("newer", "yet another password");
    let set = ["reset-password", "--email", email, "--password-file", file.to_str().unwrap()];
    let set = console.admin(&set).await;
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    assert_eq!(operator.get("/v1/auth/session").await.status, 401, "their sessions have ended");
    Client::anonymous(&console.url).sign_in(email, "yet another password").await;
}

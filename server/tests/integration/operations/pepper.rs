//! Rotating the pepper: keys move over when they are used, and nothing that is still needed can be dropped.

use serde_json::json;
use testkit::Client;

use super::{Console, EMAIL, PASSWORD, serve};

const NEXT: &str = "1d0c7ab4f86e2593ca17d45b09e8f2368f1c64d0a2b97e35c4d8016bfa52e793";
const NOWHERE: &str = "/v1/kubernetes/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/exec-credential";

#[tokio::test(flavor = "multi_thread")]
async fn a_pepper_that_keys_need_cannot_be_dropped_and_a_used_key_moves_over() {
    let mut console = Console::start(&[]).await;
    let key = console.operator().await.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    console.terminate().await;
    assert!(console.ended(std::time::Duration::from_secs(40)).await.success());
    console.dir.secret("next", NEXT);
    let (old, next) = (console.path("pepper"), console.path("next"));

    let refused = serve(&console.dir, &console.url, &["--pepper-file", &next]).status().await.unwrap();
    assert!(!refused.success());
    assert!(console.log().contains("name its file with --previous-pepper-file"), "{}", console.log());

    let both = ["--pepper-file", &next, "--previous-pepper-file", &old];
    let status = async || {
        let output = console.admin(&[&["pepper-status"][..], &both].concat()).await;
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(status().await.contains("previous  1 secrets"), "{}", status().await);
    let mut rotating = Console::in_dir(console.dir.clone(), &both).await;
    let caller = Client::anonymous(&rotating.url).with("x-api-key", &key.str("/key"));
    caller.post(NOWHERE, json!({})).await.is_problem(
        403,
        "namespace_not_allowed",
        "API key does not allow Kubernetes access to this namespace",
    );
    testkit::eventually("the key moved over", async || {
        let said = status().await;
        if said.contains("previous") { Err(said) } else { Ok(()) }
    })
    .await;
    rotating.terminate().await;
    assert!(rotating.ended(std::time::Duration::from_secs(40)).await.success());
    let alone = Console::in_dir(console.dir.clone(), &["--pepper-file", &next]).await;
    Client::anonymous(&alone.url).sign_in(EMAIL, PASSWORD).await;
    let caller = Client::anonymous(&alone.url).with("x-api-key", &key.str("/key"));
    assert_eq!(caller.post(NOWHERE, json!({})).await.status, 403, "the key is known under the new pepper alone");
}

//! The API document, fuzzed by schemathesis with every check on: as nobody, as a member, as somebody of another account.
//! Exceptions are in `end2end/schemathesis.toml`, each with its reason.
//!
//! The phases that end by themselves and find the same each time always run; with `REMOTEGPU_TEST_FUZZ=1` the random ones
//! run too, as long as they are given.

use std::process::Output;

use serde_json::json;
use testkit::TestApp;
use tokio::process::Command;

use crate::CONSOLE;

/// Per person, for the random phases.
const SECONDS: &str = "120";

async fn run(program: &str, app: &TestApp, cookie: Option<&str>) -> Output {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../end2end/schemathesis.toml");
    let mut command = Command::new(program);
    command.args(["--config-file", config, "run", &format!("{}/v1/openapi.json", app.url)]);
    // Without --checks every check runs, but for the exceptions of the file; the flag would lift those.
    command.args(["--warnings", "off"]);
    match std::env::var_os("REMOTEGPU_TEST_FUZZ") {
        Some(_) => command.args(["--max-time", SECONDS]),
        None => command.args(["--phases", "examples,coverage"]),
    };
    command.args(cookie.iter().flat_map(|cookie| ["--header".to_owned(), format!("Cookie: {cookie}")]));
    command.env("NO_COLOR", "1").output().await.expect("schemathesis can be started")
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_as_nobody_as_a_member_and_as_a_stranger() {
    let Ok(program) = std::env::var("REMOTEGPU_TEST_SCHEMATHESIS") else {
        testkit::left_out("the fuzzing of the API: REMOTEGPU_TEST_SCHEMATHESIS names no program");
        return;
    };
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let account = owner.get("/v1/auth/session").await.str("/account/name");
    owner.post("/v1/kubernetes/namespaces", json!({"name": "fuzzed"})).await;
    let (member, stranger) = (app.member_of(&account, "member").await, app.stranger("owner").await);
    for (who, cookie) in [("nobody", None), ("member", member.cookie()), ("stranger", stranger.cookie())] {
        let output = run(&program, &app, cookie).await;
        assert!(output.status.success(), "as {who}:\n{}", String::from_utf8_lossy(&output.stdout));
        assert!(!app.log().contains("panic"), "as {who}");
    }
}

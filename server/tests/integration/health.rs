//! How the installation is: told to operators, and to nobody else.

use testkit::{TestApp, eventually};

use crate::CONSOLE;

const HEALTH: &str = "/v1/platform/health";

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_answers_and_who_leads() {
    let app = TestApp::start(CONSOLE).await;
    let operator = app.operator().await;
    // On a busy machine an answer may once come later than the page waits.
    let health = eventually("this console leads, and both answer", async || {
        let health = operator.get(HEALTH).await.json();
        let answer = |at: usize| health["checks"][at]["state"] == "working";
        let leads = health["checks"][2]["detail"] == "This console runs the loops";
        if leads && answer(0) && answer(1) { Ok(health) } else { Err(health) }
    })
    .await;
    let checks: Vec<_> = health["checks"].as_array().unwrap().iter().map(|check| check["name"].clone()).collect();
    let names = ["Database", "Home cluster", "Leader", "Reconcile loop", "Engines of the platform", "Virtual nodes"];
    assert_eq!(checks, names);
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    let owner = app.stranger("owner").await;
    owner.get(HEALTH).await.is_problem(403, "forbidden", "Your role does not allow this");
}

//! Several `remotegpu nodes` of one installation: the holder of the Lease runs all nodes, the others say that they wait.

use testkit::{TestApp, eventually};

use crate::CONSOLE;
use crate::nodes_of_engines::alone;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_waits_for_the_lease_says_who_holds_it() {
    let _alone = alone().await;
    let app = TestApp::start(CONSOLE).await;
    let _first = app.nodes();
    eventually("the first one leads", async || {
        let log = app.nodes_log();
        if log.contains("leads: it runs the loops") { Ok(()) } else { Err(log) }
    })
    .await;
    let begin = app.nodes_log().len();
    let _second = app.nodes();
    eventually("the second one says why it does nothing", async || {
        let log = app.nodes_log();
        let since = log.get(begin..).unwrap_or_default();
        if since.contains("Another process holds the Lease") { Ok(()) } else { Err(log) }
    })
    .await;
}

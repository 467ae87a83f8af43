//! Live lists behind faults and under many readers: one upstream watch, nothing missed, pages bounded.

use serde_json::{Value, json};
use testkit::{ApiServer, CallProxy, Client, FaultProxy, Plane, TestApp, eventually, read_until, unique};

use crate::CONSOLE;
use crate::stream::opened;

/// What lists are drawn from, as the API server is asked for it.
const WATCHED: [&str; 4] =
    ["/api/v1/pods", "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/batch/v1/jobs"];

struct Stage {
    app: TestApp,
    member: Client,
    id: String,
    kubernetes_name: String,
}

impl Stage {
    async fn behind(server: &str) -> Self {
        let app = TestApp::setup(CONSOLE).behind(server).start().await;
        let member = app.operator().await;
        let namespace = app.namespace(&member).await;
        let text = |key: &str| namespace[key].as_str().unwrap().to_owned();
        Self { id: text("id"), kubernetes_name: text("kubernetes_name"), member, app }
    }

    fn live(&self, query: &str) -> String {
        format!("/live/namespaces/{}/workloads{query}", self.id)
    }

    /// Deployments without pods, made past the console.
    async fn make(&self, names: &[String]) {
        let template = json!({
            "metadata": {"labels": {"app": "x", "remotegpu.ai/sku-code": "cpu-shared-8g"}},
            "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]},
        });
        let one = |name: &String| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": name, "namespace": self.kubernetes_name},
                "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": template}})
        };
        let items: Vec<Value> = names.iter().map(one).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let ran = self.app.plane.admin_apply(&list.to_string()).await;
        assert!(ran.ok, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_readers_cost_the_api_server_no_call_and_all_are_told() {
    let proxy = CallProxy::to(Plane::current()).await;
    let stage = Stage::behind(&proxy.server()).await;
    eventually("everything is watched", async || {
        let watches = WATCHED.map(|path| proxy.count("WATCH", path));
        if watches.iter().all(|count| *count >= 1) { Ok(()) } else { Err(watches) }
    })
    .await;
    let asked = || WATCHED.map(|path| proxy.count("GET", path));
    let before = asked();
    let mut readers = Vec::new();
    for number in 0..40 {
        let query = if number % 2 == 0 { "" } else { "?kind=deployment" };
        readers.push(opened(&stage.app, &stage.member, &stage.live(query)).await);
    }
    let name = unique("quiet");
    stage.make(std::slice::from_ref(&name)).await;
    for reader in &mut readers {
        read_until(reader, &name).await;
    }
    assert_eq!(asked(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_version_is_gone_lists_anew_and_no_reader_misses_a_thing() {
    let proxy = CallProxy::to(Plane::current()).await;
    let stage = Stage::behind(&proxy.server()).await;
    let mut reader = opened(&stage.app, &stage.member, &stage.live("")).await;
    eventually("Deployments are watched", async || match proxy.count("WATCH", WATCHED[1]) {
        0 => Err("not yet"),
        _ => Ok(()),
    })
    .await;
    let lists = || proxy.count("GET", WATCHED[1]) - proxy.count("WATCH", WATCHED[1]);
    let (watches, listed) = (proxy.count("WATCH", WATCHED[1]), lists());
    proxy.expire();
    let name = unique("after");
    stage.make(std::slice::from_ref(&name)).await;
    read_until(&mut reader, &name).await;
    eventually("it listed and watches again", async || {
        let now = (proxy.count("WATCH", WATCHED[1]), lists());
        if now.0 > watches && now.1 > listed { Ok(()) } else { Err(now) }
    })
    .await;
    let again = unique("again");
    stage.make(std::slice::from_ref(&again)).await;
    read_until(&mut reader, &again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_was_away_ends_no_live_list_and_nothing_is_missed() {
    let proxy = FaultProxy::to(&Plane::current().server()).await;
    let stage = Stage::behind(&proxy.server()).await;
    let kept = unique("kept");
    stage.make(std::slice::from_ref(&kept)).await;
    let first = async || opened_text(&stage, &stage.live("?kind=deployment")).await;
    eventually("the first one is seen", async || {
        let text = first().await;
        if text.contains(&kept) { Ok(()) } else { Err(text) }
    })
    .await;
    let mut reader = opened(&stage.app, &stage.member, &stage.live("")).await;
    let mut detail = opened(&stage.app, &stage.member, &stage.live(&format!("/deployment/{kept}"))).await;
    proxy.cut();
    assert!(first().await.contains(&kept), "who comes while it is away sees what was known");
    read_until(&mut reader, "\"stale_since\":\"").await;
    read_until(&mut detail, "\"stale_since\":\"").await;
    let name = unique("meanwhile");
    stage.make(std::slice::from_ref(&name)).await;
    proxy.pass();
    read_until(&mut reader, &name).await;
    read_until(&mut detail, "\"stale_since\":null").await;
    eventually("nothing is stale any more", async || {
        let text = first().await;
        if text.contains("\"stale_since\":null") { Ok(()) } else { Err(text) }
    })
    .await;
}

/// Unlike a line that was cut, this API server remembers nothing: not what it sent, not how far a watch had come.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_was_started_again_is_followed_on_the_same_open_list() {
    let mut server = ApiServer::beside(Plane::current()).await;
    let stage = Stage::behind(server.url()).await;
    let names = ["before", "meanwhile", "after"].map(unique);
    let mut reader = opened(&stage.app, &stage.member, &stage.live("?kind=deployment")).await;
    stage.make(&names[..1]).await;
    read_until(&mut reader, &names[0]).await;

    server.kill().await;
    read_until(&mut reader, "\"stale_since\":\"").await;
    stage.make(&names[1..2]).await;
    server.start().await;
    read_until(&mut reader, &names[1]).await;
    stage.make(&names[2..]).await;
    read_until(&mut reader, &names[2]).await;
    eventually("all is known again, each thing once", async || {
        let text = opened_text(&stage, &stage.live("?kind=deployment")).await;
        let times = |name: &String| text.matches(&format!("\"name\":\"{name}\"")).count();
        let once = names.iter().all(|name| times(name) == 1);
        if once && text.contains("\"stale_since\":null") { Ok(()) } else { Err(text) }
    })
    .await;
}

/// The first words of a live list.
async fn opened_text(stage: &Stage, path: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", stage.app.url);
    let mut stream = http.get(url).header("cookie", stage.member.cookie().unwrap()).send().await.unwrap();
    read_until(&mut stream, "\n\n").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_page_by_page_over_rest_and_live() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let text = |key: &str| namespace[key].as_str().unwrap().to_owned();
    let stage = Stage { id: text("id"), kubernetes_name: text("kubernetes_name"), member, app };
    let names: Vec<String> = (0..25).map(|number| format!("d{number:02}")).collect();
    stage.make(&names).await;
    let path = format!("/v1/kubernetes/namespaces/{}/workloads", stage.id);
    let (mut met, mut query) = (Vec::new(), "?limit=10".to_owned());
    loop {
        let page = stage.member.get(&format!("{path}{query}")).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 10 && page["found"] == 25, "{page}");
        met.extend(items.iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=10&cursor={cursor}");
    }
    assert_eq!(met, names);
    let last = eventually("the last page is live", async || {
        let last = opened_text(&stage, &stage.live(&query)).await;
        if last.contains("\"name\":\"d24\"") { Ok(last) } else { Err(last) }
    })
    .await;
    assert!(last.contains("\"name\":\"d20\"") && !last.contains("\"name\":\"d19\""), "{last}");
    for wrong in ["?limit=0", "?limit=201", "?cursor=nonsense"] {
        assert_eq!(stage.member.get(&format!("{path}{wrong}")).await.status, 400, "{wrong}");
        assert_eq!(stage.member.get(&stage.live(wrong)).await.status, 400, "{wrong}");
    }
}

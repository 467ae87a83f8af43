//! Many at once: a thousand readers of one live list, a namespace of 5,000 pods, and the way from Deploy to Running. Where
//! there is a browser, one of the readers is a real one, and it opens the list of 5,000 pods too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use testkit::{CallProxy, Client, KubeApi, Plane, Setup, TestApp, eventually, unique};
use tokio::sync::{Barrier, mpsc};

use crate::browser::{self, Browser, Found};
use crate::{CONSOLE, p50, quantile};
use testkit::resident_mib;

const READERS: usize = 1000;
const CHANGES: usize = 20;
// A change at a time, as far apart as lists are drawn at most five times a second.
const PAUSE: Duration = Duration::from_millis(500);
const PODS: usize = 5000;
const WRITERS: usize = 40;
const TURNS: usize = 20;
// The first of them meets an empty cache.
const TURNS_OF_BROWSER: usize = 6;
const DEPLOYS: usize = 5;

/// A console, somebody in it, and a namespace.
struct Place {
    app: TestApp,
    member: Client,
    admin: KubeApi,
    id: String,
    name: String,
}

/// Prints all three.
pub async fn measure() {
    // Each reader is a connection, here and in the console, which inherits the limit.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let browser = browser::found();
    // First: the cluster is busy for minutes with the end of what the others leave.
    deploy_until_running().await;
    readers(browser.as_ref()).await;
    many_pods(browser.as_ref()).await;
}

// === impl Place ===

impl Place {
    async fn of(app: TestApp) -> Self {
        let member = app.operator().await.unchecked();
        let namespace = app.namespace(&member).await;
        let text = |key: &str| namespace[key].as_str().unwrap().to_owned();
        Self { admin: KubeApi::admin(app.plane), id: text("id"), name: text("kubernetes_name"), member, app }
    }

    fn deployment(&self, name: &str, sku: &str, replicas: u32) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": self.name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
                "metadata": {"labels": {"app": name, "remotegpu.ai/sku-code": sku}},
                "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]}}}})
    }

    fn page(&self) -> String {
        format!("{}/kubernetes/{}/workloads", self.app.url, self.id)
    }

    async fn end(self) {
        assert_eq!(self.member.delete(&format!("/v1/kubernetes/namespaces/{}", self.id)).await.status, 202);
    }
}

/// With the client files where somebody looks with a browser.
fn console(browser: Option<&Found>) -> Setup {
    let setup = TestApp::setup(CONSOLE);
    match browser {
        Some(found) => setup.site(&found.site),
        None => setup,
    }
}

/// Opens the list in a real browser and waits until its stream is open.
async fn person(found: &Found, place: &Place) -> Browser {
    let names: Vec<String> = (0..CHANGES).map(change).collect();
    let task = json!({"do": "follow", "names": names});
    let mut person = Browser::open(found, &place.member, &place.page(), &task);
    assert_eq!(person.told().await, json!({"ready": true}));
    person
}

fn change(number: usize) -> String {
    format!("change-{number:02}")
}

async fn readers(browser: Option<&Found>) {
    let proxy = CallProxy::to(Plane::current()).await;
    let place = Place::of(console(browser).behind(&proxy.server()).start().await).await;
    let mut person = match browser {
        Some(found) => Some(person(found, &place).await),
        None => None,
    };
    let readers = READERS - usize::from(person.is_some());
    let url = format!("{}/live/namespaces/{}/workloads", place.app.url, place.id);
    let cookie = place.member.cookie().unwrap().to_owned();
    let ready = Arc::new(Barrier::new(readers + 1));
    let (seen, mut told) = mpsc::unbounded_channel();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..readers {
        let asked = http.get(&url).header("cookie", &cookie);
        tokio::spawn(read(asked, ready.clone(), seen.clone()));
    }
    ready.wait().await;
    let among = if person.is_some() { " and a real browser" } else { "" };
    println!("live: {readers} readers{among} open, console {:.1} MiB resident", resident_mib(place.app.pid()));
    let deployments = format!("/apis/apps/v1/namespaces/{}/deployments", place.name);
    let (mut lags, mut lags_of_person) = (Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let name = change(number);
        place.admin.create(&deployments, &place.deployment(&name, "cpu-shared-8g", 0)).await.done();
        let (made, made_at) = (Instant::now(), Timestamp::now());
        for _ in 0..readers {
            let at: Instant = told.recv().await.unwrap();
            lags.push(at.saturating_duration_since(made));
        }
        if let Some(person) = &mut person {
            let seen = person.told().await;
            assert_eq!(seen["name"], json!(name));
            let behind = seen["at"].as_i64().unwrap() - made_at.as_millisecond();
            lags_of_person.push(Duration::from_millis(u64::try_from(behind).unwrap_or(0)));
        }
        tokio::time::sleep(PAUSE).await;
    }
    lags.sort_unstable();
    println!(
        "live: {CHANGES} changes to {readers} readers each: p50 {:.0} ms, p99 {:.0} ms, last {:.0} ms behind (aim 1000); \
         {} watch of Deployments upstream (aim 1)",
        quantile(&lags, 50),
        quantile(&lags, 99),
        quantile(&lags, 100),
        proxy.count("WATCH", "/apis/apps/v1/deployments"),
    );
    if let Some(person) = person {
        person.closed().await;
        lags_of_person.sort_unstable();
        println!(
            "live: the same {CHANGES} changes as rows drawn in the real browser: p50 {:.0} ms, last {:.0} ms behind (aim 1000)",
            quantile(&lags_of_person, 50),
            quantile(&lags_of_person, 100),
        );
    } else {
        println!("live: no figure of a real browser: none was found, or `cargo xtask bench` did not start this");
    }
    place.end().await;
}

/// Tells when each change came.
async fn read(asked: reqwest::RequestBuilder, ready: Arc<Barrier>, seen: mpsc::UnboundedSender<Instant>) {
    let mut stream = asked.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    stream.chunk().await.unwrap().unwrap();
    ready.wait().await;
    let (mut text, mut next) = (String::new(), 0);
    while let Ok(Some(chunk)) = stream.chunk().await {
        text.push_str(&String::from_utf8_lossy(&chunk));
        while text.contains(&change(next)) {
            next += 1;
            if seen.send(Instant::now()).is_err() {
                return;
            }
        }
        if text.ends_with("\n\n") {
            text.clear();
        }
    }
}

async fn many_pods(browser: Option<&Found>) {
    let app = console(browser).start().await;
    let operator = app.operator().await;
    let account = operator.get("/v1/auth/session").await.str("/account/id");
    let quota = json!({"quota": {"pods": PODS + 100}});
    let raised = operator.patch(&format!("/v1/platform/accounts/{account}"), quota).await;
    assert_eq!(raised.status, 200, "{}", raised.text);
    let place = Place::of(app).await;
    // No node is of this engine: the pods wait, and nothing runs.
    let code = unique("bench");
    let spec = json!({"title": "nowhere", "resources": {"cpu": "1m", "memory": "1Mi"},
        "price": {"perHour": "0.01", "currency": "EUR"}, "placement": {"engines": ["bench-none"]}});
    let sku = json!({"apiVersion": "remotegpu.ai/v1alpha1", "kind": "Sku", "metadata": {"name": code}, "spec": spec});
    place.admin.create("/apis/remotegpu.ai/v1alpha1/skus", &sku).await.done();
    let pods = format!("/api/v1/namespaces/{}/pods", place.name);
    let pod = |number: usize| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("pod-{number:04}"), "labels": {"remotegpu.ai/sku-code": code}},
            "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]}})
    };
    eventually("the webhook knows the SKU", async || {
        let reply = place.admin.create(&pods, &pod(0)).await;
        if reply.status == 201 { Ok(()) } else { Err(reply.body) }
    })
    .await;
    let writing = stream::iter(1..PODS).for_each_concurrent(WRITERS, async |number| {
        place.admin.create(&pods, &pod(number)).await.done();
    });
    writing.await;
    let list = format!("/v1/kubernetes/namespaces/{}/workloads", place.id);
    eventually("the console knows all", async || {
        let reply = place.member.get(&list).await;
        if reply.json()["found"] == PODS { Ok(()) } else { Err(reply.json()["found"].clone()) }
    })
    .await;
    for (what, path) in [("list over REST", list), ("page", format!("/kubernetes/{}/workloads", place.id))] {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..TURNS {
            let begun = Instant::now();
            bytes = place.member.get(&path).await.text.len();
            times.push(begun.elapsed());
        }
        println!("{PODS} pods: {what} p50 {:.0} ms, {} KiB, whole (aim 1000 ms)", p50(times), bytes / 1024);
    }
    match browser {
        Some(found) => in_the_browser(found, &place).await,
        None => println!("{PODS} pods: no figure of a real browser"),
    }
    place.admin.delete(&format!("/apis/remotegpu.ai/v1alpha1/skus/{code}")).await.done();
    place.end().await;
}

/// From the address to the first key that the list answers, and from Enter in its search field to what is left.
async fn in_the_browser(found: &Found, place: &Place) {
    let task = json!({"do": "filter", "turns": TURNS_OF_BROWSER, "text": "pod-0007", "found": format!("1 of {PODS}")});
    let mut person = Browser::open(found, &place.member, &place.page(), &task);
    let mut turns = Vec::new();
    for _ in 0..TURNS_OF_BROWSER {
        turns.push(person.told().await);
    }
    person.closed().await;
    let middle = |what: &str| {
        let times = turns[1..].iter().map(|turn| Duration::from_secs_f64(turn[what].as_f64().unwrap() / 1000.0));
        p50(times.collect())
    };
    let first = turns[0]["answered"].as_f64().unwrap();
    println!(
        "{PODS} pods: a real browser has handlers after p50 {:.0} ms and answers a key after {:.0} ms (aim 1000; with an \
         empty cache {first:.0} ms); Enter in the search field shows the one that is left after {:.0} ms",
        middle("hydrated"),
        middle("answered"),
        middle("filtered"),
    );
}

async fn deploy_until_running() {
    let place = Place::of(TestApp::start(CONSOLE).await).await;
    let sku = "gpu-h100-1x";
    let path = format!("/v1/kubernetes/namespaces/{}/deployments", place.id);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..=DEPLOYS {
        let (console, kubectl) = (format!("console-{number}"), format!("kubectl-{number}"));
        let begun = Instant::now();
        let manifest = place.deployment(&kubectl, sku, 1).to_string();
        assert!(place.app.plane.admin_apply(&manifest).await.ok);
        until_running(&place, &kubectl).await;
        theirs.push(begun.elapsed());
        let begun = Instant::now();
        let plan = json!({"name": console, "sku_code": sku, "replicas": 1, "image": "registry.invalid/app:1"});
        let made = place.member.post(&path, plan).await;
        assert_eq!(made.status, 201, "{}", made.text);
        until_running(&place, &console).await;
        ours.push(begun.elapsed());
        for name in [&console, &kubectl] {
            assert_eq!(place.member.delete(&format!("{path}/{name}")).await.status, 204);
        }
    }
    // The first of each met a cold token and a cold kubectl.
    let (ours, theirs) = (p50(ours.split_off(1)), p50(theirs.split_off(1)));
    println!(
        "from Deploy to Running on the simulated engine: console p50 {ours:.0} ms, kubectl apply {theirs:.0} ms, \
         ratio {:.2} (aim 1.5)",
        ours / theirs
    );
    place.end().await;
}

async fn until_running(place: &Place, deployment: &str) {
    let pods = format!("/api/v1/namespaces/{}/pods", place.name);
    let prefix = format!("{deployment}-");
    eventually("it runs", async || {
        let all = place.admin.get(&pods).await.body;
        let own = |pod: &&Value| pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(&prefix));
        let mut made = all["items"].as_array().into_iter().flatten().filter(own);
        if made.any(|pod| pod["status"]["phase"] == "Running") { Ok(()) } else { Err("not yet") }
    })
    .await;
}

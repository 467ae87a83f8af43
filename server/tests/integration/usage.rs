//! Usage and budgets on the real control plane: records follow pods to the second, through a killed console too; a spent
//! budget refuses new pods at admission.

use std::collections::BTreeSet;

use domain::money::{Currency, Money};
use domain::usage::{Day, Month};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Client, KubeApi, Receiver, TestApp, eventually, local_image, read_until, unique};

use crate::stream::opened;
use crate::{CONSOLE, webhook};

/// The months from `since` until now. Whether there is one more is asked when the last one was read.
pub fn months(since: Timestamp) -> impl Iterator<Item = Month> {
    let all = std::iter::successors(Some(Month::of(since)), |month| Some(month.next()));
    all.take_while(|month| month.start() <= Timestamp::now())
}

/// The usage records from `since` on. The end of a month cuts those of pods that run: here each is one again, so that a
/// test means the same at any moment.
pub async fn records(reader: &Client, since: Timestamp) -> Vec<Value> {
    let mut whole = Vec::new();
    for month in months(since) {
        let reply = reader.get(&format!("/v1/usage?month={month}&limit=200")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        join(&mut whole, month, reply.json()["items"].as_array().unwrap());
    }
    whole
}

/// The sums of all days from that of `since` on.
pub async fn sums(reader: &Client, since: Timestamp) -> Value {
    let reply = reader.get(&format!("/v1/usage/summary?since={}", Day::of(since))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// Adds the records of `month` to those of the months before.
fn join(whole: &mut Vec<Value>, month: Month, records: &[Value]) {
    let cut = json!(month.start().to_string());
    for record in records {
        let goes_on = |earlier: &&mut Value| {
            // One that had no end when its own month was read was cut since then.
            let ends = earlier["ended_at"] == cut || earlier["ended_at"].is_null();
            earlier["pod_uid"] == record["pod_uid"] && record["started_at"] == cut && ends
        };
        match whole.iter_mut().find(goes_on) {
            Some(earlier) => *earlier = joined(earlier, record),
            None => whole.push(record.clone()),
        }
    }
}

fn joined(earlier: &Value, later: &Value) -> Value {
    let cost = |record: &Value| {
        let currency = Currency::new(record["currency"].as_str().unwrap()).unwrap();
        Money::parse(record["cost"].as_str().unwrap(), currency).unwrap()
    };
    let seconds = |record: &Value| record["seconds"].as_i64().unwrap();
    let sum = Money { micros: cost(earlier).micros + cost(later).micros, ..cost(later) };
    let mut whole = earlier.clone();
    whole["ended_at"] = later["ended_at"].clone();
    whole["running"] = later["running"].clone();
    whole["seconds"] = json!(seconds(earlier) + seconds(later));
    whole["cost"] = json!(sum.decimal());
    whole
}

#[test]
fn what_the_end_of_a_month_cut_is_read_as_one_record() {
    let record = |id: &str, started: &str, ended: &str, seconds: i64, cost: &str| {
        json!({"id": id, "pod_uid": "a", "started_at": started, "ended_at": ended, "running": false,
            "seconds": seconds, "cost": cost, "currency": "EUR"})
    };
    let [before, cut, after] = ["2026-11-30T23:59:50Z", "2026-12-01T00:00:00Z", "2026-12-01T00:00:05Z"];
    let (first, second) = (record("1", before, cut, 10, "0.95"), record("2", cut, after, 5, "0.10"));
    let (november, mut whole) = (Month::parse("2026-11").unwrap(), Vec::new());
    join(&mut whole, november, std::slice::from_ref(&first));
    join(&mut whole, november.next(), &[second.clone(), json!({"id": "3", "pod_uid": "b", "started_at": cut})]);
    assert_eq!(whole[0], record("1", before, after, 15, "1.05"));
    assert_eq!((whole.len(), &whole[1]["id"]), (2, &json!("3")), "another pod is another record");
    let mut twice = vec![record("1", before, before, 0, "0.00")];
    join(&mut twice, november.next(), &[second]);
    assert_eq!(twice.len(), 2, "what had ended before goes on nowhere");
}

struct Place {
    app: TestApp,
    since: Timestamp,
    member: Client,
    id: String,
    kubernetes_name: String,
}

impl Place {
    async fn new() -> Self {
        Self::on(TestApp::start(CONSOLE).await).await
    }

    async fn on(app: TestApp) -> Self {
        let since = Timestamp::now();
        let member = app.operator().await;
        let namespace = app.namespace(&member).await;
        let text = |key: &str| namespace[key].as_str().unwrap().to_owned();
        Self { id: text("id"), kubernetes_name: text("kubernetes_name"), since, member, app }
    }

    /// What the namespace costs an hour: as it is read, and as it is listed.
    async fn rates(&self) -> [Value; 2] {
        let read = self.member.get(&format!("/v1/kubernetes/namespaces/{}", self.id)).await.json();
        let list = self.member.get("/v1/kubernetes/namespaces?limit=200").await.json();
        let listed = list["items"].as_array().unwrap().iter().find(|row| row["id"] == self.id).unwrap();
        [read["price_per_hour"].clone(), listed["price_per_hour"].clone()]
    }

    async fn manifest(&self, namespace: &str, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": namespace, "labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"},
            },
            "spec": {
                "containers": [{"name": "app", "image": local_image().await, "imagePullPolicy": "IfNotPresent"}],
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
            },
        })
    }

    async fn pod(&self, name: &str) -> testkit::Ran {
        self.pod_in(&self.kubernetes_name, name).await
    }

    async fn pod_in(&self, namespace: &str, name: &str) -> testkit::Ran {
        self.app.plane.admin_apply(&self.manifest(namespace, name).await.to_string()).await
    }

    /// A key of somebody's: its id, and the cluster as it opens it.
    async fn key(&self, owner: &Client, name: &str) -> (Value, KubeApi) {
        let made = owner.post("/v1/api-keys", json!({"name": name, "scopes": {"all": true}})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", self.id);
        let issued = self.app.anonymous().with("x-api-key", &made.str("/key")).post(&path, json!({})).await;
        (made.json()["id"].clone(), KubeApi::with_token(self.app.plane, &issued.str("/status/token")))
    }

    async fn started(&self, name: &str) {
        let ran = self.pod(name).await;
        assert!(ran.ok, "{ran:?}");
    }

    async fn removed(&self, name: &str) {
        let arguments = ["delete", "pod", name, "--namespace", &self.kubernetes_name, "--wait=true"];
        self.app.plane.admin(&arguments).await.out();
    }

    /// What Kubernetes says of a pod's first start.
    async fn start_of(&self, name: &str) -> String {
        eventually(&format!("{name} runs"), async || {
            let arguments = ["get", "pod", name, "--namespace", &self.kubernetes_name, "--output=json"];
            let pod: Value = serde_json::from_str(&self.app.plane.admin(&arguments).await.out()).unwrap();
            let started = &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
            started.as_str().map(str::to_owned).ok_or_else(|| pod["status"].clone())
        })
        .await
    }

    async fn records(&self) -> Vec<Value> {
        records(&self.member, self.since).await
    }

    async fn record(&self, pod: &str, running: bool) -> Value {
        eventually(&format!("the record of {pod} is running: {running}"), async || {
            let records = self.records().await;
            let found = records.iter().find(|record| record["pod"] == pod && record["running"] == running).cloned();
            found.ok_or(records)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_charged_from_its_first_container_running_until_its_end() {
    let place = Place::new().await;
    let mut live = opened(&place.app, &place.member, &format!("/live/namespaces/{}", place.id)).await;
    place.started("charged").await;
    let open = place.record("charged", true).await;
    assert_eq!(open["started_at"], place.start_of("charged").await);
    assert_eq!((&open["sku_code"], &open["engine"]), (&json!("cpu-shared-8g"), &json!("local")));
    assert_eq!((&open["namespace_id"], &open["currency"]), (&json!(place.id), &json!("EUR")));
    let summary = eventually("its first second has passed", async || {
        let summary = sums(&place.member, place.since).await;
        if summary["seconds"] == 0 { Err(summary) } else { Ok(summary) }
    })
    .await;
    assert_eq!((&summary["running"], &summary["per_hour"]), (&json!(1), &open["price_per_hour"]), "{summary}");
    assert_eq!(summary["namespaces"][0]["key"], place.id, "{summary}");
    let price = json!([{"amount": open["price_per_hour"], "currency": "EUR", "unit": "hour"}]);
    assert_eq!(place.rates().await, [price.clone(), price], "of the namespace, as it is read and as it is listed");
    read_until(&mut live, "\"price_per_hour\":[{").await;
    place.removed("charged").await;
    let ended = place.record("charged", false).await;
    assert_eq!((&ended["id"], &ended["started_at"]), (&open["id"], &open["started_at"]));
    let after = sums(&place.member, place.since).await;
    assert_eq!((&after["running"], &after["seconds"]), (&json!(0), &ended["seconds"]), "{after}");
    assert_eq!(after["total"], ended["cost"], "{after}");
    assert_eq!(place.rates().await, [json!([]), json!([])]);
    let stranger = place.app.stranger("owner").await;
    assert_eq!(records(&stranger, place.since).await, Vec::<Value>::new());
    let theirs = format!("/v1/usage?month={}&namespace={}", month_of(&open), place.id);
    assert_eq!(place.member.get(&theirs).await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(stranger.get(&theirs).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_has_its_own_sum_and_what_people_order_has_none() {
    let place = Place::new().await;
    let colleague = place.app.member_of("default", "member").await;
    let (ci, by_ci) = place.key(&place.member, "ci").await;
    let (nightly, by_nightly) = place.key(&colleague, "nightly").await;
    let pods = format!("/api/v1/namespaces/{}/pods", place.kubernetes_name);
    by_ci.create(&pods, &place.manifest(&place.kubernetes_name, "of-ci").await).await.done();
    // Its pods are made by a controller, and only the template knows of the key.
    let labels = json!({"app": "x", "remotegpu.ai/sku-code": "cpu-shared-8g"});
    let mut spec = place.manifest(&place.kubernetes_name, "").await["spec"].clone();
    spec["restartPolicy"] = json!("Always");
    let deployment = json!({
        "metadata": {"name": "of-nightly"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    });
    let deployments = format!("/apis/apps/v1/namespaces/{}/deployments", place.kubernetes_name);
    by_nightly.create(&deployments, &deployment).await.done();
    let plan = json!({"name": "of-person", "sku_code": "cpu-shared-8g", "replicas": 1, "image": local_image().await});
    let made = place.member.post(&format!("/v1/kubernetes/namespaces/{}/deployments", place.id), plan).await;
    assert_eq!(made.status, 201, "{}", made.text);

    let wanted =
        BTreeSet::from([("of-ci", ci.to_string()), ("of-ni", nightly.to_string()), ("of-pe", "null".to_owned())]);
    let records = eventually("each has a record with its key", async || {
        let records = place.records().await;
        let told = |record: &Value| (record["pod"].as_str().unwrap()[..5].to_owned(), record["api_key_id"].to_string());
        let found: BTreeSet<(String, String)> = records.iter().map(told).collect();
        let all = wanted.iter().all(|(pod, key)| found.contains(&((*pod).to_owned(), key.clone())));
        if all && found.len() == wanted.len() { Ok(records) } else { Err(records) }
    })
    .await;
    for record in &records {
        // Who owns the key, not who made the namespace.
        let colleagues = record["api_key_id"] == nightly;
        assert_eq!(record["member"] == "admin@remotegpu.local", !colleagues, "{record}");
    }
    let summary = eventually("each has cost something", async || {
        let summary = sums(&place.member, place.since).await;
        if summary["keys"].as_array().unwrap().len() == 3 { Ok(summary) } else { Err(summary) }
    })
    .await;
    let mut keys: Vec<(&Value, &Value)> =
        summary["keys"].as_array().unwrap().iter().map(|share| (&share["key"], &share["name"])).collect();
    keys.sort_by_key(|(_, name)| (*name).to_string());
    let (none, without) = (json!("none"), json!("Without a key"));
    assert_eq!(keys, [(&none, &without), (&ci, &json!("ci")), (&nightly, &json!("nightly"))]);
    let seconds = |share: &Value| share["seconds"].as_i64().unwrap();
    let shares = summary["keys"].as_array().unwrap().iter().map(seconds).sum::<i64>();
    assert_eq!(shares, seconds(&summary), "the keys add up to the whole");
    let only = format!("/v1/usage/summary?since={}&key={}", Day::of(place.since), ci.as_str().unwrap());
    assert_eq!(place.member.get(&only).await.json()["running"], 1);
}

/// The month in which a record began: whatever month it is by now, the record stands there.
fn month_of(record: &Value) -> String {
    record["started_at"].as_str().unwrap()[..7].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_comes_as_json_or_as_a_file() {
    let place = Place::new().await;
    place.started("filed").await;
    let month = month_of(&place.record("filed", true).await);
    let path = format!("/v1/usage?month={month}");
    let file = place.member.clone().with("accept", "text/csv").get(&path).await;
    assert_eq!((file.status, file.header("content-type").as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"usage-{month}.csv\""));
    let lines: Vec<&str> = file.text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 2, "{}", file.text);
    assert!(lines[0].starts_with("\"namespace\",\"kubernetes_name\",\"member\",\"pod\","), "{}", lines[0]);
    assert!(lines[1].contains("\"filed\",\"cpu-shared-8g\",\"local\""), "{}", lines[1]);
    assert_eq!(place.member.get("/download/usage").await.header("content-type"), "text/csv; charset=utf-8");
    let json = place.member.clone().with("accept", "text/csv;q=0.5, application/json").get(&path).await;
    assert_eq!(json.json()["items"][0]["pod"], "filed");
    let neither = place.member.clone().with("accept", "text/html").get("/v1/usage").await;
    assert_eq!(neither.status, 406, "{}", neither.text);
    assert_eq!(place.member.get("/v1/usage?month=2020-01").await.json()["items"], json!([]));
    for wrong in ["/v1/usage?month=2026-13", "/v1/usage?month=11", "/v1/usage?namespace=x", "/v1/usage/summary?since=x"]
    {
        assert_eq!(place.member.get(wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_that_nobody_says_is_that_of_the_question() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.stranger("owner").await;
    let asked = Month::of(Timestamp::now());
    let file = member.clone().with("accept", "text/csv").get("/v1/usage").await.header("content-disposition");
    let since = member.get("/v1/usage/summary").await.str("/since");
    // The next one may have begun meanwhile.
    let months = [asked, Month::of(Timestamp::now())];
    assert!(months.map(|month| format!("attachment; filename=\"usage-{month}.csv\"")).contains(&file), "{file}");
    assert!(months.map(|month| Day::of(month.start()).to_string()).contains(&since), "{since}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_killed_while_records_open_and_close_doubles_and_loses_none() {
    let mut place = Place::new().await;
    let mut names = Vec::new();
    for round in 0..3 {
        let (stays, goes) = (format!("stays-{round}"), format!("goes-{round}"));
        place.started(&goes).await;
        place.record(&goes, true).await;
        // Killed with one pod running that will be gone, and one that comes while nobody looks.
        place.app.kill().await;
        place.removed(&goes).await;
        let gone = Timestamp::now();
        place.started(&stays).await;
        place.start_of(&stays).await;
        place.app.restart().await;
        let ended = place.record(&goes, false).await;
        let at = |key: &str| ended[key].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert!(at("started_at") <= at("ended_at") && at("ended_at") <= gone, "nobody pays for the outage: {ended}");
        place.record(&stays, true).await;
        names.extend([stays, goes]);
    }
    let records = place.records().await;
    let mut pods: Vec<&str> = records.iter().map(|record| record["pod"].as_str().unwrap()).collect();
    pods.sort_unstable();
    names.sort_unstable();
    assert_eq!(pods, names, "one record for each pod");
    let uids: BTreeSet<&str> = records.iter().map(|record| record["pod_uid"].as_str().unwrap()).collect();
    assert_eq!(uids.len(), names.len());
    for record in records.iter().filter(|record| record["running"] == true) {
        let name = record["pod"].as_str().unwrap();
        assert_eq!(record["started_at"], place.start_of(name).await, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_refuses_new_pods_until_there_is_more() {
    let receiver = Receiver::start().await;
    let (app, _dir) = webhook::console(&[&receiver]).await;
    let place = Place::on(app).await;
    webhook::webhook(&place.member, &receiver.url).await;
    place.started("spender").await;
    place.record("spender", true).await;
    let terms = |amount: &str| json!({"amount": amount, "currency": "EUR", "warn_at": [50], "hard_stop": true});
    let mut new = terms("0.000001");
    new["namespace_id"] = json!(place.id);
    let made = place.member.post("/v1/budgets", new.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/v1/budgets/{}", made.str("/id"));
    assert_eq!(made.header("location"), path);
    let again = place.member.post("/v1/budgets", new).await;
    again.is_problem(409, "conflict", "This namespace has a budget already: change that one");
    let refused = eventually("the webhook refuses new pods", async || {
        let ran = place.pod(&unique("late")).await;
        if ran.ok { Err(ran.stdout) } else { Ok(ran.stderr) }
    })
    .await;
    assert!(refused.contains("Spending is stopped in this namespace"), "{refused}");
    assert_eq!(place.record("spender", true).await["pod"], "spender", "what runs goes on");
    assert_eq!(place.member.get(&path).await.json()["stopped"], true);
    let raised = place.member.put(&path, terms("1000000")).await;
    assert_eq!((raised.status, &raised.json()["stopped"]), (200, &json!(false)), "{}", raised.text);
    eventually("new pods are taken again", async || {
        let ran = place.pod(&unique("again")).await;
        if ran.ok { Ok(()) } else { Err(ran.stderr) }
    })
    .await;
    let rows = place.member.get(&format!("/v1/audit?target=budget:{}", made.str("/id"))).await.json();
    let rows: Vec<&str> = rows["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    let mut told = rows.clone();
    told.sort_unstable();
    assert_eq!(
        told,
        ["budget.changed", "budget.created", "budget.reached", "budget.resumed", "budget.stopped"],
        "{rows:?}"
    );
    for kind in told {
        let event = webhook::told(&receiver, kind).await;
        assert_eq!(event["data"]["target"], format!("budget:{}", made.str("/id")), "{event}");
    }
    for _ in 0..2 {
        assert_eq!(place.member.delete(&path).await.status, 204);
    }
    place.member.get(&path).await.is_problem(404, "not_found", "Not found");
    a_budget_of_the_account_warns_and_then_stops_every_namespace(&place).await;
}

/// Also one that is made during the stop.
async fn a_budget_of_the_account_warns_and_then_stops_every_namespace(place: &Place) {
    let terms = |stop: bool| json!({"amount": "0.000001", "currency": "EUR", "warn_at": [50], "hard_stop": stop});
    let made = place.member.post("/v1/budgets", terms(false)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let rows = format!("/v1/audit?target=budget:{}&action=budget.reached", made.str("/id"));
    eventually("the threshold is told", async || {
        let told = place.member.get(&rows).await;
        if told.json()["items"] == json!([]) { Err(told.text) } else { Ok(()) }
    })
    .await;
    place.started(&unique("warned")).await;
    let stops = place.member.put(&format!("/v1/budgets/{}", made.str("/id")), terms(true)).await;
    assert_eq!(stops.status, 200, "{}", stops.text);
    eventually("the namespace takes no pod any more", async || {
        let ran = place.pod(&unique("late")).await;
        if ran.ok { Err(ran.stdout) } else { Ok(()) }
    })
    .await;
    let born = place.app.namespace(&place.member).await;
    let refused = place.pod_in(born["kubernetes_name"].as_str().unwrap(), "first").await.refused();
    assert!(refused.contains("Spending is stopped in this namespace"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_are_of_the_accounts_own_namespaces_and_in_the_catalogues_currency() {
    let place = Place::new().await;
    let stranger = place.app.stranger("owner").await;
    let budget = |namespace: &str, currency: &str, amount: &str| json!({"namespace_id": (!namespace.is_empty()).then_some(namespace), "amount": amount, "currency": currency});
    for wrong in [
        budget(&place.id, "EUR", "1"),
        budget("x", "EUR", "1"),
        budget("", "CHF", "1"),
        budget("", "EUR", "0"),
        budget("", "EUR", "-1"),
    ] {
        let reply = stranger.post("/v1/budgets", wrong.clone()).await;
        assert_eq!(reply.status, 400, "{wrong}: {}", reply.text);
    }
    let made = stranger.post("/v1/budgets", budget("", "EUR", "20")).await;
    assert_eq!((made.status, &made.json()["warn_at"]), (201, &json!([50, 80, 100])), "{}", made.text);
    let path = format!("/v1/budgets/{}", made.str("/id"));
    place.member.get(&path).await.is_problem(404, "not_found", "Not found");
    assert_eq!(place.member.delete(&path).await.status, 204, "as for one that never was");
    assert_eq!(stranger.get(&path).await.json()["spent"], "0.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_come_in_pages_with_the_names_of_their_namespaces() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let mut wanted = vec![json!(null)];
    for name in ["first", "second"] {
        let made = owner.post("/v1/kubernetes/namespaces", json!({"name": name})).await;
        let budget = json!({"namespace_id": made.str("/id"), "amount": "20", "currency": "EUR"});
        assert_eq!(owner.post("/v1/budgets", budget).await.status, 201);
        wanted.push(json!(name));
    }
    assert_eq!(owner.post("/v1/budgets", json!({"amount": "20", "currency": "EUR"})).await.status, 201);
    let (mut met, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = owner.get(&format!("/v1/budgets{query}")).await.json();
        met.extend(page["items"].as_array().unwrap().iter().map(|budget| budget["namespace"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=1&cursor={cursor}");
    }
    assert_eq!(met, wanted);
    assert_eq!(owner.get("/v1/budgets?limit=0").await.status, 400);
}

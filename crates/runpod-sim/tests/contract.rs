//! The simulator against the official schema, and the behaviours that the schema cannot express.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use jiff::Timestamp;
use runpod_sim::{
    Body, Boot, Call, Clock, Control, Follower, Quotas, Reply, Settings, Simulator,
    fault::{Effect, Fault, Shape},
};
use serde_json::{Value, json};

fn simulator(settings: Settings) -> Simulator {
    Simulator::new(settings, Clock::new("2026-09-01T00:00:00Z".parse::<Timestamp>().unwrap(), 0.0), 7)
}

fn call(simulator: &Simulator, method: &str, path: &str, body: &Value) -> Reply {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    simulator.handle(&Call { method, path, query, bearer: Some("rpa_test".into()), last_event_id: None, body })
}

fn json_of(reply: &Reply) -> Value {
    match &reply.body {
        Body::Json(body) => body.clone(),
        other => panic!("no JSON: {other:?}"),
    }
}

fn rent(simulator: &Simulator, name: &str) -> Value {
    let body = json!({"name": name, "image": "app", "gpu": {"id": "NVIDIA L4", "count": 1}, "disk": 20,
        "ports": ["8080/http", "22/tcp"], "env": {"A": "b"}});
    let reply = call(simulator, "POST", "/v2/pods", &body);
    assert_eq!(reply.status, 201, "{reply:?}");
    json_of(&reply)
}

fn pods(simulator: &Simulator) -> Vec<Value> {
    json_of(&call(simulator, "GET", "/v2/pods", &Value::Null))["pods"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_route_answers_by_the_schema() {
    let sim = simulator(Settings::default());
    let id = rent(&sim, "one")["id"].as_str().unwrap().to_owned();
    sim.clock.advance(Duration::from_secs(60));
    let registry =
        json_of(&call(&sim, "POST", "/v2/registries", &json!({"name": "r", "username": "u", "password": "p"})));
    let registry = registry["id"].as_str().unwrap();
    let template = json_of(&call(&sim, "POST", "/v2/templates", &json!({"name": "t", "image": "i"})));
    let volume = json!({"name": "v", "size": 20, "dataCenter": "EU-RO-1"});
    let volume = json_of(&call(&sim, "POST", "/v2/network-volumes", &volume));
    let paths = [
        format!("/v2/pods/{id}"),
        "/v2/pods".into(),
        "/v2/catalog/gpus".into(),
        "/v2/catalog/gpus?include=AVAILABILITY&product=POD".into(),
        "/v2/catalog/gpus/NVIDIA%20L4".into(),
        "/v2/catalog/cpus".into(),
        "/v2/catalog/cpus/cpu3c".into(),
        "/v2/catalog/datacenters".into(),
        "/v2/catalog/datacenters/EU-RO-1".into(),
        "/v2/catalog/templates".into(),
        "/v2/templates".into(),
        format!("/v2/templates/{}", template["id"].as_str().unwrap()),
        "/v2/network-volumes".into(),
        format!("/v2/network-volumes/{}", volume["id"].as_str().unwrap()),
        "/v2/registries".into(),
        format!("/v2/registries/{registry}"),
        "/v2/account/ssh-keys".into(),
        "/v2/billing/pods".into(),
        format!("/v2/pods/{id}/logs?tail=5"),
    ];
    for path in paths {
        let reply = call(&sim, "GET", &path, &Value::Null);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
    let key = json!({"keys": ["ssh-ed25519 AAAA me"]});
    assert_eq!(call(&sim, "PUT", "/v2/account/ssh-keys", &key).status, 200);
    assert_eq!(call(&sim, "PATCH", &format!("/v2/pods/{id}"), &json!({"image": "other"})).status, 200);
    for (action, status) in [("stop", 200), ("start", 200), ("start", 409), ("dance", 422), ("terminate", 204)] {
        let reply = call(&sim, "POST", &format!("/v2/pods/{id}/action"), &json!({"action": action}));
        assert_eq!(reply.status, status, "{action}: {reply:?}");
    }
    assert_eq!(call(&sim, "DELETE", &format!("/v2/pods/{id}"), &Value::Null).status, 404);
    assert_eq!(call(&sim, "DELETE", &format!("/v2/registries/{registry}"), &Value::Null).status, 204);
    assert_eq!(call(&sim, "POST", "/v2/pods", &json!({"name": "x"})).status, 422);
    assert_eq!(sim.report().violations, Vec::<String>::new());
}

#[tokio::test]
async fn an_instance_comes_up_by_the_text_or_as_live() {
    for (boot, first) in [(Boot::ByText, "PROVISIONING"), (Boot::AsLive, "RUNNING")] {
        let sim = simulator(Settings { boot, boot_seconds: 20, port_seconds: 10, ..Settings::default() });
        let made = rent(&sim, "one");
        assert_eq!((&made["status"], &made["runtime"]), (&json!(first), &Value::Null));
        sim.clock.advance(Duration::from_secs(21));
        let up = &pods(&sim)[0];
        assert_eq!((&up["status"], &up["runtime"]["ports"]), (&json!("RUNNING"), &json!([])));
        sim.clock.advance(Duration::from_secs(10));
        assert_eq!(pods(&sim)[0]["runtime"]["ports"][0]["private"], 22);
        assert!(pods(&sim)[0]["ssh"]["direct"]["port"].is_number());
    }
}

#[tokio::test]
async fn every_second_is_charged_until_the_instance_is_terminated() {
    let sim = simulator(Settings::default());
    let id = rent(&sim, "one")["id"].as_str().unwrap().to_owned();
    sim.clock.advance(Duration::from_secs(3600));
    assert_eq!(sim.report().spent_micros, 490_000);
    assert_eq!(call(&sim, "DELETE", &format!("/v2/pods/{id}"), &Value::Null).status, 204);
    sim.clock.advance(Duration::from_secs(3600));
    let report = sim.report();
    assert_eq!((report.spent_micros, report.rate_micros, report.peak_micros), (490_000, 0, 490_000));
    assert!(report.billed("one").is_empty());
}

#[tokio::test]
async fn a_stopped_instance_still_costs_its_disk_and_an_empty_account_ends_all() {
    let sim = simulator(Settings { balance_micros: 600_000, ..Settings::default() });
    let id = rent(&sim, "one")["id"].as_str().unwrap().to_owned();
    sim.control(Control::Stop { name: "one".into() });
    assert!(sim.report().rate_micros > 0);
    assert_eq!(call(&sim, "POST", &format!("/v2/pods/{id}/action"), &json!({"action": "start"})).status, 200);
    sim.clock.advance(Duration::from_secs(7200));
    assert!(pods(&sim).is_empty());
    let again = json!({"name": "two", "image": "app", "gpu": {"id": "NVIDIA L4", "count": 1}});
    assert_eq!(call(&sim, "POST", "/v2/pods", &again).status, 402);
}

#[tokio::test]
async fn faults_strike_the_calls_they_name() {
    let sim = simulator(Settings::default());
    let add = |fault: Fault| sim.control(Control::Fault { fault: Box::new(fault) });
    add(Fault::on("POST /v2/pods", Effect::Lie { status: 500, shape: Shape::Html }).times(1));
    let body = json!({"name": "lied", "image": "app", "gpu": {"id": "NVIDIA L4", "count": 1}});
    assert_eq!(call(&sim, "POST", "/v2/pods", &body).status, 500);
    assert_eq!(sim.report().billed("lied").len(), 1, "it was created all the same");
    sim.control(Control::ClearFaults);
    add(Fault { name: Some("lied".into()), ..Fault::on("GET /v2/pods", Effect::LeaveOut) });
    rent(&sim, "other");
    assert_eq!(pods(&sim).len(), 1);
    sim.control(Control::ClearFaults);
    add(Fault::on("DELETE /v2/pods/{id}", Effect::LivesOn).times(1));
    let id = pods(&sim).iter().find(|pod| pod["name"] == "other").unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(call(&sim, "DELETE", &format!("/v2/pods/{id}"), &Value::Null).status, 204);
    assert_eq!(call(&sim, "GET", &format!("/v2/pods/{id}"), &Value::Null).status, 200);
}

#[tokio::test]
async fn capacity_and_rules_answer_400_and_say_why() {
    let sim = simulator(Settings::default());
    let create = |gpu: Value, extra: Value| {
        let mut body = json!({"name": "n", "image": "i", "gpu": gpu});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = call(&sim, "POST", "/v2/pods", &body);
        (reply.status, json_of(&reply)["detail"].as_str().unwrap_or_default().to_owned())
    };
    sim.control(Control::Stock { hardware: "NVIDIA L4".into(), data_center: String::new(), count: 0 });
    let l4 = json!({"id": "NVIDIA L4", "count": 1});
    let (status, detail) = create(l4.clone(), json!({}));
    assert!(status == 400 && detail.starts_with("There are no longer any instances"), "{detail}");
    assert_eq!(create(json!({"id": "NVIDIA A40", "count": 9}), json!({})).0, 400);
    assert_eq!(create(json!({"id": "NVIDIA A40", "count": 1}), json!({"ports": ["53/udp"]})).0, 400);
    assert_eq!(create(json!({"id": "NVIDIA A40", "count": 1}), json!({"cpu": {"id": "cpu3c", "vcpuCount": 2}})).0, 400);
    assert_eq!(create(json!({"id": "NVIDIA A40", "count": 1}), json!({"templateId": "none"})).0, 404);
    assert_eq!(call(&sim, "POST", "/v2/pods", &json!({"name": "x".repeat(102_401)})).status, 413);
}

#[tokio::test]
async fn quotas_are_told_and_kept() {
    let quota = Some(Quotas { minute: 2, hour: 100, day: 100 });
    let sim = simulator(Settings { quota, ..Settings::default() });
    let header = |reply: &Reply, name: &str| reply.headers.iter().find(|one| one.0 == name).map(|one| one.1.clone());
    let first = call(&sim, "GET", "/v2/pods", &Value::Null);
    assert!(header(&first, "RateLimit").unwrap().starts_with("\"minute\";r=1;t=60"));
    call(&sim, "GET", "/v2/pods", &Value::Null);
    let refused = call(&sim, "GET", "/v2/pods", &Value::Null);
    assert_eq!((refused.status, header(&refused, "Retry-After").as_deref()), (429, Some("60")));
    sim.clock.advance(Duration::from_secs(60));
    assert_eq!(call(&sim, "GET", "/v2/pods", &Value::Null).status, 200);
}

#[tokio::test]
async fn pages_follow_their_cursors() {
    let sim = simulator(Settings { paging: true, page_size: 2, ..Settings::default() });
    for name in ["a", "b", "c"] {
        rent(&sim, name);
    }
    let first = json_of(&call(&sim, "GET", "/v2/pods", &Value::Null));
    assert_eq!((first["pods"].as_array().unwrap().len(), &first["pagination"]["hasNextPage"]), (2, &json!(true)));
    let cursor = first["pagination"]["nextCursor"].as_str().unwrap();
    let second = json_of(&call(&sim, "GET", &format!("/v2/pods?cursor={cursor}"), &Value::Null));
    assert_eq!((second["pods"].as_array().unwrap().len(), &second["pagination"]["nextCursor"]), (1, &Value::Null));
    assert_eq!(call(&sim, "GET", "/v2/pods?cursor=mine", &Value::Null).status, 422);
}

#[tokio::test]
async fn logs_go_on_after_the_last_event_and_show_the_exit_marker() {
    let sim = simulator(Settings { boot_seconds: 0, ..Settings::default() });
    let body = json!({"name": "job", "image": "i", "gpu": {"id": "NVIDIA L4", "count": 1},
        "env": {"REMOTEGPU_EXIT_MARKER": "exit-abc"}});
    let id = json_of(&call(&sim, "POST", "/v2/pods", &body))["id"].as_str().unwrap().to_owned();
    sim.control(Control::Print { name: "job".into(), line: "working".into() });
    sim.control(Control::Exit { name: "job".into(), code: 3 });
    let read = |last: Option<&str>| {
        let path = format!("/v2/pods/{id}/logs");
        let reply = sim.handle(&Call {
            method: "GET".into(),
            path,
            query: "source=container".into(),
            bearer: Some("k".into()),
            last_event_id: last.map(str::to_owned),
            body: Vec::new(),
        });
        let Body::Events { id, from, source, effects } = reply.body else { panic!("no events") };
        Follower::new(id, from, source, effects).next(&sim).unwrap()
    };
    let all = read(None);
    assert!(all.contains("working") && all.contains("exit-abc 3"), "{all}");
    let last = all.lines().filter_map(|line| line.strip_prefix("id: ")).next().unwrap();
    let rest = read(Some(last));
    assert!(!rest.contains("working") && rest.contains("exit-abc 3"), "{rest}");
    assert_eq!(pods(&sim)[0]["status"], "RUNNING", "the wrapper waits");
}

#[tokio::test]
async fn the_ssh_port_of_an_instance_is_the_simulators_own_where_it_has_one() {
    let sim = simulator(Settings { boot_seconds: 0, port_seconds: 0, ..Settings::default() });
    let listener = runpod_sim::ssh::listen(&sim).await.unwrap();
    let real = listener.local_addr().unwrap().port();
    rent(&sim, "one");
    let pod = &pods(&sim)[0];
    let direct = &pod["ssh"]["direct"];
    assert_eq!(
        (&direct["host"], &direct["port"], &direct["username"]),
        (&json!("127.0.0.1"), &json!(real), &json!("root"))
    );
    assert_eq!(pod["runtime"]["ports"][0], json!({"private": 22, "public": real, "type": "tcp", "ip": "127.0.0.1"}));
    assert_eq!(sim.report().violations, Vec::<String>::new());
}

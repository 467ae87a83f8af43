//! What runs in a namespace, whoever made it: seen through REST and through the live streams of the pages.

use domain::money::{Currency, Money};
use domain::usage;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{eventually, local_image, read_until};

use crate::place::Place;

impl Place {
    /// What somebody with kubectl makes; admission fills in the rest.
    async fn apply(&self, manifest: Value) {
        let mut manifest = manifest;
        manifest["metadata"]["namespace"] = json!(self.kubernetes_name);
        let ran = self.app.plane.admin_apply(&manifest.to_string()).await;
        assert!(ran.ok, "{ran:?}");
    }

    async fn until(&self, what: &str, status: &str) -> Value {
        let path = self.path(&format!("workloads/{what}"));
        eventually(&format!("{what} is {status}"), async || {
            let reply = self.member.get(&path).await;
            if reply.json()["workload"]["status"] == status { Ok(reply.json()) } else { Err(reply.text) }
        })
        .await
    }

    /// A live stream and its first event.
    async fn live(&self, path: &str) -> (reqwest::Response, String) {
        let url = format!("{}/live/namespaces/{}/{path}", self.app.url, self.id);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut stream = client.get(url).header("cookie", self.member.cookie().unwrap()).send().await.unwrap();
        assert_eq!(stream.status(), 200);
        let first = read_until(&mut stream, "\n\n").await;
        (stream, first)
    }
}

fn pod(name: &str, image: &str, command: &[&str]) -> Value {
    let mut container = json!({"name": "app", "image": image, "imagePullPolicy": "IfNotPresent"});
    if !command.is_empty() {
        container["command"] = json!(command);
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}},
        "spec": {"containers": [container], "restartPolicy": "Never"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_kubectl_made_is_seen_with_its_containers_events_and_log() {
    let place = Place::new().await;
    place.apply(pod("alone", local_image().await, &[])).await;
    let seen = place.until("pod/alone", "running").await;
    assert_eq!(seen["workload"]["reason"], "Running on local");
    assert_eq!(seen["workload"]["pods"][0]["containers"][0]["phase"], "running");
    assert_eq!(seen["workload"]["price_per_hour"]["currency"], "EUR");
    let events = eventually("events are there", async || {
        let seen = place.member.get(&place.path("workloads/pod/alone")).await.json();
        if seen["events"].as_array().unwrap().is_empty() { Err(seen) } else { Ok(seen["events"].clone()) }
    })
    .await;
    assert_eq!(events[0]["about"]["name"], "alone");
    let list = place.member.get(&place.path("workloads")).await.json();
    assert_eq!((&list["items"][0]["kind"], &list["items"][0]["pods"]), (&json!("pod"), &json!([])));
    let none = place.member.get(&place.path("workloads?kind=job")).await.json();
    assert_eq!((&none["found"], &none["total"]), (&json!(0), &json!(1)));
    let log = eventually("the container has said hello", async || {
        let log = place.member.get(&place.path("pods/alone/logs?tail=100")).await;
        if log.text.contains("hello from the container") { Ok(log) } else { Err(log.text) }
    })
    .await;
    assert_eq!(log.header("content-disposition"), "inline; filename=\"alone.log\"");
    place.member.get(&place.path("pods/alone/logs?container=none")).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_pod_says_how_it_ended_and_is_deleted() {
    let place = Place::new().await;
    place.apply(pod("broken", local_image().await, &["/bin/sh", "-c", "exit 3"])).await;
    let seen = place.until("pod/broken", "failed").await;
    assert_eq!(seen["workload"]["pods"][0]["last_exit"], "Exit code 3");
    let path = place.path("workloads/pod/broken");
    assert_eq!(place.member.delete(&path).await.status, 204);
    eventually("it is gone", async || match place.member.get(&path).await.status {
        404 => Ok(()),
        other => Err(other),
    })
    .await;
    place.member.get(&place.path("workloads/daemonset/x")).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_are_deleted_in_one_call_and_one_that_is_gone_already_is_no_fault() {
    let place = Place::new().await;
    for name in ["one", "two", "kept"] {
        let template = json!({"metadata": {"labels": {"app": name, "remotegpu.ai/sku-code": "cpu-shared-8g"}},
            "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]}});
        let spec = json!({"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template});
        place
            .apply(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}))
            .await;
    }
    let form = |items: &[&str]| {
        let items = items.iter().enumerate().map(|(at, item)| format!("&items%5B{at}%5D={item}"));
        format!("namespace={}{}", place.id, items.collect::<String>())
    };
    let chosen = form(&["deployment/one", "deployment/gone", "deployment/two"]);
    let refused = place.member.post_form("/api/workload/delete-many", &format!("{chosen}&confirm=one")).await;
    assert!(!refused.header("location").contains("done="), "{} {}", refused.status, refused.text);
    assert_eq!(place.member.get(&place.path("workloads/deployment/one")).await.status, 200);
    let chosen = format!("{chosen}&confirm=delete+3+workloads");
    let done = place.member.post_form("/api/workload/delete-many", &chosen).await;
    assert!(done.header("location").contains("done=workloads-deleted"), "{} {}", done.status, done.text);
    for name in ["one", "two"] {
        let path = place.path(&format!("workloads/deployment/{name}"));
        eventually(&format!("{name} is gone"), async || match place.member.get(&path).await.status {
            404 => Ok(()),
            other => Err(other),
        })
        .await;
    }
    assert_eq!(place.member.get(&place.path("workloads/deployment/kept")).await.status, 200);
    let log = place.member.get("/v1/audit?action=deployment.deleted").await.json();
    assert_eq!(log["items"].as_array().unwrap().len(), 2, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_and_statefulsets_stand_in_the_list_and_own_their_pods() {
    let place = Place::new().await;
    let image = local_image().await;
    let template = |restart: &str, command: &str| {
        let container = json!({"name": "app", "image": image, "command": ["/bin/sh", "-c", command]});
        json!({"metadata": {"labels": {"app": "x", "remotegpu.ai/sku-code": "cpu-shared-8g"}},
            "spec": {"containers": [container], "restartPolicy": restart}})
    };
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train"},
        "spec": {"template": template("Never", "exit 0")}});
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"serviceName": "db", "selector": {"matchLabels": {"app": "x"}},
            "template": template("Always", "while :; do sleep 1; done")}});
    let (_stream, first) = place.live("workloads").await;
    assert!(first.contains("\"total\":0"), "{first}");
    place.apply(job).await;
    place.apply(set).await;
    let train = place.until("job/train", "succeeded").await;
    assert_eq!(train["workload"]["reason"], "Completed");
    let db = place.until("statefulset/db", "running").await;
    assert_eq!(db["workload"]["pods"][0]["name"], "db-0");
    let list = place.member.get(&place.path("workloads")).await.json();
    let mut kinds: Vec<&str> = list["items"].as_array().unwrap().iter().map(|w| w["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["job", "statefulset"], "their pods are no rows of their own");
    let owners = place.member.get(&place.path("workloads/pod/db-0")).await.json();
    assert_eq!(owners["workload"]["owners"], json!([{"kind": "StatefulSet", "name": "db"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cron_job_is_suspended_resumed_run_by_hand_and_deleted() {
    let place = Place::new().await;
    let container = json!({"name": "app", "image": local_image().await, "command": ["/bin/sh", "-c", "exit 0"]});
    let template = json!({"metadata": {"labels": {"remotegpu.ai/sku-code": "cpu-shared-8g"}},
        "spec": {"containers": [container], "restartPolicy": "Never"}});
    place
        .apply(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "night"},
        "spec": {"schedule": "0 3 29 2 *", "jobTemplate": {"spec": {"template": template}}}}))
        .await;
    let (mut list, _) = place.live("workloads?kind=cronjob").await;
    let path = place.path("workloads/cronjob/night");
    let seen = place.member.get(&path).await.json();
    assert_eq!(seen["workload"]["schedule"]["cron"], "0 3 29 2 *", "{seen}");
    assert_eq!(seen["workload"]["reason"], "Waits for 0 3 29 2 * (UTC)");
    let careful = place.member.clone().with("if-match", &place.member.get(&path).await.header("etag"));
    for (suspended, words) in [(true, "Suspended"), (false, "Waits")] {
        let changed = place.member.patch(&path, json!({"suspended": suspended})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert!(changed.str("/workload/reason").starts_with(words), "{}", changed.text);
        if suspended {
            assert_eq!(careful.patch(&path, json!({"suspended": false})).await.status, 409, "they did not see that");
        }
    }
    assert_eq!(place.member.patch(&path, json!({"replicas": 2})).await.status, 409);
    let made = place.member.post(&format!("{path}/run"), json!({})).await;
    assert_eq!((made.status, made.str("/owners/0/kind").as_str()), (201, "CronJob"), "{}", made.text);
    let name = made.str("/name");
    assert!(made.header("location").ends_with(&format!("/workloads/job/{name}")));
    place.until(&format!("job/{name}"), "succeeded").await;
    let other = place.member.post(&place.path(&format!("workloads/job/{name}/run")), json!({})).await;
    other.is_problem(409, "conflict", "Only a CronJob starts Jobs");
    assert_eq!(place.member.delete(&path).await.status, 204);
    read_until(&mut list, "\"items\":[]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_list_and_the_live_detail_follow_a_pod_from_start_to_end() {
    let place = Place::new().await;
    let (mut list, first) = place.live("workloads?q=follow").await;
    assert!(first.contains("\"items\":[]"), "{first}");
    place.apply(pod("followed", local_image().await, &[])).await;
    read_until(&mut list, "\"status\":\"running\"").await;
    let (mut detail, _) = place.live("workloads/pod/followed").await;
    assert_eq!(place.member.delete(&place.path("workloads/pod/followed")).await.status, 204);
    read_until(&mut detail, "data: null").await;
    read_until(&mut list, "\"items\":[]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_two_pods_come_in_one_stream_without_control_characters() {
    let place = Place::new().await;
    let program = "printf '\\033[31mred\\033[0m\\n'; while :; do sleep 1; done";
    for name in ["one", "two"] {
        place.apply(pod(name, local_image().await, &["/bin/sh", "-c", program])).await;
    }
    place.until("pod/one", "running").await;
    place.until("pod/two", "running").await;
    let (mut stream, mut text) = place.live("log?pods=one,two&tail=10").await;
    for line in ["data: 0 red\n", "data: 1 red\n"] {
        if !text.contains(line) {
            text.push_str(&read_until(&mut stream, line).await);
        }
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
    place.member.get(&format!("/live/namespaces/{}/log?pods=", place.id)).await.is_problem(
        400,
        "invalid_request",
        "Name 1 to 16 pods",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_goes_on_after_a_restart_and_that_of_the_run_before_is_read_and_streamed() {
    let place = Place::new().await;
    // Each run says another word, and ends when it is told to.
    let program = "trap 'exit 3' TERM; echo run $(cat /proc/sys/kernel/random/uuid); while :; do sleep 1; done";
    let mut again = pod("again", local_image().await, &["/bin/sh", "-c", program]);
    again["spec"]["restartPolicy"] = json!("Always");
    place.apply(again).await;
    place.until("pod/again", "running").await;
    let said = async |query: &str| place.member.get(&place.path(&format!("pods/again/logs{query}"))).await;
    let first = eventually("the first run has spoken", async || {
        let log = said("").await;
        if log.text.starts_with("run ") && log.text.ends_with('\n') { Ok(log.text) } else { Err(log.text) }
    })
    .await;

    // As a page that is left open.
    let (mut followed, mut seen) = place.live("log?pods=again&tail=10").await;
    let mut seen_until = async |wanted: &str| {
        if !seen.contains(wanted) {
            seen.push_str(&read_until(&mut followed, wanted).await);
        }
        seen.clone()
    };
    seen_until(&format!("data: 0 {first}")).await;
    let end = ["-n", &place.kubernetes_name, "exec", "again", "--", "/bin/sh", "-c", "kill 1"];
    // The program ends, and this command with it.
    let _either = place.app.plane.admin(&end).await;
    let second = eventually("the second run has spoken", async || {
        let log = said("").await;
        let whole = log.text.starts_with("run ") && log.text.ends_with('\n');
        if whole && log.text != first { Ok(log.text) } else { Err(log.text) }
    })
    .await;
    let seen = seen_until(&format!("data: 0 {second}")).await;
    for line in [&first, &second] {
        assert_eq!(seen.matches(line.as_str()).count(), 1, "{line} in {seen}");
    }
    let between = &seen[seen.find(&first).unwrap()..seen.find(&second).unwrap()];
    let (_, restart) = between.split_once("event: restart\ndata: 0 ").unwrap();
    let (at, words) = restart.split_once(' ').unwrap();
    assert!(at.parse::<Timestamp>().is_ok(), "{seen}");
    assert!(words.starts_with("Container restarted after exit code 3\n"), "{seen}");
    assert_eq!(seen.matches("event: restart").count(), 1, "{seen}");
    assert!(!seen.contains("event: end") && !seen.contains("event: problem"), "{seen}");
    let before = said("?previous=true").await;
    assert_eq!((before.status, &before.text), (200, &first));
    let (mut stream, mut text) = place.live("log?pods=again&previous=true").await;
    if !text.contains("event: end") {
        text.push_str(&read_until(&mut stream, "event: end").await);
    }
    assert!(text.contains(&format!("data: 0 {first}")), "{text}");
}

/// What a pod of cpu-shared-8g owes from its first second until then, in micro-units.
fn owed(seen: &Value, until: Timestamp) -> i64 {
    let price = Money::parse("0.06", Currency::new("EUR").unwrap()).unwrap();
    let started = seen["workload"]["pods"][0]["started_at"].as_str().unwrap();
    usage::cost(&price, started.parse().unwrap(), until).micros
}

fn cost_so_far(seen: &Value) -> i64 {
    let cost = seen["workload"]["cost_so_far"].as_str().unwrap();
    Money::parse(cost, Currency::new("EUR").unwrap()).unwrap().micros
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_costs_its_price_by_the_second_until_it_is_over() {
    let place = Place::new().await;
    let program = "while [ ! -e /over ]; do sleep 1; done";
    place.apply(pod("paid", local_image().await, &["/bin/sh", "-c", program])).await;
    place.until("pod/paid", "running").await;
    let path = place.path("workloads/pod/paid");
    eventually("it has cost something", async || {
        let before = Timestamp::now();
        let seen = place.member.get(&path).await.json();
        let cost = cost_so_far(&seen);
        assert!((owed(&seen, before)..=owed(&seen, Timestamp::now())).contains(&cost), "{seen}");
        if cost > 0 { Ok(()) } else { Err(seen) }
    })
    .await;
    place.app.plane.admin(&["-n", &place.kubernetes_name, "exec", "paid", "--", "touch", "/over"]).await.out();
    let over = place.until("pod/paid", "succeeded").await;
    let ended = over["workload"]["pods"][0]["containers"][0]["last_exit_at"].as_str().unwrap();
    assert_eq!(cost_so_far(&over), owed(&over, ended.parse().unwrap()), "{over}");
    assert_eq!(over["workload"]["price_per_hour"], Value::Null);
    assert_eq!(over["workload"]["cost_currency"], "EUR", "an amount says of what, also when nothing runs any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_another_account_sees_a_workload_or_its_log() {
    let place = Place::new().await;
    place.apply(pod("secret", local_image().await, &[])).await;
    place.until("pod/secret", "running").await;
    let stranger = place.app.stranger("owner").await;
    for path in ["workloads", "workloads/pod/secret", "pods/secret/logs"] {
        stranger.get(&place.path(path)).await.is_problem(404, "not_found", "Not found");
    }
    for path in ["workloads", "workloads/pod/secret", "log?pods=secret"] {
        let reply = stranger.get(&format!("/live/namespaces/{}/{path}", place.id)).await;
        reply.is_problem(404, "not_found", "Not found");
    }
    let viewer = place.app.member_of("default", "viewer").await;
    assert_eq!(viewer.get(&place.path("workloads/pod/secret")).await.status, 200);
    let refused = viewer.delete(&place.path("workloads/pod/secret")).await;
    refused.is_problem(403, "forbidden", "Your role does not allow this");
}

/// A Deployment of one pod that runs, made through REST.
async fn deployed(place: &Place, name: &str) {
    let plan = json!({"name": name, "sku_code": "cpu-shared-8g", "replicas": 1, "image": local_image().await});
    let made = place.member.post(&place.path("deployments"), plan).await;
    assert_eq!(made.status, 201, "{}", made.text);
    place.until(&format!("deployment/{name}"), "running").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_scaled_restarted_given_another_image_and_rolled_back() {
    let place = Place::new().await;
    deployed(&place, "demo").await;
    let path = place.path("workloads/deployment/demo");
    let first = place.member.get(&path).await;
    let scaled = place.member.patch(&path, json!({"replicas": 2})).await;
    assert_eq!((scaled.status, &scaled.json()["workload"]["wanted"]), (200, &json!(2)), "{}", scaled.text);
    let stale = place.member.clone().with("if-match", &first.header("etag")).patch(&path, json!({"replicas": 3})).await;
    assert_eq!((stale.status, stale.str("/code").as_str()), (409, "conflict"));
    eventually("two pods are ready", async || {
        let reply = place.member.get(&path).await;
        if reply.json()["workload"]["ready"] == 2 { Ok(()) } else { Err(reply.text) }
    })
    .await;

    let image = place.member.patch(&path, json!({"image": "localhost/remotegpu-none:1"})).await;
    assert_eq!(image.json()["workload"]["image"], "localhost/remotegpu-none:1", "{}", image.text);
    let revisions = eventually("the new template is a revision", async || {
        let reply = place.member.get(&format!("{path}/revisions")).await.json();
        if reply["items"].as_array().unwrap().len() == 2 { Ok(reply["items"].clone()) } else { Err(reply) }
    })
    .await;
    assert_eq!((&revisions[0]["current"], &revisions[1]["revision"]), (&json!(true), &json!(1)));
    let unknown = place.member.post(&format!("{path}/rollback"), json!({"revision": 77})).await;
    assert_eq!((unknown.status, unknown.json()["errors"][0]["field"].as_str()), (400, Some("revision")));
    assert_eq!(place.member.post(&format!("{path}/rollback"), json!({"revision": 1})).await.status, 204);
    let back = place.until("deployment/demo", "running").await;
    assert_eq!(back["workload"]["image"], local_image().await);

    let before = back["workload"]["pods"][0]["name"].clone();
    let restarted = place.member.send("POST".parse().unwrap(), &format!("{path}/restart"), None).await;
    assert_eq!(restarted.status, 204, "{}", restarted.text);
    eventually("the pods are others", async || {
        let reply = place.member.get(&path).await.json();
        let pods = reply["workload"]["pods"].as_array().unwrap();
        if pods.iter().any(|pod| pod["name"] == before) { Err(reply.to_string()) } else { Ok(()) }
    })
    .await;
    let actions: Vec<Value> = place.member.get("/v1/audit?limit=50").await.json()["items"].as_array().unwrap().clone();
    for action in ["workload.changed", "workload.rolled_back", "workload.restarted"] {
        assert!(actions.iter().any(|row| row["action"] == action), "{action} is in the audit log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_admission_refuses_changes_nothing_and_pods_cannot_be_scaled() {
    let place = Place::new().await;
    deployed(&place, "demo").await;
    let path = place.path("workloads/deployment/demo");
    let manifest = place.member.get(&format!("{path}/manifest")).await.json();
    let mut unpriced = manifest.clone();
    unpriced["object"]["spec"]["template"]["metadata"]["labels"]["remotegpu.ai/sku-code"] = json!("gpu-none");
    let put = "PUT".parse().unwrap();
    let refused = place.member.send(put, &format!("{path}/manifest"), Some(unpriced.to_string())).await;
    assert_eq!((refused.status, refused.str("/code").as_str()), (409, "admission_denied"), "{}", refused.text);
    assert_eq!(place.member.get(&format!("{path}/manifest")).await.json()["object"], manifest["object"]);
    let pod = place.member.get(&path).await.json()["workload"]["pods"][0]["name"].as_str().unwrap().to_owned();
    let scaled = place.member.patch(&place.path(&format!("workloads/pod/{pod}")), json!({"replicas": 2})).await;
    assert_eq!(scaled.status, 409);
    assert!(scaled.str("/detail").starts_with("A pod cannot be changed"), "{}", scaled.text);
    let viewer = place.app.member_of("default", "viewer").await;
    let forbidden = viewer.patch(&path, json!({"replicas": 0})).await;
    forbidden.is_problem(403, "forbidden", "Your role does not allow this");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_edit_one_deployment_the_second_is_told() {
    let place = Place::new().await;
    deployed(&place, "demo").await;
    let path = place.path("workloads/deployment/demo/manifest");
    let put = async |edited: &Value, query: &str| {
        place.member.send("PUT".parse().unwrap(), &format!("{path}{query}"), Some(edited.to_string())).await
    };
    let mut first = place.member.get(&path).await.json();
    let second = first.clone();
    first["object"]["metadata"]["labels"] = json!({"by": "ada"});
    let dry = put(&first, "?dry_run=true").await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    assert_eq!(dry.json()["object"]["metadata"]["labels"]["by"], "ada");
    assert_eq!(place.member.get(&path).await.json()["object"]["metadata"].get("labels"), None, "a dry run");
    let done = put(&first, "").await;
    assert_eq!(done.status, 200, "{}", done.text);
    let told = put(&second, "").await;
    assert_eq!(told.status, 409);
    assert!(told.str("/detail").starts_with("Somebody changed this meanwhile"), "{}", told.text);
    let mut other = place.member.get(&path).await.json();
    other["object"]["metadata"]["namespace"] = json!("kube-system");
    let refused = put(&other, "").await;
    assert_eq!((refused.status, refused.str("/code").as_str()), (400, "invalid_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_a_controller_writes_makes_nobodys_edit_stale() {
    let place = Place::new().await;
    deployed(&place, "demo").await;
    let path = place.path("workloads/deployment/demo/manifest");
    let mut read = place.member.get(&path).await.json();
    let at = ["-n", &place.kubernetes_name, "get", "deployment", "demo", "-o", "jsonpath={.metadata.resourceVersion}"];
    let before = place.app.plane.admin(&at).await.stdout;
    // As a controller of one's own would: nothing of what people write is touched.
    let condition = json!([{"type": "Looked", "status": "True", "reason": "Test", "message": "by a test"}]);
    let status = json!({"status": {"conditions": condition}}).to_string();
    let write = ["-n", &place.kubernetes_name, "patch", "deployment", "demo", "--subresource=status", "-p", &status];
    let wrote = place.app.plane.admin(&write).await;
    assert!(wrote.ok, "{wrote:?}");
    assert_ne!(place.app.plane.admin(&at).await.stdout, before, "the object is a newer one");
    read["object"]["metadata"]["labels"] = json!({"by": "ada"});
    let done = place.member.send("PUT".parse().unwrap(), &path, Some(read.to_string())).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.json()["object"]["metadata"]["labels"]["by"], "ada");
}

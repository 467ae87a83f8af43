//! Way 8 of `security.md` §6.2: the same forbidden change in every dialect, through every door of a pod and in the
//! templates of workloads.

use serde_json::{Value, json};
use testkit::Dialect::{self, Apply, JsonPatch, MergePatch, Replace, StrategicMergePatch};
use testkit::KubeApi;

use super::ways_round::{Room, places, pod, sold, uncounted, workloads};

const DIALECTS: [Dialect; 5] = [JsonPatch, MergePatch, StrategicMergePatch, Apply, Replace];

/// One forbidden change: the member at `pointer` becomes `value`.
struct Change {
    pointer: String,
    value: Value,
}

fn forbidden() -> Vec<Change> {
    [
        ("/metadata/labels/remotegpu.ai~1sku-code", json!("cpu-shared-8g")),
        ("/metadata/annotations/remotegpu.ai~1price-per-hour", json!("0.01 EUR")),
        ("/metadata/annotations/remotegpu.ai~1sku-version", json!("0")),
        ("/metadata/annotations/remotegpu.ai~1runtime-class", json!("remotegpu-nvidia-1xa100")),
        ("/metadata/annotations/remotegpu.ai~1ordered-by", json!("key-00000000")),
        ("/spec/containers/0/resources", json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}})),
        ("/spec/tolerations", json!([{"operator": "Exists"}])),
        ("/spec/nodeSelector", json!({"remotegpu.ai/engine": "local"})),
        ("/spec/nodeName", json!("local")),
        ("/spec/schedulerName", json!("mine")),
        ("/spec/priorityClassName", json!("system-node-critical")),
    ]
    .into_iter()
    .map(|(pointer, value)| Change { pointer: pointer.to_owned(), value })
    .collect()
}

/// What may not become of a template that stands at `base`, and the words of the refusal.
fn forbidden_in_template(base: &str) -> Vec<(Change, &'static str)> {
    let one = |(words, spec): (&'static str, Value)| {
        let (key, value) = spec.as_object().and_then(|spec| spec.iter().next()).unwrap();
        (format!("/spec/{key}"), value.clone(), words)
    };
    let ways: Vec<_> = places().into_iter().chain(uncounted()).map(one).collect();
    let labelled = [
        ("/metadata/labels/remotegpu.ai~1sku-code", json!(""), "Pod template needs the label remotegpu.ai/sku-code"),
        ("/metadata/labels/remotegpu.ai~1sku-code", json!("gpu-b200-1x"), "SKU \"gpu-b200-1x\" does not exist"),
    ];
    let labelled = labelled.map(|(pointer, value, words)| (pointer.to_owned(), value, words));
    let changes = labelled.into_iter().chain(ways);
    changes.map(|(pointer, value, words)| (Change { pointer: format!("{base}{pointer}"), value }, words)).collect()
}

/// Way 7: what the console says of a namespace, changed by somebody with every right.
pub async fn no_dialect_changes_the_namespace(them: &KubeApi, path: &str, before: &Value) {
    let mut stored = before.clone();
    stored["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    let applied = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": before["metadata"]["name"]}});
    for (pointer, value) in [
        ("/metadata/labels/remotegpu.ai~1namespace-id", "mine"),
        ("/metadata/annotations/remotegpu.ai~1skus", "gpu-h100-8x"),
        ("/metadata/annotations/remotegpu.ai~1service-accounts", "builder"),
    ] {
        let change = Change { pointer: pointer.to_owned(), value: json!(value) };
        for dialect in DIALECTS {
            for door in ["", "/status"] {
                let body = change.in_dialect(dialect, &stored, &applied);
                let sentence = them.change(&format!("{path}{door}"), dialect, &body).await.refused();
                assert!(sentence.contains("set by the console only"), "{dialect:?} {door} {pointer}: {sentence}");
            }
        }
    }
}

impl Change {
    /// Written down in one dialect, for an object as it is stored and as it was applied.
    fn in_dialect(&self, dialect: Dialect, stored: &Value, applied: &Value) -> Value {
        let keys: Vec<String> =
            self.pointer[1..].split('/').map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
        match dialect {
            JsonPatch => json!([{"op": "add", "path": self.pointer, "value": self.value}]),
            Replace | Apply => {
                let before = if dialect == Apply { applied } else { stored };
                let mut whole = before.clone();
                set(&mut whole, &keys, &self.value);
                whole
            }
            MergePatch | StrategicMergePatch => {
                let mut patch = json!({});
                // One member of one container: a list is sent whole.
                if keys.windows(2).any(|pair| pair[0] == "containers") {
                    patch["spec"] = json!({"containers": stored["spec"]["containers"]});
                }
                set(&mut patch, &keys, &self.value);
                patch
            }
        }
    }
}

fn set(object: &mut Value, keys: &[String], value: &Value) {
    let Some((key, rest)) = keys.split_first() else {
        *object = value.clone();
        return;
    };
    match (object.is_array(), key.parse::<usize>()) {
        (true, Ok(index)) => set(&mut object[index], rest, value),
        _ => set(&mut object[key.as_str()], rest, value),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_dialect_and_no_door_changes_what_was_sold() {
    let room = Room::new().await;
    let before = room.made("steady").await;
    let applied = pod("steady", "gpu-h100-1x", json!({}));
    for change in forbidden() {
        for dialect in DIALECTS {
            let body = change.in_dialect(dialect, &room.to_replace("steady").await, &applied);
            let reply = room.tenant.change(&room.path("pods/steady"), dialect, &body).await;
            assert!(reply.status >= 400, "{dialect:?} {}: {}", change.pointer, reply.body["metadata"]);
            // Not open to tenants; the administrator's writes are ignored or refused, never taken.
            for door in ["status", "ephemeralcontainers", "resize"] {
                room.admin.change(&room.path(&format!("pods/steady/{door}")), dialect, &body).await;
                let now = room.stored("steady").await;
                assert_eq!(sold(&now), sold(&before), "{dialect:?} {} through {door}", change.pointer);
            }
        }
    }
    room.admin.delete(&room.path("pods/steady")).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_dialect_changes_a_template_into_what_is_not_sold() {
    let room = Room::new().await;
    let labels = json!({"app": "x", "remotegpu.ai/sku-code": "gpu-h100-1x"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod("", "", json!({}))["spec"]});
    for (path, kind, mut spec) in workloads(&template) {
        let (version, base) = match kind {
            "Deployment" | "ReplicaSet" | "StatefulSet" => ("apps/v1", "/spec/template"),
            "CronJob" => ("batch/v1", "/spec/jobTemplate/spec/template"),
            // Not open to tenants, or never to be changed at all.
            _ => continue,
        };
        if kind != "CronJob" {
            spec["replicas"] = json!(0);
        }
        let applied = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "steady"}, "spec": spec});
        let all = path.replace("{}", &room.namespace);
        let one = format!("{all}/steady");
        let mut stored = room.tenant.create(&all, &applied).await.done();
        stored["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        for (change, words) in forbidden_in_template(base) {
            for dialect in DIALECTS {
                let reply = room.tenant.change(&one, dialect, &change.in_dialect(dialect, &stored, &applied)).await;
                let sentence = reply.refused();
                assert!(sentence.contains(words), "{dialect:?} {kind} {}: {sentence}", change.pointer);
            }
        }
        let after = room.tenant.get(&one).await.done();
        assert_eq!(after.pointer(base), stored.pointer(base), "{kind}");
        room.tenant.delete(&one).await.done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_made_by_apply_costs_what_a_pod_made_by_create_costs() {
    let room = Room::new().await;
    let created = room.made("created").await;
    let applied =
        room.tenant.change(&room.path("pods/applied"), Apply, &pod("applied", "gpu-h100-1x", json!({}))).await;
    assert_eq!(sold(&applied.done()), sold(&created));
    let cheap = pod("cheap", "gpu-h100-1x", json!({"nodeName": "simulated-h100"}));
    assert!(room.tenant.change(&room.path("pods/cheap"), Apply, &cheap).await.refused().contains("nodeName"));
    // Taking everything away at once is no way to change anything.
    assert_eq!(room.tenant.delete(&room.path("pods")).await.status, 200);
}

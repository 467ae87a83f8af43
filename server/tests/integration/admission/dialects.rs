//! Way 8 of `security.md` §6.2: the same forbidden change in every dialect and through every door of a pod.

use serde_json::{Value, json};
use testkit::Dialect::{self, Apply, JsonPatch, MergePatch, Replace, StrategicMergePatch};

use super::ways_round::{Room, pod, sold};

const DIALECTS: [Dialect; 5] = [JsonPatch, MergePatch, StrategicMergePatch, Apply, Replace];

/// One forbidden change: the member at `pointer` becomes `value`.
struct Change {
    pointer: &'static str,
    value: Value,
}

fn forbidden() -> Vec<Change> {
    [
        ("/metadata/labels/remotegpu.ai~1sku-code", json!("cpu-shared-8g")),
        ("/metadata/annotations/remotegpu.ai~1price-per-hour", json!("0.01 EUR")),
        ("/metadata/annotations/remotegpu.ai~1sku-version", json!("0")),
        ("/metadata/annotations/remotegpu.ai~1runtime-class", json!("remotegpu-nvidia-1xa100")),
        ("/spec/containers/0/resources", json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}})),
        ("/spec/tolerations", json!([{"operator": "Exists"}])),
        ("/spec/nodeSelector", json!({"remotegpu.ai/engine": "local"})),
        ("/spec/nodeName", json!("local")),
        ("/spec/schedulerName", json!("mine")),
        ("/spec/priorityClassName", json!("system-node-critical")),
    ]
    .into_iter()
    .map(|(pointer, value)| Change { pointer, value })
    .collect()
}

impl Change {
    /// Written down in one dialect.
    fn in_dialect(&self, dialect: Dialect, before: &Value) -> Value {
        let keys: Vec<String> =
            self.pointer[1..].split('/').map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
        match dialect {
            JsonPatch => json!([{"op": "add", "path": self.pointer, "value": self.value}]),
            Replace => {
                let mut whole = before.clone();
                set(&mut whole, &keys, &self.value);
                whole
            }
            Apply => {
                let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": before["metadata"]["name"]},
                    "spec": {"containers": [{"name": "app", "image": before["spec"]["containers"][0]["image"]}]}});
                set(&mut object, &keys, &self.value);
                object
            }
            MergePatch | StrategicMergePatch => {
                let mut patch = json!({});
                if keys.iter().any(|key| key == "containers") {
                    patch["spec"] = json!({"containers": before["spec"]["containers"]});
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
    for change in forbidden() {
        for dialect in DIALECTS {
            let body = change.in_dialect(dialect, &room.to_replace("steady").await);
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

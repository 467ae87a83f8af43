//! Registry credentials, templates, network volumes, SSH keys and bills.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    call::{Call, Reply},
    pod::dollars,
    state::State,
};

/// A kind of resource that is created, listed, read and deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Registry,
    Template,
    Volume,
}

impl Kind {
    fn list_name(self) -> &'static str {
        match self {
            Self::Registry => "registries",
            Self::Template => "templates",
            Self::Volume => "networkVolumes",
        }
    }

    fn all(self, state: &mut State) -> &mut std::collections::BTreeMap<String, Value> {
        match self {
            Self::Registry => &mut state.registries,
            Self::Template => &mut state.templates,
            Self::Volume => &mut state.volumes,
        }
    }
}

pub(crate) fn route(
    state: &mut State,
    kind: Kind,
    method: &str,
    id: Option<&str>,
    body: Value,
    now: Timestamp,
) -> Reply {
    match (method, id) {
        ("GET", None) => {
            let items: Vec<Value> = kind.all(state).values().cloned().collect();
            Reply::json(200, json!({kind.list_name(): items}))
        }
        ("POST", None) => {
            let id = state.random.id(10);
            let made = made(kind, &id, body);
            kind.all(state).insert(id, made.clone());
            Reply::json(201, made)
        }
        ("DELETE", Some(id)) if used(state, kind, id, now) => {
            Reply::problem(400, &format!("'{id}' is in use by a pod"))
        }
        (_, Some(id)) => match kind.all(state).get_mut(id) {
            None => Reply::problem(404, &format!("'{id}' not found")),
            Some(found) if method == "GET" => Reply::json(200, found.clone()),
            Some(found) if method == "PATCH" => {
                let shrinks = found["size"].as_u64() > body["size"].as_u64() && body["size"].is_u64();
                if shrinks {
                    return Reply::problem(400, "a network volume cannot shrink");
                }
                for (key, value) in body.as_object().into_iter().flatten() {
                    found[key] = value.clone();
                }
                Reply::json(200, found.clone())
            }
            Some(_) => {
                kind.all(state).remove(id);
                Reply::none()
            }
        },
        _ => Reply::problem(405, "method not allowed"),
    }
}

fn used(state: &State, kind: Kind, id: &str, now: Timestamp) -> bool {
    let mut alive = state.pods.values().filter(|pod| !pod.is_terminated(now));
    kind == Kind::Registry && alive.any(|pod| pod.container.get("registry").and_then(Value::as_str) == Some(id))
}

fn made(kind: Kind, id: &str, mut body: Value) -> Value {
    let name = body["name"].clone();
    match kind {
        Kind::Registry => json!({"id": id, "name": name}),
        Kind::Volume => {
            let type_ = if body["type"].is_null() { json!("STANDARD") } else { body["type"].clone() };
            json!({"id": id, "name": name, "size": body["size"], "dataCenter": body["dataCenter"], "type": type_})
        }
        Kind::Template => {
            let defaults = json!({"args": "", "disk": 20, "mounts": {}, "ports": [], "env": {}, "registry": null,
                "serverless": false, "public": false, "category": "NVIDIA", "startSsh": true, "startJupyter": true,
                "allowedCudaVersions": []});
            body["id"] = json!(id);
            for (key, value) in defaults.as_object().into_iter().flatten() {
                if body[key].is_null() {
                    body[key] = value.clone();
                }
            }
            body
        }
    }
}

pub(crate) fn ssh_keys(state: &mut State, method: &str, body: &Value) -> Reply {
    if method == "PUT" {
        state.ssh_keys =
            body["keys"].as_array().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    }
    Reply::json(200, json!({"keys": state.ssh_keys}))
}

/// `/v2/billing/pods`: one record for each instance over its whole life.
pub(crate) fn billing(state: &State, call: &Call, now: Timestamp) -> Reply {
    let only = call.parameter("podId");
    let start = now.saturating_sub(SignedDuration::from_hours(30 * 24)).unwrap_or(Timestamp::MIN);
    let amounts = |micros: i64| json!({"totalAmount": dollars(micros), "gpuAmount": dollars(micros), "cpuAmount": 0.0, "diskAmount": 0.0});
    let chosen: Vec<_> = state.pods.values().filter(|pod| only.as_ref().is_none_or(|id| *id == pod.id)).collect();
    let total: i64 = chosen.iter().map(|pod| pod.ledger.micros(now)).sum();
    let records: Vec<Value> = chosen
        .iter()
        .map(|pod| {
            let mut record = amounts(pod.ledger.micros(now));
            record["podId"] = json!(pod.id);
            record["startTime"] = json!(pod.created.to_string());
            record["endTime"] = json!(now.to_string());
            record
        })
        .collect();
    let query = json!({"startTime": start.to_string(), "endTime": now.to_string(), "bucketSize": "day", "podId": only});
    let metadata = json!({"query": query, "recordCount": records.len(), "uniquePodCount": records.len(), "totals": amounts(total)});
    Reply::json(200, json!({"records": records, "metadata": metadata}))
}

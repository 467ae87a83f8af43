//! `POST /v2/pods`: rules, stock, balance, and the faults of a create.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    call::Reply,
    catalogue,
    clock::after,
    fault::Effect,
    ledger::Ledger,
    pod::{End, Line, Pod},
    rules::{NO_CAPACITY, broken},
    state::State,
};

/// Seconds until an image that cannot be started has failed.
const BAD_IMAGE_SECONDS: u64 = 4;
/// Container settings that a template gives and a body overrides.
const FROM_TEMPLATE: [&str; 6] = ["image", "args", "disk", "ports", "registry", "mounts"];

pub(crate) fn create(state: &mut State, mut body: Value, effects: &[Effect], now: Timestamp) -> Reply {
    if let Some(refusal) = refused(state, &mut body) {
        return refusal;
    }
    let secure = body["cloud"] != "COMMUNITY";
    let (hardware, price) = hardware(&body, secure);
    if state.balance(now) < price || state.spending(now) + price > state.settings.spend_limit_micros {
        return Reply::problem(402, "Insufficient balance: at least one hour of credit is required");
    }
    let Some(data_center) = place(state, &body, secure).filter(|_| !effects.contains(&Effect::NoCapacity)) else {
        return Reply::problem(400, NO_CAPACITY);
    };
    let stock = (hardware_id(&hardware), data_center.clone(), secure);
    state.take(&stock);
    let (data_center, price) = delivered(effects, data_center, price);
    let id = state.random.id(14);
    let mut pod = Pod {
        id: id.clone(),
        name: body["name"].as_str().unwrap_or_default().to_owned(),
        container: container(&body),
        asked: body[hardware.0].clone(),
        hardware,
        cloud: if secure { "SECURE" } else { "COMMUNITY" }.into(),
        data_center,
        price,
        ledger: Ledger::new(now, price),
        created: now,
        up: Some(after(now, state.settings.boot_seconds)),
        mapped: Some(after(now, state.settings.boot_seconds + state.settings.port_seconds)),
        ports_without_ip: false,
        generation: 0,
        ended: None,
        blocked: false,
        printed: false,
        log: Vec::new(),
        number: u16::try_from(state.pods.len() % 60_000).unwrap_or(0),
        locked: false,
        listed: after(now, state.settings.list_lag_seconds),
    };
    begin(&mut pod, effects, now);
    let view = answer(&pod, &body, state, now);
    // Also one that ends at once was paid for at its full price.
    state.peak = state.peak.max(state.spending(now) + price);
    state.pods.insert(id, pod);
    Reply::json(201, view)
}

/// What a body is refused for, once its template is put under it.
fn refused(state: &State, body: &mut Value) -> Option<Reply> {
    if let Some(refusal) = apply_template(state, body) {
        return Some(refusal);
    }
    if let Some(rule) = broken(body, state) {
        return Some(Reply::problem(400, &rule));
    }
    let unknown = body["registry"].as_str().filter(|id| !state.registries.contains_key(*id))?;
    Some(Reply::problem(404, &format!("registry '{unknown}' not found")))
}

/// Where the pod really is and what it really costs.
fn delivered(effects: &[Effect], mut data_center: String, mut price: i64) -> (String, i64) {
    for effect in effects {
        match effect {
            Effect::WrongPlace { data_center: other } => data_center.clone_from(other),
            Effect::WrongPrice { micros } => price = *micros,
            _ => {}
        }
    }
    (data_center, price)
}

fn begin(pod: &mut Pod, effects: &[Effect], now: Timestamp) {
    let image = pod.image().to_owned();
    pod.log.push(Line { at: now, source: "system", text: format!("create container {image}") });
    disturb(pod, effects, now);
    if let Some(up) = pod.up {
        pod.say(up, "system", format!("start container for {image}: begin"));
    }
}

fn answer(pod: &Pod, body: &Value, state: &State, now: Timestamp) -> Value {
    let mut view = pod.view(now, &state.settings);
    if state.settings.like_example {
        view["actions"] = json!(["start", "terminate"]);
        view["runtime"] = json!({});
        view["template"] = body["templateId"].clone();
    }
    view
}

fn disturb(pod: &mut Pod, effects: &[Effect], now: Timestamp) {
    for effect in effects {
        match effect {
            Effect::SlowBoot { seconds } => {
                pod.up = seconds.map(|seconds| after(now, seconds));
                pod.mapped = pod.up;
            }
            Effect::BadImage { error } => {
                pod.up = None;
                pod.end(if *error { End::Error } else { End::Exited }, after(now, BAD_IMAGE_SECONDS));
            }
            Effect::SlowPorts { seconds } => pod.mapped = seconds.map(|seconds| after(now, seconds)),
            Effect::PortsWithoutIp => pod.ports_without_ip = true,
            _ => {}
        }
    }
}

/// Copies a template's settings under those of the body; a refusal if there is no such template.
fn apply_template(state: &State, body: &mut Value) -> Option<Reply> {
    let id = body["templateId"].as_str()?.to_owned();
    let Some(template) = state.templates.get(&id) else {
        return Some(Reply::problem(404, &format!("template '{id}' not found")));
    };
    if template["serverless"] == true {
        return Some(Reply::invalid(&[format!("$.templateId: '{id}' is a serverless template")]));
    }
    for field in FROM_TEMPLATE {
        if body[field].is_null() && !template[field].is_null() {
            body[field] = template[field].clone();
        }
    }
    let mut env = template["env"].as_object().cloned().unwrap_or_default();
    env.extend(body["env"].as_object().cloned().unwrap_or_default());
    body["env"] = Value::Object(env);
    None
}

fn container(body: &Value) -> Map<String, Value> {
    let or = |field: &str, default: Value| if body[field].is_null() { default } else { body[field].clone() };
    let all: BTreeMap<&str, Value> = BTreeMap::from([
        ("image", or("image", json!(""))),
        ("args", or("args", json!(""))),
        ("disk", or("disk", json!(20))),
        ("ports", or("ports", json!([]))),
        ("env", or("env", json!({}))),
        ("mounts", or("mounts", json!({}))),
        ("registry", body["registry"].clone()),
    ]);
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What is rented, and its price in millionths of a dollar per hour.
fn hardware(body: &Value, secure: bool) -> ((&'static str, Value), i64) {
    if let Some(id) = body["gpu"]["id"].as_str() {
        let count = body["gpu"]["count"].as_i64().unwrap_or(1);
        let price = catalogue::find(id).and_then(|gpu| gpu.micros(secure)).unwrap_or(0);
        return (("gpu", json!({"id": id, "count": count})), price * count);
    }
    let id = body["cpu"]["id"].as_str().unwrap_or_default();
    let count = body["cpu"]["vcpuCount"].as_i64().unwrap_or(2);
    let (memory, cents) = catalogue::cpu(id).map_or((2, 0), |cpu| (cpu.1, cpu.2));
    let memory = i64::from(memory) * count;
    (("cpu", json!({"id": id, "vcpuCount": count, "memory": memory})), cents * 10_000 * count)
}

pub(crate) fn hardware_id(hardware: &(&str, Value)) -> String {
    hardware.1["id"].as_str().unwrap_or_default().to_owned()
}

/// The first data centre with stock: those asked for in their order, else all.
fn place(state: &State, body: &Value, secure: bool) -> Option<String> {
    let id = body["gpu"]["id"].as_str().or_else(|| body["cpu"]["id"].as_str()).unwrap_or_default();
    let asked: Vec<&str> = body["dataCenterIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let volume = body["mounts"]["network"][0]["volumeId"].as_str().and_then(|id| state.volumes.get(id));
    let volume = volume.and_then(|volume| volume["dataCenter"].as_str());
    let known = catalogue::DATA_CENTERS.iter().map(|(id, _)| *id);
    known
        .filter(|place| asked.is_empty() || asked.contains(place))
        .filter(|place| volume.is_none_or(|only| only == *place))
        .find(|place| state.stock(&(id.to_owned(), (*place).to_owned(), secure)) > 0)
        .map(str::to_owned)
}

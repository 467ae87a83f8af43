//! Rules of a create that the schema cannot express: they answer 400 (`runpod-api.md` §3, §15.1).

use serde_json::Value;

use crate::{catalogue, state::State};

/// HTTP ports of one instance at most.
const HTTP_PORTS: usize = 10;

/// The first rule that a create breaks.
pub(crate) fn broken(body: &Value, state: &State) -> Option<String> {
    let (gpu, cpu) = (&body["gpu"], &body["cpu"]);
    if gpu.is_null() == cpu.is_null() {
        return Some("exactly one of gpu or cpu must be set".into());
    }
    gpu_rule(gpu, body)
        .or_else(|| cpu_rule(cpu, body))
        .or_else(|| port_rule(&body["ports"]))
        .or_else(|| mount_rule(body, state))
}

fn gpu_rule(gpu: &Value, body: &Value) -> Option<String> {
    if gpu.is_null() {
        return None;
    }
    let id = gpu["id"].as_str().unwrap_or_default();
    let Some(known) = catalogue::find(id) else { return Some(format!("unknown GPU type '{id}'")) };
    let count = gpu["count"].as_u64().unwrap_or(1);
    if count > catalogue::MOST_GPUS {
        return Some(format!("gpu.count {count} exceeds the maximum of {} for {id}", catalogue::MOST_GPUS));
    }
    if gpu["minCudaVersion"].is_string() && gpu["allowedCudaVersions"].is_array() {
        return Some("allowedCudaVersions and minCudaVersion are mutually exclusive".into());
    }
    let secure = body["cloud"] != "COMMUNITY";
    // The live API says the same for a cloud that never offers the type as for one that has none left.
    known.micros(secure).is_none().then(|| NO_CAPACITY.to_owned())
}

fn cpu_rule(cpu: &Value, body: &Value) -> Option<String> {
    if cpu.is_null() {
        return None;
    }
    let id = cpu["id"].as_str().unwrap_or_default();
    if catalogue::cpu(id).is_none() {
        return Some(format!("unknown CPU flavor '{id}'"));
    }
    let count = cpu["vcpuCount"].as_u64().unwrap_or(2);
    if !count.is_power_of_two() || !(2..=catalogue::MOST_VCPUS).contains(&count) {
        return Some(format!("cpu.vcpuCount {count} must be a power of two from 2 to {}", catalogue::MOST_VCPUS));
    }
    (!body["mounts"]["persistent"].is_null()).then(|| "mounts.persistent is invalid for CPU pods".into())
}

fn port_rule(ports: &Value) -> Option<String> {
    let ports: Vec<&str> = ports.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for port in &ports {
        let valid = port.split_once('/').is_some_and(|(number, kind)| {
            number.parse::<u32>().is_ok_and(|number| number > 0) && matches!(kind, "http" | "tcp")
        });
        if !valid {
            return Some(format!("invalid port '{port}': must be <number>/http or <number>/tcp"));
        }
    }
    let http = ports.iter().filter(|port| port.ends_with("/http")).count();
    (http > HTTP_PORTS).then(|| format!("{http} http ports exceed the maximum of {HTTP_PORTS}"))
}

fn mount_rule(body: &Value, state: &State) -> Option<String> {
    let mounts = &body["mounts"];
    if !mounts["persistent"].is_null() && !mounts["network"].is_null() {
        return Some("mounts.persistent and mounts.network are mutually exclusive".into());
    }
    let id = mounts["network"][0]["volumeId"].as_str()?;
    let Some(volume) = state.volumes.get(id) else { return Some(format!("network volume '{id}' not found")) };
    let place = volume["dataCenter"].as_str().unwrap_or_default();
    let asked: Vec<&str> = body["dataCenterIds"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fits = asked.is_empty() || asked.contains(&place);
    (!fits).then(|| format!("network volume '{id}' is only available in: {place}"))
}

/// The provider's words for "nothing free", which is all that tells it from a wrong request.
pub(crate) const NO_CAPACITY: &str =
    "There are no longer any instances available with the requested specifications. Please refresh and try again.";

//! `/v2/catalog`: GPU types, CPU flavours, data centres, public templates.

use serde_json::{Value, json};

use crate::{
    call::{Call, Reply},
    catalogue::{CPUS, DATA_CENTERS, GPUS, Gpu, MOST_GPUS, MOST_VCPUS},
    pod::dollars,
    state::State,
};

pub(crate) fn gpus(state: &State, call: &Call, id: Option<&str>) -> Reply {
    let (include, product) = (call.parameter("include"), call.parameter("product"));
    if include.is_some() != product.is_some() {
        return Reply::problem(400, "include and product must be used together");
    }
    let secure = call.parameter("cloud").as_deref() != Some("COMMUNITY");
    let view = |gpu: &Gpu| gpu_view(state, gpu, include.is_some(), secure);
    match id {
        Some(id) => match GPUS.iter().find(|gpu| gpu.id == id) {
            Some(gpu) => Reply::json(200, view(gpu)),
            None => Reply::problem(404, &format!("GPU type '{id}' not found")),
        },
        None => Reply::json(200, json!({"gpus": GPUS.iter().map(view).collect::<Vec<_>>()})),
    }
}

fn gpu_view(state: &State, gpu: &Gpu, with_stock: bool, secure: bool) -> Value {
    let most = |micros: Option<i64>| if micros.is_some() { MOST_GPUS } else { 0 };
    let (in_secure, in_community) = (gpu.micros(true), gpu.micros(false));
    let mut view = json!({
        "id": gpu.id, "name": gpu.id.trim_start_matches("NVIDIA ").trim_start_matches("GeForce "), "pool": null,
        "manufacturer": if gpu.id.starts_with("AMD") { "AMD" } else { "NVIDIA" }, "memory": gpu.memory,
        "secure": in_secure.is_some(), "community": in_community.is_some(),
        "price": {"secure": dollars(in_secure.unwrap_or(0)), "community": dollars(in_community.unwrap_or(0))},
        "maxCount": {"secure": most(in_secure), "community": most(in_community)},
    });
    if with_stock {
        let offered = gpu.micros(secure).is_some();
        let level = |place: &str| if offered { level(state, gpu.id, place, secure) } else { "NONE" };
        let places: Vec<Value> = DATA_CENTERS
            .iter()
            .map(|(id, _)| (id, level(id)))
            .filter(|(_, level)| *level != "NONE")
            .map(|(id, level)| json!({"id": id, "name": id, "availability": level}))
            .collect();
        view["availability"] = json!(DATA_CENTERS.iter().map(|(id, _)| level(id)).max_by_key(|level| rank(level)));
        if !places.is_empty() {
            view["dataCenters"] = json!(places);
        }
        if gpu.id.starts_with("NVIDIA") {
            view["cudaVersions"] =
                json!([{"version": "12.4", "available": offered}, {"version": "12.8", "available": offered}]);
        }
    }
    view
}

fn level(state: &State, id: &str, place: &str, secure: bool) -> &'static str {
    match state.stock(&(id.to_owned(), place.to_owned(), secure)) {
        _ if state.stale_stock => "HIGH",
        0 => "NONE",
        1..=3 => "LOW",
        4..=19 => "MEDIUM",
        _ => "HIGH",
    }
}

fn rank(level: &str) -> usize {
    ["NONE", "LOW", "MEDIUM", "HIGH"].iter().position(|one| *one == level).unwrap_or(0)
}

pub(crate) fn cpus(id: Option<&str>) -> Reply {
    let view = |cpu: &(&str, u32, i64)| {
        json!({"id": cpu.0, "name": cpu.0, "group": "General", "vcpu": {"min": 2, "max": MOST_VCPUS},
            "ramGbPerVcpu": cpu.1, "price": {"securePerVcpu": dollars(cpu.2 * 10_000), "serverlessPerVcpu": 0.0}})
    };
    match id {
        Some(id) => match CPUS.iter().find(|cpu| cpu.0 == id) {
            Some(cpu) => Reply::json(200, view(cpu)),
            None => Reply::problem(404, &format!("CPU flavor '{id}' not found")),
        },
        None => Reply::json(200, json!({"cpus": CPUS.iter().map(view).collect::<Vec<_>>()})),
    }
}

pub(crate) fn data_centers(id: Option<&str>) -> Reply {
    let view = |(id, global): &(&str, bool)| {
        json!({"id": id, "name": id, "region": region(id), "networkVolumeTypes": ["STANDARD"],
            "compliance": if id.starts_with("EU") { vec!["GDPR"] } else { Vec::new() }, "globalNetwork": global})
    };
    match id {
        Some(id) => match DATA_CENTERS.iter().find(|one| one.0 == id) {
            Some(one) => Reply::json(200, view(one)),
            None => Reply::problem(404, &format!("data center '{id}' not found")),
        },
        None => Reply::json(200, json!({"dataCenters": DATA_CENTERS.iter().map(view).collect::<Vec<_>>()})),
    }
}

fn region(id: &str) -> &'static str {
    match id.split('-').next() {
        Some("EU" | "EUR") => "EUROPE",
        Some("US" | "CA") => "NORTH_AMERICA",
        Some("OC") => "OCEANIA",
        Some("AP") => "ASIA",
        _ => "UNKNOWN",
    }
}

pub(crate) fn templates() -> Reply {
    Reply::json(200, json!({"templates": []}))
}

//! What an annotation changes, by what RunPod was asked for: the simulator's report of the creates.

use super::scenarios::{annotate, made};
use super::*;

/// One instance in the report.
fn rented(world: &World, uid: &str) -> Value {
    let report = world.simulator.report();
    let ending = format!("-{uid}");
    serde_json::to_value(report.pods.iter().find(|pod| pod.name.ends_with(&ending)).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_annotation_has_its_effect_on_what_is_rented() {
    let world = World::with(Settings { quota: None, ..Settings::default() }, RunPodConfig::new("cluster", "node"));
    let login = |name: &str| json!({"name": name, "username": "u", "password": "p"});
    let [theirs, own] = ["theirs", "own"].map(|name| made(&world, "/v2/registries", &login(name)));
    let template = json!({"name": "t", "image": "i", "env": {"FROM": "template"}, "registry": theirs});
    let template = made(&world, "/v2/templates", &template);
    let volume = made(&world, "/v2/network-volumes", &json!({"name": "v", "size": 20, "dataCenter": "US-KS-2"}));
    let (from_template, own_login) = (("templateId", template.as_str()), ("container-registry-auth-id", own.as_str()));
    let (mounted, path) = (("network-volume-id", volume.as_str()), ("volume-mount-path", "/data"));
    type Notes<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Notes<'_>, &str, Value); 11] = [
        (&[("container-disk-gb", "77")], "/container/disk", json!(77)),
        (&[("volume-gb", "20")], "/container/mounts", json!({"persistent": {"size": 20, "path": "/workspace"}})),
        (&[("volume-gb", "20"), path], "/container/mounts/persistent/path", json!("/data")),
        (&[mounted, path], "/container/mounts", json!({"network": [{"volumeId": volume, "path": "/data"}]})),
        (&[("allowed-cuda-versions", "12.8, 12.6")], "/asked/allowedCudaVersions", json!(["12.8", "12.6"])),
        (&[("min-cuda-version", "12.4")], "/asked/minCudaVersion", json!("12.4")),
        // In the pod's order: the second is cheaper.
        (&[("gpu-type-ids", "L4, NVIDIA RTX A4000")], "/asked/id", json!("NVIDIA L4")),
        (&[own_login], "/container/registry", json!(own)),
        (&[from_template], "/container/env/FROM", json!("template")),
        (&[from_template], "/container/registry", json!(theirs)),
        (&[from_template, own_login], "/container/registry", json!(own)),
    ];
    let mut uids = Vec::new();
    for (number, (notes, place, wanted)) in cases.iter().enumerate() {
        let uid = format!("p{number}");
        let request = world.request(&uid, |pod| {
            for (key, value) in *notes {
                annotate(pod, key, value);
            }
        });
        world.engine.create(&request).await.unwrap();
        let rented = rented(&world, &uid);
        assert_eq!(rented.pointer(place), Some(wanted), "{notes:?}: {rented}");
        uids.push(uid);
    }
    let uids: Vec<&str> = uids.iter().map(String::as_str).collect();
    world.money(&uids).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_two_gpus_gets_one_instance_with_both_at_twice_the_price() {
    let world = World::new();
    let limits = json!({"limits": {"nvidia.com/gpu": "2"}});
    let request = world.request("a", |pod| pod["spec"]["containers"][0]["resources"] = limits);
    world.engine.create(&request).await.unwrap();
    let asked = &rented(&world, "a")["asked"];
    assert_eq!(*asked, json!({"id": "NVIDIA RTX 2000 Ada Generation", "count": 2}));
    assert_eq!(world.simulator.report().rate_micros, 480_000);
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn spot_is_refused_unless_the_node_rents_on_demand_instead_and_an_annotation_beats_the_priority_class() {
    let class = |pod: &mut Value| pod["spec"]["priorityClassName"] = json!("cheap-spot");
    let world = World::new();
    assert_eq!(reason(world.engine.create(&world.request("a", class)).await).0, "SpotNotAvailable");
    let steady = world.request("b", |pod| {
        class(pod);
        annotate(pod, "interruptible", "false");
    });
    world.engine.create(&steady).await.unwrap();
    world.money(&["b"]).await;
    let config = RunPodConfig { spot_on_demand: true, ..RunPodConfig::new("cluster", "node") };
    let world = World::with(Settings::default(), config);
    world.engine.create(&world.request("a", class)).await.unwrap();
    let asking = world.request("b", |pod| annotate(pod, "interruptible", "true"));
    world.engine.create(&asking).await.unwrap();
    world.money(&["a", "b"]).await;
}

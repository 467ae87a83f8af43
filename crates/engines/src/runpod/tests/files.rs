//! Files of a pod that asked for them to travel in its environment (`virtual-node.md` §3.7).

use kubelet::{FileVolume, VolumeFile};

use super::*;

/// A request for a pod that mounts one file of this content.
fn with_file(world: &World, content: Vec<u8>, change: impl FnOnce(&mut Value)) -> InstanceRequest {
    let mut request = world.request("a", |pod| {
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "keys", "mountPath": "/etc/keys/"}]);
        change(pod);
    });
    let file = VolumeFile { path: "token".into(), mode: 0o400, content };
    request.files = vec![FileVolume { name: "keys".into(), files: vec![file] }];
    request
}

#[tokio::test(start_paused = true)]
async fn files_travel_in_one_variable_and_in_no_word_of_the_command() {
    let world = World::new();
    world.engine.create(&with_file(&world, b"s3cret".to_vec(), |_| {})).await.unwrap();
    let rented = &world.simulator.report().pods[0];
    assert_eq!(rented.container["env"]["REMOTEGPU_FILES"], "0400 L2V0Yy9rZXlzL3Rva2Vu czNjcmV0;");
    let args: Value = serde_json::from_str(rented.container["args"].as_str().unwrap()).unwrap();
    assert_eq!((&args["entrypoint"][4], &args["entrypoint"][5]), (&json!("nvidia-smi"), &json!("-L")));
    let words = args.to_string();
    assert!(words.contains("unpack") && !words.contains("czNjcmV0") && !words.contains("s3cret"), "{words}");
    let changed = world.engine.write_files(&Pod::default(), &[]).await.unwrap_err();
    assert!(matches!(changed, ProviderError::Unsupported(_)), "and an event says so: {changed}");
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_travel_are_refused_and_cost_nothing() {
    let world = World::new();
    let refused = async |request: InstanceRequest| {
        let (why, message) = reason(world.engine.create(&request).await);
        assert_eq!(why, "UnsupportedPod", "{message}");
        message
    };
    let large = refused(with_file(&world, vec![0; 80_000], |_| {})).await;
    assert!(large.contains("RunPod takes 100000"), "{large}");
    let no_command = |pod: &mut Value| pod["spec"]["containers"][0]["command"] = Value::Null;
    let unknown = refused(with_file(&world, Vec::new(), no_command)).await;
    assert!(unknown.contains("it needs a command"), "{unknown}");
    let relative = |pod: &mut Value| pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = json!("keys");
    let odd = refused(with_file(&world, Vec::new(), relative)).await;
    assert!(odd.contains("give an absolute path"), "{odd}");
    assert_eq!(world.simulator.report().count("POST /v2/pods"), 0);
    world.money(&[]).await;
}

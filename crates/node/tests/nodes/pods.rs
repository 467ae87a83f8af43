//! What a pod may ask of a virtual node, with real containers: probes, hooks, init containers, files, limits, deletion
//! (`virtual-node.md` §3).

use serde_json::{Value, json};
use testkit::{containers_of_pod, eventually};

use crate::own_node::{Node, shell};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_its_probe_both_ways() {
    let node = Node::new().await;
    let process = node.started().await;
    let mut container = shell("app", "sleep 1000");
    container["readinessProbe"] =
        json!({"exec": {"command": ["cat", "/ready"]}, "periodSeconds": 1, "failureThreshold": 1});
    node.pod("web", json!({"containers": [container]})).await;
    let ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"].clone();
    let running = node.until("web", "it runs", |pod| pod["status"]["phase"] == "Running").await;
    assert_eq!((ready(&running), &running["status"]["containerStatuses"][0]["started"]), (json!(false), &json!(true)));
    assert!(node.event("web", "Unhealthy").await.contains("Readiness probe failed: exit code 1"));
    node.kubectl(&["exec", "web", "--", "touch", "/ready"]).await.out();
    node.running("web").await;
    node.kubectl(&["exec", "web", "--", "rm", "/ready"]).await.out();
    node.until("web", "it is not ready any more", |pod| ready(pod) == false).await;
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_startup_probe_comes_first_and_a_failed_liveness_probe_restarts() {
    let node = Node::new().await;
    let process = node.started().await;
    let mut container = shell("app", "mkdir /www; sleep 1; touch /www/up; httpd -f -p 8080 -h /www");
    container["ports"] = json!([{"name": "web", "containerPort": 8080}]);
    container["startupProbe"] = json!({"tcpSocket": {"port": "web"}, "periodSeconds": 1, "failureThreshold": 60});
    container["livenessProbe"] =
        json!({"httpGet": {"port": "web", "path": "/up"}, "periodSeconds": 1, "failureThreshold": 1});
    node.pod("web", json!({"containers": [container]})).await;
    node.running("web").await;
    node.kubectl(&["exec", "web", "--", "rm", "/www/up"]).await.out();
    let restarted = node
        .until("web", "it was restarted and is well again", |pod| {
            let status = &pod["status"]["containerStatuses"][0];
            status["restartCount"] == 1 && status["ready"] == true
        })
        .await;
    assert!(restarted["status"]["containerStatuses"][0]["lastState"]["terminated"].is_object());
    assert!(node.event("web", "Killing").await.contains("failed liveness probe, will be restarted"));
    assert!(node.event("web", "Unhealthy").await.contains("HTTP probe failed with statuscode: 404"));
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn init_containers_run_in_order_before_the_rest_and_share_volumes() {
    let node = Node::new().await;
    let process = node.started().await;
    let mounts = json!([{"name": "work", "mountPath": "/data"}]);
    let with_mounts = |mut container: Value| {
        container["volumeMounts"] = mounts.clone();
        container
    };
    let spec = json!({
        "volumes": [{"name": "work", "emptyDir": {}}],
        "initContainers": [with_mounts(shell("one", "echo 1 >> /data/log")), with_mounts(shell("two", "echo 2 >> /data/log"))],
        "containers": [
            with_mounts(shell("app", "cat /data/log; mkdir /www; httpd -f -p 127.0.0.1:80 -h /www")),
            with_mounts(shell("side", "sleep 1000")),
        ],
    });
    node.pod("web", spec).await;
    let pod = node.running("web").await;
    let init = pod["status"]["initContainerStatuses"].as_array().unwrap();
    assert!(init.iter().all(|one| one["state"]["terminated"]["exitCode"] == 0), "{init:?}");
    node.logged("web", "app", "1\n2\n").await;
    // Containers of a pod share its network.
    let listing = ["exec", "web", "-c", "side", "--", "wget", "-qO-", "http://127.0.0.1/none"];
    assert!(node.kubectl(&listing).await.refused().contains("404"));

    let failing = json!({"restartPolicy": "Never", "initContainers": [shell("one", "exit 4")], "containers": [shell("app", "exit 0")]});
    node.pod("fails", failing).await;
    let pod = node.until("fails", "it failed", |pod| pod["status"]["phase"] == "Failed").await;
    assert_eq!(pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"], 4);
    assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "PodInitializing");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_from_their_sources_and_follow_them() {
    let node = Node::new().await.with("--service-account-tokens");
    let process = node.started().await;
    let map = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": value}});
    node.apply(map("first")).await;
    node.apply(
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"id": "s3cret"}}),
    )
    .await;
    let mut container = shell("app", "sleep 1000");
    container["volumeMounts"] =
        json!([{"name": "settings", "mountPath": "/settings"}, {"name": "all", "mountPath": "/all"}]);
    let spec = json!({"containers": [container], "volumes": [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "all", "projected": {"defaultMode": 0o440, "sources": [
            {"secret": {"name": "keys", "items": [{"key": "id", "path": "deep/id"}]}},
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 600}}]}}]});
    node.pod("web", spec).await;
    node.running("web").await;
    let cat = async |path: &str| node.kubectl(&["exec", "web", "--", "cat", path]).await.out();
    assert_eq!(cat("/settings/a").await, "first");
    assert_eq!(cat("/all/deep/id").await, "s3cret");
    assert_eq!(cat("/all/name").await, "web");
    assert_eq!(cat("/all/token").await.split('.').count(), 3, "a token of the API server");
    let mode = node.kubectl(&["exec", "web", "--", "stat", "-Lc", "%a", "/all/deep/id"]).await.out();
    assert_eq!(mode, "440\n");
    node.kubectl(&["exec", "web", "--", "touch", "/settings/mine"]).await.refused();
    node.apply(map("second")).await;
    eventually("the mounted file is new", async || {
        let now = cat("/settings/a").await;
        if now == "second" { Ok(()) } else { Err((now, node.log())) }
    })
    .await;
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_holds_the_pod_until_it_is_there() {
    let node = Node::new().await;
    let process = node.started().await;
    let mut container = shell("app", "sleep 1000");
    container["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    node.pod("web", json!({"containers": [container], "volumes": [{"name": "v", "secret": {"secretName": "late"}}]}))
        .await;
    node.until("web", "it waits", |pod| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerConfigError"
    })
    .await;
    assert_eq!(node.event("web", "MandatorySecretNotFound").await, "Secret late does not exist");
    node.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "late"}, "stringData": {"a": "b"}}))
        .await;
    node.running("web").await;
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_after_the_start_and_before_the_end() {
    let node = Node::new().await;
    let process = node.started().await;
    let say = |word: &str| json!({"exec": {"command": ["sh", "-c", format!("echo {word} > /proc/1/fd/1")]}});
    let mut container = shell("app", "trap 'echo term; exit 0' TERM; while :; do sleep 1 & wait $!; done");
    container["lifecycle"] = json!({"postStart": say("started"), "preStop": say("stopping")});
    node.pod("web", json!({"terminationGracePeriodSeconds": 20, "containers": [container]})).await;
    node.running("web").await;
    eventually("the hook has run", async || {
        let log = node.kubectl(&["logs", "web"]).await.out();
        if log == "started\n" { Ok(()) } else { Err(log) }
    })
    .await;
    let followed = node.follow("web").await;
    node.kubectl(&["delete", "pod", "web", "--timeout=60s"]).await.out();
    assert_eq!(followed.rest().await, "started\nstopping\nterm\n");

    let mut failing = shell("app", "sleep 1000");
    failing["lifecycle"] = json!({"postStart": {"exec": {"command": ["sh", "-c", "echo no; exit 1"]}}});
    node.pod("fails", json!({"restartPolicy": "Never", "containers": [failing]})).await;
    node.until("fails", "it was ended", |pod| pod["status"]["phase"] == "Failed").await;
    assert!(node.event("fails", "FailedPostStartHook").await.contains("exit code 1: no"));
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_pod_ends_at_its_deadline_and_in_order() {
    let node = Node::new().await;
    let process = node.started().await;
    let mut container = shell("app", "trap 'echo term; exit 0' TERM; while :; do sleep 1 & wait $!; done");
    container["lifecycle"] = json!({"preStop": {"exec": {"command": ["sh", "-c", "echo stopping > /proc/1/fd/1"]}}});
    let spec = json!({"activeDeadlineSeconds": 20, "terminationGracePeriodSeconds": 20, "containers": [container]});
    node.pod("web", spec).await;
    let uid = node.running("web").await["metadata"]["uid"].as_str().unwrap().to_owned();
    let followed = node.follow("web").await;
    let pod = node.until("web", "its time is over", |pod| pod["status"]["phase"] == "Failed").await;
    assert_eq!(pod["status"]["reason"], "DeadlineExceeded");
    assert_eq!(containers_of_pod(&uid).await, Vec::<String>::new());
    assert_eq!(followed.rest().await, "stopping\nterm\n");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_beyond_its_memory_is_killed() {
    let node = Node::new().await;
    let process = node.started().await;
    // `tail` of an endless line keeps all of it.
    let container = json!({"name": "app", "command": ["/bin/busybox", "tail", "/dev/zero"],
        "resources": {"limits": {"memory": "32Mi", "cpu": "500m"}}});
    node.pod("eater", json!({"restartPolicy": "Never", "containers": [container]})).await;
    let pod = node.until("eater", "it is over", |pod| pod["status"]["phase"] == "Failed").await;
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(ended["exitCode"], 137, "{ended}");
    // Under version 1 of control groups Podman does not notice it; the kernel's log tells, where it may be read.
    let known = std::fs::File::open("/dev/kmsg").is_ok();
    if !known {
        testkit::left_out("the reason OOMKilled: this user may not read /dev/kmsg");
    }
    assert!(ended["reason"] == "OOMKilled" || !known && ended["reason"] == "Error", "{ended}");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_of_a_container_are_its_message() {
    let node = Node::new().await;
    let process = node.started().await;
    let mut written = shell("app", "echo no input > /end; echo log; exit 3");
    written["terminationMessagePath"] = json!("/end");
    let mut logged = shell("app", "echo one; echo two >&2; exit 3");
    logged["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
    let mut content = shell("app", "echo one; exit 0");
    content["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
    for (name, container, message) in [("written", written, "no input\n"), ("logged", logged, "one\ntwo\n")] {
        node.pod(name, json!({"restartPolicy": "Never", "containers": [container]})).await;
        let pod = node.until(name, "it failed", |pod| pod["status"]["phase"] == "Failed").await;
        assert_eq!(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"], message, "{name}");
    }
    node.pod("content", json!({"restartPolicy": "Never", "containers": [content]})).await;
    let pod = node.until("content", "it has ended", |pod| pod["status"]["phase"] == "Succeeded").await;
    assert!(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"].is_null(), "nothing went wrong");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_not_there_ends_its_container() {
    let node = Node::new().await;
    let process = node.started().await;
    let bad = json!({"name": "app", "command": ["/not-there"]});
    let both = json!({"restartPolicy": "Never", "containers": [bad, shell("side", "sleep 1000")]});
    for (name, spec) in [("job", json!({"restartPolicy": "Never", "containers": [bad]})), ("both", both)] {
        node.pod(name, spec).await;
        let pod = node.until(name, "it failed", |pod| pod["status"]["phase"] == "Failed").await;
        let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        assert_eq!((&ended["reason"], &ended["exitCode"]), (&json!("StartError"), &json!(128)), "{name}: {ended}");
        assert!(ended["message"].as_str().is_some_and(|message| message.contains("/not-there")), "{name}: {ended}");
        assert!(node.event(name, "ProviderCreateFailed").await.contains("StartError"), "{name}");
    }
    node.pod("web", json!({"containers": [bad]})).await;
    node.until("web", "it is started again, and then waits", |pod| {
        let status = &pod["status"]["containerStatuses"][0];
        status["restartCount"] == 1 && status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    })
    .await;
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_through_a_long_silence() {
    let node = Node::new().await;
    let process = node.started().await;
    // Longer than any other call to an engine may take.
    node.script("web", "sleep 65; echo late").await;
    node.running("web").await;
    assert_eq!(node.follow("web").await.rest().await, "late\n");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_image_replaces_its_container_in_order() {
    let node = Node::new().await;
    let process = node.started().await;
    let container = shell("app", "trap 'echo term; exit 0' TERM; echo up; while :; do sleep 1 & wait $!; done");
    node.pod("web", json!({"terminationGracePeriodSeconds": 20, "containers": [container]})).await;
    node.running("web").await;
    let followed = node.follow("web").await;
    node.kubectl(&["set", "image", "pod/web", "app=localhost/not-there:1"]).await.out();
    assert_eq!(followed.rest().await, "up\nterm\n");
    let waiting = node
        .until("web", "it waits for its image", |pod| {
            let reason = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
            reason == "ErrImagePull" || reason == "ImagePullBackOff"
        })
        .await;
    assert_eq!(waiting["status"]["phase"], "Running");
    assert!(node.event("web", "Killing").await.contains("definition changed, will be restarted"));
    let image = format!("app={}", testkit::local_image().await);
    node.kubectl(&["set", "image", "pod/web", &image]).await.out();
    let pod = node.running("web").await;
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 1);
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_deletion_ends_the_container_too() {
    let node = Node::new().await;
    let process = node.started().await;
    node.script("web", "sleep 1000").await;
    let pod = node.running("web").await;
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    assert!(node.ask("/runningpods/").await.contains(uid));
    node.kubectl(&["delete", "pod", "web", "--grace-period=0", "--force"]).await.out();
    eventually("nothing runs", async || {
        let running = node.ask("/runningpods/").await;
        if running.contains(uid) { Err(running) } else { Ok(()) }
    })
    .await;
    assert_eq!(containers_of_pod(uid).await, Vec::<String>::new());
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_name_each_container_and_the_node() {
    let node = Node::new().await;
    let process = node.started().await;
    node.script("web", "while :; do :; done").await;
    node.running("web").await;
    let lines = eventually("there are figures", async || {
        let text = node.ask("/metrics/resource").await;
        if text.contains("pod_cpu_usage_seconds_total{") { Ok(text) } else { Err(text) }
    })
    .await;
    let labels = format!("container=\"app\",namespace=\"{}\",pod=\"web\"", node.namespace);
    for metric in
        ["container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_start_time_seconds"]
    {
        assert!(lines.contains(&format!("{metric}{{{labels}}}")), "{metric}: {lines}");
    }
    for metric in ["node_cpu_usage_seconds_total", "node_memory_working_set_bytes", "resource_scrape_error"] {
        assert!(lines.lines().any(|line| line.starts_with(&format!("{metric} "))), "{metric}: {lines}");
    }
    let summary: Value = serde_json::from_str(&node.ask("/stats/summary").await).unwrap();
    assert_eq!(summary["node"]["nodeName"], node.name.as_str());
    assert!(
        summary["node"]["cpu"]["usageCoreNanoSeconds"].as_u64().is_some_and(|nanoseconds| nanoseconds > 0),
        "{summary}"
    );
    assert_eq!(summary["pods"][0]["containers"][0]["name"], "app");
    let own = node.ask("/metrics").await;
    for metric in ["node_pods", "node_pods_by_phase", "node_engine_calls_total", "node_status_writes_total"] {
        assert!(own.lines().any(|line| line.starts_with(&format!("remotegpu_{metric}"))), "{metric}: {own}");
    }
    for line in ["remotegpu_node_instances 1", "remotegpu_node_create_to_running_seconds_count 1"] {
        assert!(own.lines().any(|one| one == line), "{line}: {own}");
    }
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_supported_is_refused_in_one_sentence() {
    let node = Node::new().await.with("--require-pod-label=remotegpu.ai/sku-code");
    let process = node.started().await;
    node.script("stranger", "sleep 1").await;
    node.until("stranger", "it is refused", |pod| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "NotEntitled"
    })
    .await;
    node.end(process).await;

    let node = Node::new().await;
    let process = node.started().await;
    let host = json!({"restartPolicy": "Never", "containers": [shell("app", "exit 0")], "volumes": [{"name": "h", "hostPath": {"path": "/"}}]});
    node.pod("host", host).await;
    let pod = node.until("host", "it is refused", |pod| pod["status"]["phase"] == "Failed").await;
    let message = pod["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("Volume h is of kind hostPath, which this engine does not mount"), "{message}");
    let mut side = shell("side", "sleep 1");
    side["restartPolicy"] = json!("Always");
    node.pod("side", json!({"initContainers": [side], "containers": [shell("app", "exit 0")]})).await;
    assert!(node.event("side", "UnsupportedPod").await.contains("a restartPolicy of its own is not supported"));
    node.end(process).await;
}

//! The published RunPod kubelet's page, on the real control plane against the simulated account: its command line starts
//! as printed, its example Pod runs unchanged, and nothing is left that costs money (seed 004).

use serde_json::{Value, json};
use testkit::{Plane, eventually, shown, unique};
use tokio::process::{Child, Command};

use crate::account::{Account, KUBELET, Node, free_port};

/// Byte for byte as the page has it, but for the name.
const EXAMPLE: &str = r#"apiVersion: v1
kind: Pod
metadata:
  name: gpu-workload
spec:
  containers:
  - name: gpu-container
    image: nvidia/cuda:11.7.1-base-ubuntu22.04
    command: [ "nvidia-smi", "-L" ]
    resources:
      requests:
        nvidia.com/gpu: 1
      limits:
        nvidia.com/gpu: 1
  nodeSelector:
    type: virtual-kubelet
  tolerations:
    - key: "virtual-kubelet.io/provider"
      operator: "Equal"
      value: "runpod"
      effect: "NoSchedule"
"#;
const NODE: &str = "virtual-runpod";

struct Demo {
    account: Account,
    node: Node,
    process: Child,
}

impl Demo {
    /// The published node.
    async fn start() -> Self {
        let settings = json!({"boot_seconds": 0, "port_seconds": 0, "processes": [
            {"image": "nvidia/cuda", "lines": ["GPU 0: NVIDIA L4"]},
            {"image": "job/", "lines": ["working"], "seconds": 1, "code": 3}]});
        let (account, health) = (Account::open(KUBELET, &settings).await, free_port());
        // The page's own words, but for the name, which is the same.
        let mut flags =
            vec!["--namespace=kube-system", "--max-gpu-price=0.5", "--log-level=info", "--reconcile-interval=30"];
        // Somebody else may have the published port.
        let probes = format!("--health-server-address=127.0.0.1:{health}");
        flags.push(&probes);
        let node = Node::new(&account, NODE, &flags);
        let process = node.started().await;
        eventually("the probes say so too", async || {
            let probe = Command::new("curl").args(["-sf", &format!("http://127.0.0.1:{health}/readyz")]).output().await;
            let answer = String::from_utf8(probe.unwrap().stdout).unwrap();
            if answer.starts_with("ok, last list begun") { Ok(()) } else { Err(answer) }
        })
        .await;
        Self { account, node, process }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_command_line_example_and_annotations_work_and_leave_nothing() {
    let plane = Plane::current();
    let demo = Demo::start().await;
    let node = shown("node", NODE).await;
    let taint = json!({"key": "virtual-kubelet.io/provider", "value": "runpod", "effect": "NoSchedule"});
    assert_eq!(node["spec"]["taints"][0], taint);
    assert_eq!(node["metadata"]["labels"]["type"], "virtual-kubelet");

    let pod = unique("gpu-workload");
    plane.admin_apply(&EXAMPLE.replace("gpu-workload", &pod)).await.out();
    let running = eventually("the example runs", async || {
        let pod = shown("pod", &pod).await;
        let named = pod["metadata"]["annotations"]["runpod.io/pod-id"].is_string();
        let ready = pod["status"]["containerStatuses"][0]["ready"] == true && named;
        if ready { Ok(pod) } else { Err((pod["status"].clone(), demo.node.log())) }
    })
    .await;
    let billed = demo.account.billed().await;
    assert_eq!((billed.len(), running["spec"]["nodeName"].as_str()), (1, Some(NODE)));
    let notes = &running["metadata"]["annotations"];
    assert_eq!((&notes["runpod.io/pod-id"], &notes["runpod.io/cost-per-hr"]), (&billed[0]["id"], &json!("0.240000")));
    assert!(billed[0]["name"].as_str().unwrap().ends_with(running["metadata"]["uid"].as_str().unwrap()));
    assert!(running["status"]["podIP"].as_str().is_some_and(|ip| !ip.is_empty()));
    assert_eq!(plane.admin(&["logs", &pod]).await.out(), "GPU 0: NVIDIA L4\n");
    let exec = plane.admin(&["exec", &pod, "--", "nvidia-smi"]).await.refused();
    assert!(exec.contains("RunPod has no way to run commands"), "{exec}");
    eventually("the events say what was rented", async || {
        let events = plane.admin(&["describe", "pod", &pod]).await.stdout;
        if events.contains("InstanceRented") { Ok(()) } else { Err(events) }
    })
    .await;

    let figures = demo.node.figures().await;
    for told in [
        "remotegpu_node_dollars_per_hour{namespace=\"default\"} 0.240000\n",
        "remotegpu_node_create_to_running_seconds_count 1\n",
        "remotegpu_node_provider_quota_left{window=\"hour\"} ",
        "remotegpu_node_engine_list_bytes ",
    ] {
        assert!(figures.contains(told), "{told}: {figures}");
    }

    let job = unique("job");
    plane.admin_apply(&job_manifest(&job)).await.out();
    let failed = eventually("the job's pod fails with its own code", async || {
        let ran = plane.admin(&["get", "pods", "-l", &format!("job-name={job}"), "--output=json"]).await;
        let list: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let pod = list["items"][0].clone();
        if pod["status"]["phase"] == "Failed" { Ok(pod) } else { Err((pod["status"].clone(), demo.node.log())) }
    })
    .await;
    assert_eq!(failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3);
    eventually("the finished job costs nothing", async || {
        let billed = demo.account.billed().await;
        if billed.len() == 1 { Ok(()) } else { Err((billed, demo.node.log())) }
    })
    .await;
    let of_job = &demo.account.report().await["pods"];
    let of_job = of_job.as_array().unwrap().iter().find(|pod| pod["billed"] == false).unwrap().clone();
    assert_eq!((&of_job["hardware"], &of_job["data_center"]), (&json!("NVIDIA A40"), &json!("EU-RO-1")));
    assert_eq!(of_job["container"]["ports"], json!(["8080/tcp", "9000/http"]));

    plane.admin(&["delete", "job", &job, "--timeout=60s"]).await.out();
    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    assert_eq!(demo.account.billed().await, Vec::<Value>::new());
    let selector = format!("involvedObject.name={pod},reason=ProviderDeleteSuccess");
    eventually("an event says that it has ended", async || {
        let path = "--output=jsonpath={.items[*].message}";
        let told = plane.admin(&["get", "events", "--field-selector", &selector, path]).await.stdout;
        if told == "Ended on engine virtual-runpod" { Ok(()) } else { Err((told, demo.node.log())) }
    })
    .await;
    assert_eq!(demo.account.report().await["violations"], json!([]), "the simulator kept to the official schema");
    demo.node.end(demo.process).await;
}

/// The page's annotations, on the Job, from where its pod inherits them.
fn job_manifest(name: &str) -> String {
    let annotations = json!({"runpod.io/required-gpu-memory": "40", "runpod.io/datacenter-ids": "US-NJ-1,EU-RO-1",
        "runpod.io/cloud-type": "SECURE", "runpod.io/ports": "8080/tcp,9000/http"});
    let pod = json!({"restartPolicy": "Never", "nodeSelector": {"type": "virtual-kubelet"},
        "tolerations": [{"key": "virtual-kubelet.io/provider", "value": "runpod", "effect": "NoSchedule"}],
        "containers": [{"name": "app", "image": "job/train", "command": ["train"],
            "resources": {"limits": {"nvidia.com/gpu": "1"}}}]});
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "annotations": annotations},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}}})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_program_says_so_and_ends() {
    let mut command = Command::new(KUBELET);
    let output = command.env_remove("RUNPOD_API_KEY").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("RUNPOD_API_KEY is not set"), "{text}");
}

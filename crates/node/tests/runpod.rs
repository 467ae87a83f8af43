//! The published RunPod kubelet's page, on the real control plane against the simulated account: its command line starts
//! as printed, its example Pod runs unchanged, and nothing is left that costs money (seed 004).
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{Plane, Scratch, eventually, unique};
use tokio::process::{Child, Command};

/// The program under test; the simulator is built beside it.
const KUBELET: &str = env!("CARGO_BIN_EXE_remotegpu-kubelet");

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
    url: String,
    home: Scratch,
    _simulator: Child,
    node: Child,
}

impl Demo {
    async fn start() -> Self {
        let free = || std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let (api, kubelet, health, home) = (free(), free(), free(), Scratch::new());
        let settings = json!({"boot_seconds": 0, "port_seconds": 0, "processes": [
            {"image": "nvidia/cuda", "lines": ["GPU 0: NVIDIA L4"]},
            {"image": "job/", "lines": ["working"], "seconds": 1, "code": 3}]});
        std::fs::write(home.path().join("settings.json"), settings.to_string()).unwrap();
        let program = |name: &str| Command::new(Path::new(KUBELET).with_file_name(name));
        let mut simulator = program("runpod-sim");
        simulator.args(["--listen", &format!("127.0.0.1:{api}"), "--settings"]).arg(home.path().join("settings.json"));
        let url = format!("http://127.0.0.1:{api}");
        let simulator = run(&mut simulator, &home, "simulator");
        let mut node = program("remotegpu-kubelet");
        // The page's own words; what is particular to this machine is in the environment.
        node.args([
            "--nodename=virtual-runpod",
            "--namespace=kube-system",
            "--max-gpu-price=0.5",
            "--log-level=info",
            "--reconcile-interval=30",
        ]);
        // Somebody else may have the published port.
        node.arg(format!("--health-server-address=127.0.0.1:{health}"));
        node.env("KUBECONFIG", Plane::current().kubeconfig("admin")).env("KUBELET_PORT", kubelet.to_string());
        let (cert, key) = Plane::current().kubelet_certificate(NODE);
        node.env("VKUBELET_POD_IP", "127.0.0.1")
            .env("APISERVER_CERT_LOCATION", cert)
            .env("APISERVER_KEY_LOCATION", key);
        node.env("RUNPOD_API_KEY", "rpa_test").env("RUNPOD_API_URL", &url);
        let node = run(&mut node, &home, "node");
        let demo = Self { url, home, _simulator: simulator, node };
        eventually("the node is ready", async || {
            let ran = Plane::current().admin(&["get", "node", NODE, "--output=json"]).await;
            let node: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
            let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
            if ready { Ok(()) } else { Err((ran.stderr, demo.log())) }
        })
        .await;
        eventually("the probes say so too", async || {
            let probe = Command::new("curl").args(["-sf", &format!("http://127.0.0.1:{health}/readyz")]).output().await;
            let answer = String::from_utf8(probe.unwrap().stdout).unwrap();
            if answer.starts_with("ok, last list begun") { Ok(()) } else { Err(answer) }
        })
        .await;
        demo
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
    }

    async fn report(&self) -> Value {
        let url = format!("{}/control/report", self.url);
        let output = Command::new("curl").args(["-s", &url]).output().await.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Instances that still cost something.
    async fn billed(&self) -> Vec<Value> {
        let report = self.report().await;
        report["pods"].as_array().unwrap().iter().filter(|pod| pod["billed"] == true).cloned().collect()
    }
}

fn run(command: &mut Command, home: &Scratch, name: &str) -> Child {
    let log = std::fs::File::create(home.path().join(format!("{name}.log"))).unwrap();
    command.stdin(Stdio::null()).kill_on_drop(true).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().expect("the workspace's programs are built")
}

async fn get(kind: &str, name: &str) -> Value {
    let ran = Plane::current().admin(&["get", kind, name, "--output=json"]).await;
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_command_line_example_and_annotations_work_and_leave_nothing() {
    let plane = Plane::current();
    let mut demo = Demo::start().await;
    let node = get("node", NODE).await;
    let taint = json!({"key": "virtual-kubelet.io/provider", "value": "runpod", "effect": "NoSchedule"});
    assert_eq!(node["spec"]["taints"][0], taint);
    assert_eq!(node["metadata"]["labels"]["type"], "virtual-kubelet");

    let pod = unique("gpu-workload");
    plane.admin_apply(&EXAMPLE.replace("gpu-workload", &pod)).await.out();
    let running = eventually("the example runs", async || {
        let pod = get("pod", &pod).await;
        let named = pod["metadata"]["annotations"]["runpod.io/pod-id"].is_string();
        let ready = pod["status"]["containerStatuses"][0]["ready"] == true && named;
        if ready { Ok(pod) } else { Err((pod["status"].clone(), demo.log())) }
    })
    .await;
    let billed = demo.billed().await;
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

    let job = unique("job");
    plane.admin_apply(&job_manifest(&job)).await.out();
    let failed = eventually("the job's pod fails with its own code", async || {
        let ran = plane.admin(&["get", "pods", "-l", &format!("job-name={job}"), "--output=json"]).await;
        let list: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let pod = list["items"][0].clone();
        if pod["status"]["phase"] == "Failed" { Ok(pod) } else { Err((pod["status"].clone(), demo.log())) }
    })
    .await;
    assert_eq!(failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 3);
    eventually("the finished job costs nothing", async || {
        let billed = demo.billed().await;
        if billed.len() == 1 { Ok(()) } else { Err((billed, demo.log())) }
    })
    .await;
    let of_job = &demo.report().await["pods"];
    let of_job = of_job.as_array().unwrap().iter().find(|pod| pod["billed"] == false).unwrap().clone();
    assert_eq!((&of_job["hardware"], &of_job["data_center"]), (&json!("NVIDIA A40"), &json!("EU-RO-1")));
    assert_eq!(of_job["container"]["ports"], json!(["8080/tcp", "9000/http"]));

    plane.admin(&["delete", "job", &job, "--timeout=60s"]).await.out();
    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    assert_eq!(demo.billed().await, Vec::<Value>::new());
    assert_eq!(demo.report().await["violations"], json!([]), "the simulator kept to the official schema");
    demo.node.kill().await.unwrap();
    plane.admin(&["delete", "node", NODE]).await.out();
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

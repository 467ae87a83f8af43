//! The Helm chart: lint, its values, an install on the real control plane, and the node under exactly its rights.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use testkit::{Plane, Scratch, eventually, helm, is_ready, shown, unique};
use tokio::process::{Child, Command};

const KUBELET: &str = env!("CARGO_BIN_EXE_remotegpu-kubelet");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/remotegpu-kubelet");
/// What the chart demands of whoever takes the default provider.
const SECRET: &str = "runpod.existingSecret=runpod-kubelet-secrets";

/// Runs Helm with a home of its own.
async fn run(arguments: &[&str]) -> Output {
    let home = Scratch::new();
    let mut command = Command::new(helm());
    command.args(arguments).env("HOME", home.path()).env("KUBECONFIG", Plane::current().kubeconfig("admin"));
    command.stdin(Stdio::null()).output().await.expect("helm can be started")
}

async fn out(arguments: &[&str]) -> String {
    let output = run(arguments).await;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text.into_owned()
}

async fn rendered(settings: &[&str]) -> String {
    let mut arguments = vec!["template", "release", CHART, "--namespace", "gpus"];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    out(&arguments).await
}

async fn refused(settings: &[&str]) -> String {
    let mut arguments = vec!["template", "release", CHART];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let output = run(&arguments).await;
    assert!(!output.status.success(), "{settings:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_finds_nothing_to_complain_of() {
    let text = out(&["lint", "--strict", CHART, "--set", SECRET]).await;
    assert!(text.contains("0 chart(s) failed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_place_for_the_key_is_taken_and_an_unknown_value_is_refused() {
    assert!(refused(&[]).await.contains("needs runpod.existingSecret"));
    assert!(refused(&[SECRET, "runpod.apiKey=rpa_x"]).await.contains("not both"));
    assert!(refused(&[SECRET, "kubelet.maxPrice=1"]).await.contains("maxPrice"));
    assert!(refused(&["provider=kubernetes"]).await.contains("needs providerKubeconfigSecret"));
    let own = rendered(&["runpod.apiKey=rpa_x"]).await;
    assert!(own.contains("name: release-runpod") && own.contains("RUNPOD_API_KEY: \"rpa_x\""), "{own}");
    let named = rendered(&[SECRET]).await;
    assert!(!named.contains("kind: Secret") && named.contains("name: runpod-kubelet-secrets"), "{named}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_has_an_effect_and_every_flag_is_one_of_the_program() {
    let before = rendered(&[SECRET]).await;
    for value in [
        "kubelet.nodename=other",
        "kubelet.namespace=other",
        "kubelet.reconcileInterval=7",
        "kubelet.maxGpuPrice=1.25",
        "kubelet.maxHourlyCost=10",
        "kubelet.maxNamespaceHourlyCost=5",
        "kubelet.datacenterIds=EU-RO-1",
        "kubelet.endpointSlices=true",
        "kubelet.adoptByAnnotation=true",
        "kubelet.logLevel=debug",
        "kubelet.port=10251",
        "kubelet.healthPort=8081",
        "kubelet.leaderElect=false",
        "kubelet.extraArgs[0]=--cpu-pods=refuse",
        "image.repository=example.com/kubelet",
        "image.tag=v9",
        "image.pullPolicy=Always",
        "imagePullSecrets[0].name=pull",
        "resources.limits.memory=1Gi",
        "provider=simulated",
        "runpod.sshKeySecret=ssh-into-instances",
        "runpod.uninstallCheck=false",
    ] {
        assert_ne!(rendered(&[SECRET, value]).await, before, "{value}");
    }
    let offload =
        rendered(&["provider=kubernetes", "providerKubeconfigSecret=other-cluster", "mirrorRuntimeClasses=true"]).await;
    let all = rendered(&[
        SECRET,
        "kubelet.maxHourlyCost=10",
        "kubelet.maxNamespaceHourlyCost=5",
        "kubelet.datacenterIds=EU-RO-1",
        "kubelet.endpointSlices=true",
        "kubelet.adoptByAnnotation=true",
        "runpod.sshKeySecret=ssh-into-instances",
    ]);
    let help = Command::new(KUBELET).arg("--help").output().await.unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for line in [all.await, offload].concat().lines() {
        let Some((_, flag)) = line.split_once("- --").or(line.split_once("- \"--")) else { continue };
        let flag = format!("--{}", flag.split('=').next().unwrap());
        let known = help.lines().any(|line| line.split_whitespace().any(|word| word == flag));
        assert!(known, "{flag} is no flag of the program");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_has_a_place_although_everything_else_is_read_only() {
    let offload = ["provider=kubernetes", "providerKubeconfigSecret=other-cluster"];
    let own = rendered(&offload).await;
    assert!(own.contains("readOnlyRootFilesystem: true"), "{own}");
    assert!(own.contains("--provider-token-file=/var/lib/remotegpu/provider.token"), "{own}");
    assert!(own.contains("mountPath: /var/lib/remotegpu\n") && own.contains("emptyDir:"), "{own}");
    // As the console prints it beside a tenant's kubeconfig.
    let offers = "kubelet.extraArgs={--capacity-cpu=63,--capacity-memory=256Gi,--gpu-model=H100,--gpu-count=8}";
    let tenant = ["providerTokenClaim=tokens", "mirrorRuntimeClasses=true", offers];
    let lasting = rendered(&[&offload[..], &tenant].concat()).await;
    assert!(lasting.contains("- \"--capacity-cpu=63\"") && lasting.contains("- \"--gpu-count=8\""), "{lasting}");
    assert!(lasting.contains("- --mirror-runtime-classes"), "{lasting}");
    assert!(lasting.contains("claimName: tokens") && !lasting.contains("emptyDir:"), "{lasting}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_node_that_writes_endpoint_slices_may() {
    for (settings, may) in [
        (vec![SECRET], false),
        (vec![SECRET, "kubelet.endpointSlices=true"], true),
        (vec!["provider=simulated", "kubelet.endpointSlices=true"], false),
    ] {
        let manifest = rendered(&settings).await;
        assert_eq!(manifest.contains("resources: [endpointslices]"), may, "{settings:?}");
        assert_eq!(manifest.contains("- --endpoint-slices"), may, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_node_that_keeps_runtime_classes_may() {
    let offload = "provider=kubernetes";
    for (settings, may) in [
        (vec![offload, "providerKubeconfigSecret=tenant"], false),
        (vec![offload, "providerKubeconfigSecret=tenant", "mirrorRuntimeClasses=true"], true),
        (vec![SECRET, "mirrorRuntimeClasses=true"], false),
    ] {
        let manifest = rendered(&settings).await;
        assert_eq!(manifest.contains("resources: [runtimeclasses]"), may, "{settings:?}");
        assert_eq!(manifest.contains("- --mirror-runtime-classes"), may, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_node_that_rents_asks_before_it_is_taken_away_what_still_costs_money() {
    let asks = async |settings: &[&str]| rendered(settings).await.contains("helm.sh/hook: pre-delete");
    assert!(asks(&[SECRET]).await);
    assert!(!asks(&[SECRET, "runpod.uninstallCheck=false"]).await);
    assert!(!asks(&["provider=simulated"]).await);
}

/// The node's rights in `deploy/roles`, put together from the shared role and that of one node.
#[test]
fn the_rights_are_those_of_a_node_of_the_console() {
    let read = |file: &str| {
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file);
        std::fs::read_to_string(path).unwrap()
    };
    let (roles, chart) = (read("deploy/roles/50-nodes.yaml"), read("charts/remotegpu-kubelet/templates/rbac.yaml"));
    let first = |text: &str| {
        let rules = text.split_once("rules:\n").unwrap().1;
        rules.split("---").next().unwrap().trim_end().to_owned()
    };
    let shared = first(&roles);
    assert!(first(&chart).starts_with(&shared), "deploy/roles/50-nodes.yaml and the chart differ:\n{shared}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_manifest_applies_as_it_is_gives_its_node_its_rights_and_goes_again() {
    const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/kubelet.yaml");
    let plane = Plane::current();
    plane.admin(&["apply", "--filename", MANIFEST]).await.out();
    let again = plane.admin(&["apply", "--filename", MANIFEST]).await.out();
    assert!(again.lines().all(|line| line.ends_with(" unchanged")), "{again}");
    let account = "system:serviceaccount:kube-system:runpod-kubelet";
    for (verb, what, answer) in [
        ("watch", "pods", "yes"),
        ("patch", "nodes/virtual-runpod", "yes"),
        ("list", "secrets", "no"),
        ("create", "pods", "no"),
    ] {
        let asked = plane.admin(&["auth", "can-i", verb, what, "--all-namespaces", "--as", account]).await;
        assert!(asked.stdout.starts_with(answer), "{verb} {what}: {} {}", asked.stdout, asked.stderr);
    }
    eventually("the Deployment's pod is made under its ServiceAccount", async || {
        let label = "--selector=app.kubernetes.io/name=remotegpu-kubelet";
        let ran = plane.admin(&["get", "pods", "--namespace=kube-system", label, "--output=json"]).await;
        let pods: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let by = pods["items"][0]["spec"]["serviceAccountName"].as_str();
        if by == Some("runpod-kubelet") { Ok(()) } else { Err((ran.stdout, ran.stderr)) }
    })
    .await;
    plane.admin(&["delete", "--filename", MANIFEST, "--timeout=60s"]).await.out();
}

struct Installed {
    namespace: String,
    release: String,
    node: String,
    _running: Child,
    home: Scratch,
}

/// Installs the chart and runs the program with nothing but the token of the chart's ServiceAccount.
async fn installed() -> Installed {
    let (plane, home) = (Plane::current(), Scratch::new());
    let (namespace, release, node) = (unique("gpus"), unique("kubelet"), unique("chart-node"));
    let name = format!("kubelet.nodename={node}");
    out(&[
        "install",
        &release,
        CHART,
        "-n",
        &namespace,
        "--create-namespace",
        "--set",
        "provider=simulated",
        "--set",
        &name,
    ])
    .await;
    let kubeconfig = plane.kubeconfig_of(&home, &namespace, &release).await;
    let log = std::fs::File::create(home.path().join("node.log")).unwrap();
    let port = testkit::free_port();
    let mut command = Command::new(KUBELET);
    command.args(["--provider=simulated", "--address=127.0.0.1", "--reconcile-interval=2"]);
    command.arg(format!("--nodename={node}")).arg(format!("--port={port}")).arg("--kubeconfig").arg(kubeconfig);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    let running = command.spawn().expect("the node can be started");
    Installed { namespace, release, node, _running: running, home }
}

impl Installed {
    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_node_works_under_exactly_the_rights_of_the_chart() {
    let (plane, chart) = (Plane::current(), installed().await);
    let (namespace, node) = (chart.namespace.as_str(), chart.node.as_str());
    let get = async |arguments: &[&str]| {
        let ran = plane.admin(&[arguments, &["--output=json"]].concat()).await;
        serde_json::from_str::<Value>(&ran.stdout).unwrap_or_default()
    };
    eventually(
        "the node is ready",
        async || {
            if is_ready(&shown("node", node).await) { Ok(()) } else { Err(chart.log()) }
        },
    )
    .await;
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "work", "namespace": namespace},
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "x"}],
            "tolerations": [{"key": "virtual-kubelet.io/provider", "operator": "Exists"}]}});
    plane.admin_apply(&pod.to_string()).await.out();
    eventually("the pod runs", async || {
        let pod = get(&["get", "pod", "work", "-n", namespace]).await;
        if pod["status"]["phase"] == "Running" { Ok(()) } else { Err((pod["status"].clone(), chart.log())) }
    })
    .await;
    let request = eventually("the node asks for a serving certificate", async || {
        let list = get(&["get", "csr"]).await;
        let names = list["items"].as_array().into_iter().flatten().filter_map(|one| one["metadata"]["name"].as_str());
        let mut ours = names.filter(|name| name.starts_with(&format!("remotegpu-kubelet-{node}-")));
        ours.next().map(str::to_owned).ok_or_else(|| chart.log())
    })
    .await;
    plane.admin(&["logs", "work", "-n", namespace]).await.refused();
    plane.admin(&["certificate", "approve", &request]).await.out();
    eventually("the API server trusts the node once the cluster has signed", async || {
        let ran = plane.admin(&["logs", "work", "-n", namespace]).await;
        if ran.ok { Ok(()) } else { Err((ran.stderr, chart.log())) }
    })
    .await;
    plane.admin(&["delete", "pod", "work", "-n", namespace, "--timeout=60s"]).await.out();
    assert!(!chart.log().contains("orbidden"), "no call was refused: {}", chart.log());

    let account = format!("system:serviceaccount:{namespace}:{}", chart.release);
    for (verb, what) in [
        ("list", "secrets"),
        ("create", "pods"),
        ("delete", "nodes"),
        ("patch", "nodes/another"),
        ("create", "endpointslices.discovery.k8s.io"),
    ] {
        let asked = plane.admin(&["auth", "can-i", verb, what, "--all-namespaces", "--as", &account]).await;
        assert!(asked.stdout.starts_with("no"), "{verb} {what}: {}", asked.stdout);
    }
    out(&["uninstall", &chart.release, "-n", namespace, "--wait"]).await;
    plane.admin(&["delete", "node", node]).await.out();
    plane.admin(&["delete", "namespace", namespace, "--wait=false"]).await.out();
}

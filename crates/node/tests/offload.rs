//! Pods of a virtual node in another cluster, between two real control planes: the node at home offloads, a node over
//! there runs containers. With the link cut, with the process killed, and with the least published rights.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use engines::kubernetes::{Access, Kubernetes, KubernetesConfig, Login, classes};
use node::fleet::{Cluster, Engine, Fleet, HomeConfig, Known, Reach, Stage};
use serde_json::{Value, json};
use testkit::{
    FaultProxy, MetricsServer, OtherPlane, Plane, Scratch, eventually, in_time, left_out, local_image, read_rest,
    unique,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

const KUBELET: &str = env!("CARGO_BIN_EXE_remotegpu-kubelet");
/// Where pods live over there; the name of the published manifests.
const PLACE: &str = "aichor";
/// The rules of the published ClusterRole (seed 003), as far as they are about the core group.
const PUBLISHED: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: dp-cluster-service-account, namespace: aichor}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: dp-sa-cluster-role}
rules:
- apiGroups: ['']
  resources: [pods, pods/status, pods/exec, serviceaccounts, configmaps, namespaces, secrets]
  verbs: [get, list, watch, create, update, patch, delete]
- {apiGroups: [''], resources: [events], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: dp-sa-cluster-role-binding}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: dp-sa-cluster-role}
subjects: [{kind: ServiceAccount, name: dp-cluster-service-account, namespace: aichor}]
";

/// One `remotegpu-kubelet` of a test.
struct Node {
    name: String,
    port: u16,
    home: Scratch,
}

impl Node {
    fn new(prefix: &str) -> Self {
        let port = testkit::free_port();
        Self { name: unique(prefix), port, home: Scratch::new() }
    }

    fn start(&self, kubeconfig: PathBuf, certificate: (PathBuf, PathBuf), more: &[&str]) -> Child {
        let log = self.home.path().join("node.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(KUBELET);
        command.args(["--nodename", &self.name, "--address", "127.0.0.1", "--port", &self.port.to_string()]);
        command.arg("--kubeconfig").arg(kubeconfig).arg("--tls-cert-file").arg(certificate.0);
        command.arg("--tls-key-file").arg(certificate.1).args(["--reconcile-interval", "1"]).args(more);
        // As a container that restarts in its pod: it need not wait for its own Lease.
        command.args(["--leader-elect-identity", &self.name]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().expect("the node can be started")
    }

    fn offload(&self, provider_kubeconfig: &std::path::Path, more: &[&str]) -> Child {
        let plane = Plane::current();
        let path = provider_kubeconfig.to_str().unwrap();
        let fixed = ["--provider", "kubernetes", "--provider-namespace", PLACE, "--provider-kubeconfig", path];
        let arguments: Vec<&str> = fixed.into_iter().chain(more.iter().copied()).collect();
        self.start(plane.kubeconfig("admin"), plane.kubelet_certificate(&self.name), &arguments)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("node.log")).unwrap_or_default()
    }

    /// Waits until the Node at home says that its engine answers, or that it does not.
    async fn ready(&self, wanted: &str) {
        eventually(&format!("the node's Ready is {wanted}"), async || {
            let question = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            let ran = Plane::current().admin(&["get", "node", &self.name, question]).await;
            if ran.stdout == wanted { Ok(()) } else { Err((ran.stdout, self.log())) }
        })
        .await;
    }

    /// Waits until this is a pod's log: what it writes first comes a moment after it runs.
    async fn logged(&self, pod: &str, wanted: &str) {
        eventually("the pod has said so", async || {
            let log = Plane::current().admin(&["logs", pod]).await.out();
            if log == wanted { Ok(()) } else { Err((log, self.log())) }
        })
        .await;
    }

    fn pod(&self, name: &str, image: &str) -> Value {
        let script = "cat /etc/conf/key; echo $GREETING; httpd -p 127.0.0.1:8080 -h /etc/conf; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";
        let secret = json!({"name": "GREETING", "valueFrom": {"secretKeyRef": {"name": name, "key": "greeting"}}});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {
            "nodeName": self.name, "terminationGracePeriodSeconds": 5, "automountServiceAccountToken": false,
            "tolerations": [{"operator": "Exists"}], "volumes": [{"name": "conf", "configMap": {"name": name}}],
            "containers": [{"name": "app", "image": image, "command": ["/bin/sh", "-c", script], "env": [secret],
                "volumeMounts": [{"name": "conf", "mountPath": "/etc/conf"}]}]}})
    }

    async fn run_pod(&self, image: &str) -> String {
        let (plane, name) = (Plane::current(), unique("offloaded"));
        let metadata = json!({"name": name});
        let map =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "from a map\n"}});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"greeting": "from a secret"}});
        for object in [map, secret, self.pod(&name, image)] {
            plane.admin_apply(&object.to_string()).await.out();
        }
        eventually("the pod is ready at home", async || {
            let pod = object(&plane.admin(&["get", "pod", &name, "--output=json"]).await.stdout);
            let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
            if ready { Ok(()) } else { Err((pod["status"].clone(), self.log())) }
        })
        .await;
        name
    }
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// A control plane with one node that runs containers, and metrics-server where it can be reached.
struct Far {
    metrics: Option<MetricsServer>,
    plane: OtherPlane,
    _node: Child,
}

impl Far {
    async fn start() -> Self {
        let (plane, node) = (OtherPlane::aggregating().await, Node::new("far"));
        let podman = PathBuf::from(std::env::var_os("REMOTEGPU_TEST_DIR").unwrap()).join("podman.sock");
        let socket = if podman.exists() { podman } else { "/var/run/docker.sock".into() };
        let endpoint = format!("unix://{}", socket.display());
        let capacity = ["--capacity-cpu", "8", "--capacity-memory", "8Gi"];
        let fixed = ["--provider", "docker", "--provider-endpoint", &endpoint];
        let arguments: Vec<&str> = fixed.into_iter().chain(capacity).collect();
        let process = node.start(plane.kubeconfig(), plane.kubelet_certificate(&node.name), &arguments);
        plane.admin(&["create", "namespace", PLACE]).await.out();
        plane.admin_apply(PUBLISHED).await.out();
        eventually("the node over there is ready", async || {
            let question = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            let ran = plane.admin(&["get", "node", &node.name, question]).await;
            if ran.stdout == "True" { Ok(()) } else { Err((ran.stderr, node.log())) }
        })
        .await;
        Self { metrics: MetricsServer::start(&plane).await, plane, _node: process }
    }

    /// Names of what is left of ours over there.
    async fn left(&self, kind: &str) -> Vec<String> {
        let ran = self.plane.admin(&["get", kind, "-n", PLACE, "-l", "remotegpu.ai/pod-uid", "--output=name"]).await;
        ran.out().lines().map(str::to_owned).collect()
    }

    async fn empty(&self, node: &Node) {
        eventually("nothing of ours is left over there", async || {
            let left = [self.left("pods").await, self.left("secrets").await].concat();
            if left.is_empty() { Ok(()) } else { Err((left, node.log())) }
        })
        .await;
    }

    /// A token of the published ServiceAccount.
    async fn token(&self) -> String {
        let token = self.plane.admin(&["create", "token", "dp-cluster-service-account", "-n", PLACE]).await.out();
        token.trim().to_owned()
    }

    /// A kubeconfig of the published ServiceAccount.
    async fn published(&self) -> PathBuf {
        let token = self.token().await;
        let ca = self.plane.file("ca.crt", &self.plane.ca());
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "far",
            "clusters": [{"name": "far", "cluster": {"server": self.plane.server(), "certificate-authority": ca}}],
            "users": [{"name": "far", "user": {"token": token}}],
            "contexts": [{"name": "far", "context": {"cluster": "far", "user": "far", "namespace": PLACE}}]});
        self.plane.file("published.yaml", &text.to_string())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_a_virtual_node_run_in_another_cluster() {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let image = local_image().await;
    let far = Far::start().await;
    the_provider_keeps_the_contract(&far, image).await;
    a_pod_runs_there_and_is_seen_here_also_after_the_link_was_cut(&far, image).await;
    what_a_pod_uses_is_told_here_as_that_cluster_measures_it(&far, image).await;
    what_was_deleted_while_nobody_watched_is_swept(&far, image).await;
    with_the_published_role_pods_run_and_logs_name_the_missing_right(&far, image).await;
    an_imported_engine_becomes_a_node_that_can_be_closed_and_ended(&far, image).await;
}

async fn the_provider_keeps_the_contract(far: &Far, image: &str) {
    let (client, _) = Access::File(far.plane.kubeconfig()).connect().await.unwrap();
    let class = classes(&client).await.unwrap().remove(0);
    let config = KubernetesConfig {
        namespace: PLACE.into(),
        cluster: unique("home"),
        node: unique("node"),
        node_selector: BTreeMap::new(),
        tolerations: class.tolerations,
    };
    let provider = Arc::new(Kubernetes::new(client, config));
    eventually("the link is up", async || kubelet::Provider::list(&*provider).await).await;
    let subject =
        kubelet::conformance::Subject { provider, image: image.into(), runs: true, patience: Duration::from_secs(60) };
    assert_eq!(kubelet::conformance::check(&subject).await, Ok(()));
    assert_eq!((far.left("pods").await.len(), far.left("secrets").await.len()), (0, 0));
}

async fn a_pod_runs_there_and_is_seen_here_also_after_the_link_was_cut(far: &Far, image: &str) {
    let (plane, node) = (Plane::current(), Node::new("offload"));
    let link = FaultProxy::to(&far.plane.server()).await;
    let text = std::fs::read_to_string(far.plane.kubeconfig()).unwrap().replace(&far.plane.server(), &link.server());
    let _process = node.offload(&far.plane.file("linked.yaml", &text), &[]);
    node.ready("True").await;
    let shown = object(&plane.admin(&["get", "node", &node.name, "--output=json"]).await.out());
    assert_eq!(shown["status"]["allocatable"]["cpu"], "8", "what the nodes over there have");

    let pod = node.run_pod(image).await;
    node.logged(&pod, "from a map\nfrom a secret\n").await;
    assert_eq!(plane.admin(&["exec", &pod, "--", "cat", "/etc/conf/key"]).await.out(), "from a map\n");
    let exit = plane.admin(&["exec", &pod, "--", "sh", "-c", "exit 7"]).await.refused();
    assert!(exit.contains("exit code 7"), "{exit}");
    let answer = fetch(&pod).await;
    assert!(answer.ends_with("from a map\n"), "{answer}\n{}", node.log());
    let remote = far.left("pods").await;
    let there = object(&far.plane.admin(&["get", "-n", PLACE, &remote[0], "--output=json"]).await.out());
    assert!(!there.to_string().contains("from a secret"), "values stay out of the pod: {there}");

    link.cut();
    node.ready("False").await;
    let here = object(&plane.admin(&["get", "pod", &pod, "--output=json"]).await.out());
    assert_eq!(here["status"]["phase"], "Running", "nothing is concluded from silence");
    let refused = plane.admin(&["exec", &pod, "--", "true"]).await.refused();
    assert!(!refused.is_empty());
    link.pass();
    node.ready("True").await;
    assert_eq!(far.left("pods").await, remote, "the pod over there went on");
    eventually("exec works again", async || {
        let ran = plane.admin(&["exec", &pod, "--", "echo", "back"]).await;
        if ran.stdout == "back\n" { Ok(()) } else { Err((ran.stderr, node.log())) }
    })
    .await;

    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    far.empty(&node).await;
    plane.admin(&["delete", "node", &node.name]).await.out();
}

/// What the pod serves on its port 8080, through port-forward.
async fn fetch(pod: &str) -> String {
    let mut command = Command::new(Plane::current().kubectl_program());
    command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin")).args(["port-forward", pod, ":8080"]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = in_time("kubectl forwards a port", lines.next_line()).await.unwrap().expect("a line");
    let port = line.trim_start_matches("Forwarding from 127.0.0.1:").trim_end_matches(" -> 8080");
    let port: u16 = port.parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"GET /key HTTP/1.0\r\n\r\n").await.unwrap();
    read_rest(&mut stream).await
}

async fn what_a_pod_uses_is_told_here_as_that_cluster_measures_it(far: &Far, image: &str) {
    let Some(server) = &far.metrics else {
        return left_out("figures of another cluster: this machine has no address but loopback");
    };
    let (plane, node) = (Plane::current(), Node::new("figures"));
    let _process = node.offload(&far.plane.kubeconfig(), &[]);
    node.ready("True").await;
    let pod = node.run_pod(image).await;
    let labels = format!("container=\"app\",namespace=\"default\",pod=\"{pod}\"");
    eventually("the node at home tells time and memory", async || {
        let text = plane.ask_kubelet(node.port, "/metrics/resource").await;
        let metrics = ["container_cpu_usage_seconds_total", "container_memory_working_set_bytes"];
        let told = metrics.iter().all(|metric| text.contains(&format!("{metric}{{{labels}}} ")));
        if told { Ok(()) } else { Err((text, server.log(), node.log())) }
    })
    .await;
    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    far.empty(&node).await;
    plane.admin(&["delete", "node", &node.name]).await.out();
}

async fn what_was_deleted_while_nobody_watched_is_swept(far: &Far, image: &str) {
    let (plane, node) = (Plane::current(), Node::new("sweep"));
    let mut process = node.offload(&far.plane.kubeconfig(), &[]);
    node.ready("True").await;
    let pod = node.run_pod(image).await;
    process.kill().await.unwrap();
    plane.admin(&["delete", "pod", &pod, "--force", "--grace-period=0", "--timeout=60s"]).await.out();
    assert_eq!(far.left("pods").await.len(), 1, "it runs on without its node's process");
    let _process = node.offload(&far.plane.kubeconfig(), &[]);
    far.empty(&node).await;
    eventually("the node says whose it was", async || {
        let question = "--output=jsonpath={.status.conditions[?(@.type=='OrphanInstances')].message}";
        let said = plane.admin(&["get", "node", &node.name, question]).await.stdout;
        if said.ends_with(&format!("the last that of default/{pod}")) { Ok(()) } else { Err((said, node.log())) }
    })
    .await;
    plane.admin(&["delete", "node", &node.name]).await.out();
}

async fn with_the_published_role_pods_run_and_logs_name_the_missing_right(far: &Far, image: &str) {
    let (plane, node) = (Plane::current(), Node::new("published"));
    let (kubeconfig, kept) = (far.published().await, node.home.path().join("provider.token"));
    // As a mounted Secret, which even root cannot write: the token has a place of its own.
    std::fs::create_dir(kubeconfig.with_extension("yaml.token.new")).unwrap();
    // Nodes may not be read, so neither their size nor their taints are known.
    let size = ["--capacity-cpu", "4", "--capacity-memory", "4Gi", "--provider-token-file", kept.to_str().unwrap()];
    let _process = node.offload(&kubeconfig, &size);
    node.ready("True").await;
    let token = std::fs::read_to_string(&kept).unwrap();
    assert!(token.split('.').count() == 3 && !kubeconfig.with_extension("yaml.token").exists(), "{}", node.log());
    let pod = node.run_pod(image).await;
    assert_eq!(plane.admin(&["exec", &pod, "--", "echo", "hello"]).await.out(), "hello\n");
    let logs = plane.admin(&["logs", &pod]).await.refused();
    assert!(logs.contains("may not get pods/log in namespace aichor"), "{logs}");
    let summary = object(&plane.ask_kubelet(node.port, "/stats/summary").await);
    assert_eq!(summary["pods"], json!([]), "figures may not be read, and that is no trouble: {summary}");
    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    far.empty(&node).await;
    plane.admin(&["delete", "node", &node.name]).await.out();
}

/// The nodes of engines run under their own identity, without rights of the administrator.
async fn an_imported_engine_becomes_a_node_that_can_be_closed_and_ended(far: &Far, image: &str) {
    let plane = Plane::current();
    let account = format!("--serviceaccount={PLACE}:dp-cluster-service-account");
    let verbs = ["--verb=get,list", "--resource=nodes,pods/log"];
    far.plane.admin(&["create", "clusterrole", "dp-reads", verbs[0], verbs[1]]).await.out();
    far.plane.admin(&["create", "clusterrolebinding", "dp-reads", "--clusterrole=dp-reads", &account]).await.out();
    let config = HomeConfig {
        kubeconfig: plane.kubeconfig("nodes"),
        address: [127, 0, 0, 1].into(),
        tls: Some(plane.kubelet_certificate("fleet")),
        client_ca: None,
        require_pod_label: None,
        pod_api_server: None,
    };
    let (mut fleet, name, token) = (Fleet::open(config).await.unwrap(), unique("engine"), far.token().await);
    let engine = |stage| Engine {
        id: "1".into(),
        account: None,
        name: name.clone(),
        ecosystem: "terraform".into(),
        reach: Reach::Cluster(Cluster {
            server: far.plane.server(),
            address: Some([127, 0, 0, 1].into()),
            ca: Some(far.plane.ca()),
            login: Login::Token(token.clone().into()),
            namespace: PLACE.into(),
            typed: Vec::new(),
            uid: String::new(),
            ingress: None,
        }),
        stage,
    };
    let known = |stage| vec![Known { id: "1".into(), name: name.clone(), former: None, engine: Some(engine(stage)) }];
    let node = Node { name: format!("{name}-cpu"), port: 0, home: Scratch::new() };
    fleet.keep(known(Stage::Open)).await;
    node.ready("True").await;
    let shown = object(&plane.admin(&["get", "node", &node.name, "--output=json"]).await.out());
    let labels = &shown["metadata"]["labels"];
    assert_eq!(
        (&labels["remotegpu.ai/engine"], &labels["remotegpu.ai/ecosystem"]),
        (&json!(name), &json!("terraform"))
    );
    let pod = node.run_pod(image).await;
    node.logged(&pod, "from a map\nfrom a secret\n").await;

    fleet.keep(known(Stage::Closed)).await;
    eventually("the node takes nothing new", async || {
        let ran = plane.admin(&["get", "node", &node.name, "--output=jsonpath={.spec.taints[*].key}"]).await;
        if ran.stdout.contains("remotegpu.ai/closed") { Ok(()) } else { Err((ran.stdout, fleet.seen())) }
    })
    .await;
    assert_eq!(plane.admin(&["exec", &pod, "--", "echo", "on"]).await.out(), "on\n", "what runs goes on");

    nothing_is_ended_at_another_cluster(&mut fleet, engine(Stage::Ending), &pod).await;

    // Abandoned, and imported anew under its name.
    let anew = Engine { id: "2".into(), ..engine(Stage::Open) };
    fleet.keep(vec![Known { id: "2".into(), name: name.clone(), former: None, engine: Some(anew) }]).await;
    assert_eq!(
        fleet.seen().into_keys().collect::<Vec<_>>(),
        ["2"],
        "the old one must not end the nodes of the new one"
    );
    eventually("the new one runs the node", async || {
        let seen = fleet.seen();
        if seen["2"].nodes.is_empty() { Err(seen) } else { Ok(()) }
    })
    .await;
    let ending = plane.admin(&["get", "pod", &pod, "--output=jsonpath={.metadata.deletionTimestamp}"]).await;
    assert_eq!(ending.out(), "", "what runs goes on");

    // Deleted: it is not among the engines any more.
    fleet.keep(Vec::new()).await;
    eventually("nothing of the engine is left", async || {
        let seen = fleet.seen();
        if seen["2"].gone { Ok(()) } else { Err(seen) }
    })
    .await;
    far.empty(&node).await;
    let gone = plane.admin(&["get", "node", &node.name]).await.refused();
    assert!(gone.contains("not found"), "{gone}");

    let again = Engine { id: "3".into(), ..engine(Stage::Open) };
    nodes_of_a_former_label_go_once_they_are_empty(&mut fleet, &again, far, image).await;
    fleet.stop().await;
}

/// Whoever is at the address now has none of its pods, and would say that all have ended.
async fn nothing_is_ended_at_another_cluster(fleet: &mut Fleet, engine: Engine, pod: &str) {
    let Reach::Cluster(at) = engine.reach.clone() else { return };
    let (id, name) = (engine.id.clone(), engine.name.clone());
    let moved = Engine { reach: Reach::Cluster(Cluster { uid: "of-its-own-cluster".into(), ..at }), ..engine };
    fleet.keep(vec![Known { id: id.clone(), name, former: None, engine: Some(moved) }]).await;
    eventually("it says why it does not end", async || {
        let seen = fleet.seen();
        let said = seen[&id].trouble.as_ref().is_some_and(|said| said.starts_with("Another cluster is at the address"));
        if said { Ok(()) } else { Err(seen) }
    })
    .await;
    let question = "--output=jsonpath={.metadata.deletionTimestamp}";
    assert_eq!(Plane::current().admin(&["get", "pod", pod, question]).await.out(), "", "what runs goes on");
}

/// What an earlier version left under another label is neither swept away nor left behind.
async fn nodes_of_a_former_label_go_once_they_are_empty(fleet: &mut Fleet, engine: &Engine, far: &Far, image: &str) {
    let (plane, label) = (Plane::current(), unique("former"));
    let node = |label: &str| Node { name: format!("{label}-cpu"), port: 0, home: Scratch::new() };
    let (old, new) = (node(&label), node(&engine.name));
    let before = Engine { name: label.clone(), ..engine.clone() };
    fleet.keep(vec![Known { id: engine.id.clone(), name: label.clone(), former: None, engine: Some(before) }]).await;
    old.ready("True").await;
    let pod = old.run_pod(image).await;

    // Another version starts.
    fleet.stop().await;
    let known = || {
        let (id, name, former) = (engine.id.clone(), engine.name.clone(), Some(label.clone()));
        vec![Known { id, name, former, engine: Some(engine.clone()) }]
    };
    fleet.keep(known()).await;
    eventually("the old node takes nothing new", async || {
        let ran = plane.admin(&["get", "node", &old.name, "--output=jsonpath={.spec.taints[*].key}"]).await;
        if ran.stdout.contains("remotegpu.ai/closed") { Ok(()) } else { Err((ran.stdout, fleet.seen())) }
    })
    .await;
    let ending = plane.admin(&["get", "pod", &pod, "--output=jsonpath={.metadata.deletionTimestamp}"]).await;
    assert_eq!((ending.out().as_str(), far.left("pods").await.len()), ("", 1), "what runs goes on");

    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    eventually("the old node is gone", async || {
        fleet.keep(known()).await;
        let ran = plane.admin(&["get", "node", &old.name]).await;
        if ran.stderr.contains("not found") { Ok(()) } else { Err((ran.stdout, fleet.seen())) }
    })
    .await;
    far.empty(&old).await;
    fleet.keep(known()).await;
    new.ready("True").await;
    fleet.keep(Vec::new()).await;
    eventually("nothing of the engine is left", async || {
        let seen = fleet.seen();
        if seen[&engine.id].gone { Ok(()) } else { Err(seen) }
    })
    .await;
}

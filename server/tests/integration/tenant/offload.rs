//! A tenant's kubeconfig as the credential of a node in the customer's own cluster: its pods run here. Two real control
//! planes, and between them nothing but what the tenant API handed out (`tenant-api.md` §4, RULINGS 20).

use std::path::{Path, PathBuf};
use std::process::Stdio;

use domain::sku::{LIMIT_COUNT, LIMIT_CPU, Sku};
use domain::tenant::{RUNTIME_CLASS_TEMPLATE, install_command};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Client, OtherPlane, Scratch, TestApp, eventually, local_image, unique};
use tokio::process::{Child, Command};

use super::{CLUSTERS, console, ready, signed_in};
use crate::CONSOLE;
use crate::shell::typed;
use crate::sku::{Sold, spec};

/// The name that the vendor's connector gives its node.
const NODE: &str = "k8s.gpu";
/// The class of the SKU `gpu-h100-1x`.
const CLASS: &str = "remotegpu-nvidia-1xh100";

/// A cluster that is not ours, with our node in it.
struct Customer {
    plane: OtherPlane,
    folder: Scratch,
    node: Child,
}

impl Customer {
    /// Installs the connector with a kubeconfig of the tenant API.
    async fn with(kubeconfig: &Path) -> Self {
        let (plane, folder) = (OtherPlane::start().await, Scratch::new());
        let port = testkit::free_port();
        let arguments = ["--provider=kubernetes", "--reconcile-interval=1", "--capacity-cpu=63", "--gpu-model=H100"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        // What the tenant may use is a matter of quotas and SKUs; its nodes are nobody's business over there.
        arguments.extend(["--capacity-memory=256Gi", "--gpu-count=8"].map(str::to_owned));
        arguments.extend([format!("--nodename={NODE}"), format!("--port={port}")]);
        arguments.push(format!("--provider-kubeconfig={}", kubeconfig.display()));
        let node = node(&plane, &folder, &plane.kubeconfig(), &arguments);
        let customer = Self { plane, folder, node };
        eventually("the customer's node is ready", async || {
            let question = "--output=jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            let ran = customer.plane.admin(&["get", "node", NODE, question]).await;
            if ran.stdout == "True" { Ok(()) } else { Err((ran.stderr, customer.log())) }
        })
        .await;
        customer
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("node.log")).unwrap_or_default()
    }

    /// Types what the Access page prints, and runs in the place of the node what the Deployment that comes of it runs:
    /// with its flags, and with no rights but those of its ServiceAccount.
    async fn install(&mut self, kubeconfig: &Path) {
        let line = install_command(&kubeconfig.display().to_string());
        typed(&line, &self.plane.kubeconfig()).await;
        let place = "--namespace=kube-system";
        let made = self.plane.admin(&["get", "deployment", "k8s-gpu", place, "--output=json"]).await.out();
        let made: Value = serde_json::from_str(&made).unwrap();
        let pod = &made["spec"]["template"]["spec"];
        assert_eq!(pod["volumes"][1]["persistentVolumeClaim"]["claimName"], "remotegpu-tenant-token", "{pod}");
        assert_eq!(pod["volumes"][0]["secret"]["secretName"], "remotegpu-tenant", "{pod}");
        let arguments = pod["containers"][0]["args"].as_array().unwrap().iter();
        let mut arguments: Vec<String> = arguments.map(|one| one.as_str().unwrap().to_owned()).collect();
        for (flag, here) in [
            ("--provider-kubeconfig", kubeconfig.display().to_string()),
            ("--provider-token-file", self.folder.path().join("token").display().to_string()),
            ("--port", testkit::free_port().to_string()),
            ("--health-server-address", format!("127.0.0.1:{}", testkit::free_port())),
            ("--leader-elect-identity", "installed".to_owned()),
        ] {
            let flag = format!("{flag}=");
            let found = arguments.iter_mut().find(|one| one.starts_with(&flag));
            *found.unwrap_or_else(|| panic!("the chart gives {flag}")) = format!("{flag}{here}");
        }
        let own = self.plane.kubeconfig_of("kube-system", pod["serviceAccountName"].as_str().unwrap()).await;
        self.node.kill().await.unwrap();
        self.node = node(&self.plane, &self.folder, &own, &arguments);
    }

    /// Orders a pod of no runtime class.
    async fn order(&self, name: &str, labels: &Value, container: &Value) {
        self.order_of(None, name, labels, container).await;
    }

    /// Orders a pod; the customer's own scheduler finds the node.
    async fn order_of(&self, class: Option<&str>, name: &str, labels: &Value, container: &Value) {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
            "spec": {
                "runtimeClassName": class,
                "containers": [container], "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 1,
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            },
        });
        eventually("the customer's cluster takes the pod", async || {
            let ran = self.plane.admin_apply(&pod.to_string()).await;
            // The account `default` of a new cluster comes a moment later than the cluster.
            if ran.ok { Ok(()) } else { Err(ran.stderr) }
        })
        .await;
    }

    async fn pod(&self, name: &str) -> Value {
        let ran = self.plane.admin(&["get", "pod", name, "--output=json"]).await;
        serde_json::from_str(&ran.stdout).unwrap_or_default()
    }

    /// A class of the customer's cluster; `null` where there is none.
    async fn shown(&self, class: &str) -> Value {
        let found =
            self.plane.admin(&["get", "runtimeclass", class, "--ignore-not-found", "--output=json"]).await.out();
        serde_json::from_str(&found).unwrap_or_default()
    }

    async fn runs(&self, name: &str) -> Value {
        eventually(&format!("{name} runs in the customer's eyes"), async || {
            let pod = self.pod(name).await;
            let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
            if ready { Ok(pod) } else { Err((pod["status"].clone(), self.log())) }
        })
        .await
    }
}

/// The customer's node; `own` is a kubeconfig of the customer's cluster.
fn node(plane: &OtherPlane, folder: &Scratch, own: &Path, arguments: &[String]) -> Child {
    let (cert, key) = plane.kubelet_certificate(NODE);
    let log = folder.path().join("node.log");
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    let mut command = Command::new(Path::new(CONSOLE).with_file_name("remotegpu-kubelet"));
    command.args(arguments).args(["--address", "127.0.0.1"]).arg("--kubeconfig").arg(own);
    command.arg("--tls-cert-file").arg(cert).arg("--tls-key-file").arg(key).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().expect("remotegpu-kubelet is built")
}

/// A tenant with its kubeconfig in a file.
async fn connector(app: &TestApp, client: &Client) -> (String, PathBuf) {
    let cluster = ready(client).await;
    let kubeconfig = client.get(&format!("{CLUSTERS}{cluster}/kubeconfig")).await;
    assert_eq!(kubeconfig.status, 200, "{}", kubeconfig.text);
    let file = app.secret_file("connector", &kubeconfig.text);
    (cluster, file)
}

/// The pod here that stands for one over there.
async fn here(app: &TestApp, cluster: &str, there: &Value) -> Value {
    let marker = format!("remotegpu.ai/pod-uid={}", there["metadata"]["uid"].as_str().unwrap());
    let namespace = format!("{cluster}-gpu");
    let found = app.plane.admin(&["get", "pods", "-n", &namespace, "-l", &marker, "--output=json"]).await.out();
    let list: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "one pod stands for one pod: {found}");
    list["items"][0].clone()
}

async fn gone_here(app: &TestApp, cluster: &str) {
    let namespace = format!("{cluster}-gpu");
    eventually("nothing of the customer's is left here", async || {
        let pods = app.plane.admin(&["get", "pods,secrets", "-n", &namespace, "--output=name"]).await.out();
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    })
    .await;
}

/// One test for all of it: a second control plane costs half a gigabyte.
#[tokio::test(flavor = "multi_thread")]
async fn pods_of_the_customers_cluster_run_here_until_the_tenants_end() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let (cluster, kubeconfig) = connector(&app, &client).await;
    let mut customer = Customer::with(&kubeconfig).await;
    a_pod_runs_here_under_its_sku_with_logs_and_exec(&app, &client, &cluster, &customer).await;
    gpus_are_asked_for_by_a_class_that_was_copied(&app, &cluster, &kubeconfig, &customer).await;
    a_pod_without_a_shape_says_what_it_lacks(&customer).await;
    customer.install(&kubeconfig).await;
    classes_follow_the_skus_that_the_account_may_use(&app, &owner, &customer).await;
    here(&app, &cluster, &customer.runs("train").await).await;

    let month = Timestamp::now().strftime("%Y/%m").to_string();
    assert_eq!(client.delete(&format!("{CLUSTERS}{cluster}")).await.status, 202);
    eventually("the tenant is gone with every pod in it", async || {
        let now = client.get(&format!("{CLUSTERS}{cluster}")).await;
        if now.status == 404 { Ok(()) } else { Err(now.text) }
    })
    .await;
    app.plane.admin(&["get", "namespace", &format!("{cluster}-gpu")]).await.refused();
    what_ran_until_the_end_is_billed_no_longer(&client, &month).await;
}

/// Nobody deleted `train`: it went with its tenant.
async fn what_ran_until_the_end_is_billed_no_longer(client: &Client, month: &str) {
    let read = async || {
        let invoice = client.get(&format!("/k8sgpu/v1/billing/{month}")).await.json();
        let rows = invoice["pods"].as_array().cloned().unwrap_or_default();
        rows.into_iter().find(|row| row["pod"]["remote_reference_name"] == "train").ok_or(invoice)
    };
    let ended = eventually("the row of the pod is closed", async || {
        let row = read().await?;
        if row["pod"]["online"] == false { Ok(row) } else { Err(row) }
    })
    .await;
    assert_eq!(ended["active"], true, "what it cost until then counts: {ended}");
    assert_eq!(read().await, Ok(ended), "and grows no more");
}

async fn a_pod_runs_here_under_its_sku_with_logs_and_exec(
    app: &TestApp,
    client: &Client,
    cluster: &str,
    customer: &Customer,
) {
    let container = json!({"name": "app", "image": local_image().await, "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "GREETING", "value": "from the customer"}]});
    customer.order("web", &json!({"remotegpu.ai/sku-code": "cpu-shared-8g"}), &container).await;
    let there = customer.runs("web").await;
    let pod = here(app, cluster, &there).await;
    assert_eq!(there["spec"]["nodeName"], NODE);
    assert_eq!(pod["spec"]["nodeSelector"]["remotegpu.ai/engine"], "local", "it runs on an engine of ours");
    let annotations = &pod["metadata"]["annotations"];
    assert!(annotations["remotegpu.ai/price-per-hour"].is_string(), "admitted and priced: {annotations}");
    assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["memory"], "8Gi", "in the shape of its SKU");

    eventually("its log is read from over there", async || {
        let logs = customer.plane.admin(&["logs", "web"]).await.out();
        if logs.starts_with("hello from the container") { Ok(()) } else { Err((logs, customer.log())) }
    })
    .await;
    let greeting = customer.plane.admin(&["exec", "web", "--", "sh", "-c", "echo $GREETING"]).await.out();
    assert_eq!(greeting, "from the customer\n");
    let exit = customer.plane.admin(&["exec", "web", "--", "sh", "-c", "exit 7"]).await.refused();
    assert!(exit.contains("exit code 7"), "{exit}");
    billed(client, cluster, &there).await;

    customer.plane.admin(&["delete", "pod", "web", "--timeout=60s"]).await.out();
    gone_here(app, cluster).await;
}

/// The invoice names the pod on both sides.
async fn billed(client: &Client, cluster: &str, there: &Value) {
    let uid = there["metadata"]["uid"].as_str().unwrap();
    let row = eventually("the pod is on the invoice", async || {
        // Asked each time: where a month ends meanwhile, what runs goes on in the next one.
        let month = Timestamp::now().strftime("%Y/%m").to_string();
        let invoice = client.get(&format!("/k8sgpu/v1/billing/{month}")).await.json();
        let rows = invoice["pods"].as_array().cloned().unwrap_or_default();
        let online = |row: &Value| row["pod"]["remote_reference_name"] == "web" && row["pod"]["online"] == true;
        rows.into_iter().find(online).ok_or(invoice)
    })
    .await;
    assert_eq!(row["pod"]["cluster"], cluster);
    assert_eq!(row["pod"]["remote_reference_namespace"], "default");
    assert_eq!(row["pod"]["local_reference_namespace"], format!("{cluster}-gpu"));
    assert_ne!(row["pod"]["local_reference_name"], uid, "on our side it has an id of its own");
}

/// The page's command, then pods as users of the other vendor write them.
async fn gpus_are_asked_for_by_a_class_that_was_copied(
    app: &TestApp,
    cluster: &str,
    kubeconfig: &Path,
    customer: &Customer,
) {
    let template = format!("--output=go-template={RUNTIME_CLASS_TEMPLATE}");
    let ours = "--selector=app.kubernetes.io/managed-by=remotegpu";
    let classes = eventually("the tenant lists the classes", async || {
        let listed = app.plane.kubectl(kubeconfig, &["get", "runtimeclass", ours, &template], &[]).await;
        if listed.stdout.contains(CLASS) { Ok(listed.stdout) } else { Err((listed.stdout, listed.stderr)) }
    })
    .await;
    customer.plane.admin_apply(&classes).await.out();
    let copied = customer.plane.admin(&["get", "runtimeclass", CLASS, "--output=json"]).await.out();
    let copied: Value = serde_json::from_str(&copied).unwrap();
    assert_eq!((&copied["handler"], &copied["metadata"]["annotations"][LIMIT_COUNT]), (&json!("nvidia"), &json!("1")));

    let gpu = json!({"name": "app", "image": "busybox:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}});
    customer.order_of(Some(CLASS), "train", &json!({}), &gpu).await;
    let there = customer.runs("train").await;
    let pod = here(app, cluster, &there).await;
    assert_eq!(pod["metadata"]["labels"]["remotegpu.ai/sku-code"], "gpu-h100-1x", "the class decides which SKU");
    assert_eq!(pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
    assert_eq!(pod["spec"]["nodeSelector"]["remotegpu.ai/engine"], "simulated", "the SKU decides where");
}

async fn a_pod_without_a_shape_says_what_it_lacks(customer: &Customer) {
    customer.order("shapeless", &json!({}), &json!({"name": "app", "image": "busybox:1"})).await;
    eventually("the customer reads what the pod lacks", async || {
        let pod = customer.pod("shapeless").await;
        let state = pod["status"]["containerStatuses"][0]["state"].to_string();
        let told = state.contains("Pod template needs the label remotegpu.ai/sku-code");
        if told { Ok(()) } else { Err((pod["status"].clone(), customer.log())) }
    })
    .await;
}

/// The installed node keeps them, with the rights that the chart gives it.
async fn classes_follow_the_skus_that_the_account_may_use(app: &TestApp, owner: &Client, customer: &Customer) {
    let (operator, account) = (app.operator().await, owner.get("/v1/auth/session").await.str("/account/id"));
    let grants = format!("/v1/platform/accounts/{account}/skus");
    let mut offer = spec("0.50");
    offer["gpu"] = json!({"model": unique("Mirrored"), "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"});
    let name = class_of(&offer);
    let sold = Sold::of(app, offer).await;
    let sku = format!("/v1/platform/skus/{}", sold.code);
    let foreign = customer.shown(CLASS).await;
    let cpu_is = async |wanted: Option<&str>| {
        eventually(&format!("the class has {wanted:?} CPU"), async || {
            let class = customer.shown(&name).await;
            let cpu = class["metadata"]["annotations"][LIMIT_CPU].as_str();
            if cpu == wanted { Ok(()) } else { Err((class.clone(), customer.log())) }
        })
        .await;
    };

    cpu_is(Some("1")).await;
    let class = customer.shown(&name).await;
    assert_eq!((&class["handler"], &class["metadata"]["annotations"][LIMIT_COUNT]), (&json!("nvidia"), &json!("1")));
    let copied = customer.shown(CLASS).await;
    assert_eq!(copied["metadata"], foreign["metadata"], "somebody else's of the same name is not touched");

    let changed = operator.patch(&sku, json!({"resources": {"cpu": "2", "memory": "1Gi"}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    cpu_is(Some("2")).await;
    customer.plane.admin(&["delete", "runtimeclass", &name]).await.out();
    cpu_is(Some("2")).await;

    assert_eq!(operator.put(&grants, json!({"all": false, "codes": ["cpu-shared-8g"]})).await.status, 200);
    cpu_is(None).await;
    eventually("others may still pick it", async || {
        let here = app.plane.admin(&["get", "runtimeclass", &name]).await;
        if here.ok { Ok(()) } else { Err(here.stderr) }
    })
    .await;
    assert_eq!(operator.put(&grants, json!({"all": true, "codes": []})).await.status, 200);
    cpu_is(Some("2")).await;
    let retired = operator.patch(&sku, json!({"retired": true})).await;
    assert_eq!(retired.status, 200, "{}", retired.text);
    cpu_is(None).await;
    assert_eq!(customer.shown(CLASS).await["metadata"], foreign["metadata"]);
    sold.gone().await;
}

/// The name of the class that stands for this offer.
fn class_of(spec: &Value) -> String {
    let sku: Sku = serde_json::from_value(json!({"code": "x", "spec": spec})).unwrap();
    sku.runtime_class().unwrap()
}

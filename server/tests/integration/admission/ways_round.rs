//! The ways round a SKU of `security.md` §6.2 on the real API server, numbered as there; 8 is in `dialects.rs`, 12 in
//! `webhook.rs`. Each ends denied, or with a pod that equals its SKU.

use serde_json::{Value, json};
use testkit::{KubeApi, TestApp, eventually, unique};

use crate::CONSOLE;

/// A tenant's namespace, the tenant's own token, and the administrator, whom the rules bind as well.
pub struct Room {
    _app: TestApp,
    pub namespace: String,
    /// What pods of the tenant's key say about who ordered them.
    orderer: String,
    pub tenant: KubeApi,
    pub admin: KubeApi,
}

impl Room {
    pub async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let member = app.stranger("member").await;
        let namespace = app.namespace(&member).await;
        let key = app.key(&member, json!({"all": true})).await;
        let path = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace["id"].as_str().unwrap());
        let token = app.anonymous().with("x-api-key", &key).post(&path, json!({})).await.str("/status/token");
        let (tenant, admin) = (KubeApi::with_token(app.plane, &token), KubeApi::admin(app.plane));
        let orderer = format!("key-{}", key.split('_').nth(1).unwrap());
        let namespace = namespace["kubernetes_name"].as_str().unwrap().to_owned();
        Self { namespace, orderer, tenant, admin, _app: app }
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.namespace)
    }

    /// The sentence with which a pod is refused.
    pub async fn refused(&self, pod: &Value) -> String {
        self.tenant.create(&self.path("pods"), pod).await.refused()
    }

    /// A pod that exists; the simulated engine runs it.
    pub async fn made(&self, name: &str) -> Value {
        self.tenant.create(&self.path("pods"), &pod(name, "gpu-h100-1x", json!({}))).await.done()
    }

    pub async fn stored(&self, name: &str) -> Value {
        self.admin.get(&self.path(&format!("pods/{name}"))).await.done()
    }

    /// As stored, for a PUT that is not refused for being late.
    pub async fn to_replace(&self, name: &str) -> Value {
        let mut pod = self.stored(name).await;
        pod["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        pod
    }
}

/// A pod of a SKU; `spec` is merged into its spec.
pub fn pod(name: &str, sku: &str, spec: Value) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"remotegpu.ai/sku-code": sku}},
        "spec": {"containers": [{"name": "app", "image": "registry.invalid/app:1"}]},
    });
    if let (Some(old), Value::Object(new)) = (pod["spec"].as_object_mut(), spec) {
        old.extend(new);
    }
    pod
}

/// What decides about money and place.
pub fn sold(pod: &Value) -> Value {
    let spec = &pod["spec"];
    let resources: Vec<&Value> = spec["containers"].as_array().unwrap().iter().map(|c| &c["resources"]).collect();
    json!([
        pod["metadata"]["labels"]["remotegpu.ai/sku-code"],
        pod["metadata"]["annotations"]["remotegpu.ai/sku-version"],
        pod["metadata"]["annotations"]["remotegpu.ai/price-per-hour"],
        pod["metadata"]["annotations"]["remotegpu.ai/runtime-class"],
        pod["metadata"]["annotations"]["remotegpu.ai/ordered-by"],
        resources,
        [spec["nodeSelector"], spec["tolerations"], spec["runtimeClassName"], spec["priorityClassName"]],
        [spec["initContainers"], spec["ephemeralContainers"], spec["schedulerName"], spec["serviceAccountName"]],
    ])
}

async fn each_is_refused(room: &Room, sku: &str, ways: &[(&str, Value)]) {
    for (words, spec) in ways {
        let sentence = room.refused(&pod("probe", sku, spec.clone())).await;
        assert!(sentence.contains(words), "{spec}: {sentence}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn way_1_no_label_a_wrong_one_or_one_in_the_wrong_place() {
    let room = Room::new().await;
    let mut without = pod("probe", "", json!({}));
    without["metadata"]["labels"] = json!({});
    for (labels, words) in [
        (json!({}), "Pod template needs the label remotegpu.ai/sku-code"),
        (json!({"remotegpu.ai/sku-code": ""}), "Pod template needs the label remotegpu.ai/sku-code"),
        (json!({"remotegpu.ai/sku-code": "gpu-b200-1x"}), "SKU \"gpu-b200-1x\" does not exist"),
    ] {
        without["metadata"]["labels"] = labels;
        let sentence = room.refused(&without).await;
        assert!(sentence.contains(words) && sentence.contains("cpu-shared-8g"), "{sentence}");
    }
    // On the workload and not on its template.
    let template =
        json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "app", "image": "x"}]}});
    let label = json!({"remotegpu.ai/sku-code": "cpu-shared-8g", "app": "x"});
    for (path, kind, spec) in workloads(&template) {
        let workload = json!({"kind": kind, "metadata": {"name": "probe", "labels": label}, "spec": spec});
        let path = path.replace("{}", &room.namespace);
        // The administrator, because tenants may not make each of these kinds at all.
        let sentence = room.admin.create(&path, &workload).await.refused();
        assert!(sentence.contains("Pod template needs the label remotegpu.ai/sku-code"), "{kind}: {sentence}");
    }
    // Several containers share one SKU, none runs outside of it.
    let two = json!({"containers": [
        {"name": "a", "image": "x", "resources": {"limits": {"cpu": "600m", "memory": "1Gi"}}},
        {"name": "b", "image": "x", "resources": {"limits": {"cpu": "600m", "memory": "1Gi"}}},
    ]});
    let sentence = room.refused(&pod("probe", "cpu-shared-8g", two)).await;
    assert!(sentence.contains("Containers ask for 1200m cpu, SKU cpu-shared-8g has 1"), "{sentence}");
}

/// Path, kind and spec of everything that makes pods from a template.
pub fn workloads(template: &Value) -> Vec<(&'static str, &'static str, Value)> {
    let selector = json!({"matchLabels": {"app": "x"}});
    let selected = json!({"selector": selector, "template": template});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"template": once});
    vec![
        ("/apis/apps/v1/namespaces/{}/deployments", "Deployment", selected.clone()),
        ("/apis/apps/v1/namespaces/{}/replicasets", "ReplicaSet", selected.clone()),
        ("/apis/apps/v1/namespaces/{}/daemonsets", "DaemonSet", selected.clone()),
        ("/apis/apps/v1/namespaces/{}/statefulsets", "StatefulSet", selected),
        ("/apis/batch/v1/namespaces/{}/jobs", "Job", job.clone()),
        (
            "/apis/batch/v1/namespaces/{}/cronjobs",
            "CronJob",
            json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}}),
        ),
        (
            "/api/v1/namespaces/{}/replicationcontrollers",
            "ReplicationController",
            json!({"selector": {"app": "x"}, "template": template}),
        ),
    ]
}

/// Ways 2 and 3, each one member of a spec, with words of its refusal.
pub fn places() -> Vec<(&'static str, Value)> {
    vec![
        ("nodeName", json!({"nodeName": "simulated-h100"})),
        ("every taint", json!({"tolerations": [{"operator": "Exists"}]})),
        ("taint other", json!({"tolerations": [{"key": "other", "operator": "Exists"}]})),
        ("remotegpu.ai/engine", json!({"nodeSelector": {"remotegpu.ai/engine": "elsewhere"}})),
        ("kubernetes.io/hostname", json!({"nodeSelector": {"kubernetes.io/hostname": "simulated-h100"}})),
        (
            "nodeAffinity",
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["x"]}]}]}}}}),
        ),
        (
            "podAntiAffinity",
            json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "kubernetes.io/hostname", "namespaceSelector": {}}]}}}),
        ),
        ("schedulerName", json!({"schedulerName": "mine"})),
        ("schedulingGates", json!({"schedulingGates": [{"name": "example.com/later"}]})),
        (
            "Topology key",
            json!({"topologySpreadConstraints":
            [{"maxSkew": 1, "topologyKey": "example.com/mine", "whenUnsatisfiable": "DoNotSchedule"}]}),
        ),
        ("priorityClassName", json!({"priorityClassName": "system-cluster-critical"})),
        ("hostNetwork", json!({"hostNetwork": true})),
        ("hostPID", json!({"hostPID": true})),
        ("hostIPC", json!({"hostIPC": true})),
        ("hostPath", json!({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]})),
        (
            "hostPort",
            json!({"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_2_and_3_a_place_of_ones_own() {
    let room = Room::new().await;
    let ways = places();
    for sku in ["cpu-shared-8g", "gpu-h100-1x"] {
        each_is_refused(&room, sku, &ways).await;
    }
    // A class that exists, because the API server refuses the others before anybody is asked.
    let class = unique("class");
    let object = json!({"metadata": {"name": class}, "handler": "x",
        "overhead": {"podFixed": {"cpu": "8"}}, "scheduling": {"tolerations": [{"operator": "Exists"}]}});
    room.admin.create("/apis/node.k8s.io/v1/runtimeclasses", &object).await.done();
    let sentence = room.refused(&pod("probe", "cpu-shared-8g", json!({"runtimeClassName": class}))).await;
    assert!(sentence.contains("runtimeClassName"), "{sentence}");
    room.admin.delete(&format!("/apis/node.k8s.io/v1/runtimeclasses/{class}")).await.done();
    // Users of its own or the host's: neither is a place, and the pod equals its SKU.
    let plain = room.tenant.create(&room.path("pods?dryRun=All"), &pod("plain", "cpu-shared-8g", json!({}))).await;
    for own in [true, false] {
        let pod = pod("users", "cpu-shared-8g", json!({"hostUsers": own}));
        let dry = room.tenant.create(&room.path("pods?dryRun=All"), &pod).await;
        assert_eq!(sold(&dry.done()), sold(&plain.body), "hostUsers {own}");
    }
}

/// Way 4, as [`places`].
pub fn uncounted() -> Vec<(&'static str, Value)> {
    let gpu = json!({"limits": {"nvidia.com/gpu": "1"}});
    let sidecar = json!({"name": "s", "image": "x", "restartPolicy": "Always", "resources": gpu});
    vec![
        ("may not ask for nvidia.com/gpu", json!({"initContainers": [{"name": "i", "image": "x", "resources": gpu}]})),
        ("may not ask for nvidia.com/gpu", json!({"initContainers": [sidecar]})),
        ("spec.resources", json!({"resources": {"limits": {"cpu": "64"}, "requests": {"cpu": "64"}}})),
        ("resourceClaims", json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]})),
        (
            "Containers ask for 2 nvidia.com/gpu",
            json!({"containers":
            [{"name": "a", "image": "x", "resources": gpu}, {"name": "b", "image": "x", "resources": gpu}]}),
        ),
        (
            "amd.com/gpu",
            json!({"containers": [{"name": "a", "image": "x", "resources": {"limits": {"amd.com/gpu": "1"}}}]}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn way_4_gpus_where_nobody_counts_them() {
    let room = Room::new().await;
    each_is_refused(&room, "gpu-h100-1x", &uncounted()).await;
    let gpu = json!({"limits": {"nvidia.com/gpu": "1"}});
    let on_cpu = pod("probe", "cpu-shared-8g", json!({"containers": [{"name": "a", "image": "x", "resources": gpu}]}));
    let sentence = room.refused(&on_cpu).await;
    assert!(sentence.contains("SKU cpu-shared-8g has 0"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_5_6_and_9_the_doors_beside_the_pod() {
    let room = Room::new().await;
    let before = room.made("steady").await;
    let more = json!({"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}]}});
    let debug = async |container: &Value| {
        let mut pod = room.to_replace("steady").await;
        pod["spec"]["ephemeralContainers"] = json!([container]);
        pod
    };
    use testkit::Dialect::{Replace, StrategicMergePatch};
    let gpu = json!({"name": "d", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}});
    let privileged = json!({"name": "d", "image": "x", "securityContext": {"privileged": true}});
    let binding = json!({"metadata": {"name": "steady"}, "target": {"kind": "Node", "name": "simulated-h100"}});
    // Tenants may not even knock; the administrator may, and the rule still says no.
    for (who, rbac) in [(&room.tenant, true), (&room.admin, false)] {
        let resize = who.change(&room.path("pods/steady/resize"), StrategicMergePatch, &more).await;
        let with_gpu = who.change(&room.path("pods/steady/ephemeralcontainers"), Replace, &debug(&gpu).await).await;
        let with_root =
            who.change(&room.path("pods/steady/ephemeralcontainers"), Replace, &debug(&privileged).await).await;
        let bound = who.create(&room.path("pods/steady/binding"), &binding).await;
        let old_way = who.create(&room.path("bindings"), &binding).await;
        for (reply, words) in [
            (resize, "resize"),
            // Kubernetes itself, before any webhook is asked.
            (with_gpu, "cannot be set for an Ephemeral Container"),
            (with_root, "privileged"),
            (bound, "Only the scheduler places pods"),
            (old_way, "Only the scheduler places pods"),
        ] {
            let sentence = reply.refused();
            assert!(if rbac { sentence.contains("cannot") } else { sentence.contains(words) }, "{sentence}");
        }
    }
    let mirror = |spec: Value| {
        let mut pod = pod("mirror", "cpu-shared-8g", spec);
        pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        pod
    };
    for spec in [json!({}), json!({"nodeName": "simulated-h100"})] {
        room.refused(&mirror(spec)).await;
    }
    assert_eq!(sold(&room.stored("steady").await), sold(&before));
    // An eviction only takes away.
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "steady"}});
    room.admin.create(&room.path("pods/steady/eviction"), &eviction).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn way_7_what_the_namespace_says_about_itself() {
    let room = Room::new().await;
    // May do everything by RBAC, and is not in system:masters: the policy is all that stands in the way.
    let intruder = unique("intruder");
    let binding = json!({"metadata": {"name": intruder}, "subjects": [{"kind": "User", "name": intruder, "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}});
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    room.admin.create(bindings, &binding).await.done();
    let them = room.admin.as_user(&intruder);
    let path = format!("/api/v1/namespaces/{}", room.namespace);
    let before = eventually("the right works", async || {
        let reply = them.get(&path).await;
        if reply.status == 200 { Ok(reply.body) } else { Err(reply.body) }
    })
    .await;
    let tampered = [
        json!({"metadata": {"labels": {"remotegpu.ai/namespace-id": null}}}),
        json!({"metadata": {"annotations": {"remotegpu.ai/skus": "gpu-h100-8x"}}}),
        json!({"metadata": {"annotations": {"remotegpu.ai/service-accounts": "builder"}}}),
    ];
    for change in &tampered {
        for door in ["", "/status"] {
            let reply = them.change(&format!("{path}{door}"), testkit::Dialect::MergePatch, change).await;
            assert!(reply.refused().contains("set by the console only"), "{door} {change}: {}", reply.body);
        }
        let mut whole = before.clone();
        for (part, entries) in change["metadata"].as_object().unwrap() {
            for (key, value) in entries.as_object().unwrap() {
                whole["metadata"][part][key] = value.clone();
            }
        }
        whole["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        let entries = whole["metadata"]["labels"].as_object_mut().unwrap();
        entries.retain(|_, value| !value.is_null());
        let reply = them.change(&format!("{path}/finalize"), testkit::Dialect::Replace, &whole).await;
        assert!(reply.refused().contains("set by the console only"), "finalize {change}: {}", reply.body);
        assert_eq!(room.tenant.change(&path, testkit::Dialect::MergePatch, change).await.status, 403);
    }
    super::dialects::no_dialect_changes_the_namespace(&them, &path, &before).await;
    room.admin.delete(&format!("{bindings}/{intruder}")).await.done();
    let after = room.admin.get(&path).await.done();
    for part in ["labels", "annotations"] {
        assert_eq!(after["metadata"][part], before["metadata"][part]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ways_10_and_11_other_makers_of_pods_dry_runs_and_late_injectors() {
    let room = Room::new().await;
    // Whoever makes it: a controller of any kind comes through the same door.
    let controller = room.admin.as_user("system:serviceaccount:kube-system:replicaset-controller");
    let mut bare = pod("probe", "", json!({}));
    bare["metadata"]["labels"] = json!({});
    let sentence = controller.create(&room.path("pods"), &bare).await.refused();
    assert!(sentence.contains("Pod template needs the label"), "{sentence}");

    let good = pod("dry", "gpu-h100-1x", json!({}));
    let dry = room.tenant.create(&room.path("pods?dryRun=All"), &good).await.done();
    assert_eq!(dry["metadata"]["annotations"]["remotegpu.ai/price-per-hour"], "3.29 EUR");
    assert_eq!(room.tenant.get(&room.path("pods/dry")).await.status, 404, "a dry run stores nothing");
    assert!(room.tenant.create(&room.path("pods?dryRun=All"), &bare).await.status == 403);
    // What was filled in once is left alone the second time.
    let mut again = dry.clone();
    again["metadata"] =
        json!({"name": "dry", "labels": dry["metadata"]["labels"], "annotations": dry["metadata"]["annotations"]});
    let twice = room.tenant.create(&room.path("pods?dryRun=All"), &again).await.done();
    assert_eq!(sold(&twice), sold(&dry));

    late_injector(&room).await;
}

const ORDERED_BY: &str = "/metadata/annotations/remotegpu.ai~1ordered-by";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_orders_in_the_name_of_another() {
    let room = Room::new().await;
    let forged = json!({"remotegpu.ai/ordered-by": "key-00000000"});
    let mut bare = pod("bare", "cpu-shared-8g", json!({}));
    bare["metadata"]["annotations"] = forged.clone();
    let own = Some(json!(room.orderer));
    assert_eq!(room.tenant.create(&room.path("pods"), &bare).await.done().pointer(ORDERED_BY).cloned(), own);

    let labels = json!({"app": "x", "remotegpu.ai/sku-code": "cpu-shared-8g"});
    let containers = json!([{"name": "app", "image": "registry.invalid/app:1"}]);
    let template = json!({"metadata": {"labels": labels, "annotations": forged}, "spec": {"containers": containers}});
    let both = workloads(&template).into_iter().filter(|(_, kind, _)| ["Deployment", "CronJob"].contains(kind));
    for (path, kind, spec) in both {
        let workload = json!({"kind": kind, "metadata": {"name": "forged"}, "spec": spec});
        let stored = room.tenant.create(&path.replace("{}", &room.namespace), &workload).await.done();
        let within = if kind == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
        assert_eq!(stored.pointer(&format!("{within}{ORDERED_BY}")).cloned(), own, "{kind}");
    }
    let made = eventually("the Deployment makes a pod", async || {
        let pods = room.admin.get(&room.path("pods?labelSelector=app%3Dx")).await.done();
        pods["items"].get(0).cloned().ok_or(pods)
    })
    .await;
    assert_eq!(made.pointer(ORDERED_BY).cloned(), own, "a controller hands on what the template says");
    a_template_that_stays_is_not_rolled_out(&room).await;
}

/// Whoever writes only who ordered it, or takes that away, changes nothing: not even the generation moves.
async fn a_template_that_stays_is_not_rolled_out(room: &Room) {
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/forged", room.namespace);
    let before = room.admin.get(&path).await.done()["metadata"]["generation"].clone();
    let (other, none) = (json!("key-00000000"), Value::Null);
    for (who, text) in [(&room.tenant, &other), (&room.tenant, &none), (&room.admin, &none)] {
        let annotations = json!({"remotegpu.ai/ordered-by": text});
        let change = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        let after = who.change(&path, testkit::Dialect::MergePatch, &change).await.done();
        let said = after.pointer(&format!("/spec/template{ORDERED_BY}"));
        assert_eq!((&after["metadata"]["generation"], said), (&before, Some(&json!(room.orderer))), "{text}");
    }
    room.admin.delete(&path).await.done();
}

/// A mutating policy that only acts on what admission has priced already: it always comes after us.
async fn late_injector(room: &Room) {
    let name = unique("injector");
    let policy = json!({
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": room.namespace}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            },
            // Reinvoked because the object changed after it: only then is the price there.
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
                "'remotegpu.ai/price-per-hour' in object.metadata.?annotations.orValue({}) ?
                [JSONPatch{op: 'add', path: '/spec/tolerations/-', value: Object.spec.tolerations{operator: 'Exists'}}] : []"}}],
        },
    });
    let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name}});
    let base = "/apis/admissionregistration.k8s.io/v1";
    room.admin.create(&format!("{base}/mutatingadmissionpolicies"), &policy).await.done();
    room.admin.create(&format!("{base}/mutatingadmissionpolicybindings"), &binding).await.done();
    let good = pod("injected", "gpu-h100-1x", json!({}));
    let sentence = eventually("the injector acts", async || {
        let reply = room.tenant.create(&room.path("pods?dryRun=All"), &good).await;
        if reply.status >= 400 { Ok(reply.refused()) } else { Err(reply.body) }
    })
    .await;
    assert!(sentence.contains("does not tolerate every taint"), "{sentence}");
    for kind in ["mutatingadmissionpolicybindings", "mutatingadmissionpolicies"] {
        room.admin.delete(&format!("{base}/{kind}/{name}")).await.done();
    }
}

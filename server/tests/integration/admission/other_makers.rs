//! Way 10 of `security.md` §6.2: pods of a maker whom nobody foresaw, and pods asked for through another API version.
//! Each ends denied, or with a pod that equals its SKU.

use serde_json::{Value, json};
use testkit::{Dialect, KubeApi, KubeReply, Plane, eventually, unique};

use super::ways_round::{Room, places, pod, sold, uncounted};

const ACCOUNT: &str = "maker";
const SKU: &str = "gpu-h100-1x";

/// A controller of a kind of its own, as Ray's, Argo's and Kueue's are: it makes the pod that an object of its kind
/// says, whatever that is, as a ServiceAccount of the tenant's namespace.
struct Maker<'a> {
    room: &'a Room,
    account: KubeApi,
    group: String,
}

impl<'a> Maker<'a> {
    /// Its kind stays when the test is over: Kubernetes' controllers look for kinds now and then, and all their work
    /// waits while they begin to watch one that goes.
    async fn installed(room: &'a Room) -> Self {
        let group = format!("{}.example.com", unique("makers"));
        let schema = json!({"openAPIV3Schema": {"type": "object", "properties":
            {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}});
        let version =
            |name: &str, storage: bool| json!({"name": name, "served": true, "storage": storage, "schema": schema});
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("makers.{group}")},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": "makers", "kind": "Maker"},
                "versions": [version("v1alpha1", false), version("v1", true)]}});
        room.admin.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition).await.done();
        let account = account(room, &group).await;
        let maker = Self { room, account, group };
        eventually("the account may see its kind, which is served", async || {
            let reply = maker.account.get(&maker.path("v1")).await;
            if reply.status == 200 { Ok(()) } else { Err(reply.body) }
        })
        .await;
        maker
    }

    fn path(&self, version: &str) -> String {
        format!("/apis/{}/{version}/namespaces/{}/makers", self.group, self.room.namespace)
    }

    /// What becomes of the pod of a new object, which is written in one version of the kind and read in the other.
    async fn make(&self, name: &str, pod: &Value) -> KubeReply {
        let object = json!({"apiVersion": format!("{}/v1alpha1", self.group), "kind": "Maker",
            "metadata": {"name": name}, "spec": {"template": pod}});
        // The administrator, because the role of tenants knows no such kind.
        self.room.admin.create(&self.path("v1alpha1"), &object).await.done();
        let seen = self.account.get(&format!("{}/{name}", self.path("v1"))).await.done();
        let mut pod = seen["spec"]["template"].clone();
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": seen["apiVersion"], "kind": "Maker", "name": name,
            "uid": seen["metadata"]["uid"], "controller": true}]);
        self.account.create(&self.room.path("pods"), &pod).await
    }
}

/// The account, which may make pods and read its own kind, by a token of its own.
async fn account(room: &Room, group: &str) -> KubeApi {
    let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", room.namespace);
    let metadata = json!({"name": ACCOUNT});
    let role = json!({"metadata": metadata, "rules": [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]},
        {"apiGroups": [group], "resources": ["makers"], "verbs": ["get", "list"]},
    ]});
    let subject = json!({"kind": "ServiceAccount", "name": ACCOUNT, "namespace": room.namespace});
    let binding = json!({"metadata": metadata, "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT}});
    room.admin.create(&room.path("serviceaccounts"), &json!({"metadata": metadata})).await.done();
    room.admin.create(&format!("{rbac}/roles"), &role).await.done();
    room.admin.create(&format!("{rbac}/rolebindings"), &binding).await.done();
    let ask =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    let given = room.admin.create(&room.path(&format!("serviceaccounts/{ACCOUNT}/token")), &ask).await.done();
    KubeApi::with_token(Plane::current(), given["status"]["token"].as_str().unwrap())
}

/// What the tenant would get of this SKU by hand.
async fn by_hand(room: &Room) -> Value {
    let dry = room.tenant.create(&room.path("pods?dryRun=All"), &pod("by-hand", SKU, json!({}))).await;
    sold(&dry.done())
}

#[tokio::test(flavor = "multi_thread")]
async fn way_10_a_controller_of_a_kind_nobody_foresaw_makes_its_sku_or_nothing() {
    let room = Room::new().await;
    let maker = Maker::installed(&room).await;
    let mut bare = pod("", SKU, json!({}));
    bare["metadata"]["labels"] = json!({});
    let mut cheap = pod("", SKU, json!({}));
    cheap["metadata"]["annotations"] = json!({"remotegpu.ai/price-per-hour": "0 EUR"});
    let others = [
        ("Pod template needs the label", bare),
        ("does not exist", pod("", "gpu-b200-1x", json!({}))),
        ("remotegpu.ai/price-per-hour is set by admission", cheap),
        // Its own rights are not for its pods.
        ("is not allowed for pods here", pod("", SKU, json!({"serviceAccountName": ACCOUNT}))),
    ];
    let specs = places().into_iter().chain(uncounted());
    for (words, pod) in specs.map(|(words, spec)| (words, pod("", SKU, spec))).chain(others) {
        let sentence = maker.make(&unique("refused"), &pod).await.refused();
        assert!(sentence.contains(words), "{pod}: {sentence}");
    }

    let mut forged = pod("", SKU, json!({}));
    forged["metadata"]["annotations"] = json!({"remotegpu.ai/ordered-by": "key-00000000"});
    let made = maker.make("made", &forged).await.done();
    let mut expected = by_hand(&room).await;
    // Nobody knows for whom such a controller works.
    expected[4] = Value::Null;
    assert_eq!(sold(&made), expected);
    assert_eq!(sold(&room.stored("made").await), expected);
    room.admin.delete(&room.path("pods/made")).await.done();
}

/// `autoscaling/v1` scales what is of `apps/v1`, and no rule of ours names that version: the pods are what counts.
#[tokio::test(flavor = "multi_thread")]
async fn way_10_pods_asked_for_by_a_scale_of_another_api_version_equal_their_sku() {
    let room = Room::new().await;
    let (name, deployments) = ("scaled", format!("/apis/apps/v1/namespaces/{}/deployments", room.namespace));
    let template = json!({"metadata": {"labels": {"app": name, "remotegpu.ai/sku-code": SKU}},
        "spec": pod("", SKU, json!({}))["spec"]});
    let deployment = json!({"metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template}});
    room.tenant.create(&deployments, &deployment).await.done();

    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
        "metadata": {"name": name, "namespace": room.namespace}, "spec": {"replicas": 1}});
    let door = format!("{deployments}/{name}/scale");
    let scaled = room.tenant.change(&door, Dialect::Replace, &scale).await.done();
    assert_eq!((&scaled["apiVersion"], &scaled["spec"]["replicas"]), (&json!("autoscaling/v1"), &json!(1)));
    let made = eventually("the Deployment makes a pod", async || {
        let pods = room.admin.get(&room.path("pods?labelSelector=app%3Dscaled")).await.done();
        pods["items"].get(0).cloned().ok_or(pods)
    })
    .await;
    assert_eq!(sold(&made), by_hand(&room).await);
    room.admin.delete(&format!("{deployments}/{name}")).await.done();
}

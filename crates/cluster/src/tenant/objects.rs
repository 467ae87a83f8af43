//! The objects of a tenant namespace, as they are applied (DESIGN §5, `security.md` §6.4). Pure.

use backend::ports::TenantRules;
use domain::account::Quota;
use domain::admission::{ANNOTATION_DEFAULT_SKU, ANNOTATION_SKUS, ANNOTATION_SPENDING, SPENDING_STOPPED};
use domain::namespace::Namespace as Tenant;
use domain::sku::GPU_DEVICE;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::{Client, Resource};
use serde_json::{Value, json};

/// Label: id of the tenant namespace an object belongs to. The webhook selects namespaces by it (RULINGS 41).
pub(crate) const NAMESPACE_ID: &str = "remotegpu.ai/namespace-id";
/// Label: id of the account.
pub(crate) const ACCOUNT_ID: &str = domain::admission::LABEL_ACCOUNT;
/// Label on everything we make.
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value, and the field manager of our server-side applies.
pub(crate) const FIELD_MANAGER: &str = "remotegpu";

/// Name of the tenant's ResourceQuota.
pub(crate) const QUOTA: &str = "remotegpu";
const LIMITS: &str = domain::namespace::LIMIT_RANGE;
const ISOLATION: &str = "remotegpu-isolation";
// Pinned, so that an upgrade of the cluster changes no tenant's rules; a server that is older takes its newest.
const POD_SECURITY_VERSION: &str = "v1.36";

const STORAGE: &str = "4Ti";

/// One object to apply.
pub(crate) struct Piece {
    /// What it is.
    pub resource: ApiResource,
    /// Its name.
    pub name: String,
    /// What we say of it; whatever else it holds is not ours.
    pub object: Value,
    cluster_scoped: bool,
}

// === impl Piece ===

impl Piece {
    pub(super) fn new<K: Resource<DynamicType = ()>>(tenant: &Tenant, name: &str, body: Value) -> Self {
        let resource = ApiResource::erase::<K>(&());
        let mut object = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name, "namespace": tenant.kubernetes_name.as_str(), "labels": labels(tenant)},
        });
        if let (Value::Object(object), Value::Object(body)) = (&mut object, body) {
            object.extend(body);
        }
        Self { resource, name: name.to_owned(), object, cluster_scoped: false }
    }

    /// Where it lives.
    pub fn api(&self, client: &Client, tenant: &Tenant) -> Api<DynamicObject> {
        match self.cluster_scoped {
            true => Api::all_with(client.clone(), &self.resource),
            false => Api::namespaced_with(client.clone(), tenant.kubernetes_name.as_str(), &self.resource),
        }
    }

    /// Its parts by name, `apiVersion` and `kind` aside.
    pub fn sections(&self) -> impl Iterator<Item = (&str, &Value)> {
        let all = self.object.as_object().into_iter().flatten();
        all.map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| *key != "apiVersion" && *key != "kind")
    }
}

/// The labels of everything of a tenant.
pub(crate) fn labels(tenant: &Tenant) -> Value {
    json!({
        NAMESPACE_ID: tenant.id.to_string(),
        ACCOUNT_ID: tenant.account_id.to_string(),
        MANAGED_BY: FIELD_MANAGER,
    })
}

/// The Namespace itself, with what admission must know of it. `restricted` only warns: it would refuse most images as
/// they are published.
pub(crate) fn namespace(tenant: &Tenant, rules: &TenantRules) -> Piece {
    let mut labels = labels(tenant);
    for (mode, level) in [("enforce", "baseline"), ("warn", "restricted"), ("audit", "restricted")] {
        labels[format!("pod-security.kubernetes.io/{mode}")] = json!(level);
        labels[format!("pod-security.kubernetes.io/{mode}-version")] = json!(POD_SECURITY_VERSION);
    }
    let name = tenant.kubernetes_name.as_str();
    let resource = ApiResource::erase::<Namespace>(&());
    // Applied with force: an annotation that is left out here goes.
    let mut annotations = json!({ANNOTATION_SKUS: rules.skus.annotation()});
    if let Some(code) = &rules.default_sku {
        annotations[ANNOTATION_DEFAULT_SKU] = json!(code);
    }
    if rules.spending_stopped {
        annotations[ANNOTATION_SPENDING] = json!(SPENDING_STOPPED);
    }
    let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
    Piece { resource, name: name.to_owned(), object, cluster_scoped: true }
}

/// Everything inside it.
pub(crate) fn inside(tenant: &Tenant, rules: &TenantRules) -> Vec<Piece> {
    let allowed = &rules.quota;
    let mut pieces = vec![quota(tenant, allowed), limits(tenant, rules), isolation(tenant), default_account(tenant)];
    pieces.extend(super::quota::of_classes(tenant, allowed));
    pieces
}

/// Upper bounds of the whole namespace. `cpu` and `memory` make every container state them: admission fills them in.
fn quota(tenant: &Tenant, allowed: &Quota) -> Piece {
    let (cpu, memory) = (decimal(allowed.cpu), binary_gib(allowed.memory_gib));
    let hard = json!({
        (format!("requests.{GPU_DEVICE}")): decimal(allowed.gpus),
        "requests.cpu": cpu,
        "requests.memory": memory,
        "requests.ephemeral-storage": STORAGE,
        "limits.cpu": cpu,
        "limits.memory": memory,
        "pods": decimal(allowed.pods),
        // Dynamic resource allocation would hand out GPUs without the resource name above.
        "count/resourceclaims.resource.k8s.io": "0",
        "count/resourceclaimtemplates.resource.k8s.io": "0",
        "services": "50",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
        "persistentvolumeclaims": "20",
        "requests.storage": "1Ti",
        // Many small objects fill etcd (kubernetes#107325).
        "secrets": "100",
        "configmaps": "100",
        "count/deployments.apps": "100",
        // Ten revisions of each Deployment, in the form the server writes a thousand.
        "count/replicasets.apps": "1k",
        "count/statefulsets.apps": "50",
        "count/jobs.batch": "100",
        "count/cronjobs.batch": "50",
        "count/horizontalpodautoscalers.autoscaling": "50",
        "count/poddisruptionbudgets.policy": "50",
    });
    Piece::new::<ResourceQuota>(tenant, QUOTA, json!({"spec": {"hard": hard}}))
}

/// A number in the form the server writes it, or reading back would never find it: 1000 is `1k`.
pub(super) fn decimal(mut number: u32) -> String {
    let mut suffixes = ["", "k", "M", "G"].into_iter();
    let mut suffix = suffixes.next().unwrap_or_default();
    while number != 0 && number.is_multiple_of(1000) {
        number /= 1000;
        suffix = suffixes.next().unwrap_or_default();
    }
    format!("{number}{suffix}")
}

/// GiB in the same way: 2048 is `2Ti`, and nothing has no unit.
fn binary_gib(mut number: u32) -> String {
    if number == 0 {
        return "0".to_owned();
    }
    let mut suffixes = ["Gi", "Ti", "Pi", "Ei"].into_iter();
    let mut suffix = suffixes.next().unwrap_or_default();
    while number.is_multiple_of(1024) {
        number /= 1024;
        suffix = suffixes.next().unwrap_or_default();
    }
    format!("{number}{suffix}")
}

/// Maxima only. Of a pod, not of a container: a container's maximum becomes its default (RULINGS 37).
///
/// It also says which SKUs are granted: tenants may not read their Namespace, and a watch of one Namespace cannot be
/// allowed by a role inside it. Admission asks the Namespace and nothing else.
fn limits(tenant: &Tenant, rules: &TenantRules) -> Piece {
    let allowed = &rules.quota;
    let mut piece = Piece::new::<LimitRange>(tenant, LIMITS, json!({"spec": limits_of_pods(allowed)}));
    piece.object["metadata"]["annotations"] = json!({ANNOTATION_SKUS: rules.skus.annotation()});
    piece
}

fn limits_of_pods(allowed: &Quota) -> Value {
    json!({"limits": [
        {"type": "Pod", "max": {"cpu": decimal(allowed.cpu), "memory": binary_gib(allowed.memory_gib)}},
        {"type": "PersistentVolumeClaim", "max": {"storage": "1Ti"}},
    ]})
}

/// Private ranges hold other tenants and the nodes; link-local ones hold the metadata services of clouds.
const PRIVATE_V4: [&str; 7] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "168.63.129.16/32",
];
/// The same in IPv6, and last those very ranges as NAT64 carries them (RFC 6052).
const PRIVATE_V6: [&str; 10] = [
    "fc00::/7",
    "fe80::/10",
    "::1/128",
    "64:ff9b::a00:0/104",
    "64:ff9b::ac10:0/108",
    "64:ff9b::c0a8:0/112",
    "64:ff9b::6440:0/106",
    "64:ff9b::a9fe:0/112",
    "64:ff9b::7f00:0/104",
    "64:ff9b::a83f:8110/128",
];

/// In: pods of the same namespace. Out: those, DNS, and the internet.
fn isolation(tenant: &Tenant) -> Piece {
    let neighbours = json!([{"podSelector": {}}]);
    let dns = json!([{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]);
    let internet = json!([
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": PRIVATE_V4}},
        {"ipBlock": {"cidr": "::/0", "except": PRIVATE_V6}},
    ]);
    let spec = json!({
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": neighbours}],
        "egress": [
            {"to": neighbours},
            {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], "ports": dns},
            {"to": internet},
        ],
    });
    Piece::new::<NetworkPolicy>(tenant, ISOLATION, json!({"spec": spec}))
}

/// Pods run as this account unless they name another: it gets no token and has no rights.
fn default_account(tenant: &Tenant) -> Piece {
    Piece::new::<ServiceAccount>(tenant, "default", json!({"automountServiceAccountToken": false}))
}

#[cfg(test)]
pub(super) mod tests {
    use domain::admission::NamespacePolicy;
    use domain::id::{AccountId, NamespaceId, UserId};
    use domain::namespace::{KubernetesName, NamespaceName, NamespaceStatus};

    use super::*;

    pub fn tenant() -> Tenant {
        let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
        let name = NamespaceName::new("team-ml").unwrap();
        let id = NamespaceId::parse(id).unwrap();
        Tenant {
            kubernetes_name: KubernetesName::derive(&name, id),
            id,
            account_id: AccountId::parse("019c1b2e-7f00-7abc-8def-0123456789ac").unwrap(),
            name,
            status: NamespaceStatus::Creating,
            status_message: None,
            created_by: UserId::parse("019c1b2e-7f00-7abc-8def-0123456789ad").unwrap(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            tenant: None,
            label: None,
            activated_at: None,
            share: domain::account::Share::default(),
        }
    }

    #[test]
    fn every_object_says_whose_it_is() {
        let tenant = tenant();
        for piece in
            inside(&tenant, &TenantRules::default()).into_iter().chain([namespace(&tenant, &TenantRules::default())])
        {
            let labels = &piece.object["metadata"]["labels"];
            assert_eq!(labels[NAMESPACE_ID], tenant.id.to_string(), "{}", piece.resource.kind);
            assert_eq!(labels[MANAGED_BY], "remotegpu", "{}", piece.resource.kind);
        }
    }

    #[test]
    fn admission_reads_a_stop_out_of_what_is_applied_and_nothing_without_one() {
        for spending_stopped in [true, false] {
            let rules = TenantRules { spending_stopped, ..TenantRules::default() };
            let annotations = &namespace(&tenant(), &rules).object["metadata"]["annotations"];
            let annotations = serde_json::from_value(annotations.clone()).unwrap();
            assert_eq!(NamespacePolicy::from_annotations(&annotations).spending_stopped, spending_stopped);
        }
    }

    #[test]
    fn admission_reads_the_default_sku_out_of_what_is_applied_and_none_without_one() {
        for default_sku in [Some("cpu-shared-8g".to_owned()), None] {
            let rules = TenantRules { default_sku: default_sku.clone(), ..TenantRules::default() };
            let annotations = &namespace(&tenant(), &rules).object["metadata"]["annotations"];
            let annotations = serde_json::from_value(annotations.clone()).unwrap();
            assert_eq!(NamespacePolicy::from_annotations(&annotations).default_sku, default_sku);
        }
    }

    #[test]
    fn a_class_of_gpus_with_a_limit_has_a_quota_of_its_own() {
        let allowed = Quota { gpu_classes: [("h100".to_owned(), 1000)].into(), ..Quota::default() };
        let pieces = inside(&tenant(), &TenantRules { quota: allowed, ..TenantRules::default() });
        let quota = &pieces.iter().find(|piece| piece.name == "remotegpu-gpu-h100").unwrap().object;
        assert_eq!(quota["metadata"]["labels"][NAMESPACE_ID], tenant().id.to_string());
        assert_eq!(quota["spec"]["hard"], json!({"requests.nvidia.com/gpu": "1k"}));
        let counted = json!({"scopeName": "PriorityClass", "operator": "In", "values": ["remotegpu-gpu-h100", "h100"]});
        assert_eq!(quota["spec"]["scopeSelector"]["matchExpressions"], json!([counted]));
        assert_eq!(inside(&tenant(), &TenantRules::default()).len() + 1, pieces.len());
    }

    #[test]
    fn what_is_private_in_ipv4_is_private_behind_nat64_too() {
        let behind = PRIVATE_V4.map(|range| {
            let (first, bits) = range.split_once('/').unwrap();
            let first = u128::from(first.parse::<std::net::Ipv4Addr>().unwrap().to_bits());
            let nat64 = "64:ff9b::".parse::<std::net::Ipv6Addr>().unwrap().to_bits();
            format!("{}/{}", std::net::Ipv6Addr::from_bits(nat64 | first), 96 + bits.parse::<u8>().unwrap())
        });
        assert!(behind.iter().all(|range| PRIVATE_V6.contains(&range.as_str())), "{behind:?}");
        let piece = isolation(&tenant());
        let internet = piece.object["spec"]["egress"][2]["to"].as_array().unwrap();
        assert_eq!(internet[1]["ipBlock"]["except"], json!(PRIVATE_V6));
    }

    #[test]
    fn limits_are_written_as_the_server_writes_them() {
        assert_eq!([0, 8, 1000, 1500, 12_000, 1_000_000].map(decimal), ["0", "8", "1k", "1500", "12k", "1M"]);
        assert_eq!([0, 1, 1000, 1024, 1536].map(binary_gib), ["0", "1Gi", "1000Gi", "1Ti", "1536Gi"]);
        assert_eq!(binary_gib(2048), "2Ti");
    }

    #[test]
    fn the_limit_range_gives_no_container_a_value_of_its_own() {
        let piece = limits(&tenant(), &TenantRules::default());
        for limit in piece.object["spec"]["limits"].as_array().unwrap() {
            assert_ne!(limit["type"], "Container");
            assert!(limit.get("default").is_none() && limit.get("defaultRequest").is_none());
        }
    }
}

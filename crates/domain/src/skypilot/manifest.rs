//! The objects of `create-sky-sa.yaml`: as SkyPilot publishes them, and the least that its recorded calls need.
//!
//! Source: `skypilot.md` §6 (what is mended) and §7 (what each box adds).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::profiles::{Need, Scope, needs, rules};
use super::{Feature, Preset, SkypilotChoice, ticked};
use crate::Result;

/// Where SkyPilot runs its FUSE DaemonSet; the name is fixed in its code.
const SYSTEM_NAMESPACE: &str = "skypilot-system";
/// Where SkyPilot looks for the ingress controller's service; fixed too.
pub const INGRESS_NAMESPACE: &str = "ingress-nginx";

const RBAC: &str = "rbac.authorization.k8s.io";

/// Writes objects for one choice in one namespace.
struct Writer<'a> {
    choice: &'a SkypilotChoice,
    namespace: &'a str,
    features: BTreeSet<Feature>,
}

/// The objects in the order in which they can be applied.
///
/// # Errors
/// [`crate::Error::Internal`] when the recorded profiles cannot be read.
pub fn objects(choice: &SkypilotChoice, namespace: &str) -> Result<Vec<Value>> {
    let writer = Writer { choice, namespace, features: ticked(&choice.features) };
    match choice.preset {
        Preset::Documented => Ok(writer.documented()),
        Preset::Smallest => writer.smallest(),
    }
}

// === impl Writer ===

impl Writer<'_> {
    fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    fn documented(&self) -> Vec<Value> {
        let names = &self.choice.names;
        let rule = |group: &str, resources: Value, verbs: Value| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        let looks = json!(["get", "list", "watch"]);
        let pods = json!(["pods", "pods/status", "pods/exec", "pods/portforward"]);
        let role = vec![
            rule("", pods, json!(["*"])),
            rule("", json!(["services"]), json!(["*"])),
            rule("", json!(["secrets"]), json!(["*"])),
            rule("", json!(["events"]), looks.clone()),
        ];
        let mut cluster = vec![
            rule("", json!(["nodes"]), looks.clone()),
            rule("node.k8s.io", json!(["runtimeclasses"]), looks.clone()),
        ];
        if self.has(Feature::Ingress) {
            cluster.push(rule("networking.k8s.io", json!(["ingressclasses"]), looks));
        }
        if self.has(Feature::Gpus) {
            cluster.push(rule("", json!(["pods"]), json!(["get", "list"])));
        }
        let daemonsets = vec![rule("apps", json!(["daemonsets"]), json!(["*"]))];
        let services = vec![rule("", json!(["services"]), json!(["list", "get", "watch"]))];
        let parts = Parts { role, cluster, daemonsets, services };
        self.assemble(&parts, &names.cluster_role, &names.cluster_role_binding, "")
    }

    fn smallest(&self) -> Result<Vec<Value>> {
        let all: Vec<Need> = needs(&self.features)?;
        let of = |scope: Scope| rules(&all, &scope);
        let parts = Parts {
            role: of(Scope::Tenant),
            cluster: of(Scope::Cluster),
            daemonsets: of(Scope::Namespace(SYSTEM_NAMESPACE.to_owned())),
            services: of(Scope::Namespace(INGRESS_NAMESPACE.to_owned())),
        };
        // What is shared by the whole cluster carries the namespace in its name: a second tenant's file must not
        // overwrite the first one's bindings.
        let (names, suffix) = (&self.choice.names, format!("-{}", self.namespace));
        let (role, binding) = (&names.cluster_role, &names.cluster_role_binding);
        Ok(self.assemble(&parts, &format!("{role}{suffix}"), &format!("{binding}{suffix}"), &suffix))
    }

    fn assemble(&self, parts: &Parts, cluster_role: &str, cluster_binding: &str, suffix: &str) -> Vec<Value> {
        let names = &self.choice.names;
        let here = Some(self.namespace);
        let mut all = vec![
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(&names.service_account, here)}),
            role(&names.role, here, &parts.role),
            self.binding(&names.role_binding, here, &names.role),
            role(cluster_role, None, &parts.cluster),
            self.binding(cluster_binding, None, cluster_role),
        ];
        if self.has(Feature::ObjectStore) {
            let (name, at) = (format!("skypilot-system-service-account-role{suffix}"), Some(SYSTEM_NAMESPACE));
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": meta(SYSTEM_NAMESPACE, None)});
            let binding = format!("{}-skypilot-system-role-binding{suffix}", names.service_account);
            all.extend([namespace, role(&name, at, &parts.daemonsets), self.binding(&binding, at, &name)]);
        }
        if self.has(Feature::Ingress) {
            let account = &names.service_account;
            let (name, at) = (format!("{account}-role-ingress-nginx{suffix}"), Some(INGRESS_NAMESPACE));
            let binding = format!("{account}-rolebinding-ingress-nginx{suffix}");
            all.extend([role(&name, at, &parts.services), self.binding(&binding, at, &name)]);
        }
        all
    }

    fn binding(&self, name: &str, namespace: Option<&str>, role: &str) -> Value {
        let (kind, of) =
            if namespace.is_some() { ("RoleBinding", "Role") } else { ("ClusterRoleBinding", "ClusterRole") };
        let account = &self.choice.names.service_account;
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": meta(name, namespace),
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": self.namespace}],
            "roleRef": {"kind": of, "name": role, "apiGroup": RBAC},
        })
    }
}

/// Rules by the object that holds them.
struct Parts {
    role: Vec<Value>,
    cluster: Vec<Value>,
    daemonsets: Vec<Value>,
    services: Vec<Value>,
}

fn role(name: &str, namespace: Option<&str>, rules: &[Value]) -> Value {
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    json!({"apiVersion": format!("{RBAC}/v1"), "kind": kind, "metadata": meta(name, namespace), "rules": rules})
}

fn meta(name: &str, namespace: Option<&str>) -> Value {
    let mut meta = json!({"name": name, "labels": {"parent": "skypilot"}});
    if let Some(namespace) = namespace {
        meta["namespace"] = json!(namespace);
    }
    meta
}

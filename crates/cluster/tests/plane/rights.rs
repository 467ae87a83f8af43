//! The rights of tenants and of our own identities, as the API server sees them (`security.md` §2.5).

use std::collections::BTreeSet;

use domain::credential::Access;
use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReview, SelfSubjectRulesReview};
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::Client;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::given::{client_of, key, plane};

/// `verb resource[/subresource].group`, tried in the tenant's own namespace.
const NEVER: &[&str] = &[
    "create serviceaccounts/token.",
    "impersonate serviceaccounts.",
    "create serviceaccounts.",
    "patch serviceaccounts.",
    "delete serviceaccounts.",
    "create roles.rbac.authorization.k8s.io",
    "create rolebindings.rbac.authorization.k8s.io",
    "delete rolebindings.rbac.authorization.k8s.io",
    "bind clusterroles.rbac.authorization.k8s.io",
    "escalate roles.rbac.authorization.k8s.io",
    "create networkpolicies.networking.k8s.io",
    "patch networkpolicies.networking.k8s.io",
    "delete networkpolicies.networking.k8s.io",
    "patch resourcequotas.",
    "patch resourcequotas/status.",
    "delete resourcequotas.",
    "patch limitranges.",
    "create endpoints.",
    "create endpointslices.discovery.k8s.io",
    "patch namespaces.",
    "patch namespaces/status.",
    "update namespaces/finalize.",
    "delete namespaces.",
    "list nodes.",
    "get nodes/proxy.",
    "create pods/proxy.",
    "create services/proxy.",
    "create pods/binding.",
    "create pods/eviction.",
    "patch pods/resize.",
    "patch pods/ephemeralcontainers.",
    "patch pods/status.",
    "create daemonsets.apps",
    "create ingresses.networking.k8s.io",
    "create certificatesigningrequests.certificates.k8s.io",
    "create mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "create validatingwebhookconfigurations.admissionregistration.k8s.io",
    "create customresourcedefinitions.apiextensions.k8s.io",
    "patch skus.remotegpu.ai",
    "patch skus/status.remotegpu.ai",
    "create runtimeclasses.node.k8s.io",
    "patch runtimeclasses.node.k8s.io",
    "create resourceclaims.resource.k8s.io",
];

const NEVER_FOR_VIEWERS: &[&str] = &[
    "get secrets.",
    "list secrets.",
    "create pods.",
    "delete pods.",
    "patch deployments.apps",
    "get pods/exec.",
    "create pods/exec.",
    "get pods/attach.",
    "get pods/portforward.",
];

async fn may(client: &Client, namespace: &str, question: &str) -> bool {
    let (verb, what) = question.split_once(' ').unwrap();
    let (resource, group) = what.split_once('.').unwrap();
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let attributes =
        json!({"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource});
    let review = serde_json::from_value(json!({"metadata": {}, "spec": {"resourceAttributes": attributes}})).unwrap();
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    api.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}

/// What `kubectl auth can-i --list` shows of resources, one right a line.
async fn listed(client: &Client, namespace: &str) -> String {
    let review = serde_json::from_value(json!({"metadata": {}, "spec": {"namespace": namespace}})).unwrap();
    let api: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let rules = api.create(&PostParams::default(), &review).await.unwrap().status.unwrap().resource_rules;
    let mut lines = BTreeSet::new();
    for rule in rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                lines.insert(format!("{resource}.{group}: {}", rule.verbs.join(" ")));
            }
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

#[tokio::test]
async fn a_tenant_has_none_of_the_rights_that_outlive_a_key() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    for access in [Access::Edit, Access::View] {
        let person = plane.person(&tenant, &key(access)).await;
        for question in NEVER {
            assert!(!may(&person, tenant.kubernetes_name.as_str(), question).await, "{access:?}: {question}");
        }
    }
    let viewer = plane.person(&tenant, &key(Access::View)).await;
    for question in NEVER_FOR_VIEWERS {
        assert!(!may(&viewer, tenant.kubernetes_name.as_str(), question).await, "{question}");
    }
}

#[tokio::test]
async fn the_rights_of_both_roles_are_those_of_the_golden_files() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    for (access, golden) in [
        (Access::Edit, include_str!("../golden/remotegpu-tenant.txt")),
        (Access::View, include_str!("../golden/remotegpu-viewer.txt")),
    ] {
        let person = plane.person(&tenant, &key(access)).await;
        assert_eq!(listed(&person, tenant.kubernetes_name.as_str()).await, golden, "{access:?}");
    }
}

#[tokio::test]
async fn our_own_identities_can_do_their_work_and_no_more() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let namespace = tenant.kubernetes_name.as_str();
    let can = async |account: &str, question: &str, namespace: &str| {
        let (verb, what) = question.split_once(' ').unwrap();
        let (resource, group) = what.split_once('.').unwrap();
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let review = serde_json::from_value(json!({"metadata": {}, "spec": {
            "user": format!("system:serviceaccount:remotegpu-system:{account}"),
            "groups": ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:remotegpu-system"],
            "resourceAttributes": {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource},
        }}))
        .unwrap();
        let api: Api<k8s_openapi::api::authorization::v1::SubjectAccessReview> = Api::all(plane.admin.clone());
        api.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
    };
    for (account, question, allowed) in [
        ("remotegpu-reconciler", "watch pods.", true),
        ("remotegpu-reconciler", "watch statefulsets.apps", true),
        ("remotegpu-reconciler", "watch jobs.batch", true),
        ("remotegpu-reconciler", "watch cronjobs.batch", true),
        ("remotegpu-reconciler", "create jobs.batch", false),
        ("remotegpu-reconciler", "get secrets.", false),
        ("remotegpu-reconciler", "create pods.", false),
        ("remotegpu-reconciler", "create pods/exec.", false),
        ("remotegpu-reconciler", "patch deployments.apps", false),
        ("remotegpu-reconciler", "create rolebindings.rbac.authorization.k8s.io", false),
        ("remotegpu-reconciler", "create serviceaccounts/token.", false),
        ("remotegpu-reconciler", "create clusterrolebindings.rbac.authorization.k8s.io", false),
        ("remotegpu-reconciler", "update leases.coordination.k8s.io", false),
        // What of a node may change is the policy's business: `server/tests/integration/nodes.rs`.
        ("remotegpu-reconciler", "patch nodes.", true),
        ("remotegpu-reconciler", "patch nodes/status.", false),
        ("remotegpu-reconciler", "delete nodes.", false),
        ("remotegpu-reconciler", "delete pods.", false),
        // Which ones is the policy's business, as the last test here shows.
        ("remotegpu-reconciler", "create events.", true),
        ("remotegpu-reconciler", "delete events.", false),
        // Which ones is the policy's business: `gpu_class.rs`.
        ("remotegpu-reconciler", "create priorityclasses.scheduling.k8s.io", true),
        ("remotegpu-reconciler", "patch priorityclasses.scheduling.k8s.io", false),
        ("remotegpu-reconciler", "delete priorityclasses.scheduling.k8s.io", false),
        ("remotegpu-metrics", "get nodes/stats.", true),
        ("remotegpu-metrics", "get nodes/proxy.", false),
        ("remotegpu-metrics", "get pods.", false),
        ("remotegpu-reconciler", "create pods/eviction.", false),
        ("remotegpu-issuer", "create rolebindings.rbac.authorization.k8s.io", true),
        // Relabels bindings that an older version made; what they may say is the policy's business.
        ("remotegpu-issuer", "patch rolebindings.rbac.authorization.k8s.io", true),
        ("remotegpu-issuer", "bind clusterroles.rbac.authorization.k8s.io", false),
        ("remotegpu-issuer", "create serviceaccounts/token.", false),
        ("remotegpu-issuer", "get pods.", false),
        ("remotegpu-issuer", "get secrets.", false),
        ("remotegpu-issuer", "delete namespaces.", false),
        ("remotegpu-admission", "watch skus.remotegpu.ai", true),
        ("remotegpu-admission", "watch namespaces.", true),
        ("remotegpu-admission", "get pods.", false),
        ("remotegpu-admission", "get secrets.", false),
        ("remotegpu-node-local", "patch pods/status.", true),
        ("remotegpu-node-local", "list secrets.", false),
        ("remotegpu-node-local", "patch nodes.", false),
        ("remotegpu-node-local", "create pods.", false),
        ("remotegpu-nodes", "patch nodes.", true),
        ("remotegpu-nodes", "patch services/status.", true),
        ("remotegpu-nodes", "patch services.", false),
        ("remotegpu-nodes", "create serviceaccounts/token.", false),
        ("remotegpu-nodes", "list skus.remotegpu.ai", true),
        ("remotegpu-nodes", "patch skus.remotegpu.ai", false),
        ("remotegpu-nodes", "list secrets.", false),
        ("remotegpu-nodes", "create rolebindings.rbac.authorization.k8s.io", false),
    ] {
        assert_eq!(can(account, question, namespace).await, allowed, "{account}: {question}");
    }
    assert!(can("remotegpu-reconciler", "update leases.coordination.k8s.io", "remotegpu-system").await);
    assert!(!can("remotegpu-reconciler", "delete leases.coordination.k8s.io", "remotegpu-system").await);
    // Its own Lease only, but a Lease cannot be named at creation.
    assert!(!can("remotegpu-nodes", "update leases.coordination.k8s.io", "remotegpu-system").await);
    assert!(can("remotegpu-nodes", "create leases.coordination.k8s.io", "remotegpu-system").await);
    assert!(!can("remotegpu-issuer", "update leases.coordination.k8s.io", "remotegpu-system").await);
    // A node: its heartbeat and the lead of its own name, where the nodes' Leases are and nowhere else.
    assert!(!can("remotegpu-node-local", "update leases.coordination.k8s.io", "kube-node-lease").await);
    assert!(can("remotegpu-node-local", "create leases.coordination.k8s.io", "kube-node-lease").await);
    assert!(!can("remotegpu-node-local", "create leases.coordination.k8s.io", "remotegpu-system").await);
    assert!(can("remotegpu-issuer", "create serviceaccounts/token.", "remotegpu-access").await);
    assert!(!can("remotegpu-issuer", "create serviceaccounts/token.", "remotegpu-system").await);
}

/// By RBAC the issuer may write RoleBindings everywhere: the policy is the only wall.
#[tokio::test]
async fn the_issuer_binds_the_two_tenant_roles_in_tenant_namespaces_and_nothing_else() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let issuer = client_of("issuer").await;
    let bind = async |namespace: &str, kind: &str, role: &str| {
        let binding = json!({
            "metadata": {"name": "proof"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "proof", "namespace": "remotegpu-access"}],
        });
        let api: Api<RoleBinding> = Api::namespaced(issuer.clone(), namespace);
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&dry, &serde_json::from_value(binding).unwrap()).await {
            Ok(_) => String::new(),
            Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
            Err(error) => panic!("{error}"),
        }
    };
    let tenant = tenant.kubernetes_name.as_str();
    for role in ["remotegpu-tenant", "remotegpu-viewer"] {
        assert_eq!(bind(tenant, "ClusterRole", role).await, "");
        for namespace in ["kube-system", "default", "remotegpu-system"] {
            let refused = bind(namespace, "ClusterRole", role).await;
            let sentence = "The console may write RoleBindings in tenant namespaces only";
            assert!(refused.starts_with("403") && refused.contains(sentence), "{namespace}: {refused}");
        }
    }
    // What SkyPilot access binds is for tenants' accounts and keys; its tokens are the issuer's own business.
    assert_eq!(bind(tenant, "ClusterRole", "remotegpu-skypilot-base").await, "");
    for (namespace, role) in [
        (tenant, "remotegpu-skypilot-token"),
        (tenant, "remotegpu-skypilot-node-token"),
        (tenant, "remotegpu-skypilot-gpus-cluster"),
        ("kube-system", "remotegpu-skypilot-base"),
        ("default", "remotegpu-skypilot-ingress-elsewhere"),
    ] {
        let refused = bind(namespace, "ClusterRole", role).await;
        assert!(refused.starts_with("403"), "{namespace} {role}: {refused}");
    }
    // RBAC and the policy say so both: `bind` is granted by name.
    for role in ["view", "cluster-admin", "remotegpu-sku-reader"] {
        let refused = bind(tenant, "ClusterRole", role).await;
        assert!(refused.starts_with("403"), "{role}: {refused}");
    }
}

/// By RBAC the issuer may write ClusterRoleBindings: the policy keeps it to SkyPilot's three roles and to tenants.
#[tokio::test]
async fn the_issuer_binds_no_cluster_role_but_those_of_skypilot_and_never_to_itself() {
    let api: Api<ClusterRoleBinding> = Api::all(client_of("issuer").await);
    let bind = async |role: &str, namespace: &str| {
        let binding = json!({
            "metadata": {"name": "proof"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "proof", "namespace": namespace}],
        });
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&dry, &serde_json::from_value(binding).unwrap()).await {
            Ok(_) => String::new(),
            Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(bind("remotegpu-skypilot-base-cluster", "remotegpu-access").await, "");
    for (role, namespace) in [
        ("remotegpu-skypilot-base-cluster", "remotegpu-system"),
        ("remotegpu-skypilot-base", "remotegpu-access"),
        ("remotegpu-tenant", "remotegpu-access"),
        ("cluster-admin", "remotegpu-access"),
    ] {
        let refused = bind(role, namespace).await;
        assert!(refused.starts_with("403"), "{role} {namespace}: {refused}");
    }
}

/// By RBAC the reconciler may report anything anywhere: the policy keeps it to stops of idle GPUs, in tenant namespaces.
#[tokio::test]
async fn the_reconciler_reports_stops_in_tenant_namespaces_and_nothing_else() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let reconciler = client_of("reconciler").await;
    let report = async |namespace: &str, reason: &str| {
        let event = json!({
            "metadata": {"generateName": "proof."},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "proof"},
            "type": "Warning", "reason": reason, "message": "proof", "source": {"component": "remotegpu"},
        });
        let api: Api<Event> = Api::namespaced(reconciler.clone(), namespace);
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&dry, &serde_json::from_value(event).unwrap()).await {
            Ok(_) => String::new(),
            Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
            Err(error) => panic!("{error}"),
        }
    };
    let inside = tenant.kubernetes_name.as_str();
    assert_eq!(report(inside, "StoppedIdleGpus").await, "");
    for (namespace, reason, sentence) in [
        (inside, "Killing", "The console may report stops of idle GPUs only"),
        ("default", "StoppedIdleGpus", "The console may report in tenant namespaces only"),
        ("kube-system", "StoppedIdleGpus", "The console may report in tenant namespaces only"),
    ] {
        let refused = report(namespace, reason).await;
        assert!(refused.starts_with("403") && refused.contains(sentence), "{namespace} {reason}: {refused}");
    }
}

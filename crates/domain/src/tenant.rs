//! A namespace as the tenant API sees it: a "cluster" with an id `skg…`, a label and two booleans for its state.
//!
//! Source: `tenant-api.md` §1 and §4, RULINGS 19.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::CustomerId;
use crate::namespace::{KubernetesName, Namespace, NamespaceName, NamespaceStatus};
use crate::{Code, Error, Result};

/// The id of a tenant, `skg00001` and up: given by the server, never changed, never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(u64);

/// What people call a tenant: 1 to 64 printable characters, need not be unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantLabel(String);

/// A namespace over all accounts, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantUse {
    /// The namespace.
    pub namespace: Namespace,
    /// Name of its account.
    pub account: String,
    /// That account's id in the tenant API.
    pub customer: CustomerId,
    /// Connector credentials that nobody revoked.
    pub connectors: u32,
}

/// Body of a creation; all of it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// The label, unchecked; the tenant's id without one.
    #[serde(default)]
    pub label: Option<String>,
}

/// Body of a rename. PUT and PATCH are the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameTenant {
    /// The new label, unchecked.
    pub label: String,
}

/// A tenant on the wire: exactly these six fields in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantView {
    /// `skg…`.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// `skgu…`.
    pub customer: String,
    /// It is there and nobody asked to remove it.
    pub active: bool,
    /// It was ready once.
    pub created: bool,
    /// When it was asked for, six digits of a second and a numeric zone.
    pub created_at: String,
}

/// The answer to an order that is carried out later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantOrdered {
    /// For people.
    pub message: String,
    /// `skg…`.
    pub cluster: String,
}

/// A tenant as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlatformTenantView {
    /// `skg…`; `null` for a moment after an upgrade.
    pub tenant: Option<String>,
    /// What people call it in the tenant API.
    pub label: String,
    /// Id of the namespace.
    pub namespace_id: String,
    /// Console name.
    pub name: String,
    /// Name in the cluster.
    pub kubernetes_name: String,
    /// Id of its account.
    pub account_id: String,
    /// Name of its account.
    pub account_name: String,
    /// `skgu…`.
    pub customer: String,
    /// Where it is in its life.
    pub status: NamespaceStatus,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Connector credentials that nobody revoked.
    pub connectors: u32,
}

// === impl TenantId ===

impl TenantId {
    /// The id of the `number`-th tenant.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The number behind it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Reads an id as it is printed, and in no other way: `skgu00004` is a customer, `SKG00018` nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], as for a tenant that is not there.
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("skg").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let id = digits.and_then(|digits| digits.parse().ok()).map(Self);
        id.filter(|id| id.to_string() == text).ok_or(Error::NotFound)
    }

    /// Console name of a namespace that the tenant API makes.
    pub fn console_name(self) -> NamespaceName {
        NamespaceName::from_stored(self.to_string())
    }

    /// Its name in the cluster: `{tenant}-gpu` (RULINGS 19). No name of the console's ends so: those end in 8 hex digits.
    pub fn kubernetes_name(self) -> KubernetesName {
        KubernetesName::from_stored(format!("{self}-gpu"))
    }
}

impl std::fmt::Display for TenantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "skg{:05}", self.0)
    }
}

// === impl TenantLabel ===

impl TenantLabel {
    /// Longest label, in characters.
    pub const LONGEST: usize = 64;

    /// Checks a label somebody sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `label` when empty, longer than 64 characters, or with characters that are not seen.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        let fits = (1..=Self::LONGEST).contains(&text.chars().count()) && !text.chars().any(unseen);
        let refused = || Error::field("label", "length", "Label must be 1 to 64 printable characters");
        fits.then(|| Self(text.to_owned())).ok_or_else(refused)
    }

    /// A label as it is stored: it was checked when it was set, maybe by an older rule.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that have no width or turn the text around: two labels must not look the same.
fn unseen(c: char) -> bool {
    let invisible = matches!(c,
        '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    c.is_control() || invisible
}

// === impl Namespace, as a tenant ===

impl Namespace {
    /// What people call it in the tenant API: the label, or the console name.
    pub fn label(&self) -> &str {
        self.label.as_ref().map_or_else(|| self.name.as_str(), TenantLabel::as_str)
    }

    /// It is there and nobody asked to remove it: a row of the list.
    pub fn tenant_active(&self) -> bool {
        matches!(self.status, NamespaceStatus::Creating | NamespaceStatus::Active)
    }

    /// The wire form of the tenant API; none as long as it has no number.
    pub fn tenant_view(&self, customer: &CustomerId) -> Option<TenantView> {
        Some(TenantView {
            name: self.tenant?.to_string(),
            label: self.label().to_owned(),
            customer: customer.as_str().to_owned(),
            active: self.tenant_active(),
            // A row of an older binary has no such moment and may be active all the same.
            created: self.activated_at.is_some() || self.status == NamespaceStatus::Active,
            created_at: wire_time(self.created_at),
        })
    }

    /// Whether its label may change now.
    ///
    /// # Errors
    /// [`Error::Conflict`] `cluster_deleting`, for what failed too.
    pub fn tenant_renameable(&self) -> Result<()> {
        if self.tenant_active() { Ok(()) } else { Err(deleting()) }
    }
}

/// The refusal of a change to a tenant that is going, or never came.
pub fn deleting() -> Error {
    Error::conflict(Code::ClusterDeleting, Code::ClusterDeleting.sentence())
}

impl TenantUse {
    /// The wire form for operators.
    pub fn view(&self) -> PlatformTenantView {
        let namespace = &self.namespace;
        PlatformTenantView {
            tenant: namespace.tenant.map(|id| id.to_string()),
            label: namespace.label().to_owned(),
            namespace_id: namespace.id.to_string(),
            name: namespace.name.as_str().to_owned(),
            kubernetes_name: namespace.kubernetes_name.as_str().to_owned(),
            account_id: namespace.account_id.to_string(),
            account_name: self.account.clone(),
            customer: self.customer.as_str().to_owned(),
            status: namespace.status,
            created_at: namespace.created_at.to_string(),
            connectors: self.connectors,
        }
    }
}

/// The commands that install our node in the customer's cluster, with a tenant's kubeconfig in `file`. The token is
/// renewed there and kept in a claim: without it a pod of the node that came anew would begin with the first one, long
/// dead. What the node offers is for the customer to say. It also keeps the `RuntimeClasses` there.
pub fn install_command(file: &str) -> String {
    format!(
        "kubectl create secret generic remotegpu-tenant --namespace kube-system --from-file=kubeconfig={file}\n\
         kubectl apply --filename - <<'EOF'\n{TOKEN_CLAIM}EOF\n\
         helm upgrade --install k8s-gpu charts/remotegpu-kubelet --namespace kube-system \\\n  \
         --set provider=kubernetes --set providerKubeconfigSecret=remotegpu-tenant \\\n  \
         --set providerTokenClaim=remotegpu-tenant-token --set mirrorRuntimeClasses=true \\\n  \
         --set kubelet.nodename=k8s.gpu \\\n  \
         --set 'kubelet.extraArgs={{--capacity-cpu=63,--capacity-memory=256Gi,--gpu-model=H100,--gpu-count=8}}'"
    )
}

/// Where the node keeps its newest token.
const TOKEN_CLAIM: &str = "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: remotegpu-tenant-token, namespace: kube-system}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
";

/// How kubectl prints RuntimeClasses ready to be applied elsewhere: without what is of this cluster alone.
pub const RUNTIME_CLASS_TEMPLATE: &str = r#"{{range .items}}---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: {{.metadata.name}}
  annotations: { {{range $key, $value := .metadata.annotations}}{{$key}}: "{{$value}}", {{end}}}
handler: {{.handler}}
{{end}}"#;

/// The command that copies the RuntimeClasses of this installation into the customer's cluster, whose own API server
/// refuses pods of a class that it does not have: for a node that may not write them, and for other connectors.
pub fn runtime_class_command(file: &str) -> String {
    format!(
        "kubectl --kubeconfig {file} get runtimeclass --selector app.kubernetes.io/managed-by=remotegpu \\\n  \
         --output go-template='{RUNTIME_CLASS_TEMPLATE}' | kubectl apply --filename -"
    )
}

/// The command that installs the vendor's connector for a tenant, with the kubeconfig in `file`.
pub fn vendor_command(tenant: &str, file: &str) -> String {
    format!(
        "helm upgrade --install k8sgpu clastix/k8sgpu --namespace kube-system \\\n  \
         --set k8sgpuOptions.tenantName={tenant} \\\n  --set-file kubeConfigSecret.content={file}"
    )
}

/// Times of this API: six digits of a second, `+00:00`.
pub fn wire_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

#[cfg(test)]
mod tests;

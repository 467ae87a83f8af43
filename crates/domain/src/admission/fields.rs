//! Every field of a pod spec, a container and a volume with its class: the table of `security.md` §6.3.
//!
//! A key that is not here is denied by name. A test in `crates/admission` fails when k8s-openapi brings a new field.

/// How admission treats a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldClass {
    /// Set from the SKU; a contrary value is refused.
    FromSku,
    /// Refused unless empty.
    Denied,
    /// Allowed within a rule of this module.
    Checked,
    /// As the tenant likes.
    Free,
}

use FieldClass::{Checked, Denied, Free, FromSku};

/// JSON names of PodSpec. `workloadRef` (1.35 only) and `evictionResponders` (1.37) are denied before they arrive.
pub const POD_SPEC_FIELDS: &[(&str, FieldClass)] = &[
    ("activeDeadlineSeconds", Free),
    ("affinity", FromSku),
    ("automountServiceAccountToken", Checked),
    ("containers", FromSku),
    ("dnsConfig", Free),
    ("dnsPolicy", Free),
    ("enableServiceLinks", Free),
    ("ephemeralContainers", Checked),
    ("evictionResponders", Denied),
    ("hostAliases", Free),
    ("hostIPC", Denied),
    ("hostNetwork", Denied),
    ("hostPID", Denied),
    ("hostUsers", Checked),
    ("hostname", Free),
    ("hostnameOverride", Free),
    ("imagePullSecrets", Free),
    ("initContainers", Checked),
    ("nodeName", Denied),
    ("nodeSelector", FromSku),
    ("os", Checked),
    ("overhead", FromSku),
    ("preemptionPolicy", FromSku),
    ("priority", FromSku),
    ("priorityClassName", FromSku),
    ("readinessGates", Free),
    ("resourceClaims", Denied),
    ("resources", Denied),
    ("restartPolicy", Free),
    ("runtimeClassName", FromSku),
    ("schedulerName", Checked),
    ("schedulingGates", Denied),
    ("schedulingGroup", Denied),
    ("securityContext", Checked),
    ("serviceAccount", Checked),
    ("serviceAccountName", Checked),
    ("setHostnameAsFQDN", Free),
    ("shareProcessNamespace", Free),
    ("subdomain", Free),
    ("terminationGracePeriodSeconds", Checked),
    ("tolerations", FromSku),
    ("topologySpreadConstraints", Checked),
    ("volumes", Checked),
    ("workloadRef", Denied),
];

/// JSON names of Container; `targetContainerName` belongs to ephemeral containers only.
pub const CONTAINER_FIELDS: &[(&str, FieldClass)] = &[
    ("args", Free),
    ("command", Free),
    ("env", Free),
    ("envFrom", Free),
    ("image", Free),
    ("imagePullPolicy", Free),
    ("lifecycle", Checked),
    ("livenessProbe", Checked),
    ("name", Free),
    ("ports", Checked),
    ("readinessProbe", Checked),
    ("resizePolicy", Free),
    ("resources", FromSku),
    ("restartPolicy", Free),
    ("restartPolicyRules", Free),
    ("securityContext", Checked),
    ("startupProbe", Checked),
    ("stdin", Free),
    ("stdinOnce", Free),
    ("targetContainerName", Free),
    ("terminationMessagePath", Free),
    ("terminationMessagePolicy", Free),
    ("tty", Free),
    ("volumeDevices", Free),
    ("volumeMounts", Free),
    ("workingDir", Free),
];

/// JSON names of Volume: the kinds of Pod Security `restricted`, without inline CSI drivers (they run on the node).
pub const VOLUME_FIELDS: &[(&str, FieldClass)] = &[
    ("awsElasticBlockStore", Denied),
    ("azureDisk", Denied),
    ("azureFile", Denied),
    ("cephfs", Denied),
    ("cinder", Denied),
    ("configMap", Free),
    ("csi", Denied),
    ("downwardAPI", Free),
    ("emptyDir", Free),
    ("ephemeral", Free),
    ("fc", Denied),
    ("flexVolume", Denied),
    ("flocker", Denied),
    ("gcePersistentDisk", Denied),
    ("gitRepo", Denied),
    ("glusterfs", Denied),
    ("hostPath", Denied),
    ("image", Free),
    ("iscsi", Denied),
    ("name", Free),
    ("nfs", Denied),
    ("persistentVolumeClaim", Free),
    ("photonPersistentDisk", Denied),
    ("portworxVolume", Denied),
    ("projected", Checked),
    ("quobyte", Denied),
    ("rbd", Denied),
    ("scaleIO", Denied),
    ("secret", Free),
    ("storageos", Denied),
    ("vsphereVolume", Denied),
];

/// The class of a key, `None` when nobody has classified it.
pub(super) fn class(table: &[(&str, FieldClass)], key: &str) -> Option<FieldClass> {
    table.iter().find(|(name, _)| *name == key).map(|(_, class)| *class)
}

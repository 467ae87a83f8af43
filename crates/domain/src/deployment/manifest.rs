//! The manifest that a plan becomes: what `kubectl apply` would be given, nothing more.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::plan::APP;
use super::{DeploymentPlan, EnvFrom, Mount, MountKind, PlanKind, SourceKind};
use crate::sku::SKU_LABEL;

// === impl SourceKind ===

impl SourceKind {
    fn key_reference(self) -> &'static str {
        match self {
            Self::Secret => "secretKeyRef",
            Self::ConfigMap => "configMapKeyRef",
        }
    }

    fn reference(self) -> &'static str {
        match self {
            Self::Secret => "secretRef",
            Self::ConfigMap => "configMapRef",
        }
    }
}

// === impl EnvFrom ===

impl EnvFrom {
    fn one(&self) -> Option<Value> {
        let key = self.key.as_ref()?;
        let reference = json!({"name": self.name, "key": key});
        Some(json!({"name": self.variable(), "valueFrom": {self.kind.key_reference(): reference}}))
    }

    fn all(&self) -> Option<Value> {
        self.key.is_none().then(|| json!({self.kind.reference(): {"name": self.name}}))
    }
}

// === impl Mount ===

impl Mount {
    fn volume(&self, index: usize) -> Value {
        let name = self.name.as_deref().unwrap_or_default();
        let (key, source) = match self.kind {
            MountKind::EmptyDir => ("emptyDir", json!({})),
            MountKind::Memory => ("emptyDir", json!({"medium": "Memory"})),
            MountKind::Secret => ("secret", json!({"secretName": name})),
            MountKind::ConfigMap => ("configMap", json!({"name": name})),
        };
        json!({"name": volume_name(index), key: source})
    }
}

// === impl DeploymentPlan ===

impl DeploymentPlan {
    /// The object that this plan becomes: what `kubectl apply` would be given.
    pub fn manifest(&self, kubernetes_name: &str) -> Value {
        let mut metadata = json!({"name": self.name, "namespace": kubernetes_name});
        if !self.labels.is_empty() {
            metadata["labels"] = json!(self.labels);
        }
        let template = json!({"metadata": {"labels": self.pod_labels()}, "spec": self.pod_spec()});
        match self.kind {
            PlanKind::Deployment => json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": metadata,
                "spec": {
                    "replicas": self.replicas,
                    "selector": {"matchLabels": {APP: self.name}},
                    "template": template,
                }
            }),
            PlanKind::Job => {
                let mut spec = json!({"template": template});
                if self.replicas != 1 {
                    spec["completions"] = json!(self.replicas);
                    spec["parallelism"] = json!(self.replicas);
                }
                json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
            }
            PlanKind::Pod => {
                metadata["labels"] = json!(self.pod_labels());
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.pod_spec()})
            }
        }
    }

    fn pod_labels(&self) -> BTreeMap<&str, &str> {
        let own = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        own.chain([(APP, self.name.as_str()), (SKU_LABEL, self.sku_code.as_str())]).collect()
    }

    fn pod_spec(&self) -> Value {
        let mut spec = Map::new();
        let pulls: Vec<Value> = self.pull_secrets.iter().map(|name| json!({"name": name})).collect();
        let volumes: Vec<Value> = self.mounts.iter().enumerate().map(|(i, mount)| mount.volume(i)).collect();
        spec.insert("containers".to_owned(), json!([self.container()]));
        if !pulls.is_empty() {
            spec.insert("imagePullSecrets".to_owned(), json!(pulls));
        }
        if self.kind != PlanKind::Deployment {
            spec.insert("restartPolicy".to_owned(), json!("Never"));
        }
        if !volumes.is_empty() {
            spec.insert("volumes".to_owned(), json!(volumes));
        }
        Value::Object(spec)
    }

    fn container(&self) -> Value {
        let plain = self.env.iter().map(|variable| json!(variable));
        let env: Vec<Value> = plain.chain(self.env_from.iter().filter_map(EnvFrom::one)).collect();
        let env_from: Vec<Value> = self.env_from.iter().filter_map(EnvFrom::all).collect();
        let ports: Vec<Value> = self.ports.iter().map(|port| json!({"containerPort": port})).collect();
        let mount = |(i, mount): (usize, &Mount)| {
            let mut shown = json!({"name": volume_name(i), "mountPath": mount.path});
            if mount.has_files() {
                shown["readOnly"] = json!(true);
            }
            shown
        };
        let mounts: Vec<Value> = self.mounts.iter().enumerate().map(mount).collect();
        let mut container = json!({"name": "app", "image": self.image});
        let optional = [
            ("command", json!(self.command), self.command.is_empty()),
            ("args", json!(self.args), self.args.is_empty()),
            ("env", json!(env), env.is_empty()),
            ("envFrom", json!(env_from), env_from.is_empty()),
            ("ports", json!(ports), ports.is_empty()),
            ("volumeMounts", json!(mounts), mounts.is_empty()),
            ("stdin", json!(true), self.kind != PlanKind::Pod),
            ("tty", json!(true), self.kind != PlanKind::Pod),
        ];
        for (key, value, empty) in optional {
            if !empty {
                container[key] = value;
            }
        }
        container
    }
}

fn volume_name(index: usize) -> String {
    format!("volume-{}", index + 1)
}

//! What a pod needs beside its containers: environment and files in one Secret, logins in another, both of its name.
//! Values are resolved at home, so neither ConfigMaps nor Secrets must exist over there, and none stands in a pod.
use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::{
    ByteString,
    api::core::v1::{Pod, Secret},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kubelet::{FileVolume, InstanceRequest, RegistryLogin};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{KubernetesConfig, body::remote_name, hex};
use crate::POD_IP;

/// Key of one environment variable.
pub(super) fn env_key(container: &str, index: usize) -> String {
    format!("env.{container}.{index}")
}

/// Key of one file: the same for the same path, whatever else is in the volume.
pub(super) fn file_key(volume: &str, path: &str) -> String {
    format!("file.{volume}.{}", hex(&Sha256::digest(path)[..16]))
}

/// Name of the Secret with the logins.
pub(super) fn logins_name(pod: &str) -> String {
    format!("{pod}-pull")
}

/// All Secrets that a pod needs.
pub(super) fn secrets(config: &KubernetesConfig, request: &InstanceRequest) -> Vec<Secret> {
    let mut data = file_data(&request.files);
    for container in &request.containers {
        let values = container.env.iter().enumerate().filter(|(_, (_, value))| value != POD_IP);
        data.extend(
            values.map(|(index, (_, value))| {
                (env_key(&container.spec.name, index), ByteString(value.clone().into_bytes()))
            }),
        );
    }
    let mut all = Vec::new();
    if !data.is_empty() {
        all.push(secret(config, &request.pod, remote_name(&request.pod), "Opaque", data));
    }
    if !request.registry_logins.is_empty() {
        let text = ByteString(docker_config(&request.registry_logins).into_bytes());
        let data = BTreeMap::from([(".dockerconfigjson".to_owned(), text)]);
        let name = logins_name(&remote_name(&request.pod));
        all.push(secret(config, &request.pod, name, "kubernetes.io/dockerconfigjson", data));
    }
    all
}

/// The files of all volumes, by key.
pub(super) fn file_data(volumes: &[FileVolume]) -> BTreeMap<String, ByteString> {
    let of = |volume: &FileVolume| {
        let name = volume.name.clone();
        let files = volume.files.iter();
        files.map(|file| (file_key(&name, &file.path), ByteString(file.content.clone()))).collect::<Vec<_>>()
    };
    volumes.iter().flat_map(of).collect()
}

/// Secrets go with the pod over there.
pub(super) fn owner(remote: &Pod) -> OwnerReference {
    OwnerReference {
        api_version: "v1".into(),
        kind: "Pod".into(),
        name: remote.metadata.name.clone().unwrap_or_default(),
        uid: remote.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    }
}

fn secret(
    config: &KubernetesConfig,
    pod: &Pod,
    name: String,
    type_: &str,
    data: BTreeMap<String, ByteString>,
) -> Secret {
    let mut secret = Secret { type_: Some(type_.to_owned()), data: Some(data), ..Secret::default() };
    secret.metadata.name = Some(name);
    secret.metadata.labels = Some(config.labels(pod.metadata.uid.as_deref().unwrap_or_default()));
    secret
}

fn docker_config(logins: &[RegistryLogin]) -> String {
    let entry = |login: &RegistryLogin| {
        let auth = STANDARD.encode(format!("{}:{}", login.username, login.password.expose_secret()));
        (login.registry.clone(), json!({"auth": auth}))
    };
    json!({"auths": logins.iter().map(entry).collect::<serde_json::Map<_, _>>()}).to_string()
}

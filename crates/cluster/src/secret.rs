//! Secrets. What the API server answers holds their values; nothing of that leaves this file but sizes.

use async_trait::async_trait;
use backend::ports::{SecretValues, Secrets};
use domain::Result;
use domain::config_map::KeySize;
use domain::namespace::KubernetesName;
use domain::secret::SecretView;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::KubeCluster;
use crate::object::{Objects, created_at};

#[async_trait]
impl Secrets for KubeCluster {
    async fn create_secret(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
        kind: &str,
        values: &SecretValues,
    ) -> Result<SecretView> {
        let set = |(key, value): (&String, &Option<SecretString>)| Some((key.clone(), bytes(value.as_ref()?)));
        let wanted = Secret {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            type_: Some(kind.to_owned()),
            data: Some(values.iter().filter_map(set).collect()),
            ..Secret::default()
        };
        Ok(view(&self.secrets(token, tenant)?.create(&wanted).await?))
    }

    async fn list_secrets(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<SecretView>> {
        Ok(self.secrets(token, tenant)?.list().await?.iter().map(view).collect())
    }

    async fn get_secret(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<SecretView>> {
        Ok(self.secrets(token, tenant)?.get(name).await?.as_ref().map(view))
    }

    async fn change_secret(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
        values: &SecretValues,
        version: Option<&str>,
    ) -> Result<SecretView> {
        let change = |(key, value): (&String, &Option<SecretString>)| (key.clone(), json!(value.as_ref().map(bytes)));
        let data: serde_json::Map<_, _> = values.iter().map(change).collect();
        Ok(view(&self.secrets(token, tenant)?.change(name, json!({"data": data}), version).await?))
    }

    async fn delete_secret(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool> {
        self.secrets(token, tenant)?.delete(name).await
    }
}

impl KubeCluster {
    fn secrets(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Objects<Secret>> {
        Ok(Objects::of(self.inner.clients.with_token(token)?, tenant))
    }
}

fn bytes(value: &SecretString) -> ByteString {
    ByteString(value.expose_secret().as_bytes().to_vec())
}

fn view(secret: &Secret) -> SecretView {
    let size = |(key, value): (&String, &ByteString)| KeySize {
        key: key.clone(),
        bytes: u32::try_from(value.0.len()).unwrap_or(u32::MAX),
    };
    SecretView {
        name: secret.name_any(),
        kind: secret.type_.clone().unwrap_or_default(),
        keys: secret.data.iter().flatten().map(size).collect(),
        immutable: secret.immutable.unwrap_or(false),
        used_by: Vec::new(),
        resource_version: secret.resource_version().unwrap_or_default(),
        created_at: created_at(secret),
    }
}

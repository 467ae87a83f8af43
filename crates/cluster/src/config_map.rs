//! ConfigMaps, and which workloads refer to them and to Secrets.

use std::collections::BTreeSet;

use async_trait::async_trait;
use backend::ports::ConfigMaps;
use domain::Result;
use domain::config_map::{ConfigMapChange, ConfigMapView, KeySize, NewConfigMap};
use domain::namespace::KubernetesName;
use domain::reference::{Referrer, Target, of_pod};
use futures::future::try_join5;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Client, Resource, ResourceExt as _};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;

use crate::KubeCluster;
use crate::object::{Objects, created_at};

#[async_trait]
impl ConfigMaps for KubeCluster {
    async fn create_config_map(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        new: &NewConfigMap,
    ) -> Result<ConfigMapView> {
        let wanted = ConfigMap {
            metadata: ObjectMeta { name: Some(new.name.clone()), ..ObjectMeta::default() },
            data: Some(new.data.clone()),
            ..ConfigMap::default()
        };
        Ok(view(&self.config_maps(token, tenant)?.create(&wanted).await?))
    }

    async fn list_config_maps(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<ConfigMapView>> {
        let all = self.config_maps(token, tenant)?.list().await?;
        Ok(all.iter().map(|map| ConfigMapView { data: Default::default(), ..view(map) }).collect())
    }

    async fn get_config_map(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<ConfigMapView>> {
        Ok(self.config_maps(token, tenant)?.get(name).await?.as_ref().map(view))
    }

    async fn change_config_map(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
        change: &ConfigMapChange,
        version: Option<&str>,
    ) -> Result<ConfigMapView> {
        // A key lives in one of two fields; a removal names both.
        let removed: serde_json::Map<_, _> = change
            .data
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(key, _)| (key.clone(), json!(null)))
            .collect();
        let patch = match removed.is_empty() {
            true => json!({"data": change.data}),
            false => json!({"data": change.data, "binaryData": removed}),
        };
        Ok(view(&self.config_maps(token, tenant)?.change(name, patch, version).await?))
    }

    async fn delete_config_map(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool> {
        self.config_maps(token, tenant)?.delete(name).await
    }

    async fn references(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
    ) -> Result<Vec<(Referrer, BTreeSet<Target>)>> {
        let client = self.inner.clients.with_token(token)?;
        let (deployments, sets, jobs, cron_jobs, pods) = try_join5(
            those_on_their_own::<Deployment>(&client, tenant),
            those_on_their_own::<StatefulSet>(&client, tenant),
            those_on_their_own::<Job>(&client, tenant),
            those_on_their_own::<CronJob>(&client, tenant),
            those_on_their_own::<Pod>(&client, tenant),
        )
        .await?;
        Ok([deployments, sets, jobs, cron_jobs, pods].concat())
    }
}

impl KubeCluster {
    fn config_maps(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Objects<ConfigMap>> {
        Ok(Objects::of(self.inner.clients.with_token(token)?, tenant))
    }
}

/// Objects of a kind that no other made, with what their pods refer to.
async fn those_on_their_own<K>(client: &Client, tenant: &KubernetesName) -> Result<Vec<(Referrer, BTreeSet<Target>)>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + Serialize,
{
    let all = Objects::<K>::of(client.clone(), tenant).list().await?;
    let refers = |object: &K| {
        let spec = serde_json::to_value(object).map_err(domain::Error::internal)?;
        Ok((Referrer { kind: K::kind(&()).into_owned(), name: object.name_any() }, of_pod(&spec["spec"])))
    };
    all.iter().filter(|object| object.owner_references().is_empty()).map(refers).collect()
}

fn view(map: &ConfigMap) -> ConfigMapView {
    let size =
        |key: &String, length: usize| KeySize { key: key.clone(), bytes: u32::try_from(length).unwrap_or(u32::MAX) };
    let text = map.data.iter().flatten().map(|(key, value)| size(key, value.len()));
    let binary = map.binary_data.iter().flatten().map(|(key, value)| size(key, value.0.len()));
    let mut keys: Vec<KeySize> = text.chain(binary).collect();
    keys.sort_by(|a, b| a.key.cmp(&b.key));
    ConfigMapView {
        name: map.name_any(),
        keys,
        data: map.data.clone().unwrap_or_default(),
        immutable: map.immutable.unwrap_or(false),
        used_by: Vec::new(),
        resource_version: map.resource_version().unwrap_or_default(),
        created_at: created_at(map),
    }
}

//! ConfigMaps in the cluster, with the token of the person who asks (RULINGS 34).

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::Result;
use domain::config_map::{ConfigMapChange, ConfigMapView, NewConfigMap};
use domain::namespace::KubernetesName;
use domain::reference::{Referrer, Target};
use secrecy::SecretString;

/// ConfigMaps of a namespace, and who refers to them and to Secrets.
#[async_trait]
pub trait ConfigMaps: Send + Sync {
    /// Creates one; `Conflict NameTaken` when there is one.
    async fn create_config_map(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        new: &NewConfigMap,
    ) -> Result<ConfigMapView>;
    /// All by name, without their text.
    async fn list_config_maps(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<ConfigMapView>>;
    /// One with its text.
    async fn get_config_map(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<ConfigMapView>>;
    /// Sets and removes keys. With `version`, `Conflict` unless it still is the present one.
    async fn change_config_map(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
        change: &ConfigMapChange,
        version: Option<&str>,
    ) -> Result<ConfigMapView>;
    /// Deletes one; false when there is none.
    async fn delete_config_map(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool>;
    /// What the workloads of a namespace refer to: Deployments, StatefulSets, Jobs, CronJobs and pods on their own.
    async fn references(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
    ) -> Result<Vec<(Referrer, BTreeSet<Target>)>>;
}

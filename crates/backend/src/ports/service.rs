//! Services in the cluster, with the token of the person who asks (RULINGS 34).

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::Result;
use domain::namespace::KubernetesName;
use domain::service::{EnginePods, NewService, ServiceView};
use secrecy::SecretString;

/// Services of a namespace. What runs their pods is told apart from them, by [`Services::engines_behind`].
#[async_trait]
pub trait Services: Send + Sync {
    /// Makes the Service that `kubectl expose deployment` would; `Invalid` on `deployment` when there is none,
    /// `Conflict NameTaken` when the name is taken.
    async fn create_service(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        new: &NewService,
    ) -> Result<ServiceView>;
    /// All by name.
    async fn list_services(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<ServiceView>>;
    /// One.
    async fn get_service(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
    ) -> Result<Option<ServiceView>>;
    /// Deletes one; false when there is none.
    async fn delete_service(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool>;
    /// Engines that run the pods which a Service's selector finds, ended ones left out; from watches, empty while unknown
    /// and for no selector.
    fn engines_behind(&self, tenant: &KubernetesName, selector: &BTreeMap<String, String>) -> Vec<EnginePods>;
}

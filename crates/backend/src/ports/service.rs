//! Services in the cluster, with the token of the person who asks (RULINGS 34).

use async_trait::async_trait;
use domain::Result;
use domain::namespace::KubernetesName;
use domain::service::{NewService, ServiceView};
use secrecy::SecretString;

/// Services of a namespace.
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
}

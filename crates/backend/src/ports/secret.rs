//! Secrets in the cluster, with the token of the person who asks (RULINGS 34): the console's own identity reads none.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::Result;
use domain::namespace::KubernetesName;
use domain::secret::SecretView;
use secrecy::SecretString;

/// Values by key on their way in; none removes the key.
pub type SecretValues = BTreeMap<String, Option<SecretString>>;

/// Secrets of a namespace. No answer holds a value.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Creates one; `Conflict NameTaken` when there is one.
    async fn create_secret(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
        kind: &str,
        values: &SecretValues,
    ) -> Result<SecretView>;
    /// All by name.
    async fn list_secrets(&self, token: &SecretString, tenant: &KubernetesName) -> Result<Vec<SecretView>>;
    /// One.
    async fn get_secret(&self, token: &SecretString, tenant: &KubernetesName, name: &str)
    -> Result<Option<SecretView>>;
    /// Sets and removes keys. With `version`, `Conflict` unless it still is the present one.
    async fn change_secret(
        &self,
        token: &SecretString,
        tenant: &KubernetesName,
        name: &str,
        values: &SecretValues,
        version: Option<&str>,
    ) -> Result<SecretView>;
    /// Deletes one; false when there is none.
    async fn delete_secret(&self, token: &SecretString, tenant: &KubernetesName, name: &str) -> Result<bool>;
}

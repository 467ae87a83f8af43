//! ConfigMaps from the console, with the person's own rights (RULINGS 34).

use domain::audit::Action;
use domain::config_map::{ConfigMapChange, ConfigMapView, NewConfigMap};
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::reference::{Referrer, Target};
use domain::{Error, Result};
use secrecy::SecretString;

use crate::workload::possible;
use crate::{Backend, Caller};

impl Backend {
    /// Creates a ConfigMap.
    ///
    /// # Errors
    /// [`Error::Invalid`], `name_taken`, `admission_denied` by quota, [`Error::Unavailable`].
    pub async fn create_config_map(&self, caller: &Caller, id: &str, new: NewConfigMap) -> Result<ConfigMapView> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        new.check()?;
        let made = self.inner.cluster.create_config_map(&token, &tenant.kubernetes_name, &new).await?;
        self.note_inside(caller, Action::ConfigMapCreated, &tenant, ("config_map", &new.name), String::new()).await?;
        Ok(made)
    }

    /// Names, keys and sizes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without the cluster.
    pub async fn list_config_maps(&self, caller: &Caller, id: &str) -> Result<Vec<ConfigMapView>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        self.inner.cluster.list_config_maps(&token, &tenant.kubernetes_name).await
    }

    /// One ConfigMap with its text and who uses it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_config_map(&self, caller: &Caller, id: &str, name: &str) -> Result<ConfigMapView> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let found = self.inner.cluster.get_config_map(&token, &tenant.kubernetes_name, name).await?;
        let map = found.ok_or(Error::NotFound)?;
        let used_by = self.used_by(&tenant, &token, &Target::ConfigMap(name.to_owned())).await?;
        Ok(ConfigMapView { used_by, ..map })
    }

    /// Sets and removes keys. `version` is what the person saw.
    ///
    /// # Errors
    /// `conflict` when somebody changed it meanwhile, [`Error::NotFound`], [`Error::Invalid`].
    pub async fn change_config_map(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
        change: ConfigMapChange,
        version: Option<String>,
    ) -> Result<ConfigMapView> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        change.check()?;
        let cluster = &self.inner.cluster;
        let changed =
            cluster.change_config_map(&token, &tenant.kubernetes_name, name, &change, version.as_deref()).await?;
        let keys: Vec<&str> = change.data.keys().map(String::as_str).collect();
        self.note_inside(caller, Action::ConfigMapChanged, &tenant, ("config_map", name), keys.join(", ")).await?;
        Ok(changed)
    }

    /// Deletes a ConfigMap; pods that run keep what they were given.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn delete_config_map(&self, caller: &Caller, id: &str, name: &str) -> Result<()> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        if !self.inner.cluster.delete_config_map(&token, &tenant.kubernetes_name, name).await? {
            return Err(Error::NotFound);
        }
        self.note_inside(caller, Action::ConfigMapDeleted, &tenant, ("config_map", name), String::new()).await
    }

    /// Workloads that refer to a ConfigMap or Secret, by kind and name.
    pub(crate) async fn used_by(
        &self,
        tenant: &Namespace,
        token: &SecretString,
        target: &Target,
    ) -> Result<Vec<Referrer>> {
        let all = self.inner.cluster.references(token, &tenant.kubernetes_name).await?;
        let mut users: Vec<Referrer> =
            all.into_iter().filter(|(_, targets)| targets.contains(target)).map(|(referrer, _)| referrer).collect();
        users.sort();
        Ok(users)
    }
}

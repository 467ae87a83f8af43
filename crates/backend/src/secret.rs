//! Secrets from the console: written with the person's own rights, never read back (RULINGS 34).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::audit::Action;
use domain::permission::Permission;
use domain::reference::Target;
use domain::secret::{Hidden, NewSecret, PULL_KEY, Registry, SecretChange, SecretView};
use domain::{Error, Result};
use secrecy::SecretString;

use crate::ports::SecretValues;
use crate::workload::possible;
use crate::{Backend, Caller};

impl Backend {
    /// Creates a Secret. Its values are seen by nobody afterwards.
    ///
    /// # Errors
    /// [`Error::Invalid`], `name_taken`, `admission_denied` by quota, [`Error::Unavailable`].
    pub async fn create_secret(&self, caller: &Caller, id: &str, new: NewSecret) -> Result<SecretView> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        new.check()?;
        let kind = new.kind().to_owned();
        let values = values(new.values.into_iter().map(|(key, value)| (key, Some(value))), new.registry.as_ref());
        let made = self.inner.cluster.create_secret(&token, &tenant.kubernetes_name, &new.name, &kind, &values).await?;
        self.note_inside(caller, Action::SecretCreated, &tenant, ("secret", &new.name), kind).await?;
        Ok(made)
    }

    /// Names, types, keys and sizes.
    ///
    /// # Errors
    /// `forbidden` for roles that may not deploy: who may run a pod may read what it mounts, others may not.
    pub async fn list_secrets(&self, caller: &Caller, id: &str) -> Result<Vec<SecretView>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        self.inner.cluster.list_secrets(&token, &tenant.kubernetes_name).await
    }

    /// One Secret and who uses it.
    ///
    /// # Errors
    /// [`Error::NotFound`], `forbidden`.
    pub async fn get_secret(&self, caller: &Caller, id: &str, name: &str) -> Result<SecretView> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        let found = self.inner.cluster.get_secret(&token, &tenant.kubernetes_name, name).await?;
        let secret = found.ok_or(Error::NotFound)?;
        let used_by = self.used_by(&tenant, &token, &Target::Secret(name.to_owned())).await?;
        Ok(SecretView { used_by, ..secret })
    }

    /// Sets and removes values. `version` is what the person saw.
    ///
    /// # Errors
    /// `conflict` when somebody changed it meanwhile, [`Error::NotFound`], [`Error::Invalid`].
    pub async fn change_secret(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
        change: SecretChange,
        version: Option<String>,
    ) -> Result<SecretView> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        change.check()?;
        let keys = change.keys();
        let values = values(change.values.into_iter(), change.registry.as_ref());
        let cluster = &self.inner.cluster;
        let changed = cluster.change_secret(&token, &tenant.kubernetes_name, name, &values, version.as_deref()).await?;
        self.note_inside(caller, Action::SecretChanged, &tenant, ("secret", name), keys).await?;
        Ok(changed)
    }

    /// Deletes a Secret; pods that run keep what they were given.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn delete_secret(&self, caller: &Caller, id: &str, name: &str) -> Result<()> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        if !self.inner.cluster.delete_secret(&token, &tenant.kubernetes_name, name).await? {
            return Err(Error::NotFound);
        }
        self.note_inside(caller, Action::SecretDeleted, &tenant, ("secret", name), String::new()).await
    }
}

fn values(free: impl Iterator<Item = (String, Option<Hidden>)>, registry: Option<&Registry>) -> SecretValues {
    let hidden = |value: Hidden| SecretString::from(value.0);
    let mut values: SecretValues = free.map(|(key, value)| (key, value.map(hidden))).collect();
    if let Some(registry) = registry {
        let auth = STANDARD.encode(format!("{}:{}", registry.username, registry.password.0));
        values.insert(PULL_KEY.to_owned(), Some(hidden(registry.docker_config(&auth))));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_sign_in_becomes_the_one_value_of_a_pull_secret() {
        let registry = Registry { server: "ghcr.io".into(), username: "me".into(), password: Hidden("hunter2".into()) };
        let values = values(std::iter::empty(), Some(&registry));
        let text = values[PULL_KEY].as_ref().unwrap().expose_secret();
        let config: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(config["auths"]["ghcr.io"]["auth"], "bWU6aHVudGVyMg==");
        assert!(!format!("{values:?}").contains("hunter2"));
    }
}

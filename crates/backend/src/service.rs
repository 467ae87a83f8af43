//! Services from the console, with the person's own rights (RULINGS 34).

use domain::audit::Action;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::service::{NewService, ServiceReach, ServiceView};
use domain::{Error, Result};

use crate::workload::possible;
use crate::{Backend, Caller};

impl Backend {
    /// Exposes a port of a deployment inside its namespace, and from outside if asked for: whether an engine can stands in
    /// what is read later.
    ///
    /// # Errors
    /// [`Error::Invalid`], `name_taken`, `admission_denied` by quota, [`Error::Unavailable`].
    pub async fn create_service(&self, caller: &Caller, id: &str, new: NewService) -> Result<ServiceView> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        new.check()?;
        let made = self.inner.cluster.create_service(&token, &tenant.kubernetes_name, &new).await?;
        let made = self.with_reach(&tenant, made);
        let reach = if new.outside { ", also from outside" } else { "" };
        let detail = format!("port {} of {}{reach}", new.target_port.unwrap_or(new.port), new.deployment);
        self.note_inside(caller, Action::ServiceCreated, &tenant, ("service", &new.name), detail).await?;
        Ok(made)
    }

    /// Every Service of a namespace, whoever made it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without the cluster.
    pub async fn list_services(&self, caller: &Caller, id: &str) -> Result<Vec<ServiceView>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let services = self.inner.cluster.list_services(&token, &tenant.kubernetes_name).await?;
        Ok(services.into_iter().map(|service| self.with_reach(&tenant, service)).collect())
    }

    /// One Service.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_service(&self, caller: &Caller, id: &str, name: &str) -> Result<ServiceView> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let found = self.inner.cluster.get_service(&token, &tenant.kubernetes_name, name).await?;
        found.map(|service| self.with_reach(&tenant, service)).ok_or(Error::NotFound)
    }

    /// Deletes a Service: its address answers no more.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn delete_service(&self, caller: &Caller, id: &str, name: &str) -> Result<()> {
        possible(name)?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        if !self.inner.cluster.delete_service(&token, &tenant.kubernetes_name, name).await? {
            return Err(Error::NotFound);
        }
        self.note_inside(caller, Action::ServiceDeleted, &tenant, ("service", name), String::new()).await
    }

    /// Says for each engine that runs its pods whether it leads to them.
    fn with_reach(&self, tenant: &Namespace, service: ServiceView) -> ServiceView {
        let behind = self.inner.cluster.engines_behind(&tenant.kubernetes_name, &service.selector);
        ServiceView { reach: behind.into_iter().map(ServiceReach::from).collect(), ..service }
    }
}

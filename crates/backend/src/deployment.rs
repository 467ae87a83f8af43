//! Deployments from the console: checked by the same rule as the webhook, made with the person's own rights.
//!
//! Source: `console-api.md` §6, RULINGS 34 and 36.

mod check;

use domain::admission::Asked;
use domain::audit::Action;
use domain::deployment::{AdmissionCheck, DeploymentPlan, DeploymentState, DeploymentView, LogOptions};
use domain::name::may_exist;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::{Code, Error, Result};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use secrecy::SecretString;

use crate::{Backend, Caller, Grant, namespace};

impl Backend {
    /// Creates what the plan says, after the same check that the wizard shows.
    ///
    /// # Errors
    /// [`Error::Denied`] with the verdict; `name_taken`; [`Error::Unavailable`] without the cluster, leaving nothing.
    pub async fn create_deployment(&self, caller: &Caller, id: &str, plan: DeploymentPlan) -> Result<DeploymentView> {
        plan.check()?;
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        let check = AdmissionCheck { deployment: Some(plan.clone()), ..Default::default() };
        let asked = Asked::read(&check, tenant.kubernetes_name.as_str())?;
        let verdict = self.verdict(&tenant, &asked)?;
        let created = if verdict.allowed {
            self.inner.cluster.create_deployment(&token, &tenant.kubernetes_name, &asked.manifest).await
        } else {
            Err(Error::Denied(Box::new(verdict)))
        };
        let detail = format!("{} × {}", plan.replicas, plan.sku_code);
        if let Err(error) = created {
            return Err(self.denied(caller, &tenant, &plan.name, detail, error).await);
        }
        let event = self.audit(caller, Action::DeploymentCreated, target(&tenant, &plan.name), detail);
        self.inner.store.record(&event.named(plan.name.as_str())).await?;
        self.find(&tenant, &token, &plan.name).await
    }

    /// Everything that runs in a namespace, whoever made it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without the cluster.
    pub async fn list_deployments(&self, caller: &Caller, id: &str) -> Result<Vec<DeploymentView>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let states = self.inner.cluster.list_deployments(&token, &tenant.kubernetes_name).await?;
        Ok(states.iter().map(|s| self.deployment_view(s)).collect())
    }

    /// One deployment with its pods.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn get_deployment(&self, caller: &Caller, id: &str, name: &str) -> Result<DeploymentView> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        self.find(&tenant, &token, name).await
    }

    /// Deletes a deployment and its pods.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn delete_deployment(&self, caller: &Caller, id: &str, name: &str) -> Result<()> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        possible(name)?;
        if !self.inner.cluster.delete_deployment(&token, &tenant.kubernetes_name, name).await? {
            return Err(Error::NotFound);
        }
        let event = self.audit(caller, Action::DeploymentDeleted, target(&tenant, name), "");
        self.inner.store.record(&event.named(name)).await
    }

    /// One deployment, now and after each change; `None` once it and its pods are gone.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign namespace.
    pub async fn watch_deployment(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
    ) -> Result<BoxStream<'static, Option<DeploymentView>>> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        let backend = self.clone();
        let states = self.inner.cluster.watch_deployment(&tenant.kubernetes_name, name);
        Ok(states.map(move |state| state.map(|s| backend.deployment_view(&s))).boxed())
    }

    /// All deployments of a namespace, now and after each change.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a foreign namespace.
    pub async fn watch_deployments(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<BoxStream<'static, Vec<DeploymentView>>> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        let backend = self.clone();
        let states = self.inner.cluster.watch_deployments(&tenant.kubernetes_name);
        Ok(states.map(move |all| all.iter().map(|s| backend.deployment_view(s)).collect()).boxed())
    }

    /// The log of one pod of a deployment: the named one, else the first ready one, else the first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the deployment has no such pod.
    pub async fn deployment_log(
        &self,
        caller: &Caller,
        id: &str,
        name: &str,
        pod: Option<&str>,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        possible(name)?;
        let state = self.inner.cluster.get_deployment(&token, &tenant.kubernetes_name, name).await?;
        let pods = state.ok_or(Error::NotFound)?.pods;
        let chosen = match pod {
            Some(wanted) => pods.iter().find(|p| p.name == wanted),
            None => pods.iter().find(|p| p.ready).or_else(|| pods.first()),
        };
        let chosen = chosen.ok_or(Error::NotFound)?;
        self.inner.cluster.pod_log(&token, &tenant.kubernetes_name, &chosen.name, options).await
    }

    /// What the console or the webhook refused to admit stands in the log, with the sentence the person read; other
    /// errors pass as they are.
    async fn denied(&self, caller: &Caller, tenant: &Namespace, name: &str, wanted: String, error: Error) -> Error {
        if error.code() != Code::AdmissionDenied {
            return error;
        }
        let event = self.audit(caller, Action::AdmissionDenied, target(tenant, name), format!("{wanted}: {error}"));
        match self.inner.store.record(&event.named(name).refused(Code::AdmissionDenied)).await {
            Ok(()) => error,
            Err(unrecorded) => unrecorded,
        }
    }

    /// Proves `permission`, that the namespace is ready, and fetches the person's token for it.
    async fn workspace(
        &self,
        caller: &Caller,
        id: &str,
        permission: Permission,
    ) -> Result<(Grant<Namespace>, SecretString)> {
        let tenant = self.namespace(caller, id, permission).await?;
        tenant.ready()?;
        let token = self.workload_token(caller, &tenant).await?;
        Ok((tenant, token))
    }

    async fn find(&self, tenant: &Namespace, token: &SecretString, name: &str) -> Result<DeploymentView> {
        possible(name)?;
        let state = self.inner.cluster.get_deployment(token, &tenant.kubernetes_name, name).await?;
        state.map(|s| self.deployment_view(&s)).ok_or(Error::NotFound)
    }

    fn deployment_view(&self, state: &DeploymentState) -> DeploymentView {
        state.view(self.inner.clock.now())
    }
}

/// A text that cannot be a name is the name of nothing; it must not become part of a path either.
fn possible(name: &str) -> Result<()> {
    if may_exist(name) { Ok(()) } else { Err(Error::NotFound) }
}

/// The audit target of a deployment.
fn target(tenant: &Namespace, name: &str) -> String {
    format!("{}/deployment:{name}", namespace::target(tenant.id))
}

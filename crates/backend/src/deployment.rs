//! Deployments from the console: checked by the same rule as the webhook, made with the person's own rights.
//!
//! Source: `console-api.md` §6, RULINGS 34 and 36.

mod apply;
mod check;
mod volumes;

use domain::admission::{Asked, order};
use domain::audit::Action;
use domain::deployment::{AdmissionCheck, DeploymentPlan, DeploymentView, PlanKind};
use domain::log::LogOptions;
use domain::namespace::Namespace;
use domain::permission::Permission;
use domain::workload::{WorkloadKind, WorkloadView};
use domain::{Error, Result};
use futures::stream::BoxStream;
use secrecy::SecretString;

use crate::workload::{orderer, possible, target};
use crate::{Backend, Caller};

const KIND: WorkloadKind = WorkloadKind::Deployment;

impl Backend {
    /// Creates a Deployment, after the same check that the wizard shows.
    ///
    /// # Errors
    /// As [`Self::create_workload`]; [`Error::Invalid`] on `kind` for a plan of another kind.
    pub async fn create_deployment(&self, caller: &Caller, id: &str, plan: DeploymentPlan) -> Result<DeploymentView> {
        if plan.kind != PlanKind::Deployment {
            return Err(Error::field("kind", "mismatch", "Only Deployments are made here; others at …/workloads"));
        }
        Ok(DeploymentView::of(self.create_workload(caller, id, plan).await?))
    }

    /// Creates what the plan says, whatever its kind, after the same check that the wizard shows.
    ///
    /// # Errors
    /// [`Error::Denied`] with the verdict; `name_taken`; [`Error::Unavailable`] without the cluster, leaving nothing.
    pub async fn create_workload(&self, caller: &Caller, id: &str, plan: DeploymentPlan) -> Result<WorkloadView> {
        plan.check()?;
        let kind = plan.kind.workload();
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        let check = AdmissionCheck { deployment: Some(plan.clone()), ..Default::default() };
        let mut asked = Asked::read(&check, tenant.kubernetes_name.as_str())?;
        order(kind.word(), &mut asked.manifest, Some(&orderer(caller).to_string()));
        let verdict = self.verdict(&tenant, &asked)?;
        let created = if verdict.allowed {
            self.inner.cluster.create_workload(&token, &tenant.kubernetes_name, &asked.manifest).await
        } else {
            Err(Error::Denied(Box::new(verdict)))
        };
        let detail = format!("{} × {}", plan.replicas, plan.sku_code);
        if let Err(error) = created {
            return Err(self.denied(caller, &tenant, kind, &plan.name, &detail, error).await);
        }
        let action = if kind == KIND { Action::DeploymentCreated } else { Action::WorkloadCreated };
        let event = self.audit(caller, action, target(&tenant, kind, &plan.name), detail);
        self.inner.store.record(&event.named(plan.name.as_str())).await?;
        let made = self.inner.cluster.get_workload(&token, &tenant.kubernetes_name, kind, &plan.name).await?;
        Ok(self.viewer(tenant.account_id).draw(&made.ok_or(Error::NotFound)?))
    }

    /// Every Deployment of a namespace, whoever made it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without the cluster.
    pub async fn list_deployments(&self, caller: &Caller, id: &str) -> Result<Vec<DeploymentView>> {
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let states = self.inner.cluster.list_workloads(&token, &tenant.kubernetes_name, Some(KIND)).await?;
        let view = self.viewer(tenant.account_id);
        Ok(states.iter().map(|state| DeploymentView::of(view.draw(state))).collect())
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
        self.delete_workload(caller, id, KIND, name).await
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
        let state = self.inner.cluster.get_workload(&token, &tenant.kubernetes_name, KIND, name).await?;
        let pods = state.ok_or(Error::NotFound)?.pods;
        let chosen = match pod {
            Some(wanted) => pods.iter().find(|p| p.name == wanted),
            None => pods.iter().find(|p| p.ready).or_else(|| pods.first()),
        };
        let chosen = chosen.ok_or(Error::NotFound)?;
        self.inner.cluster.pod_log(&token, &tenant.kubernetes_name, &chosen.name, options).await
    }

    async fn find(&self, tenant: &Namespace, token: &SecretString, name: &str) -> Result<DeploymentView> {
        possible(name)?;
        let state = self.inner.cluster.get_workload(token, &tenant.kubernetes_name, KIND, name).await?;
        let view = self.viewer(tenant.account_id);
        state.map(|state| DeploymentView::of(view.draw(&state))).ok_or(Error::NotFound)
    }
}

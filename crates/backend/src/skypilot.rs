//! SkyPilot access of a namespace: the row is the order, the reconciler carries it out (RULINGS 36); the files are pure.
//!
//! Source: `skypilot.md` §7, RULINGS 16 to 18.

mod apply;
mod kubeconfig;
mod verify;

use std::collections::BTreeSet;

use domain::audit::Action;
use domain::id::NamespaceId;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::skypilot::{
    self, Feature, SkypilotAccess, SkypilotApproval, SkypilotChoice, SkypilotFiles, SkypilotRequest, SkypilotView,
    SkypilotWanted,
};
use domain::{Error, Result};

use crate::{Backend, Caller, namespace};

impl Backend {
    /// Where SkyPilot access of a namespace is, feature by feature.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_skypilot(&self, caller: &Caller, id: &str) -> Result<SkypilotView> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        let access = self.inner.store.skypilot_access(tenant.id).await?;
        Ok(skypilot::view(tenant.id, tenant.kubernetes_name.as_str(), access.as_ref()))
    }

    /// The files for one choice; changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong name.
    pub async fn skypilot_files(&self, caller: &Caller, id: &str, choice: &SkypilotChoice) -> Result<SkypilotFiles> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        skypilot::files(choice, &tenant)
    }

    /// Applies SkyPilot access for the caller, or changes it. What reaches beyond the namespace waits for an operator.
    ///
    /// # Errors
    /// [`Error::Invalid`]; `not_ready` (409) unless the namespace is active.
    pub async fn set_skypilot(&self, caller: &Caller, id: &str, wanted: SkypilotWanted) -> Result<SkypilotView> {
        let tenant = self.namespace(caller, id, Permission::Deploy).await?;
        wanted.check()?;
        tenant.ready()?;
        let features = skypilot::ticked(&wanted.features);
        let detail = format!("{}: {}", wanted.service_account, words(&features));
        let access = SkypilotAccess {
            namespace_id: tenant.id,
            service_account: wanted.service_account,
            features,
            approved: BTreeSet::new(),
            wanted: true,
            suspended: false,
            ticket: 1,
            applied: 0,
            changed_at: self.inner.clock.now(),
        };
        let audit = self.audit(caller, Action::SkypilotChanged, target(tenant.id), detail);
        self.inner.store.set_skypilot_access(&access, &audit.named(tenant.name.as_str())).await?;
        self.settle_skypilot_now(tenant.id).await;
        self.get_skypilot(caller, id).await
    }

    /// Takes SkyPilot access away: rights, account and every kubeconfig of it. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] as above.
    pub async fn remove_skypilot(&self, caller: &Caller, id: &str) -> Result<()> {
        let tenant = self.namespace(caller, id, Permission::Deploy).await?;
        let audit = self.audit(caller, Action::SkypilotRemoved, target(tenant.id), "").named(tenant.name.as_str());
        if self.inner.store.remove_skypilot_access(tenant.id, self.inner.clock.now(), &audit).await? {
            self.settle_skypilot_now(tenant.id).await;
        }
        Ok(())
    }

    /// Accesses that reach beyond their namespace, for operators.
    ///
    /// # Errors
    /// `forbidden` for everybody else.
    pub async fn list_skypilot_requests(&self, caller: &Caller, page: &PageRequest) -> Result<Page<SkypilotRequest>> {
        caller.require(Permission::ManagePlatform)?;
        let rows = self.inner.store.list_skypilot_requests(page).await?;
        Ok(Page::from_rows(rows, page.limit, |row| row.id.clone()))
    }

    /// Allows what reaches beyond a namespace, and takes back what is not named.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a feature that nobody has to allow or nobody can; [`Error::NotFound`] without such an access.
    pub async fn approve_skypilot(&self, caller: &Caller, id: &str, approval: &SkypilotApproval) -> Result<()> {
        caller.require(Permission::ManagePlatform)?;
        let id = NamespaceId::parse(id)?;
        if let Some(why) = approval.approved.iter().find_map(|feature| feature.withheld()) {
            return Err(Error::field("approved", "withheld", why));
        }
        if let Some(feature) = approval.approved.iter().find(|feature| !feature.needs_operator()) {
            let message = format!("Nobody has to allow {}: it stays inside the namespace", feature.as_str());
            return Err(Error::field("approved", "unneeded", message));
        }
        let tenant = self.inner.store.namespace_by_id(id).await?.ok_or(Error::NotFound)?;
        let access = self.inner.store.skypilot_access(id).await?.filter(|access| access.wanted);
        let mut access = access.ok_or(Error::NotFound)?;
        access.approved = approval.approved.iter().copied().collect();
        let mut audit = self.audit(caller, Action::SkypilotApproved, target(id), words(&access.approved));
        // The tenant's own log shows who opened the cluster to it.
        audit.account_id = Some(tenant.account_id);
        if !self.inner.store.approve_skypilot(&access, &audit.named(tenant.name.as_str())).await? {
            return Err(Error::NotFound);
        }
        self.settle_skypilot_now(id).await;
        Ok(())
    }
}

fn target(id: NamespaceId) -> String {
    format!("{}/skypilot", namespace::target(id))
}

fn words(features: &BTreeSet<Feature>) -> String {
    features.iter().map(|feature| feature.as_str()).collect::<Vec<_>>().join(", ")
}

//! Namespaces: the row is the order, the reconciler carries it out (RULINGS 36).
//!
//! Source: `console-api.md` §2.

mod follow;
mod share;

use std::collections::BTreeMap;

use domain::audit::{Action, AuditEvent};
use domain::id::{AccountId, NamespaceId};
use domain::money::Money;
use domain::namespace::{
    ChangeNamespace, DeleteNamespace, KubernetesName, Namespace, NamespaceName, NamespaceStatus, NamespaceView,
    NewNamespace,
};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::sku::PriceView;
use domain::version::{stale, unchanged};
use domain::{Code, Error, Result};

use crate::{Backend, Caller, Grant};

/// Prices of what runs, by namespace.
type Rates = BTreeMap<NamespaceId, Vec<Money>>;

/// Whose namespaces are read, and whether with what they cost.
#[derive(Debug, Clone, Copy)]
struct Reader {
    account: AccountId,
    sees_usage: bool,
}

impl Reader {
    fn of(caller: &Caller) -> Self {
        Self { account: caller.account.id, sees_usage: caller.may(Permission::ReadUsage) }
    }
}

impl Backend {
    /// The caller's namespaces, oldest first.
    ///
    /// # Errors
    /// `forbidden` for roles that see no namespaces.
    pub async fn list_namespaces(&self, caller: &Caller, page: &PageRequest) -> Result<Page<NamespaceView>> {
        caller.require(Permission::Read)?;
        self.namespaces_of(Reader::of(caller), page).await
    }

    /// One namespace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_namespace(&self, caller: &Caller, id: &str) -> Result<NamespaceView> {
        let namespace = self.namespace(caller, id, Permission::Read).await?;
        let rates = self.rates(Reader::of(caller)).await?;
        Ok(self.priced_view(&namespace, rates.as_ref()))
    }

    /// Orders a namespace; it becomes `active` once the reconciler has read everything back.
    ///
    /// # Errors
    /// [`Error::Invalid`] or `name_taken` on field `name`.
    pub async fn create_namespace(&self, caller: &Caller, new: NewNamespace) -> Result<NamespaceView> {
        caller.require(Permission::CreateNamespace)?;
        let name = NamespaceName::new(&new.name)?;
        // Numbers of the tenant API are few: what is refused takes none.
        self.inner.store.check_namespace(caller.account.id, Some(&name)).await?;
        loop {
            let namespace = self.new_namespace(caller, name.clone()).await?;
            let audit = self.audit(caller, Action::NamespaceCreated, target(namespace.id), name.as_str());
            let audit = audit.named(name.as_str());
            match self.inner.store.create_namespace(&namespace, &audit).await {
                // Another account's namespace has this Kubernetes name: take a new id (RULINGS 10).
                Err(Error::Conflict { code: Code::Conflict, .. }) => {}
                Err(other) => return Err(other),
                Ok(share) => {
                    self.inner.wake.notify_one();
                    return Ok(Namespace { share, ..namespace }.view(0, Vec::new()));
                }
            }
        }
    }

    /// Changes the console name, which nothing in the cluster and no key notices, and its share of the account's total.
    /// `saw` is what somebody saw.
    ///
    /// # Errors
    /// [`Error::Invalid`], `name_taken`, `quota_exceeded`, `conflict` when somebody was faster, `forbidden` for members
    /// who did not create it, and for a share to all but owners and admins.
    pub async fn change_namespace(
        &self,
        caller: &Caller,
        id: &str,
        change: ChangeNamespace,
        saw: Option<&NamespaceView>,
    ) -> Result<NamespaceView> {
        let namespace = self.managed_namespace(caller, id).await?;
        unchanged(saw, &self.namespace_view(&namespace))?;
        let name = change.name.as_deref().map(NamespaceName::new).transpose()?;
        let share = match &change.share {
            Some(change) => self.changed_share(caller, &namespace, change).await?,
            None => namespace.share.clone(),
        };
        let name = name.unwrap_or_else(|| namespace.name.clone());
        let to = Namespace { name, share, ..Namespace::clone(&namespace) };
        self.write_namespace(caller, &namespace, &to).await?;
        self.get_namespace(caller, id).await
    }

    /// All that differs or nothing of it.
    async fn write_namespace(&self, caller: &Caller, from: &Namespace, to: &Namespace) -> Result<()> {
        let event = |action, detail| self.audit(caller, action, target(to.id), detail).named(to.name.as_str());
        let reshared = (to.share != from.share)
            .then(|| event(Action::NamespaceShareChanged, to.share.differences(&from.share).join(", ")));
        let renamed = (to.name != from.name)
            .then(|| event(Action::NamespaceRenamed, format!("{} → {}", from.name.as_str(), to.name.as_str())));
        let audit: Vec<AuditEvent> = reshared.into_iter().chain(renamed).collect();
        if !audit.is_empty() {
            let changed = self.inner.store.change_namespace(from, to, self.inner.clock.now(), &audit).await?;
            changed.then_some(()).ok_or_else(stale)?;
            self.inner.wake.notify_one();
            if to.share != from.share {
                self.share_in_force(to.id).await;
            }
        }
        Ok(())
    }

    /// Orders the deletion; repeating it changes nothing. The answer is `deleting` however quickly it is carried out.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `confirm` when given and not the name; [`Error::NotFound`] once it is gone.
    pub async fn delete_namespace(&self, caller: &Caller, id: &str, body: DeleteNamespace) -> Result<NamespaceView> {
        let namespace = self.managed_namespace(caller, id).await?;
        if body.confirm.is_some_and(|typed| typed != namespace.name.as_str()) {
            let message = format!("Type the name of the namespace: {}", namespace.name.as_str());
            return Err(Error::field("confirm", "mismatch", message));
        }
        Ok(self.namespace_view(&self.order_deletion(caller, namespace.into_inner()).await?))
    }

    /// The reconciler may move it at this very moment: the order stands whatever state it is in by then. Gives the
    /// namespace as ordered and reads it no more: it may be gone.
    async fn order_deletion(&self, caller: &Caller, mut namespace: Namespace) -> Result<Namespace> {
        let (id, name, to) = (namespace.id, namespace.name.as_str(), NamespaceStatus::Deleting);
        let audit = self.audit(caller, Action::NamespaceDeletionRequested, target(id), name).named(name);
        while namespace.status != to {
            let moved = self.inner.store.set_namespace_status(id, namespace.status, to, None, &audit).await?;
            let found = if moved { None } else { self.inner.store.namespace_by_id(id).await? };
            // Moved, or gone by somebody else's order, which is as good.
            namespace = found.unwrap_or(Namespace { status: to, status_message: None, ..namespace });
        }
        self.inner.wake.notify_one();
        Ok(namespace)
    }

    /// Finds a namespace of the caller's account and proves `permission` on it.
    pub(crate) async fn namespace(
        &self,
        caller: &Caller,
        id: &str,
        permission: Permission,
    ) -> Result<Grant<Namespace>> {
        let id = NamespaceId::parse(id)?;
        let found = self.inner.store.namespace(caller.account.id, id).await?;
        let namespace = found.filter(|_| caller.may(Permission::Read)).ok_or(Error::NotFound)?;
        caller.require(permission)?;
        Ok(Grant::new(namespace))
    }

    /// Rename and delete: the creator or an admin (RULINGS 43).
    pub(crate) async fn managed_namespace(&self, caller: &Caller, id: &str) -> Result<Grant<Namespace>> {
        let namespace = self.namespace(caller, id, Permission::CreateNamespace).await?;
        if namespace.created_by != caller.user.id {
            caller.require(Permission::ManageNamespace)?;
        }
        Ok(namespace)
    }

    /// With the next number of the tenant API: what is made here shows there (RULINGS 19).
    async fn new_namespace(&self, caller: &Caller, name: NamespaceName) -> Result<Namespace> {
        let id = NamespaceId::new(self.inner.random.uuid());
        Ok(Namespace {
            id,
            account_id: caller.account.id,
            kubernetes_name: KubernetesName::derive(&name, id),
            name,
            status: NamespaceStatus::Creating,
            status_message: None,
            created_by: caller.user.id,
            created_at: self.inner.clock.now(),
            tenant: Some(self.inner.store.next_tenant().await?),
            label: None,
            activated_at: None,
            share: domain::account::Share::default(),
        })
    }

    async fn namespaces_of(&self, reader: Reader, page: &PageRequest) -> Result<Page<NamespaceView>> {
        let rows = self.inner.store.list_namespaces(reader.account, page).await?;
        let rates = self.rates(reader).await?;
        let page = Page::from_rows(rows, page.limit, |n| n.id.to_string());
        Ok(page.map(|n| self.priced_view(&n, rates.as_ref())))
    }

    /// What runs costs, for all namespaces at once; none for who may not see it.
    async fn rates(&self, reader: Reader) -> Result<Option<Rates>> {
        if !reader.sees_usage {
            return Ok(None);
        }
        self.inner.store.open_rates(reader.account).await.map(Some)
    }

    /// A namespace with what the cluster says of it, and what runs in it costs.
    fn priced_view(&self, namespace: &Namespace, rates: Option<&Rates>) -> NamespaceView {
        let sums = |rates: &Rates| PriceView::sums(rates.get(&namespace.id).into_iter().flatten().cloned());
        NamespaceView { price_per_hour: rates.map(sums), ..self.namespace_view(namespace) }
    }

    /// A namespace with what the cluster says of it.
    pub(crate) fn namespace_view(&self, namespace: &Namespace) -> NamespaceView {
        let facts = self.inner.cluster.tenant_facts(&namespace.kubernetes_name);
        namespace.view(facts.deployments, facts.quota)
    }
}

/// The audit target of a namespace.
pub(crate) fn target(id: NamespaceId) -> String {
    format!("namespace:{id}")
}

//! Everything that runs in an account, for its first page: what the shared watches know at this moment, without a live
//! list per namespace and without a question to the cluster.

use domain::Result;
use domain::namespace::{Namespace, NamespaceStatus, NamespaceView};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::workload::{WorkloadFilter, WorkloadView};
use futures::{FutureExt as _, StreamExt as _};

use super::Viewer;
use crate::{Backend, Caller};

// Rows of one question.
const AT_ONCE: u32 = 200;
/// Namespaces of a first page: five questions to the store, whatever the account has.
const MOST_NAMESPACES: usize = 1000;

impl Backend {
    /// The account's namespaces, oldest first, a thousand at most, each with what is known to run in it; nothing in
    /// those that are not active.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn list_running(&self, caller: &Caller) -> Result<Vec<(NamespaceView, Vec<WorkloadView>)>> {
        caller.require(Permission::Read)?;
        let account = caller.account.id;
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = PageRequest::new(Some(AT_ONCE), cursor)?;
            let rows = self.inner.store.list_namespaces(account, &page).await?;
            let Page { items, next_cursor } = Page::from_rows(rows, page.limit, |namespace| namespace.id.to_string());
            found.extend(items);
            cursor = next_cursor;
            if cursor.is_none() || found.len() >= MOST_NAMESPACES {
                break;
            }
        }
        let viewer = self.viewer(account);
        let known = |namespace: Namespace| {
            let work = self.known(&viewer, &namespace);
            (self.namespace_view(&namespace), work)
        };
        Ok(found.into_iter().map(known).collect())
    }

    fn known(&self, viewer: &Viewer, namespace: &Namespace) -> Vec<WorkloadView> {
        if namespace.status != NamespaceStatus::Active {
            return Vec::new();
        }
        let states = self.inner.cluster.watch_workloads(&namespace.kubernetes_name).next().now_or_never().flatten();
        let most = WorkloadFilter { limit: Some(AT_ONCE), ..WorkloadFilter::default() };
        viewer.list(&states.unwrap_or_default(), &most).items
    }
}

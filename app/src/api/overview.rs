//! What the first page shows: what runs, what it costs, what is missing.

use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::overview::Overview;

/// What the shared watches know now of the newest namespaces; asks the cluster nothing.
#[server(prefix = "/api", endpoint = "overview/get")]
pub async fn get_overview() -> Result<Packed<Overview>, AppError> {
    use futures::{FutureExt as _, StreamExt as _};
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::default();
    let namespaces = backend.list_namespaces(&caller, &page).await?.items;
    let keys = backend.list_api_keys(&caller, &page).await?.items;
    let mut overview = Overview::new(&namespaces, &keys);
    for namespace in namespaces.iter().filter(|n| n.status == domain::namespace::NamespaceStatus::Active) {
        let mut watch = backend.watch_workloads(&caller, &namespace.id, Default::default()).await?;
        overview.add(namespace, watch.next().now_or_never().flatten().map(|list| list.items).unwrap_or_default());
    }
    let spending = backend.usage_summary(&caller, &domain::usage::UsageQuery::default()).await?;
    overview.spending = crate::features::overview::Spending::of(spending);
    overview.work.sort_by_key(|(.., workload)| workload.status.urgency());
    Packed::new(&overview)
}

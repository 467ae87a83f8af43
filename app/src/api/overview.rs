//! What the first page shows: what needs somebody, what runs, what it costs, what is free.

use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::overview::Overview;

/// What the shared watches and the store know now; asks the cluster nothing.
#[server(prefix = "/api", endpoint = "overview/get")]
pub async fn get_overview() -> Result<Packed<Overview>, AppError> {
    use crate::features::overview::{FreeGpus, Spending};
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(Some(200), None)?;
    let running = backend.list_running(&caller).await?;
    let namespaces: Vec<_> = running.iter().map(|(namespace, _)| namespace.clone()).collect();
    let keys = backend.list_api_keys(&caller, &page.clone().into()).await?.items;
    let budgets = backend.list_budgets(&caller, &page).await?.items;
    let spending = backend.usage_summary(&caller, &domain::usage::UsageQuery::default()).await?;
    let mut overview = Overview::new(&namespaces, &keys).with_work(running).with_budgets(budgets);
    overview.spending = Spending::of(spending);
    overview.idle = backend.list_idle_gpus(&caller).await?;
    // Without the catalogue the rest of the page is as true as before.
    overview.free = backend.list_skus(&caller, None).await.map(|skus| FreeGpus::of(&skus)).unwrap_or_default();
    Packed::new(&overview)
}

//! What workloads use, as their nodes tell.

use domain::metric::MetricView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// The last hour as this console knows it now; asks the cluster nothing.
#[server(prefix = "/api", endpoint = "metric/get")]
pub async fn get_metrics(namespace: String, kind: String, name: String) -> Result<Packed<MetricView>, AppError> {
    use futures::StreamExt as _;
    let (caller, kind) = (crate::ssr::caller().await?, crate::ssr::workload_kind(&kind)?);
    let mut views = crate::ssr::backend()?.watch_workload_metrics(&caller, &namespace, kind, &name).await?;
    Packed::new(&views.next().await.unwrap_or_default())
}

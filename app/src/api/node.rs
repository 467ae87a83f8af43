//! Virtual nodes, for the operators of the platform.

use domain::node::{NodeDetail, NodeView};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Every virtual node.
#[server(prefix = "/api", endpoint = "node/list")]
pub async fn list_nodes() -> Result<Packed<Vec<NodeView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.list_nodes(&caller).await?)
}

/// One virtual node with its pods.
#[server(prefix = "/api", endpoint = "node/get")]
pub async fn get_node(name: String) -> Result<Packed<NodeDetail>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_node(&caller, &name).await?)
}

/// Closes a node to new pods, or opens it.
#[server(prefix = "/api", endpoint = "node/cordon")]
pub async fn cordon_node(name: String, cordoned: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let notice = if cordoned {
        backend.cordon_node(&caller, &name).await?;
        Notice::NodeCordoned
    } else {
        backend.uncordon_node(&caller, &name).await?;
        Notice::NodeUncordoned
    };
    leptos_axum::redirect(&notice.after(&crate::paths::node(&name), &name));
    Ok(())
}

/// Takes all pods off a node. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "node/drain")]
pub async fn drain_node(name: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    backend.drain_node(&caller, &name, &confirm).await?;
    leptos_axum::redirect(&Notice::NodeDrained.after(&crate::paths::node(&name), &name));
    Ok(())
}

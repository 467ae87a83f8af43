//! What a page says of a kubeconfig before it is downloaded; the file itself is a link.

use domain::kubeconfig::KubeconfigFacts;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Checksum and command of one variant.
#[server(prefix = "/api", endpoint = "kubeconfig/facts")]
pub async fn get_kubeconfig_facts(
    namespace: String,
    variant: String,
    access: String,
) -> Result<Packed<KubeconfigFacts>, AppError> {
    let caller = crate::ssr::caller().await?;
    let variant = domain::kubeconfig::Variant::parse(&variant)?;
    let access = domain::credential::Access::from_stored(&access);
    Packed::new(&crate::ssr::backend()?.kubeconfig_facts(&caller, &namespace, variant, access).await?)
}

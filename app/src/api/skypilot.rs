//! SkyPilot access of a namespace. A kubeconfig with its token crosses once, in the answer of its creation.

use domain::page::Page;
use domain::skypilot::{
    IssuedSkypilotKubeconfig, SkypilotChoice, SkypilotFiles, SkypilotKubeconfigView, SkypilotView, Verification,
};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// All that the page shows: the access, the choice, its files or why there are none, the kubeconfigs.
pub type SkypilotDetail =
    (SkypilotView, SkypilotChoice, std::result::Result<SkypilotFiles, Vec<String>>, Page<SkypilotKubeconfigView>);

/// The access and the files of the choice that `query` holds; without one, of what is applied.
#[server(prefix = "/api", endpoint = "skypilot/get")]
pub async fn get_skypilot(
    namespace: String,
    #[server(default)] query: String,
) -> Result<Packed<SkypilotDetail>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let access = backend.get_skypilot(&caller, &namespace).await?;
    let choice = SkypilotChoice::from_query(&query).unwrap_or_else(|| access.choice());
    let files = match backend.skypilot_files(&caller, &namespace, &choice).await {
        Ok(files) => Ok(files),
        Err(domain::Error::Invalid(wrong)) => {
            Err(wrong.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)).collect())
        }
        Err(error) => return Err(error.into()),
    };
    let page = domain::page::PageRequest::default();
    let issued = backend.list_skypilot_kubeconfigs(&caller, &namespace, &page).await?;
    Packed::new(&(access, choice, files, issued))
}

/// What the API server says to each right.
#[server(prefix = "/api", endpoint = "skypilot/verification")]
pub async fn verify_skypilot(namespace: String) -> Result<Packed<Verification>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.verify_skypilot(&caller, &namespace).await?)
}

/// Applies what is ticked (words of the wire, comma separated) and comes back.
#[server(prefix = "/api", endpoint = "skypilot/apply")]
pub async fn apply_skypilot(namespace: String, service_account: String, features: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let features = features.split(',').filter_map(domain::skypilot::Feature::parse).collect();
    let wanted = domain::skypilot::SkypilotWanted { service_account, features };
    let access = crate::ssr::backend()?.set_skypilot(&caller, &namespace, wanted).await?;
    leptos_axum::redirect(&Notice::SkypilotApplied.after(&crate::paths::skypilot(&namespace), &access.service_account));
    Ok(())
}

/// Takes the access away and comes back. `confirm` must equal the ServiceAccount's name.
#[server(prefix = "/api", endpoint = "skypilot/remove")]
pub async fn remove_skypilot(namespace: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let access = backend.get_skypilot(&caller, &namespace).await?;
    domain::name::confirmed(&access.service_account, &confirm)?;
    backend.remove_skypilot(&caller, &namespace).await?;
    leptos_axum::redirect(&Notice::SkypilotRemoved.after(&crate::paths::skypilot(&namespace), &access.service_account));
    Ok(())
}

/// Issues a kubeconfig. Refused to a plain form post, whose redirect could not carry the token back safely.
#[server(prefix = "/api", endpoint = "skypilot/issue")]
pub async fn issue_skypilot_kubeconfig(
    namespace: String,
    name: String,
    days: u16,
) -> Result<Packed<IssuedSkypilotKubeconfig>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    backend.get_namespace(&caller, &namespace).await?;
    if crate::ssr::is_plain_form_post() {
        let detail =
            "The kubeconfig is shown once, which needs JavaScript here. Without it, use POST …/skypilot/kubeconfigs";
        return Err(AppError::refuse(domain::Error::conflict(domain::Code::Conflict, detail)));
    }
    crate::ssr::do_not_store();
    let new = domain::skypilot::NewSkypilotKubeconfig { name, days };
    Packed::new(&backend.issue_skypilot_kubeconfig(&caller, &namespace, new).await?)
}

/// Ends a kubeconfig and comes back.
#[server(prefix = "/api", endpoint = "skypilot/revoke")]
pub async fn revoke_skypilot_kubeconfig(
    namespace: String,
    id: String,
    #[server(default)] name: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.revoke_skypilot_kubeconfig(&caller, &namespace, &id).await?;
    leptos_axum::redirect(&Notice::SkypilotKubeconfigRevoked.after(&crate::paths::skypilot(&namespace), &name));
    Ok(())
}

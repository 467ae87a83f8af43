//! ConfigMaps of a namespace.

use domain::config_map::ConfigMapView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Names, keys and sizes.
#[server(prefix = "/api", endpoint = "config-map/list")]
pub async fn list_config_maps(namespace: String) -> Result<Packed<Vec<ConfigMapView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.list_config_maps(&caller, &namespace).await?)
}

/// One ConfigMap with its text and who uses it.
#[server(prefix = "/api", endpoint = "config-map/get")]
pub async fn get_config_map(namespace: String, name: String) -> Result<Packed<ConfigMapView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_config_map(&caller, &namespace, &name).await?)
}

/// Creates a ConfigMap and goes to its page.
#[server(prefix = "/api", endpoint = "config-map/create")]
pub async fn create_config_map(
    namespace: String,
    name: String,
    #[server(default)] lines: String,
    #[server(default)] key: String,
    #[server(default)] value: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    backend.get_namespace(&caller, &namespace).await?;
    let data = crate::features::key_values::read(&lines, &key, &value)?;
    let new = domain::config_map::NewConfigMap { name: name.trim().to_owned(), data };
    let made = backend.create_config_map(&caller, &namespace, new).await?;
    let page = crate::paths::config_map(&namespace, &made.name);
    leptos_axum::redirect(&Notice::ConfigMapCreated.after(&page, &made.name));
    Ok(())
}

/// Sets one key of a ConfigMap.
#[server(prefix = "/api", endpoint = "config-map/set")]
pub async fn set_config_map_key(
    namespace: String,
    name: String,
    version: String,
    key: String,
    #[server(default)] value: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice::ConfigMapChanged;
    let value = crate::features::key_values::without_carriage_returns(&value);
    alter(namespace, name, version, key.trim().to_owned(), Some(value), ConfigMapChanged).await
}

/// Removes one key of a ConfigMap.
#[server(prefix = "/api", endpoint = "config-map/remove")]
pub async fn remove_config_map_key(
    namespace: String,
    name: String,
    version: String,
    key: String,
) -> Result<(), AppError> {
    alter(namespace, name, version, key, None, crate::features::notice::Notice::ConfigMapKeyRemoved).await
}

/// Deletes a ConfigMap and goes to the list. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "config-map/delete")]
pub async fn delete_config_map(namespace: String, name: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    backend.get_namespace(&caller, &namespace).await?;
    domain::name::confirmed(&name, &confirm)?;
    backend.delete_config_map(&caller, &namespace, &name).await?;
    leptos_axum::redirect(&Notice::ConfigMapDeleted.after(&crate::paths::config(&namespace), &name));
    Ok(())
}

/// Changes what the form saw as `version` and goes back to the page.
#[cfg(feature = "ssr")]
async fn alter(
    namespace: String,
    name: String,
    version: String,
    key: String,
    value: Option<String>,
    notice: crate::features::notice::Notice,
) -> Result<(), AppError> {
    let caller = crate::ssr::caller().await?;
    let change = domain::config_map::ConfigMapChange { data: [(key.clone(), value)].into() };
    let backend = crate::ssr::backend()?;
    let changed = backend.change_config_map(&caller, &namespace, &name, change, Some(version)).await?;
    let page = notice.after(&crate::paths::config_map(&namespace, &name), &key);
    leptos_axum::redirect(&crate::paths::at_version(&page, &changed.resource_version));
    Ok(())
}

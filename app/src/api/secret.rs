//! Secrets of a namespace: values go in, none comes out.

use domain::secret::SecretView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Names, types, keys and sizes.
#[server(prefix = "/api", endpoint = "secret/list")]
pub async fn list_secrets(namespace: String) -> Result<Packed<Vec<SecretView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.list_secrets(&caller, &namespace).await?)
}

/// One Secret and who uses it.
#[server(prefix = "/api", endpoint = "secret/get")]
pub async fn get_secret(namespace: String, name: String) -> Result<Packed<SecretView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_secret(&caller, &namespace, &name).await?)
}

/// Creates a Secret of free values and goes to its page.
#[server(prefix = "/api", endpoint = "secret/create")]
pub async fn create_secret(
    namespace: String,
    name: String,
    #[server(default)] lines: String,
    #[server(default)] key: String,
    #[server(default)] value: String,
) -> Result<(), AppError> {
    use domain::secret::{Hidden, NewSecret};
    let caller = crate::ssr::caller().await?;
    let values = crate::features::key_values::read(&lines, &key, &value);
    let values = values.map(|all| all.into_iter().map(|(key, value)| (key, Hidden(value))).collect());
    make(&caller, namespace, NewSecret { name, ..NewSecret::default() }, values).await
}

/// Creates a pull secret and goes to its page.
#[server(prefix = "/api", endpoint = "secret/create-pull")]
pub async fn create_pull_secret(
    namespace: String,
    name: String,
    server: String,
    username: String,
    password: String,
) -> Result<(), AppError> {
    use domain::secret::{Hidden, NewSecret, Registry};
    let caller = crate::ssr::caller().await?;
    let registry = Some(Registry { server, username, password: Hidden(password) });
    make(&caller, namespace, NewSecret { name, registry, ..NewSecret::default() }, Ok(Default::default())).await
}

/// Sets one value of a Secret.
#[server(prefix = "/api", endpoint = "secret/set")]
pub async fn set_secret_value(
    namespace: String,
    name: String,
    version: String,
    key: String,
    #[server(default)] value: String,
) -> Result<(), AppError> {
    use domain::secret::{Hidden, SecretChange};
    let value = Hidden(crate::features::key_values::without_carriage_returns(&value));
    let change = SecretChange { values: [(key.trim().to_owned(), Some(value))].into(), registry: None };
    alter(namespace, name, version, change, crate::features::notice::Notice::SecretChanged).await
}

/// Sets another sign-in of a pull secret.
#[server(prefix = "/api", endpoint = "secret/set-pull")]
pub async fn set_pull_secret(
    namespace: String,
    name: String,
    version: String,
    server: String,
    username: String,
    password: String,
) -> Result<(), AppError> {
    use domain::secret::{Hidden, Registry, SecretChange};
    let registry = Some(Registry { server, username, password: Hidden(password) });
    let change = SecretChange { values: Default::default(), registry };
    alter(namespace, name, version, change, crate::features::notice::Notice::SecretChanged).await
}

/// Removes one value of a Secret.
#[server(prefix = "/api", endpoint = "secret/remove")]
pub async fn remove_secret_value(
    namespace: String,
    name: String,
    version: String,
    key: String,
) -> Result<(), AppError> {
    let change = domain::secret::SecretChange { values: [(key, None)].into(), registry: None };
    alter(namespace, name, version, change, crate::features::notice::Notice::SecretKeyRemoved).await
}

/// Deletes a Secret and goes to the list. `confirm` must equal the name.
#[server(prefix = "/api", endpoint = "secret/delete")]
pub async fn delete_secret(namespace: String, name: String, confirm: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    backend.get_secret(&caller, &namespace, &name).await?;
    domain::name::confirmed(&name, &confirm)?;
    backend.delete_secret(&caller, &namespace, &name).await?;
    leptos_axum::redirect(&Notice::SecretDeleted.after(&crate::paths::config(&namespace), &name));
    Ok(())
}

/// Creates what a form says; what the form got wrong counts after who may use it.
#[cfg(feature = "ssr")]
async fn make(
    caller: &backend::Caller,
    namespace: String,
    new: domain::secret::NewSecret,
    values: domain::Result<std::collections::BTreeMap<String, domain::secret::Hidden>>,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let backend = crate::ssr::backend()?;
    backend.get_namespace(caller, &namespace).await?;
    let new = domain::secret::NewSecret { name: new.name.trim().to_owned(), values: values?, ..new };
    let made = backend.create_secret(caller, &namespace, new).await?;
    leptos_axum::redirect(&Notice::SecretCreated.after(&crate::paths::secret(&namespace, &made.name), &made.name));
    Ok(())
}

/// Changes what the form saw as `version` and goes back to the page.
#[cfg(feature = "ssr")]
async fn alter(
    namespace: String,
    name: String,
    version: String,
    change: domain::secret::SecretChange,
    notice: crate::features::notice::Notice,
) -> Result<(), AppError> {
    let (caller, keys) = (crate::ssr::caller().await?, change.keys());
    let backend = crate::ssr::backend()?;
    let changed = backend.change_secret(&caller, &namespace, &name, change, Some(version)).await?;
    let page = notice.after(&crate::paths::secret(&namespace, &name), &keys);
    leptos_axum::redirect(&crate::paths::at_version(&page, &changed.resource_version));
    Ok(())
}

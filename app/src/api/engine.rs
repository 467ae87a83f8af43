//! Engines: import, check, change, rotate, end.

use domain::engine::view::CheckView;
use domain::engine::{EngineView, PreflightView};
use domain::page::Page;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;
use crate::features::engine_form::{EngineChange, EngineEntry};

/// One page of the engines of the account; for operators those of the platform too.
#[server(prefix = "/api", endpoint = "engine/list")]
pub async fn list_engines(cursor: String) -> Result<Packed<Page<EngineView>>, AppError> {
    let caller = crate::ssr::caller().await?;
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|cursor| !cursor.is_empty()))?;
    Packed::new(&crate::ssr::backend()?.list_engines(&caller, &page).await?)
}

/// One engine with its latest checks.
#[server(prefix = "/api", endpoint = "engine/get")]
pub async fn get_engine(id: String) -> Result<Packed<(EngineView, Vec<CheckView>)>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let engine = backend.get_engine(&caller, &id).await?;
    let checks = backend.engine_checks(&caller, &id, 10).await?;
    Packed::new(&(engine, checks))
}

/// Without a preflight runs one and shows it; with its id makes the engine and goes to its page. Without JavaScript both
/// happen at once.
#[server(prefix = "/api", endpoint = "engine/add")]
pub async fn add_engine(form: EngineEntry, preflight_id: String) -> Result<Packed<Option<PreflightView>>, AppError> {
    use crate::features::notice::Notice;
    crate::ssr::do_not_store();
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let engine = form.into_form()?;
    if preflight_id.is_empty() && !crate::ssr::is_plain_form_post() {
        return Packed::new(&Some(backend.preflight_engine(&caller, &engine).await?));
    }
    let preflight_id = Some(preflight_id).filter(|id| !id.is_empty());
    let made = backend.create_engine(&caller, &domain::engine::view::NewEngine { preflight_id, engine }).await?;
    leptos_axum::redirect(&Notice::EngineAdded.after(&crate::paths::engine(&made.id.to_string()), &made.name));
    Packed::new(&None)
}

/// Changes tag, the ingress controller's address or the CA.
#[server(prefix = "/api", endpoint = "engine/change")]
pub async fn change_engine(id: String, form: EngineChange) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let changed = crate::ssr::backend()?.change_engine(&caller, &id, &form.into_change(), None).await?;
    leptos_axum::redirect(&Notice::EngineChanged.after(&crate::paths::engine(&id), &changed.name));
    Ok(())
}

/// Tries new credentials and puts them in the place of the old ones.
#[server(prefix = "/api", endpoint = "engine/rotate")]
pub async fn rotate_engine(id: String, form: EngineEntry) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    crate::ssr::do_not_store();
    let caller = crate::ssr::caller().await?;
    let new = form.into_credentials();
    let changed = crate::ssr::backend()?.rotate_engine_credentials(&caller, &id, &new).await?;
    leptos_axum::redirect(&Notice::EngineRotated.after(&crate::paths::engine(&id), &changed.name));
    Ok(())
}

/// Checks everything now.
#[server(prefix = "/api", endpoint = "engine/check")]
pub async fn check_engine(id: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let engine = crate::ssr::backend()?.check_engine(&caller, &id).await?;
    leptos_axum::redirect(&Notice::EngineChecked.after(&crate::paths::engine(&id), &engine.name));
    Ok(())
}

/// Switches an engine off or on.
#[server(prefix = "/api", endpoint = "engine/switch")]
pub async fn switch_engine(id: String, disabled: bool) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let (engine, notice) = if disabled {
        (backend.disable_engine(&caller, &id).await?, Notice::EngineDisabled)
    } else {
        (backend.enable_engine(&caller, &id).await?, Notice::EngineEnabled)
    };
    leptos_axum::redirect(&notice.after(&crate::paths::engine(&id), &engine.name));
    Ok(())
}

/// Ends an engine and forgets its credentials. `confirm` must equal the name; with `force` also while pods run on it, with
/// `abandon` although it waits for them.
#[server(prefix = "/api", endpoint = "engine/delete")]
pub async fn delete_engine(
    id: String,
    confirm: String,
    #[server(default)] force: String,
    #[server(default)] abandon: String,
) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let engine = backend.get_engine(&caller, &id).await?;
    let asked = domain::engine::view::DeleteEngine { confirm, force: force == "true", abandon: abandon == "true" };
    let ending = backend.delete_engine(&caller, &id, &asked).await?.is_some();
    let notice = if ending { Notice::EngineDeleting } else { Notice::EngineDeleted };
    leptos_axum::redirect(&notice.after(&crate::paths::engines(), &engine.name));
    Ok(())
}

//! A namespace's settings: rename, default SKU, idle GPUs, delete.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::default_sku::DefaultSkuPanel;
use super::detail::{InNamespace, read_again_after};
use super::idle_gpu::IdleGpuPanel;
use crate::api::namespace::{DeleteNamespace, RenameNamespace};
use crate::features::form_dialog::FormDialog;
use crate::features::notice::Notice;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::quota;
use crate::features::right::{ActionLink, blocked};
use crate::paths;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::panel::Panel;

/// The tab *Settings*.
#[component]
pub fn NamespaceSettingsPage() -> impl IntoView {
    let query = use_query_map();
    let deleting = move || query.read().get("delete").is_some();
    // The head over the tabs has the old name until the namespace is read again. Nothing else that is saved here stands
    // there.
    read_again_after(Notice::NamespaceRenamed);
    let page = move |namespace: NamespaceView| {
        let dialog = namespace.clone();
        view! {
            <div class="grid items-start gap-4 lg:grid-cols-2">
                <div class="grid gap-4">
                    <Rename namespace=namespace.clone() />
                    <DangerZone namespace=namespace.clone() />
                </div>
                <div class="grid gap-4">
                    <DefaultSkuPanel namespace_id=namespace.id.clone() />
                    <IdleGpuPanel namespace=namespace.id />
                </div>
            </div>
            {move || deleting().then(|| view! { <DeleteDialog namespace=dialog.clone() /> })}
        }
        .into_any()
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Rename(namespace: NamespaceView) -> impl IntoView {
    let sending = Sending::to::<RenameNamespace>();
    let before = Signal::stored(Some(namespace.name.clone()));
    // Members may for what they made themselves: the backend knows who did, and says so.
    let why = blocked(sending, "Renaming", Permission::CreateNamespace);
    let (error, elsewhere) = (sending.field("name"), sending.elsewhere(&["name"]));
    view! {
        <Panel title="Name">
            <PostForm sending=sending before=("name", before)>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=namespace.id />
                    <Field id="rename" label="Console name" error=error hint="Kubeconfigs, keys and the name in the cluster stay as they are.">
                        <input
                            id="rename"
                            name="name"
                            class=INPUT
                            value=namespace.name.clone()
                            prop:value=namespace.name
                            required
                            maxlength="63"
                            autocomplete="off"
                            spellcheck="false"
                            aria-describedby="rename-note"
                            aria-invalid=invalid(error)
                        />
                    </Field>
                    <div>
                        <Button blocked=why>"Rename"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

#[component]
fn DangerZone(namespace: NamespaceView) -> impl IntoView {
    let href = paths::with_query(&paths::namespace_settings(&namespace.id), &[("delete", "namespace")]);
    view! {
        <Panel title="Delete">
            <div class="flex flex-wrap items-center justify-between gap-3 p-4">
                <p class="text-muted">"Everything in it stops and is removed. This cannot be undone."</p>
                <ActionLink href=href permission=Permission::CreateNamespace tone=ButtonTone::Danger>
                    "Delete namespace"
                </ActionLink>
            </div>
        </Panel>
    }
}

/// `3 pods stop now, and their cost ends; 2 deployments go with it.`
fn consequence(namespace: &NamespaceView) -> String {
    let pods = match quota::pods(&namespace.quota) {
        None => "What runs in it stops now".to_owned(),
        Some(0) => "No pod runs in it".to_owned(),
        Some(1) => "1 pod stops now, and its cost ends".to_owned(),
        Some(n) => format!("{n} pods stop now, and their cost ends"),
    };
    match namespace.deployments {
        0 => format!("{pods}."),
        1 => format!("{pods}; 1 deployment goes with it."),
        n => format!("{pods}; {n} deployments go with it."),
    }
}

/// Names the thing and the consequence; the name must be typed.
#[component]
fn DeleteDialog(namespace: NamespaceView) -> impl IntoView {
    let sending = Sending::to::<DeleteNamespace>();
    view! {
        <FormDialog
            title=format!("Delete {}", namespace.name)
            sending=sending
            confirm=namespace.name.clone()
            close=paths::namespace_settings(&namespace.id)
            button="Delete namespace"
            busy="Deleting"
        >
            <p>{consequence(&namespace)} " Kubeconfigs and keys for it stop working. A new namespace of the same name is another one."</p>
            <input type="hidden" name="id" value=namespace.id />
        </FormDialog>
    }
}

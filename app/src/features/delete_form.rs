//! Deleting a ConfigMap or Secret, or one key of it: names the thing and what uses it. The name of a whole one must be
//! typed.

use domain::reference::Referrer;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::features::form_dialog::FormDialog;
use crate::features::key_values::{Place, PlaceFields};
use crate::features::post_form::Sending;
use crate::ui::panel::Panel;

/// The dialog, while the URL asks for it; `to` makes its form. `what` is the kind in people's words.
#[component]
pub fn Deletion(
    what: &'static str,
    to: fn() -> Sending,
    place: Place,
    used_by: Vec<Referrer>,
    close: String,
) -> impl IntoView {
    let query = use_query_map();
    move || {
        query.read().get("delete")?;
        let (Place { namespace, name, .. }, used_by, close) = (place.clone(), used_by.clone(), close.clone());
        Some(
            view! { <DeleteDialog sending=to() what=what namespace=namespace name=name used_by=used_by close=close /> },
        )
    }
}

#[component]
fn DeleteDialog(
    sending: Sending,
    what: &'static str,
    namespace: String,
    name: String,
    used_by: Vec<Referrer>,
    close: String,
) -> impl IntoView {
    let consequence = match used_by.len() {
        0 => "No workload names it.".to_owned(),
        _ => format!("Used by {}: their next pods will not start.", names(&used_by)),
    };
    view! {
        <FormDialog
            title=format!("Delete {name}")
            sending=sending
            confirm=name.clone()
            close=close
            button=format!("Delete {what}")
            busy="Deleting"
        >
            <p>{consequence} " Pods that run keep what they were started with. This cannot be undone."</p>
            <input type="hidden" name="namespace" value=namespace />
            <input type="hidden" name="name" value=name />
        </FormDialog>
    }
}

/// The dialog that takes one of `keys` away, while the URL asks for it; `to` makes its form.
#[component]
pub fn KeyRemoval(
    keys: Vec<String>,
    to: fn() -> Sending,
    place: Place,
    used_by: Vec<Referrer>,
    close: String,
) -> impl IntoView {
    let query = use_query_map();
    move || {
        let key_name = query.read().get("remove").filter(|key| keys.contains(key))?;
        let (place, used_by, close) = (place.clone(), used_by.clone(), close.clone());
        Some(view! { <RemoveKeyDialog sending=to() place=place key_name=key_name used_by=used_by close=close /> })
    }
}

/// Names the key, which nothing keeps, and what uses its object.
#[component]
fn RemoveKeyDialog(
    sending: Sending,
    place: Place,
    key_name: String,
    used_by: Vec<Referrer>,
    close: String,
) -> impl IntoView {
    let consequence = match used_by.len() {
        0 => format!("No workload names {}.", place.name),
        _ => format!("{} is used by {}: what needs this key does not start without it.", place.name, names(&used_by)),
    };
    view! {
        <FormDialog
            title=format!("Remove {key_name}")
            sending=sending
            close=close
            button="Remove key"
            busy="Removing"
        >
            <p>{consequence} " The value is kept nowhere: this cannot be undone."</p>
            <PlaceFields place=place />
            <input type="hidden" name="key" value=key_name />
        </FormDialog>
    }
}

/// Who uses a ConfigMap or Secret.
#[component]
pub fn UsedBy(used_by: Vec<Referrer>) -> impl IntoView {
    let line = |one: Referrer| {
        view! {
            <li class="flex gap-2">
                <span class="text-muted">{one.kind}</span>
                <span class="font-mono text-sm">{one.name}</span>
            </li>
        }
    };
    view! {
        <Panel title="Used by">
            {if used_by.is_empty() {
                view! { <p class="p-4 text-muted">"No workload of this namespace names it."</p> }.into_any()
            } else {
                view! { <ul class="grid gap-1 p-4">{used_by.into_iter().map(line).collect_view()}</ul> }.into_any()
            }}
        </Panel>
    }
}

fn names(used_by: &[Referrer]) -> String {
    used_by.iter().map(|one| format!("{} {}", one.kind, one.name)).collect::<Vec<_>>().join(", ")
}

//! The dialogs of a workload's page: each a state of the URL, each a form that works without JavaScript.

use domain::workload::{WorkloadAction, WorkloadView};
use leptos::prelude::*;

use super::change_dialogs::{ImageDialog, RestartDialog, RollBackDialog, ScaleDialog};
use super::detail::Shown;
use crate::api::workload::{DeleteWorkload, DeleteWorkloads};
use crate::features::form_dialog::FormDialog;
use crate::features::post_form::Sending;
use crate::features::words::{count, to_type};
use crate::paths;

/// The dialog that the URL asks for; none for one that does not exist.
#[component]
pub fn Dialogs(shown: Shown, dialog: String) -> impl IntoView {
    let kind = shown.kind;
    let allowed = |action: WorkloadAction| action.of(kind).is_ok();
    match dialog.as_str() {
        "delete" => view! { <DeleteDialog shown=shown /> }.into_any(),
        "scale" if allowed(WorkloadAction::Scale) => view! { <ScaleDialog shown=shown /> }.into_any(),
        "restart" if allowed(WorkloadAction::Restart) => view! { <RestartDialog shown=shown /> }.into_any(),
        "image" if allowed(WorkloadAction::ChangeImage) => view! { <ImageDialog shown=shown /> }.into_any(),
        "rollback" if allowed(WorkloadAction::RollBack) => view! { <RollBackDialog shown=shown /> }.into_any(),
        _ => ().into_any(),
    }
}

/// The fields that say which workload a form is about.
#[component]
pub fn Whose(shown: Shown) -> impl IntoView {
    view! {
        <input type="hidden" name="namespace" value=shown.namespace.id />
        <input type="hidden" name="kind" value=shown.kind.as_str() />
        <input type="hidden" name="name" value=shown.name />
    }
}

/// Names the thing and what ends with it; the name must be typed.
#[component]
fn DeleteDialog(shown: Shown) -> impl IntoView {
    let sending = Sending::to::<DeleteWorkload>();
    let (now, close, name) = (shown.now, shown.page(), shown.name.clone());
    let word = shown.kind.word().to_lowercase();
    view! {
        <FormDialog
            title=format!("Delete {name}")
            sending=sending
            confirm=name
            close=close
            button=format!("Delete {word}")
            busy="Deleting"
        >
            <p>{move || now.with(consequence)}</p>
            <Whose shown=shown />
        </FormDialog>
    }
}

/// The ones that were ticked in the list, each as `<kind>/<name>`: one confirmation for all, which says how many go.
#[component]
pub fn DeleteSelected(namespace_id: String, items: Vec<String>) -> impl IntoView {
    let sending = Sending::to::<DeleteWorkloads>();
    let (close, words) = (paths::workloads(&namespace_id), count(items.len() as u32, "workload"));
    let confirm = to_type(&items);
    let line = |(at, item): (usize, String)| {
        view! {
            <li class="wrap-anywhere">
                <input type="hidden" name=format!("items[{at}]") value=item.clone() />
                {item}
            </li>
        }
    };
    view! {
        <FormDialog
            title=format!("Delete {words}")
            sending=sending
            confirm=confirm
            close=close
            button=format!("Delete {words}")
            busy="Deleting"
        >
            <p>"Their pods stop now, and what they cost ends. This cannot be undone."</p>
            <input type="hidden" name="namespace" value=namespace_id />
            <ul class="grid max-h-60 gap-1 overflow-y-auto font-mono text-sm">
                {items.into_iter().enumerate().map(line).collect_view()}
            </ul>
        </FormDialog>
    }
}

/// `3 pods stop now; €6.58/h ends.`
fn consequence(workload: &WorkloadView) -> String {
    let running = workload.pods.iter().filter(|pod| pod.phase != "Succeeded" && pod.phase != "Failed");
    // Those that a page leaves out run.
    let left_out = workload.pod_count.saturating_sub(workload.pods.len() as u32);
    let pods = match running.count() as u32 + left_out {
        0 => "No pod runs".to_owned(),
        1 => "1 pod stops now".to_owned(),
        n => format!("{} stop now", count(n, "pod")),
    };
    match &workload.price_per_hour {
        Some(price) => format!("{pods}; {} ends.", crate::ui::money::per_hour(price)),
        None => format!("{pods}."),
    }
}

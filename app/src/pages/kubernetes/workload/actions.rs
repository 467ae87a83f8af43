//! What one can do to a workload: the buttons of its head, each with the reason where it cannot be done, and the
//! commands that do the same in a shell.

use domain::permission::Permission;
use domain::workload::WorkloadAction;
use leptos::prelude::*;

use super::detail::Shown;
use super::schedule::ScheduleActions;
use crate::features::right::ActionLink;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::code::CodeBlock;
use crate::ui::panel::Panel;

/// The buttons.
#[component]
pub fn Actions(shown: Shown) -> impl IntoView {
    let all = [
        (WorkloadAction::Scale, "Scale", "scale"),
        (WorkloadAction::Restart, "Restart", "restart"),
        (WorkloadAction::ChangeImage, "Change image", "image"),
        (WorkloadAction::RollBack, "Roll back", "rollback"),
    ];
    let for_delete = shown.dialog("delete");
    let for_schedule = shown.is_schedule().then(|| shown.clone());
    let button =
        move |(action, word, dialog): (WorkloadAction, &'static str, &'static str)| match action.of(shown.kind) {
            Ok(()) => view! { <ActionLink href=shown.dialog(dialog) permission=Permission::Deploy>{word}</ActionLink> }
                .into_any(),
            Err(why) => {
                let blocked = Signal::stored(Some(why.to_owned()));
                view! { <Button kind="button" blocked=blocked>{word}</Button> }.into_any()
            }
        };
    let buttons = match for_schedule {
        Some(shown) => view! { <ScheduleActions shown=shown /> }.into_any(),
        None => all.map(button).collect_view().into_any(),
    };
    view! {
        {buttons}
        <ActionLink href=for_delete permission=Permission::Deploy tone=ButtonTone::Danger>
            "Delete"
        </ActionLink>
    }
}

/// The same in a shell.
#[component]
pub fn Commands(shown: Shown) -> impl IntoView {
    let (namespace, kind, name) = (&shown.namespace.kubernetes_name, shown.kind.as_str(), &shown.name);
    let whose = format!("kubectl -n {namespace}");
    let code = format!(
        "{whose} exec -it {kind}/{name} -- sh\n{whose} port-forward {kind}/{name} 8080:80\n{whose} logs -f {kind}/{name}\n"
    );
    view! {
        <Panel title="In a shell">
            <div class="p-4">
                <CodeBlock code=code label="With the kubeconfig of this namespace" />
            </div>
        </Panel>
    }
}

//! What is done about idle GPUs in a namespace.

use domain::idle_gpu::{IDLE_BELOW_PERCENT, IdleGpuAction, IdleGpuRule, MOST_MINUTES};
use domain::permission::Permission;
use leptos::prelude::*;

use crate::api::idle_gpu::{GetIdleGpu, SetIdleGpu};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::ui::button::Button;
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::panel::Panel;

/// The panel of the settings.
#[component]
pub fn IdleGpuPanel(namespace: String) -> impl IntoView {
    let id = namespace.clone();
    load(Signal::stored(namespace), |namespace| GetIdleGpu { namespace })
        .show(move |rule| view! { <Form namespace=id.clone() rule=rule /> }.into_any())
}

#[component]
fn Form(namespace: String, rule: IdleGpuRule) -> impl IntoView {
    let sending = Sending::to::<SetIdleGpu>();
    let elsewhere = sending.elsewhere(&["action", "warn_after_minutes", "stop_after_minutes"]);
    let (chosen, why) = (rule.action, blocked(sending, "Saving", Permission::Deploy));
    let option = move |action: IdleGpuAction| {
        let selected = action == chosen;
        view! {
            <option value=action.as_str() selected=selected>
                {action.words()}
            </option>
        }
    };
    let note = format!(
        "A pod is idle while each of its GPUs reports less than {IDLE_BELOW_PERCENT} per cent. A stop scales Deployments and \
         StatefulSets to zero and deletes pods that nothing made; Jobs are only spoken of."
    );
    view! {
        <Panel title="Idle GPUs">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="namespace" value=namespace />
                    <p class="text-sm text-muted">{note}</p>
                    <Field id="idle-action" label="When GPUs are idle" error=sending.field("action")>
                        <select id="idle-action" name="action" class=INPUT aria-describedby="idle-action-note">
                            {IdleGpuAction::ALL.map(option).collect_view()}
                        </select>
                    </Field>
                    <Minutes
                        id="idle-warn"
                        name="warn_after_minutes"
                        label="Say so after minutes"
                        value=rule.warn_after_minutes
                        error=sending.field("warn_after_minutes")
                    />
                    <Minutes
                        id="idle-stop"
                        name="stop_after_minutes"
                        label="Stop after minutes"
                        value=rule.stop_after_minutes
                        error=sending.field("stop_after_minutes")
                    />
                    <div>
                        <Button blocked=why>"Save rule"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

#[component]
fn Minutes(
    id: &'static str,
    name: &'static str,
    label: &'static str,
    value: u32,
    error: Signal<Option<String>>,
) -> impl IntoView {
    view! {
        <Field id=id label=label error=error hint="0: at once.">
            <input
                id=id
                name=name
                class=INPUT
                type="number"
                required
                min="0"
                max=MOST_MINUTES.to_string()
                value=value.to_string()
                aria-describedby=format!("{id}-note")
                aria-invalid=invalid(error)
            />
        </Field>
    }
}

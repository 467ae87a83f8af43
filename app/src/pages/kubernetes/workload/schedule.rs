//! A CronJob: its clock, its Jobs, and the buttons that stop it, let it go on, or start a Job at once.

use domain::permission::Permission;
use domain::workload::{Schedule, WorkloadKind};
use leptos::prelude::*;

use super::detail::Shown;
use super::dialogs::Whose;
use crate::api::workload::{RunWorkload, SuspendWorkload};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::paths;
use crate::ui::button::Button;
use crate::ui::clock::Ago;
use crate::ui::code::CodeBlock;
use crate::ui::panel::Panel;

/// When it starts Jobs, when it last did, and where they are.
#[component]
pub fn ScheduleTab(shown: Shown) -> impl IntoView {
    let now = shown.now;
    let read = move |of: fn(&Schedule) -> String| move || now.with(|w| w.schedule.as_ref().map(of).unwrap_or_default());
    let last = Signal::derive(read(|s| s.last_run_at.clone().unwrap_or_default()));
    let jobs = paths::with_query(&paths::workloads(&shown.namespace.id), &[("kind", "job"), ("q", &shown.name)]);
    let (namespace, name) = (&shown.namespace.kubernetes_name, &shown.name);
    let command = format!("kubectl -n {namespace} create job {name}-by-hand --from=cronjob/{name}\n");
    view! {
        <Panel title="Schedule">
            <dl class="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 p-4">
                <dt class="text-muted">"Starts at"</dt>
                <dd class="font-mono wrap-anywhere">{read(|s| s.cron.clone())}</dd>
                <dt class="text-muted">"Time zone"</dt>
                <dd>{read(|s| s.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()))}</dd>
                <dt class="text-muted">"Last started"</dt>
                <dd>
                    {move || {
                        if last.with(String::is_empty) {
                            view! { "never by itself" }.into_any()
                        } else {
                            view! { <Ago at=last /> }.into_any()
                        }
                    }}
                </dd>
                <dt class="text-muted">"Jobs"</dt>
                <dd>
                    <a href=jobs class="link">
                        "What it started"
                    </a>
                </dd>
            </dl>
        </Panel>
        <Panel title="In a shell">
            <div class="p-4">
                <CodeBlock code=command label="With the kubeconfig of this namespace" />
            </div>
        </Panel>
    }
}

/// Run now, and suspend or resume.
#[component]
pub fn ScheduleActions(shown: Shown) -> impl IntoView {
    let (run, switch) = (Sending::to::<RunWorkload>(), Sending::to::<SuspendWorkload>());
    let (run_refused, switch_refused) = (run.refusal(), switch.refusal());
    let starting = blocked(run, "Starting", Permission::Deploy);
    let changing = blocked(switch, "Changing", Permission::Deploy);
    let refusal = move || run_refused.get().or_else(|| switch_refused.get());
    let now = shown.now;
    let suspended = Memo::new(move |_| now.with(|w| w.schedule.as_ref().is_some_and(|s| s.suspended)));
    let before = Signal::derive(move || Some(suspended.get().to_string()));
    let again = shown.clone();
    view! {
        <PostForm sending=run>
            <Whose shown=shown />
            <Button blocked=starting>"Run now"</Button>
        </PostForm>
        <PostForm sending=switch before=("suspended", before)>
            <Whose shown=again />
            <input type="hidden" name="suspended" value=move || (!suspended.get()).to_string() />
            <Button blocked=changing>{move || if suspended.get() { "Resume" } else { "Suspend" }}</Button>
        </PostForm>
        {move || refusal().map(|error| view! { <ErrorBanner error=error /> })}
    }
}

// === impl Shown ===

impl Shown {
    /// It makes Jobs, and no pods of its own.
    pub fn is_schedule(&self) -> bool {
        self.kind == WorkloadKind::CronJob
    }
}

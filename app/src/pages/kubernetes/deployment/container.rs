//! The container of a plan: its image, and behind a fold everything else that `kubectl` would be told.

use leptos::prelude::*;

use crate::features::plan_lines::{MOUNT_HINT, REFERENCE_HINT};
use crate::features::plan_signals::PlanSignals;
use crate::features::post_form::Sending;
use crate::paths;
use crate::ui::field::{Field, INPUT, TEXTAREA, invalid};

/// Fields of the first fold.
const COMMAND: &[&str] = &["command", "args", "env", "ports"];
/// Fields of the second.
const SURROUNDINGS: &[&str] = &["env_from", "mounts", "labels", "pull_secrets"];

/// Lines that a click adds, and pull secrets.
pub type Offered = (Vec<String>, Vec<String>);

/// Errors of the form's own rule while typing, and of the last refusal.
#[derive(Clone, Copy)]
pub struct Errors {
    /// The form.
    pub plan: PlanSignals,
    /// How its sending went.
    pub sending: Sending,
}

impl Errors {
    /// What is wrong with a field.
    pub fn field(self, name: &'static str) -> Signal<Option<String>> {
        let refused = self.sending.field(name);
        Signal::derive(move || self.plan.wrong(name).or_else(|| refused.get()))
    }

    /// Whether the form came back because of one of these fields: a fold that hides its error is open then. Asked once,
    /// for who has no JavaScript; a fold that somebody sees is theirs to open.
    fn refused(self, fields: &[&'static str]) -> bool {
        fields.iter().copied().any(|name| self.sending.field(name).with_untracked(Option::is_some))
    }
}

/// A field of one line.
#[component]
pub fn Text(
    id: &'static str,
    name: &'static str,
    value: RwSignal<String>,
    error: Signal<Option<String>>,
    #[prop(optional)] placeholder: &'static str,
    #[prop(optional)] required: bool,
    #[prop(default = "text")] kind: &'static str,
) -> impl IntoView {
    view! {
        <input
            id=id
            name=name
            type=kind
            class=INPUT
            placeholder=placeholder
            required=required
            autocomplete="off"
            spellcheck="false"
            aria-describedby=format!("{id}-note")
            aria-invalid=invalid(error)
            value=value.get_untracked()
            prop:value=move || value.get()
            on:input:target=move |event| value.set(event.target().value())
        />
    }
}

#[component]
fn Lines(
    id: &'static str,
    name: &'static str,
    value: RwSignal<String>,
    error: Signal<Option<String>>,
    #[prop(optional)] placeholder: &'static str,
    /// It cannot be filled in now, and is not sent.
    #[prop(optional, into)]
    closed: Signal<bool>,
) -> impl IntoView {
    let refused = invalid(error);
    let wrong = move || refused().filter(|_| !closed.get());
    view! {
        <textarea
            id=id
            name=name
            class=TEXTAREA
            rows="3"
            disabled=move || closed.get()
            placeholder=placeholder
            spellcheck="false"
            aria-describedby=format!("{id}-note")
            aria-invalid=wrong
            prop:value=move || value.get()
            on:input:target=move |event| value.set(event.target().value())
        ></textarea>
    }
}

/// Name, image, and the folds.
#[component]
pub fn Container(namespace_id: String, plan: PlanSignals, error: Errors, offers: Offered) -> impl IntoView {
    view! {
        <div class="grid gap-3 sm:grid-cols-2">
            <Field id="name" label="Name" error=error.field("name") hint="Lowercase letters, digits and hyphens.">
                <Text id="name" name="form[name]" value=plan.name error=error.field("name") placeholder="demo" required=true />
            </Field>
            <Field id="image" label="Image" error=error.field("image") hint="As docker pull takes it.">
                <Text id="image" name="form[image]" value=plan.image error=error.field("image") placeholder="nginx:1.27-alpine" required=true />
            </Field>
        </div>
        <details class="rounded border border-line" open=error.refused(COMMAND)>
            <summary class="cursor-pointer px-3 py-2 hover:bg-hover">"Command, environment, ports"</summary>
            <div class="grid gap-3 border-t border-line p-3 sm:grid-cols-2">
                <Field id="command" label="Command" error=error.field("command") hint="One word a line. Replaces the image's entry point.">
                    <Lines id="command" name="form[command]" value=plan.command error=error.field("command") />
                </Field>
                <Field id="args" label="Arguments" error=error.field("args") hint="One a line.">
                    <Lines id="args" name="form[args]" value=plan.args error=error.field("args") />
                </Field>
                <Field id="env" label="Environment" error=error.field("env") hint="NAME=value, one a line. Plain text in the cluster: no secrets.">
                    <Lines id="env" name="form[env]" value=plan.env error=error.field("env") placeholder="MODE=production" />
                </Field>
                <Field id="ports" label="Ports" error=error.field("ports") hint="TCP, parted by blanks. Network gives them an address.">
                    <Text id="ports" name="form[ports]" value=plan.ports error=error.field("ports") placeholder="80 8080" />
                </Field>
            </div>
        </details>
        <Surroundings namespace_id=namespace_id plan=plan error=error offers=offers />
    }
}

/// What comes from the namespace: values, files, the sign-in of a registry.
#[component]
fn Surroundings(namespace_id: String, plan: PlanSignals, error: Errors, offers: Offered) -> impl IntoView {
    let config = paths::config(&namespace_id);
    let (values, pulls) = offers;
    // Without JavaScript nobody opens the field again for another SKU: there the refusal of the form says it.
    let scripted = RwSignal::new(false);
    Effect::new(move || scripted.set(true));
    let closed = Signal::derive(move || plan.no_volumes().filter(|_| scripted.get()));
    view! {
        <details class="rounded border border-line" open=error.refused(SURROUNDINGS)>
            <summary class="cursor-pointer px-3 py-2 hover:bg-hover">"Secrets, ConfigMaps, volumes, labels"</summary>
            <div class="grid gap-3 border-t border-line p-3 sm:grid-cols-2">
                <Field id="env_from" label="Environment from Secrets and ConfigMaps" error=error.field("env_from") hint=REFERENCE_HINT>
                    <Lines id="env_from" name="form[env_from]" value=plan.env_from error=error.field("env_from") />
                </Field>
                <Field id="mounts" label="Volumes" error=error.field("mounts") hint=MOUNT_HINT closed=closed>
                    <Lines
                        id="mounts"
                        name="form[mounts]"
                        value=plan.mounts
                        error=error.field("mounts")
                        placeholder="/data=emptydir"
                        closed=Signal::derive(move || closed.with(Option::is_some))
                    />
                </Field>
                <Field id="labels" label="Labels" error=error.field("labels") hint="key=value, one a line.">
                    <Lines id="labels" name="form[labels]" value=plan.labels error=error.field("labels") placeholder="team=ml" />
                </Field>
                <Field id="pull_secret" label="Pull secret" error=error.field("pull_secrets") hint="Empty for public images.">
                    <Text id="pull_secret" name="form[pull_secret]" value=plan.pull_secret error=error.field("pull_secrets") />
                </Field>
                <div class="grid gap-2 sm:col-span-2">
                    <Offers plan=plan offers=values pulls=pulls />
                    <p class="text-sm text-muted">
                        "Volumes end with the pod. Where one of the SKU's engines mounts none, the plan says so; where none does, they are not offered. "
                        <a href=config class="link">
                            "Secrets and ConfigMaps"
                        </a>
                    </p>
                </div>
            </div>
        </details>
    }
}

/// What there is to refer to: a click adds the line. Without JavaScript the lines are there to read.
#[component]
fn Offers(plan: PlanSignals, offers: Vec<String>, pulls: Vec<String>) -> impl IntoView {
    let add = move |line: String| {
        plan.env_from.update(|text| {
            if !text.lines().any(|have| have.trim() == line) {
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                text.push_str(&format!("{end}{line}\n"));
            }
        });
    };
    let offer = move |line: String| {
        let added = line.clone();
        view! { <Offer line=line on_add=Callback::new(move |()| add(added.clone())) /> }
    };
    let pull = move |name: String| {
        let chosen = name.clone();
        view! { <Offer line=name on_add=Callback::new(move |()| plan.pull_secret.set(chosen.clone())) /> }
    };
    let (values, secrets) = (!offers.is_empty(), !pulls.is_empty());
    view! {
        {values
            .then(|| {
                view! {
                    <p class="text-sm text-muted">"In this namespace:"</p>
                    <ul class="flex flex-wrap gap-1.5">{offers.into_iter().map(offer).collect_view()}</ul>
                }
            })}
        {secrets
            .then(|| {
                view! {
                    <p class="text-sm text-muted">"Pull secrets:"</p>
                    <ul class="flex flex-wrap gap-1.5">{pulls.into_iter().map(pull).collect_view()}</ul>
                }
            })}
    }
}

#[component]
fn Offer(line: String, on_add: Callback<()>) -> impl IntoView {
    let label = format!("Use {line}");
    view! {
        <li>
            <button
                type="button"
                class="cursor-pointer rounded border border-line bg-sunken px-2 py-0.5 font-mono text-xs wrap-anywhere hover:border-faint"
                aria-label=label
                on:click=move |_| on_add.run(())
            >
                {line}
            </button>
        </li>
    }
}

//! The object behind a workload: to read, to edit, to compare before it is applied.

use domain::manifest::Manifest;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::detail::Shown;
use super::dialogs::Whose;
use super::diff::{Line, changes};
use crate::api::error::AppError;
use crate::api::workload::{ApplyManifest, GetManifest, PreviewManifest};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::ActionLink;
use crate::features::yaml::to_yaml;
use crate::paths;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::code::CodeBlock;
use crate::ui::field::{Field, TEXTAREA, invalid};

/// The tab *YAML*.
#[component]
pub fn ManifestTab(shown: Shown) -> impl IntoView {
    let key = format!("{}/{}/{}", shown.namespace.id, shown.kind.as_str(), shown.name);
    let query = use_query_map();
    // Opening the editor reads the object anew: an edit begins with what is there now.
    let editing = Memo::new(move |_| query.read().get("edit").is_some());
    let key = Memo::new(move |_| format!("{key}/{}", editing.get()));
    let loaded = load(key, |key| {
        let mut parts = key.split('/').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        GetManifest { namespace: part(), kind: part(), name: part() }
    });
    loaded.show_or(
        move |manifest| {
            let shown = shown.clone();
            if editing.get_untracked() {
                view! { <Editor shown=shown manifest=manifest /> }.into_any()
            } else {
                view! { <Reader shown=shown manifest=manifest /> }.into_any()
            }
        },
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    )
}

#[component]
fn Reader(shown: Shown, manifest: Manifest) -> impl IntoView {
    let edit = editor(&shown);
    view! {
        <section class="grid gap-2">
            <div class="flex flex-wrap items-center justify-between gap-2">
                <p class="text-sm text-muted">"As it is in the cluster, without its status and what only Kubernetes writes."</p>
                <ActionLink href=edit permission=Permission::Deploy>
                    "Edit"
                </ActionLink>
            </div>
            <CodeBlock code=to_yaml(&manifest.object) label="Manifest" />
        </section>
    }
}

/// Where it is edited, beginning with what is there then.
fn editor(shown: &Shown) -> String {
    paths::with_query(&shown.tab("yaml"), &[("edit", "yes")])
}

/// First the text, then what it would change, then the change.
#[component]
fn Editor(shown: Shown, manifest: Manifest) -> impl IntoView {
    let before = StoredValue::new(to_yaml(&manifest.object));
    let (version, shown) = (StoredValue::new(manifest.version), StoredValue::new(shown));
    let preview = Sending::to::<PreviewManifest>();
    let (refusal, error) = (preview.elsewhere(&["yaml"]), preview.field("yaml"));
    let close = shown.with_value(|shown| shown.tab("yaml"));
    let compared = move || preview.accepted::<(String, Manifest)>();
    view! {
        <div class="grid gap-4">
            <PostForm sending=preview>
                <div class="grid gap-3">
                    {move || refusal.get().map(|error| view! { <Refused shown=shown.get_value() error=error /> })}
                    <Whose shown=shown.get_value() />
                    <input type="hidden" name="version" value=version.get_value() />
                    <Text yaml=before.get_value() error=error />
                    <div class="flex justify-end gap-2">
                        <ButtonLink href=close>"Cancel"</ButtonLink>
                        <Button blocked=preview.blocked("Asking the cluster")>"Show changes"</Button>
                    </div>
                </div>
            </PostForm>
            {move || compared().map(|(yaml, next)| {
                view! {
                    <Changes
                        shown=shown.get_value()
                        version=version.get_value()
                        yaml=yaml
                        before=before.get_value()
                        after=to_yaml(&next.object)
                    />
                }
            })}
            <noscript>
                <p class="text-muted">"Comparing needs JavaScript. In a shell: kubectl edit"</p>
            </noscript>
        </div>
    }
}

/// Why it was refused. Whoever was slower reads the other's change in a window of its own: loading this one again would
/// lose what they typed.
#[component]
fn Refused(shown: Shown, error: AppError) -> impl IntoView {
    let newest = error.is_conflict().then(|| {
        view! {
            <p class="text-sm text-muted">
                "What you typed stays here. "
                <a href=editor(&shown) target="_blank" class="link">
                    "Edit what is there now in a new window"
                </a>
            </p>
        }
    });
    view! {
        <ErrorBanner error=error />
        {newest}
    }
}

#[component]
fn Text(yaml: String, error: Signal<Option<String>>) -> impl IntoView {
    view! {
        <Field id="yaml" label="Manifest" error=error hint="Name, namespace and kind stay as they are.">
            <textarea
                id="yaml"
                name="yaml"
                class=TEXTAREA
                rows="24"
                spellcheck="false"
                autocomplete="off"
                aria-describedby="yaml-note"
                aria-invalid=invalid(error)
            >
                {yaml}
            </textarea>
        </Field>
    }
}

/// What the cluster would make of it, and the button that does it.
#[component]
fn Changes(shown: Shown, version: String, yaml: String, before: String, after: String) -> impl IntoView {
    let apply = Sending::to::<ApplyManifest>();
    let (refusal, refused) = (apply.refusal(), StoredValue::new(shown.clone()));
    let changed = changes(&before, &after);
    if changed.is_empty() {
        return view! { <p class="text-muted" role="status">"This changes nothing."</p> }.into_any();
    }
    let line = |line: &Line<'_>| {
        let (class, mark, text) = match line {
            Line::Same(text) => ("block min-h-5 text-muted", "  ", *text),
            Line::Gone(text) => ("block min-h-5 bg-fail-soft text-fail", "- ", *text),
            Line::New(text) => ("block min-h-5 bg-ok-soft text-ok", "+ ", *text),
        };
        view! { <span class=class>{format!("{mark}{text}")}</span> }
    };
    let shown_lines = changed.iter().map(line).collect_view();
    view! {
        <PostForm sending=apply>
            <div class="grid gap-3">
                <h2 class="font-semibold">"What changes"</h2>
                <pre
                    class="max-h-112 overflow-auto rounded-md border border-line bg-sunken px-3 py-2.5 font-mono text-sm leading-5 whitespace-pre-wrap wrap-anywhere"
                    tabindex="0"
                    aria-label="Changes"
                    role="region"
                >
                    {shown_lines}
                </pre>
                {move || refusal.get().map(|error| view! { <Refused shown=refused.get_value() error=error /> })}
                <Whose shown=shown />
                <input type="hidden" name="version" value=version />
                <input type="hidden" name="yaml" value=yaml />
                <div class="flex justify-end">
                    <Button tone=ButtonTone::Primary blocked=apply.blocked("Applying")>
                        "Apply"
                    </Button>
                </div>
            </div>
        </PostForm>
    }
    .into_any()
}

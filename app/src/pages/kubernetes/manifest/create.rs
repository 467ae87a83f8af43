//! A manifest that a person brings along: judged while it is typed, applied by one button.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use domain::permission::Permission;
use leptos::prelude::*;

use crate::api::manifest::{ApplyPasted, CheckPasted};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::features::verdict::{VerdictLines, use_verdict};
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::field::{Field, TEXTAREA, invalid};

const HINT: &str =
    "Paste a manifest: it is checked as you type, by the rule the cluster decides with and by a dry run.";
const KINDS: &str = "One Deployment, StatefulSet, Job, CronJob or Pod, as YAML or JSON. The pod template carries the label \
    remotegpu.ai/sku-code. A namespace need not be given.";

/// The page *Paste a manifest*.
#[component]
pub fn PasteManifestPage() -> impl IntoView {
    let page = |namespace| view! { <Paste namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Paste(namespace: NamespaceView) -> impl IntoView {
    let sending = Sending::to::<ApplyPasted>();
    let (refusal, error) = (sending.elsewhere(&["yaml"]), sending.field("yaml"));
    let (text, why) = (RwSignal::new(String::new()), blocked(sending, "Applying", Permission::Deploy));
    let id = namespace.id.clone();
    let asked = Memo::new(move |_| {
        let text = text.get();
        (!text.trim().is_empty()).then(|| (id.clone(), text))
    });
    let verdict = use_verdict(asked, |(namespace, yaml)| CheckPasted { namespace, yaml });
    view! {
        <PostForm sending=sending>
            <input type="hidden" name="namespace" value=namespace.id.clone() />
            <div class="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_360px]">
                <div class="grid min-w-0 gap-3">
                    <h2 class="font-semibold">"Paste a manifest"</h2>
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <Text text=text error=error />
                </div>
                <aside
                    class="grid min-w-0 gap-3 rounded-md border border-line bg-surface p-4 lg:sticky lg:top-6"
                    aria-label="Verdict"
                >
                    <h2 class="font-semibold">"Verdict"</h2>
                    <VerdictLines verdict=verdict hint=HINT />
                    <label class="flex items-start gap-2 text-sm">
                        <input type="checkbox" name="take_over" value="true" class="mt-0.5 size-4 shrink-0 accent-accent" />
                        "Take over fields that another tool manages"
                    </label>
                    <Button tone=ButtonTone::Primary blocked=why>
                        "Apply"
                    </Button>
                    <p class="text-sm text-muted">
                        "Makes the object, or changes the one of that name, as kubectl apply --server-side does. Or "
                        <a href=paths::deploy(&namespace.id) class="link">
                            "fill in a form"
                        </a> "."
                    </p>
                </aside>
            </div>
        </PostForm>
    }
}

#[component]
fn Text(text: RwSignal<String>, error: Signal<Option<String>>) -> impl IntoView {
    view! {
        <Field id="yaml" label="Manifest" error=error hint=KINDS>
            <textarea
                id="yaml"
                name="yaml"
                class=TEXTAREA
                rows="24"
                required
                maxlength="262144"
                spellcheck="false"
                autocomplete="off"
                aria-describedby="yaml-note"
                aria-invalid=invalid(error)
                on:input:target=move |event| text.set(event.target().value())
            ></textarea>
        </Field>
    }
}

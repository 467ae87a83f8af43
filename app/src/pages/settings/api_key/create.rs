//! Forms for a new API key: whole, and the short one of a namespace's access page.

use domain::api_key::CreatedApiKey;
use domain::namespace::NamespaceView;
use domain::permission::Permission;
use leptos::prelude::*;

use crate::api::api_key::CreateApiKey;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::paths;
use crate::ui::banner::WithoutScript;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::choice::ChoiceCard;
use crate::ui::code::CodeBlock;
use crate::ui::copy::SecretBox;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// Name, scope, end, then the secret, once.
#[component]
pub fn NewKeyDialog(namespaces: Vec<NamespaceView>) -> impl IntoView {
    let sending = Sending::to::<CreateApiKey>();
    let made = move || sending.accepted::<CreatedApiKey>();
    view! {
        <Dialog title="New API key" close=paths::api_keys()>
            {move || match made() {
                Some(created) => view! { <Secret created=created done=paths::api_keys() /> }.into_any(),
                None => view! { <KeyFields sending=sending namespaces=namespaces.clone() /> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn KeyFields(sending: Sending, namespaces: Vec<NamespaceView>) -> impl IntoView {
    let scope = RwSignal::new("namespaces".to_owned());
    let elsewhere = sending.elsewhere(&["name", "scopes", "expires_at"]);
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <KeyName error=sending.field("name") />
                <ScopeCards scope=scope error=sending.field("scopes") namespaces=namespaces />
                <Rights />
                <Field id="expires" label="Last day (optional)" error=sending.field("expires_at") hint="Ends with that day, UTC. Empty: never.">
                    <input id="expires" name="form[expires_on]" type="date" class=INPUT aria-describedby="expires-note" />
                </Field>
                <div class="flex justify-end gap-2">
                    <ButtonLink href=paths::api_keys()>"Cancel"</ButtonLink>
                    <Button tone=ButtonTone::Primary formaction=paths::new_key_page() blocked=sending.blocked("Creating")>
                        "Create key"
                    </Button>
                </div>
            </div>
        </PostForm>
    }
}

/// The field for a key's name.
#[component]
pub fn KeyName(error: Signal<Option<String>>, #[prop(optional)] value: String) -> impl IntoView {
    view! {
        <Field id="key-name" label="Name" error=error hint="Where it will be used, for example laptop or ci.">
            <input
                id="key-name"
                name="form[name]"
                class=INPUT
                value=value
                required
                maxlength="100"
                autocomplete="off"
                aria-describedby="key-name-note"
                aria-invalid=invalid(error)
            />
        </Field>
    }
}

/// The four legal scopes, one card each; `ticked` are the ids that stand on the key.
#[component]
pub fn ScopeCards(
    scope: RwSignal<String>,
    error: Signal<Option<String>>,
    namespaces: Vec<NamespaceView>,
    #[prop(optional)] ticked: Vec<String>,
) -> impl IntoView {
    let cards = [
        ("namespaces", "Chosen namespaces", "kubectl in the namespaces ticked below."),
        ("all_namespaces", "All namespaces", "kubectl in every namespace of the account, present and future."),
        ("all", "Everything", "All namespaces, and inference."),
        ("inference", "Inference only", "No kubectl. This installation serves no inference yet."),
    ];
    let card = |(value, title, text): (&'static str, &'static str, &'static str)| {
        view! {
            <ChoiceCard name="form[scope]" value=value chosen=scope>
                <p class="font-medium">{title}</p>
                <p class="text-sm text-muted">{text}</p>
            </ChoiceCard>
        }
    };
    let unused = move || scope.with(|scope| scope != "namespaces");
    view! {
        <fieldset class="grid gap-2">
            <legend class="mb-1 text-sm font-medium">"What it opens"</legend>
            <div class="grid gap-2 sm:grid-cols-2">{cards.map(card).collect_view()}</div>
            <fieldset class="grid gap-1 rounded border border-line p-3 disabled:hidden" disabled=unused>
                <legend class="px-1 text-sm text-muted">"Namespaces"</legend>
                <NamespaceBoxes namespaces=namespaces ticked=ticked />
            </fieldset>
            <p class="text-sm text-fail empty:hidden" aria-live="polite">
                {move || error.get()}
            </p>
        </fieldset>
    }
}

#[component]
fn NamespaceBoxes(namespaces: Vec<NamespaceView>, ticked: Vec<String>) -> impl IntoView {
    let gone: Vec<String> = ticked.iter().filter(|id| namespaces.iter().all(|n| n.id != **id)).cloned().collect();
    if namespaces.is_empty() && gone.is_empty() {
        return view! { <p class="text-sm text-faint">"There is no namespace yet."</p> }.into_any();
    }
    let only = namespaces.len() == 1 && ticked.is_empty();
    let tick = |id: String, name: String, note: String, checked: bool| {
        view! {
            <label class="flex items-center gap-2">
                <input type="checkbox" class="size-4 accent-accent" name="form[namespace_ids][]" value=id checked=checked />
                {name}
                <code class="font-mono text-sm text-faint">{note}</code>
            </label>
        }
    };
    let living = namespaces.into_iter().map(|namespace| {
        let checked = only || ticked.contains(&namespace.id);
        tick(namespace.id, namespace.name, namespace.kubernetes_name, checked)
    });
    let living = living.collect_view();
    let gone = gone.into_iter().map(|id| tick(id.clone(), "a deleted namespace".to_owned(), id, true)).collect_view();
    view! { <div class="grid max-h-48 gap-1.5 overflow-y-auto">{living} {gone}</div> }.into_any()
}

/// The field for a key's rights.
#[component]
pub fn Rights(#[prop(optional)] view_only: bool) -> impl IntoView {
    view! {
        <Field id="access" label="Rights" hint="The lower of the key's and the kubeconfig's rights wins.">
            <select id="access" name="form[access]" class=INPUT aria-describedby="access-note">
                <option value="edit">"Edit – daily work"</option>
                <option value="view" selected=view_only>
                    "View – looks only, no secrets, no shell"
                </option>
            </select>
        </Field>
    }
}

/// A redirect cannot carry the secret back, so rotating needs JavaScript.
#[component]
pub fn NoScriptNote() -> impl IntoView {
    view! {
        <WithoutScript>
            "The secret is shown once, which needs JavaScript here. Without it, use POST /v1/api-keys."
        </WithoutScript>
    }
}

/// The secret, and how it is used; `done` is the page behind it.
#[component]
pub fn Secret(created: CreatedApiKey, done: String) -> impl IntoView {
    view! {
        <div class="grid gap-4">
            <p>
                "Key " <span class="font-medium">{created.view.name}</span> " is ready."
            </p>
            <SecretBox text=created.key.clone() label="API key" />
            <CodeBlock code=format!("export REMOTEGPU_API_KEY={}\n", created.key) label="Shell" />
            <div class="flex justify-end">
                <ButtonLink href=done tone=ButtonTone::Primary>
                    "Done"
                </ButtonLink>
            </div>
        </div>
    }
}

/// A key for one namespace, made in place: only a name and rights to choose.
#[component]
pub fn NamespaceKeyForm(namespace: NamespaceView, made: RwSignal<Option<CreatedApiKey>>) -> impl IntoView {
    let sending = Sending::to::<CreateApiKey>();
    let (elsewhere, why) = (sending.elsewhere(&["name"]), blocked(sending, "Creating", Permission::OwnKeys));
    Effect::new(move || {
        if let Some(created) = sending.accepted() {
            made.set(Some(created));
        }
    });
    view! {
        <details class="group rounded border border-line">
            <summary class="cursor-pointer px-3 py-2 font-medium hover:bg-hover">"New key for this namespace"</summary>
            <PostForm sending=sending>
                <div class="grid gap-3 border-t border-line p-3">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="form[scope]" value="namespaces" />
                    <input type="hidden" name="form[namespace_ids][]" value=namespace.id />
                    <KeyName error=sending.field("name") />
                    <Rights />
                    <div>
                        <Button tone=ButtonTone::Primary formaction=paths::new_key_page() blocked=why>
                            "Create key"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </details>
    }
}

//! One ConfigMap: its text by key, each with its own form, who uses it, its end.

use std::sync::Arc;

use domain::config_map::{ConfigMapView, KeySize};
use domain::namespace::NamespaceView;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::api::config_map::{DeleteConfigMap, GetConfigMap, RemoveConfigMapKey, SetConfigMapKey};
use crate::features::delete_form::{Deletion, KeyRemoval, UsedBy};
use crate::features::key_values::{
    Place, PlaceFields, RemoveKey, ValueForm, ValueWords, place_key, place_of, shown_page, size,
};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::{ActionLink, blocked};
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonSize, ButtonTone};
use crate::ui::field::TEXTAREA;

/// The page; it loads anew after each change.
#[component]
pub fn ConfigMapPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let page = move |namespace: NamespaceView| {
        let key = place_key(namespace.id.clone(), params, query);
        let id = namespace.id;
        load(key, |key| {
            let (namespace, name) = place_of(&key);
            GetConfigMap { namespace, name }
        })
        .show(move |map| view! { <Body namespace_id=id.clone() map=map /> }.into_any())
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

const ADD: ValueWords = ValueWords {
    title: "Add a key",
    refused: &["data"],
    hint: "Becomes a file of this name where it is mounted.",
    label: "Text",
    note: "",
    button: "Add",
};

#[component]
fn Body(namespace_id: String, map: ConfigMapView) -> impl IntoView {
    let query = use_query_map();
    let page = paths::config_map(&namespace_id, &map.name);
    let delete = paths::with_query(&page, &[("delete", "config-map")]);
    let keys_page = shown_page(&page, query);
    let (own, fixed) = (map.is_kubernetes_own(), map.immutable || map.is_kubernetes_own());
    let place = StoredValue::new(Place {
        namespace: namespace_id,
        name: map.name.clone(),
        version: map.resource_version.clone(),
    });
    let removable = map.keys.iter().filter(|_| !fixed).map(|one| one.key.clone()).collect();
    let dialogs = view! {
        <Deletion
            what="ConfigMap"
            to={Sending::to::<DeleteConfigMap>}
            place=place.get_value()
            used_by=map.used_by.clone()
            close=page
        />
        <KeyRemoval
            keys=removable
            to={Sending::to::<RemoveConfigMapKey>}
            place=place.get_value()
            used_by=map.used_by.clone()
            close=keys_page.clone()
        />
    };
    let (data, adding) = (map.data, Sending::to::<SetConfigMapKey>());
    let key = move |one: KeySize| {
        let text = data.get(&one.key).cloned();
        view! { <Key place=place.get_value() page=keys_page.clone() one=one text=text fixed=fixed /> }
    };
    view! {
        <div class="grid gap-4">
            <Head name=map.name own=own delete=delete />
            {why_fixed(own, map.immutable).map(|why| view! { <p class="text-muted">{why}</p> })}
            <div class="grid items-start gap-4 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
                <div class="grid min-w-0 gap-4">
                    {map.keys.into_iter().map(key).collect_view()}
                    {(!fixed).then(|| view! { <ValueForm place=place.get_value() sending=adding words=ADD /> })}
                </div>
                <UsedBy used_by=map.used_by />
            </div>
        </div>
        {dialogs}
    }
}

/// Why nothing of it can be changed.
fn why_fixed(own: bool, immutable: bool) -> Option<&'static str> {
    match (own, immutable) {
        (true, _) => Some("Kubernetes made it and puts it back: there is nothing to change."),
        (false, true) => Some("It is immutable: delete it and make another."),
        (false, false) => None,
    }
}

/// Its name, and the way to its end.
#[component]
fn Head(name: String, own: bool, delete: String) -> impl IntoView {
    view! {
        <header class="flex flex-wrap items-center gap-3">
            <h2 class="text-lg font-semibold wrap-anywhere">{name}</h2>
            {own.then(|| view! { <Badge tone=Tone::Ended label="By Kubernetes" /> })}
            <div class="ml-auto">
                {(!own)
                    .then(|| {
                        view! {
                            <ActionLink href=delete permission=Permission::Deploy tone=ButtonTone::Danger>
                                "Delete"
                            </ActionLink>
                        }
                    })}
            </div>
        </header>
    }
}

/// One key: its text to edit; a binary value shows its size.
#[component]
fn Key(place: Place, page: String, one: KeySize, text: Option<String>, fixed: bool) -> impl IntoView {
    let removed = one.key.clone();
    let remove = (!fixed).then(|| view! { <RemoveKey page=page key_name=removed /> });
    let body = match text {
        None => view! { <p class="p-4 text-muted">{format!("Binary, {}", size(one.bytes))}</p> }.into_any(),
        Some(text) if fixed => {
            view! { <pre class="max-h-112 overflow-auto p-4 font-mono text-sm" tabindex="0">{text}</pre> }.into_any()
        }
        Some(text) => view! { <Text place=place key=one.key.clone() text=text /> }.into_any(),
    };
    view! {
        <section class="min-w-0 rounded-md border border-line bg-surface">
            <header class="flex min-h-11 items-center justify-between gap-2 border-b border-line px-4 py-1.5">
                <h3 class="font-mono text-sm wrap-anywhere">{one.key}</h3>
                {remove}
            </header>
            {body}
        </section>
    }
}

#[component]
fn Text(place: Place, key: String, text: String) -> impl IntoView {
    let sending = Sending::to::<SetConfigMapKey>();
    let (refusal, why) = (sending.refusal(), blocked(sending, "Saving", Permission::Deploy));
    let rows = text.lines().count().clamp(2, 16).to_string();
    let start = text.clone();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-3 p-4">
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <PlaceFields place=place />
                <input type="hidden" name="key" value=key.clone() />
                <textarea
                    name="value"
                    class=TEXTAREA
                    rows=rows
                    spellcheck="false"
                    aria-label=format!("Text of {key}")
                    prop:value=text
                >
                    {start}
                </textarea>
                <div>
                    <Button size=ButtonSize::Small blocked=why attr:aria-label=format!("Save {key}")>
                        "Save"
                    </Button>
                </div>
            </div>
        </PostForm>
    }
}

//! One Secret: its keys, setting and removing values, who uses it, its end.

use std::sync::Arc;

use domain::config_map::KeySize;
use domain::namespace::NamespaceView;
use domain::permission::Permission;
use domain::secret::{PULL, SecretView};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::create::{PULL_FIELDS, RegistryFields};
use super::list::kind;
use crate::api::secret::{DeleteSecret, GetSecret, RemoveSecretValue, SetPullSecret, SetSecretValue};
use crate::features::delete_form::{Deletion, KeyRemoval, UsedBy};
use crate::features::key_values::{
    Place, PlaceFields, RemoveKey, ValueForm, ValueWords, place_key, place_of, shown_page, size,
};
use crate::features::load::load;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::ActionLink;
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonTone};
use crate::ui::panel::Panel;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The page; it loads anew after each change.
#[component]
pub fn SecretPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let page = move |namespace: NamespaceView| {
        let key = place_key(namespace.id.clone(), params, query);
        let id = namespace.id;
        load(key, |key| {
            let (namespace, name) = place_of(&key);
            GetSecret { namespace, name }
        })
        .show(move |secret| view! { <Body namespace_id=id.clone() secret=secret /> }.into_any())
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

const SET: ValueWords = ValueWords {
    title: "Set a value",
    refused: &["values"],
    hint: "An existing key gets the new value.",
    label: "Value",
    note: "Pods read their environment when they start: restart what uses it.",
    button: "Set value",
};

#[component]
fn Body(namespace_id: String, secret: SecretView) -> impl IntoView {
    let query = use_query_map();
    let page = paths::secret(&namespace_id, &secret.name);
    let delete = paths::with_query(&page, &[("delete", "secret")]);
    let (pulls, frozen) = (secret.kind == PULL, secret.immutable);
    let place = Place { namespace: namespace_id, name: secret.name.clone(), version: secret.resource_version };
    let (fixed, keys_page) = (frozen || pulls, shown_page(&page, query));
    let removable = secret.keys.iter().filter(|_| !fixed).map(|one| one.key.clone()).collect();
    let dialogs = view! {
        <Deletion
            what="secret"
            to={Sending::to::<DeleteSecret>}
            place=place.clone()
            used_by=secret.used_by.clone()
            close=page
        />
        <KeyRemoval
            keys=removable
            to={Sending::to::<RemoveSecretValue>}
            place=place.clone()
            used_by=secret.used_by.clone()
            close=keys_page.clone()
        />
    };
    view! {
        <div class="grid gap-4">
            <header class="flex flex-wrap items-center gap-3">
                <h2 class="text-lg font-semibold wrap-anywhere">{secret.name}</h2>
                <Badge tone=Tone::Ended label=kind(&secret.kind) />
                <div class="ml-auto">
                    <ActionLink href=delete permission=Permission::Deploy tone=ButtonTone::Danger>
                        "Delete"
                    </ActionLink>
                </div>
            </header>
            <div class="grid items-start gap-4 lg:grid-cols-2">
                <Keys page=keys_page keys=secret.keys fixed=fixed />
                <div class="grid gap-4">
                    <SetForm place=place frozen=frozen pulls=pulls />
                    <UsedBy used_by=secret.used_by />
                </div>
            </div>
        </div>
        {dialogs}
    }
}

/// What sets its values; why nothing does.
#[component]
fn SetForm(place: Place, frozen: bool, pulls: bool) -> impl IntoView {
    match (frozen, pulls) {
        (true, _) => view! { <p class="text-muted">"It is immutable: delete it and make another."</p> }.into_any(),
        (false, true) => view! { <SetRegistry place=place /> }.into_any(),
        (false, false) => {
            let sending = Sending::to::<SetSecretValue>();
            view! { <ValueForm place=place sending=sending words=SET /> }.into_any()
        }
    }
}

const COLUMNS: &[Column] = &[Column::Words("Key"), Column::Figures("Size"), Column::Actions("Actions")];

#[component]
fn Keys(page: String, keys: Vec<KeySize>, fixed: bool) -> impl IntoView {
    let row = move |one: KeySize| {
        let remove = (!fixed).then(|| view! { <RemoveKey page=page.clone() key_name=one.key.clone() /> });
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <code class="font-mono text-sm wrap-anywhere">{one.key}</code>
                </td>
                <td class=FIGURE>{size(one.bytes)}</td>
                <td class=FIGURE>
                    {remove}
                </td>
            </tr>
        }
    };
    view! {
        <div class="grid gap-2">
            <Table label="Keys" columns=COLUMNS>
                {keys.into_iter().map(row).collect_view()}
            </Table>
            <p class="text-sm text-muted">"Values are written and never shown. Whoever may run a pod here can read them in it."</p>
        </div>
    }
}

#[component]
fn SetRegistry(place: Place) -> impl IntoView {
    let sending = Sending::to::<SetPullSecret>();
    let elsewhere = sending.elsewhere(PULL_FIELDS);
    view! {
        <Panel title="Replace the sign-in">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <PlaceFields place=place />
                    <RegistryFields sending=sending />
                    <div>
                        <Button blocked=sending.blocked("Saving")>"Replace"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

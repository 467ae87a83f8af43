//! ConfigMaps of a namespace; making one is a state of the URL.

use domain::config_map::ConfigMapView;
use domain::permission::Permission;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::create::NewConfigMapDialog;
use crate::api::config_map::ListConfigMaps;
use crate::features::load::load;
use crate::features::problem::ErrorBanner;
use crate::features::right::ActionLink;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::ButtonSize;
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list with its dialog.
#[component]
pub fn ConfigMaps(namespace_id: String) -> impl IntoView {
    let query = use_query_map();
    let (id, dialog_id) = (namespace_id.clone(), namespace_id.clone());
    let body = load(Signal::stored(namespace_id.clone()), |namespace| ListConfigMaps { namespace }).show_or(
        move |maps| view! { <Body namespace_id=id.clone() maps=maps /> }.into_any(),
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    );
    let dialog = move || {
        let asked = query.read().get("new").as_deref() == Some("config-map");
        asked.then(|| view! { <NewConfigMapDialog namespace_id=dialog_id.clone() /> })
    };
    view! {
        <section class="grid gap-3" aria-labelledby="config-maps">
            <div class="flex flex-wrap items-center justify-between gap-2">
                <h2 id="config-maps" class="text-lg font-semibold">
                    "ConfigMaps"
                </h2>
                <ActionLink href=paths::new_config(&namespace_id, "config-map") permission=Permission::Deploy size=ButtonSize::Small>
                    <Glyph icon=Icon::Plus />
                    "New ConfigMap"
                </ActionLink>
            </div>
            {body}
        </section>
        {dialog}
    }
}

const COLUMNS: &[Column] = &[Column::Words("Name"), Column::Words("Keys"), Column::Figures("Created")];

#[component]
fn Body(namespace_id: String, maps: Vec<ConfigMapView>) -> impl IntoView {
    if maps.is_empty() {
        let text = "Text that pods read as environment or as files: settings, scripts, certificates of others.";
        let new = paths::new_config(&namespace_id, "config-map");
        return view! {
            <EmptyState title="No ConfigMaps yet" text=text learn=paths::learn::CONFIG_MAPS>
                <ActionLink href=new permission=Permission::Deploy>
                    "New ConfigMap"
                </ActionLink>
            </EmptyState>
        }
        .into_any();
    }
    let row = move |map: ConfigMapView| {
        let keys = map.keys.iter().map(|key| key.key.as_str()).collect::<Vec<_>>().join(", ");
        let title = keys.clone();
        let own = map.is_kubernetes_own().then(|| view! { <Badge tone=Tone::Ended label="By Kubernetes" /> });
        view! {
            <tr class=ROW>
                <td class=CELL>
                    <span class="flex flex-wrap items-center gap-2">
                        <a href=paths::config_map(&namespace_id, &map.name) class="font-medium hover:underline">
                            {map.name.clone()}
                        </a>
                        {own}
                    </span>
                </td>
                <td class=CELL>
                    <p class="max-w-120 truncate font-mono text-sm text-muted" title=title>
                        {keys}
                    </p>
                </td>
                <td class=FIGURE>
                    <Ago at=map.created_at />
                </td>
            </tr>
        }
    };
    view! {
        <Table label="ConfigMaps" columns=COLUMNS>
            {maps.into_iter().map(row).collect_view()}
        </Table>
    }
    .into_any()
}

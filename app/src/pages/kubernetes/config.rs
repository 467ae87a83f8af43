//! What workloads of a namespace read: its ConfigMaps and Secrets, one page.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use leptos::prelude::*;

use super::config_map::list::ConfigMaps;
use super::namespace::detail::InNamespace;
use super::secret::list::Secrets;

/// The tab *Config*.
#[component]
pub fn ConfigPage() -> impl IntoView {
    let page = |namespace: NamespaceView| {
        view! {
            <div class="grid gap-6">
                <Secrets namespace_id=namespace.id.clone() />
                <ConfigMaps namespace_id=namespace.id />
            </div>
        }
        .into_any()
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

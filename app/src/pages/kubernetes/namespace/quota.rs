//! What a namespace may use and uses, and its share of the account's total.

use std::sync::Arc;

use domain::namespace::NamespaceView;
use leptos::prelude::*;

use super::detail::{InNamespace, read_again_after};
use super::share::SharePanel;
use crate::features::live::{LiveDot, use_live};
use crate::features::notice::Notice;
use crate::features::quota_meters::QuotaMeters;
use crate::paths;

/// The tab *Quota*.
#[component]
pub fn NamespaceQuotaPage() -> impl IntoView {
    // The form has the old share until the namespace is read again.
    read_again_after(Notice::LimitsChanged);
    let page = |namespace: NamespaceView| {
        view! {
            <div class="grid items-start gap-4 lg:grid-cols-2">
                <Meters namespace=namespace.clone() />
                <SharePanel namespace=namespace />
            </div>
        }
        .into_any()
    };
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

/// The meters as the cluster counts, live.
#[component]
fn Meters(namespace: NamespaceView) -> impl IntoView {
    let url = paths::live_namespace(&namespace.id);
    let (live, link) = use_live::<Option<NamespaceView>>(Signal::stored(url));
    let lines = Memo::new(move |last: Option<&Vec<_>>| match live.get() {
        Some(Some(fresh)) => fresh.quota,
        _ => last.cloned().unwrap_or_else(|| namespace.quota.clone()),
    });
    view! {
        <QuotaMeters
            lines=lines
            note="Kubernetes enforces them. The operator of this installation sets them."
            actions=move || view! { <LiveDot link=link /> }
        />
    }
}

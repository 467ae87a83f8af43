//! All, CPU or GPU: which SKUs are shown. Lives in the URL.

use domain::sku::SkuView;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

use crate::paths::with_query;
use crate::ui::tabs::Segment;

/// Which SKUs are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    All,
    Cpu,
    Gpu,
}

impl Kind {
    /// The choice in the present URL.
    pub fn from_query(query: Memo<ParamsMap>) -> Memo<Self> {
        Memo::new(move |_| match query.read().get_str("kind") {
            Some("cpu") => Self::Cpu,
            Some("gpu") => Self::Gpu,
            _ => Self::All,
        })
    }

    /// Whether this SKU is among them.
    pub fn shows(self, sku: &SkuView) -> bool {
        match self {
            Self::All => true,
            Self::Cpu => sku.gpu.is_none(),
            Self::Gpu => sku.gpu.is_some(),
        }
    }
}

/// The switch; `path` is the page it stands on.
#[component]
pub fn KindFilter(#[prop(into)] path: String) -> impl IntoView {
    let kind = Kind::from_query(use_query_map());
    let is = move |wanted: Kind| Signal::derive(move || kind.get() == wanted);
    view! {
        <nav aria-label="Filter" class="inline-flex divide-x divide-line rounded border border-line-strong">
            <Segment href=path.clone() label="All" current=is(Kind::All) />
            <Segment href=with_query(&path, &[("kind", "cpu")]) label="CPU" current=is(Kind::Cpu) />
            <Segment href=with_query(&path, &[("kind", "gpu")]) label="GPU" current=is(Kind::Gpu) />
        </nav>
    }
}

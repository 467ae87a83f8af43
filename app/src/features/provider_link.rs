//! The way to an identity provider: a link and no form, which the content policy would hold to this site.

use leptos::prelude::*;

use crate::paths;

/// `purpose` is `sign_in`, `link` or `reauthenticate`. External: the router of the pages does not know the address.
#[component]
pub fn ProviderLink(
    #[prop(into)] provider: String,
    purpose: &'static str,
    #[prop(into)] next: Signal<String>,
    text: String,
) -> impl IntoView {
    view! {
        <a
            rel="external"
            href=move || paths::provider_start(&provider, purpose, &next.get())
            class="inline-flex h-8 items-center justify-center rounded border border-line-strong bg-surface px-3 font-medium hover:border-faint hover:bg-sunken"
        >
            {text}
        </a>
    }
}

//! The page of every address that leads nowhere.

use leptos::prelude::*;

use crate::features::nav::Brand;
use crate::features::problem::NotFound;

/// Status 404, with a way back.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! {
        <main class="mx-auto max-w-[1280px] px-4 py-6 md:px-8">
            <Brand />
            <NotFound />
        </main>
    }
    .into_any()
}

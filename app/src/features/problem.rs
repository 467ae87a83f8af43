//! What a page shows instead of its content: sign-in first, not found, or what went wrong.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};

use crate::api::error::AppError;
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::copy::CopyLine;

/// The page of an error.
#[component]
pub fn Problem(error: AppError) -> impl IntoView {
    if error.is_unauthenticated() {
        view! { <SignInFirst /> }.into_any()
    } else if error.is_not_found() {
        view! { <NotFound /> }.into_any()
    } else {
        view! { <ErrorBanner error=error /> }.into_any()
    }
}

/// A refusal inside a page: its sentence and the id that finds it in the log.
#[component]
pub fn ErrorBanner(error: AppError) -> impl IntoView {
    // Only a fault has something to look up in the log.
    let id = error.request_id.clone().filter(|_| error.is_fault()).map(|id| {
        view! {
            <p class="flex flex-wrap items-center gap-x-1.5 text-muted">
                "Request id " <CopyLine text=id label="request id" />
            </p>
        }
    });
    let proof = error.needs_proof().then(|| view! { <ProveIt /> });
    let others: Vec<String> = error.errors.iter().map(|e| e.message.clone()).filter(|m| *m != error.detail).collect();
    view! {
        <Banner tone=Tone::Fail title=error.detail>
            {others.into_iter().map(|message| view! { <p>{message}</p> }).collect_view()}
            {id}
            {proof}
        </Banner>
    }
}

/// The way to the page that asks for the password, and back here.
#[component]
fn ProveIt() -> impl IntoView {
    let location = use_location();
    let here = move || page(&location.pathname.get(), &location.search.get());
    let href = Signal::derive(move || paths::reauthenticate(&here()));
    view! {
        <ButtonLink href=href>"Confirm it is you"</ButtonLink>
    }
}

/// Goes to the sign-in page and comes back afterwards.
#[component]
pub fn SignInFirst() -> impl IntoView {
    let location = use_location();
    let here = page(&location.pathname.get_untracked(), &location.search.get_untracked());
    let target = paths::login(Some(&here));
    #[cfg(feature = "ssr")]
    crate::ssr::redirect_page(&target);
    let navigate = use_navigate();
    let go = target.clone();
    Effect::new(move || navigate(&go, NavigateOptions { replace: true, ..NavigateOptions::default() }));
    view! {
        <p class="p-6 text-muted">
            "Your session has ended. " <a href=target class="link">
                "Sign in"
            </a>
        </p>
    }
}

/// A page to come back to: without what a refused form left in its query, and without what was just done.
fn page(path: &str, search: &str) -> String {
    let pairs = search.trim_start_matches('?').split('&');
    let own: Vec<&str> = pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("__")).collect();
    let page = if own.is_empty() { path.to_owned() } else { format!("{path}?{}", own.join("&")) };
    paths::without_notice(&page).unwrap_or(page)
}

/// Nothing here, or nothing this person may see: both look the same.
#[component]
pub fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::ssr::set_status(axum::http::StatusCode::NOT_FOUND);
    view! {
        <Title text="Nothing here" />
        <div class="grid max-w-prose gap-3 py-10">
            <p class="font-mono text-sm text-faint">"404"</p>
            <h1 class="text-xl font-semibold">"Nothing here"</h1>
            <p class="text-muted">"It may have been deleted, or it belongs to another account."</p>
            <div class="flex gap-2">
                <ButtonLink href=paths::namespaces() tone=ButtonTone::Primary>
                    "Namespaces"
                </ButtonLink>
                <ButtonLink href=paths::overview()>"Overview"</ButtonLink>
            </div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leaves_out_what_a_refused_form_left_in_the_query_and_what_was_done() {
        let (refused, done) = ("?a=1&__path=%2Fapi&__err=x", "?done=key-changed.1&name=z");
        for (search, kept) in [("", "/x"), ("?", "/x"), ("?a=1&b=2", "/x?a=1&b=2"), (refused, "/x?a=1"), (done, "/x")] {
            assert_eq!(page("/x", search), kept);
        }
    }
}

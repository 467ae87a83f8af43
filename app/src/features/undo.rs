//! Taking back what was just done, while the toast stands: the same form once more, with the value of before. Kept in
//! memory and never in a URL, so that no link can bring such a button; without JavaScript the page's own one does it.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::location::BrowserUrl;

#[cfg(feature = "hydrate")]
use crate::features::arrival::arrive;
use crate::ui::button::{Button, ButtonSize};

/// A form that takes something back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Of the server function.
    pub path: &'static str,
    /// Its fields, encoded.
    pub body: String,
}

/// What was done last, as far as it can be taken back.
#[derive(Clone, Copy)]
pub struct LastDone {
    undo: RwSignal<Option<Undo>>,
    failed: RwSignal<Option<String>>,
    /// The notice about it, as the router's location says it; none until it came.
    notice: RwSignal<Option<String>>,
    /// Whose location that is; none on the server.
    browser: StoredValue<Option<BrowserUrl>>,
}

/// For all pages; forgotten with the notice about it.
pub fn provide_last_done() {
    let last = LastDone::nothing();
    provide_context(last);
    let query = use_query_map();
    let told = Memo::new(move |_| query.read().get("done"));
    Effect::new(move || last.follow(told.get()));
}

// === impl LastDone ===

impl LastDone {
    fn nothing() -> Self {
        let browser = StoredValue::new(use_context());
        Self { undo: RwSignal::new(None), failed: RwSignal::new(None), notice: RwSignal::new(None), browser }
    }

    /// Something else was done; its notice follows.
    pub fn remember(self, undo: Option<Undo>) {
        // The pages may be gone by now: then nobody takes anything back.
        let _ = self.undo.try_set(undo);
        let _ = self.failed.try_set(None);
        let _ = self.notice.try_set(None);
    }

    /// Where forms lead from; none once the pages are gone.
    pub fn browser(self) -> Option<BrowserUrl> {
        self.browser.try_get_value().flatten()
    }

    /// The location has this notice now. A notice of something earlier would have a button that takes back what came
    /// later.
    fn follow(self, now: Option<String>) {
        let before = self.notice.get_untracked();
        if now.is_none() || before.is_some_and(|before| now.as_ref() != Some(&before)) {
            self.remember(None);
        }
        self.notice.set(now);
    }

    #[cfg(feature = "hydrate")]
    fn take_back(self) {
        let Some(undo) = self.undo.get_untracked() else { return };
        self.undo.set(None);
        let browser = self.browser();
        let go = Box::new(move |location: &str| arrive(browser, location));
        leptos::task::spawn_local(async move {
            if let Err(error) = crate::api::ask::post(undo.path, undo.body, go).await {
                let _ = self.failed.try_set(Some(error.detail));
            }
        });
    }

    #[cfg(not(feature = "hydrate"))]
    fn take_back(self) {
        self.remember(None);
    }
}

/// The button, if what was done last can be taken back; why that failed, if it did.
#[component]
pub fn UndoButton() -> impl IntoView {
    let last = use_context::<LastDone>();
    let button = move |last: LastDone| {
        view! {
            <Button kind="button" size=ButtonSize::Small on:click=move |_| last.take_back()>
                "Undo"
            </Button>
        }
    };
    view! {
        {move || last.filter(|last| last.undo.with(Option::is_some)).map(button)}
        {move || last.and_then(|last| last.failed.get()).map(|why| view! { <span class="text-fail">{why}</span> })}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_taken_back_under_its_own_notice_only() {
        Owner::new().with(|| {
            let last = LastDone::nothing();
            let can_be_taken_back = || last.undo.with_untracked(Option::is_some);
            for notice in ["webhook-disabled.1", "webhook-enabled.2"] {
                last.remember(Some(Undo { path: "/api/switch", body: String::new() }));
                last.follow(Some(notice.to_owned()));
                assert!(can_be_taken_back(), "{notice}");
            }
            last.follow(Some("webhook-disabled.1".to_owned()));
            assert!(!can_be_taken_back(), "one step back");
            last.remember(Some(Undo { path: "/api/switch", body: String::new() }));
            last.follow(Some("webhook-disabled.3".to_owned()));
            last.follow(None);
            assert!(!can_be_taken_back(), "the notice is gone");
        });
    }
}

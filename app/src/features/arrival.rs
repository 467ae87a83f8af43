//! Where a form leads. The page is told what was just done by the router's own location, and what it shows goes by that;
//! the address goes without, or a reload and the way back would say it again. Without JavaScript it stays there.

use leptos::prelude::*;
use leptos_router::location::{BrowserUrl, LocationChange, LocationProvider as _};

use crate::paths;

/// Takes what was just done out of the address that the browser came with: the page stays as it is.
pub fn settle_address() {
    let browser = use_context::<BrowserUrl>();
    Effect::new(move || {
        let Some(browser) = &browser else { return };
        let came = browser.as_url().with_untracked(|url| format!("{}?{}{}", url.path(), url.search(), url.hash()));
        if let Some(value) = paths::without_notice(&came) {
            browser.complete_navigation(&LocationChange { value, scroll: false, ..LocationChange::default() });
        }
    });
}

/// Goes to where a form leads: a page of the console.
#[cfg(feature = "hydrate")]
pub fn arrive(browser: Option<BrowserUrl>, location: &str) {
    let address = paths::without_notice(location);
    let (Some(browser), Some(value), Ok(url)) = (browser, address, BrowserUrl::parse(location)) else {
        return leptos::server_fn::redirect::call_redirect_hook(location);
    };
    let change = LocationChange { value, replace: false, ..LocationChange::default() };
    // As the router does: what sent the form learns first that it was accepted.
    request_animation_frame(move || {
        browser.as_url().set(url);
        // Not the router's `navigate`, which writes the same to both: taken out of the address afterwards, the notice
        // would stay in the router's list of addresses, by which it knows a step back.
        browser.complete_navigation(&change);
    });
}

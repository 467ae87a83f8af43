//! One's own profile: how one signs in, and where one is signed in. Plain forms: it works without JavaScript.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::identities::IdentitiesPanel;
use super::password::PasswordPanel;
use super::sessions::SessionsPanel;
use crate::api::session::{GetProfile, Profile};
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::paths;

/// Password, providers and sessions of whoever is signed in.
#[component]
pub fn ProfilePage() -> impl IntoView {
    let key = loads_anew();
    let body = load(key, |_| GetProfile {}).show(|profile: Profile| view! { <Body profile=profile /> }.into_any());
    view! {
        <PageHead title="Profile">
            <p>"How you sign in, and where you are signed in."</p>
        </PageHead>
        {body}
    }
    .into_any()
}

/// What was done stands in the query: each time it changes, the page loads anew. The query of the page that comes next
/// (after signing out, the one to sign in) is not ours.
fn loads_anew() -> Memo<String> {
    let here = use_location();
    Memo::new(move |before: Option<&String>| match before {
        Some(before) if here.pathname.get() != paths::profile() => before.clone(),
        _ => here.search.get(),
    })
}

#[component]
fn Body(profile: Profile) -> impl IntoView {
    view! {
        <div class="grid gap-6">
            <SessionsPanel sessions=profile.sessions />
            <IdentitiesPanel identities=profile.identities providers=profile.providers />
            <PasswordPanel email=profile.email has_password=profile.has_password />
        </div>
    }
}

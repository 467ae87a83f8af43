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
    let body = load(key, |query| GetProfile { cursor: cursor_in(&query) }).show(move |profile: Profile| {
        let first = cursor_in(&key.get_untracked()).is_empty();
        view! { <Body profile=profile first=first /> }.into_any()
    });
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

/// Where in the list of sessions a query string is; cursors hold nothing that would have to be decoded.
fn cursor_in(query: &str) -> String {
    let pairs = query.trim_start_matches('?').split('&');
    pairs.filter_map(|pair| pair.strip_prefix("cursor=")).next().unwrap_or_default().to_owned()
}

#[component]
fn Body(profile: Profile, first: bool) -> impl IntoView {
    view! {
        <div class="grid gap-6">
            <SessionsPanel sessions=profile.sessions first=first />
            <IdentitiesPanel identities=profile.identities providers=profile.providers />
            <PasswordPanel email=profile.email has_password=profile.has_password />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_in_the_list_stands_in_the_query() {
        assert_eq!(cursor_in("?done=session-ended&cursor=17-0a"), "17-0a");
        assert_eq!(
            (cursor_in("cursor=17-0a"), cursor_in("?done=x"), cursor_in("")),
            ("17-0a".into(), "".into(), "".into())
        );
    }
}

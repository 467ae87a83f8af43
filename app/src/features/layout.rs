//! The frame of all signed-in pages: skip link, side bar (a drawer on phones), content.

use leptos::html;
use leptos::prelude::*;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_location;

use crate::api::session::CurrentSession;
use crate::features::arrival::settle_address;
use crate::features::load::load;
use crate::features::nav::{AccountSwitch, Brand, NavLinks, Person, StateBanner};
use crate::features::notice::NoticeToast;
use crate::features::problem::SignInFirst;
use crate::features::right::provide_rights;
use crate::features::sku_watch::{FreedBanner, provide_wanted};
use crate::features::undo::provide_last_done;
use crate::ui::icon::{Glyph, Icon};

/// The frame. Nobody signed in: the page becomes a redirect.
#[component]
pub fn Layout() -> impl IntoView {
    provide_last_done();
    settle_address();
    let session = load(Signal::stored(String::new()), |_| CurrentSession {});
    provide_rights(session);
    let wanted = provide_wanted();
    let state = session.show_or(
        |(session, accounts)| {
            view! {
                <AccountSwitch
                    accounts=accounts
                    label="Account to act in"
                    class="hidden w-80 gap-1 justify-self-end md:max-lg:flex print:hidden"
                />
                <StateBanner session=session />
            }
            .into_any()
        },
        |_| ().into_any(),
    );
    let person = session.show_or(
        |(session, accounts)| view! { <Person session=session accounts=accounts /> }.into_any(),
        |error| {
            if error.is_unauthenticated() {
                view! { <SignInFirst /> }.into_any()
            } else {
                view! { <p class="text-sm text-fail">{error.detail}</p> }.into_any()
            }
        },
    );
    let main = NodeRef::<html::Main>::new();
    follow_with_focus(main);
    view! {
        <a href="#content" class="sr-only z-40 rounded bg-accent px-3 py-2 text-on-accent focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
            "Skip to content"
        </a>
        <div class="min-h-dvh md:grid md:grid-cols-[64px_minmax(0,1fr)] lg:grid-cols-[220px_minmax(0,1fr)] print:block">
            <SideBar>{person}</SideBar>
            <main node_ref=main id="content" tabindex="-1" class="min-w-0 px-4 py-6 outline-none md:px-8">
                <div class="mx-auto grid max-w-[1280px] gap-6">
                    {state}
                    <FreedBanner wanted=wanted />
                    <Outlet />
                </div>
            </main>
        </div>
        <NoticeToast />
    }
    .into_any()
}

/// Whoever goes to another page by keyboard or screen reader begins at its content, not where the link was. Filters and
/// dialogs are states of one page and leave the focus alone.
fn follow_with_focus(main: NodeRef<html::Main>) {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if let Some(main) = main.get_untracked().filter(|_| before.is_some_and(|before| before != now)) {
            // It fails only when the element has left the page again.
            let _ = main.focus();
        }
        now
    });
}

/// A column on wide screens; on phones a drawer that opens without JavaScript, by a check box.
#[component]
fn SideBar(children: Children) -> impl IntoView {
    let toggle = NodeRef::<html::Input>::new();
    let path = use_location().pathname;
    // The drawer closes once one has arrived.
    Effect::new(move || {
        path.track();
        if let Some(toggle) = toggle.get() {
            toggle.set_checked(false);
        }
    });
    view! {
        <div class="group border-line max-md:border-b md:border-r print:hidden">
            <div class="flex h-12 items-center justify-between px-4 md:hidden">
                <Brand />
                <label class="inline-flex size-9 cursor-pointer items-center justify-center rounded has-focus-visible:outline-2 has-focus-visible:outline-accent">
                    <input node_ref=toggle type="checkbox" class="sr-only" aria-label="Menu" autocomplete="off" />
                    <Glyph icon=Icon::Menu />
                </label>
            </div>
            <div class="hidden flex-col gap-6 p-3 group-has-[input:checked]:flex md:sticky md:top-0 md:flex md:h-dvh md:overflow-y-auto">
                <div class="px-2 pt-1 max-md:hidden md:max-lg:px-1.5">
                    <Brand />
                </div>
                <NavLinks />
                <div class="mt-auto grid gap-3">{children()}</div>
            </div>
        </div>
    }
}

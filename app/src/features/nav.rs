//! The side bar: where one can go, who one is.

use domain::account::{AccountStatus, AccountView};
use domain::permission::Permission;
use domain::session::SessionView;
use leptos::html;
use leptos::prelude::*;
use leptos::server_fn::ServerFn as _;
use leptos_router::components::A;

use crate::api::account::SwitchAccount;
use crate::api::platform_account::LeaveSupport;
use crate::api::session::SignOut;
use crate::features::palette::CommandPalette;
use crate::features::post_form::{PostForm, Sending};
use crate::features::right::{ANYBODY, AUDIT, ENGINES, READERS, SPENDING, WEBHOOKS, use_lacks};
use crate::features::theme::{ThemeButton, use_theme};
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonSize};
use crate::ui::field::INPUT;
use crate::ui::icon::{Glyph, Icon};

/// The mark and the name.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <a href=paths::overview() class="inline-flex items-center gap-2 font-semibold tracking-tight" aria-label="RemoteGPU, overview">
            <svg class="size-6 text-accent" viewBox="0 0 24 24" aria-hidden="true">
                <rect width="24" height="24" rx="5" fill="currentColor" />
                <path class="stroke-on-accent" d="M7 17v-4M12 17V7m5 10v-7" fill="none" stroke-width="2.4" stroke-linecap="round" />
            </svg>
            <span class="md:max-lg:hidden">"RemoteGPU"</span>
        </a>
    }
}

#[component]
fn NavLink(
    #[prop(into)] href: String,
    icon: Icon,
    label: &'static str,
    #[prop(optional)] exact: bool,
    /// One of these opens the page; to whoever holds none the place is not shown.
    #[prop(default = READERS)]
    needs: &'static [Permission],
) -> impl IntoView {
    let closed = use_lacks(needs);
    view! {
        <li class:hidden=move || closed.get()>
            <A
                href=href
                exact=exact
                attr:title=label
                attr:class="flex h-8 items-center gap-2.5 rounded px-2 text-muted hover:bg-hover hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-accent"
            >
                <Glyph icon=icon />
                <span class="md:max-lg:sr-only">{label}</span>
            </A>
        </li>
    }
}

/// The places of the console.
#[component]
pub fn NavLinks() -> impl IntoView {
    view! {
        <nav aria-label="Main">
            <ul class="grid gap-0.5">
                <NavLink href=paths::overview() icon=Icon::Gauge label="Overview" exact=true needs=ANYBODY />
                <NavLink href=paths::namespaces() icon=Icon::Kubernetes label="Kubernetes" />
                <NavLink href=paths::catalogue() icon=Icon::Catalogue label="Catalogue" />
                <NavLink href=paths::usage("") icon=Icon::Chart label="Usage" needs=SPENDING />
            </ul>
            <p class="mt-5 mb-1 px-2 text-xs text-faint md:max-lg:sr-only">"Settings"</p>
            <ul class="grid gap-0.5">
                <NavLink href=paths::api_keys() icon=Icon::Key label="API keys" />
                <NavLink href=paths::cli_sessions() icon=Icon::Terminal label="CLI sessions" needs=ANYBODY />
                <NavLink href=paths::engines() icon=Icon::Engine label="Engines" needs=ENGINES />
                <NavLink href=paths::members() icon=Icon::People label="Members" />
                <NavLink href=paths::webhooks() icon=Icon::Webhook label="Webhooks" needs=WEBHOOKS />
                <NavLink href=paths::account_settings() icon=Icon::Account label="Account" needs=ANYBODY />
                <NavLink href=paths::audit(false) icon=Icon::Audit label="Audit" needs=AUDIT />
                <NavLink href=paths::profile() icon=Icon::Person label="Profile" needs=ANYBODY />
            </ul>
        </nav>
    }
}

/// What operators have besides.
#[component]
fn PlatformLinks() -> impl IntoView {
    view! {
        <nav aria-label="Platform">
            <p class="mb-1 px-2 text-xs text-faint md:max-lg:sr-only">"Platform"</p>
            <ul class="grid gap-0.5">
                <NavLink href=paths::platform_accounts() icon=Icon::Account label="Accounts" needs=ANYBODY />
                <NavLink href=paths::nodes() icon=Icon::Engine label="Nodes" needs=ANYBODY />
                <NavLink href=paths::platform_skus() icon=Icon::Catalogue label="SKUs" needs=ANYBODY />
                <NavLink href=paths::platform_skypilot() icon=Icon::Cloud label="SkyPilot" needs=ANYBODY />
                <NavLink href=paths::platform_tenants() icon=Icon::Kubernetes label="Tenants" needs=ANYBODY />
                <NavLink href=paths::platform_health() icon=Icon::Pulse label="System health" needs=ANYBODY />
                <NavLink href=paths::audit(true) icon=Icon::Audit label="Platform audit" needs=ANYBODY />
            </ul>
        </nav>
    }
}

/// Above every page: that one only looks in, or that the account is suspended.
#[component]
pub fn StateBanner(session: SessionView) -> impl IntoView {
    let SessionView { account, support, .. } = session;
    let suspended = account.status == AccountStatus::Suspended;
    let leave = support.then(|| {
        view! {
            <Banner tone=Tone::Wait title=format!("You look at {} as support, read only", account.name)>
                <form method="post" action=LeaveSupport::PATH>
                    <Button size=ButtonSize::Small>"Leave"</Button>
                </form>
            </Banner>
        }
    });
    let asleep = suspended.then(|| {
        view! {
            <Banner tone=Tone::Fail title="This account is suspended: nothing can be changed, no API key works">
                "Ask the operator of this installation."
            </Banner>
        }
    });
    view! {
        {leave}
        {asleep}
    }
}

/// The way to another account, for people who are in several. A plain form even with JavaScript: the whole page changes.
/// In the side bar and, where that is icons alone, above the page.
#[component]
pub fn AccountSwitch(accounts: Vec<AccountView>, label: &'static str, class: &'static str) -> impl IntoView {
    let option = |account: AccountView| {
        view! {
            <option value=account.id selected=account.acting>
                {account.name}
            </option>
        }
    };
    (accounts.len() > 1).then(|| {
        view! {
            <form method="post" action=SwitchAccount::PATH class=class>
                <select name="account_id" class=INPUT aria-label=label>
                    {accounts.into_iter().map(option).collect_view()}
                </select>
                <Button size=ButtonSize::Small>"Switch"</Button>
            </form>
        }
    })
}

/// Who is signed in, and the way out. A plain form: it works without JavaScript.
#[component]
pub fn Person(session: SessionView, accounts: Vec<AccountView>) -> impl IntoView {
    let sign_out = Sending::to::<SignOut>();
    let (theme, way_out) = (use_theme(), NodeRef::<html::Button>::new());
    let email = session.user.email.clone();
    let rank = if session.user.operator { format!("{}, operator", session.user.role) } else { session.user.role };
    view! {
        <CommandPalette operator=session.user.operator theme=theme way_out=way_out />
        <div class="grid gap-2 border-t border-line pt-3">
            {session.user.operator.then(|| view! { <PlatformLinks /> })}
            <AccountSwitch accounts=accounts label="Account" class="flex gap-1 px-2 md:max-lg:hidden" />
            <div class="min-w-0 px-2 md:max-lg:hidden">
                <p class="truncate font-medium" title=session.account.customer>
                    {session.account.name}
                </p>
                <p class="truncate text-sm text-muted" title=email>
                    {session.user.email}
                </p>
                <p class="text-sm text-faint">{rank}</p>
            </div>
            <div class="flex items-center gap-1 md:max-lg:flex-col">
                <ThemeButton chosen=theme />
                <a
                    rel="external"
                    href=paths::api_reference()
                    class="inline-flex h-8 items-center rounded px-2 text-muted hover:bg-hover hover:text-ink"
                    title="API reference"
                >
                    "API"
                </a>
                <PostForm sending=sign_out>
                    <button
                        node_ref=way_out
                        type="submit"
                        class="inline-flex h-8 cursor-pointer items-center gap-2 rounded px-2 text-muted hover:bg-hover hover:text-ink"
                        title="Sign out"
                    >
                        <Glyph icon=Icon::SignOut />
                        <span class="md:max-lg:sr-only">"Sign out"</span>
                    </button>
                </PostForm>
            </div>
        </div>
    }
}

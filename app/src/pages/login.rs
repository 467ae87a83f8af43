//! Sign-in. A plain form: it works without JavaScript.

use domain::identity::ProviderView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::api::session::{ListProviders, SignIn};
use crate::features::load::load;
use crate::features::notice::NoticeToast;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::provider_link::ProviderLink;
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::field::{Field, INPUT};

/// E-mail and password; goes back to where one came from.
#[component]
pub fn LoginPage() -> impl IntoView {
    let sending = Sending::to::<SignIn>();
    let query = use_query_map();
    let next = move || query.read().get("next").unwrap_or_default();
    let refusal = sending.refusal();
    let signed_out = move || query.read().get("signed-out").filter(|id| !id.is_empty());
    let providers = load(Signal::stored(String::new()), |_| ListProviders {}).show(move |providers| {
        view! { <Providers providers=providers next=Signal::derive(next) signed_out=Signal::derive(signed_out) /> }
            .into_any()
    });
    view! {
        <Title text="Sign in" />
        <main class="grid min-h-dvh place-items-center px-4 py-10">
            <div class="grid w-full max-w-90 gap-6">
                <Mark />
                <PostForm sending=sending>
                    <div class="grid gap-4 rounded-md border border-line bg-surface p-5">
                        <h1 class="text-lg font-semibold">"Sign in"</h1>
                        {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                        <input type="hidden" name="next" value=next />
                        <Field id="email" label="E-mail">
                            <input id="email" name="email" type="email" class=INPUT autocomplete="username" required autofocus />
                        </Field>
                        <Field id="password" label="Password">
                            <input id="password" name="password" type="password" class=INPUT autocomplete="current-password" required />
                        </Field>
                        <Button tone=ButtonTone::Primary blocked=sending.blocked("Signing in")>
                            "Sign in"
                        </Button>
                    </div>
                </PostForm>
                {providers}
                <details class="text-sm text-muted">
                    <summary class="cursor-pointer hover:text-ink">"Cannot get in?"</summary>
                    <p class="pt-2">
                        "An owner or admin of your account makes a link with which you choose a new password: Members, Change. On the first start of an installation, "
                        <code class="font-mono text-ink">"cargo xtask up"</code> " printed the e-mail and password of the first user."
                    </p>
                </details>
            </div>
        </main>
        <NoticeToast />
    }
    .into_any()
}

/// The other ways in, and the rest of the way out.
#[component]
fn Providers(providers: Vec<ProviderView>, next: Signal<String>, signed_out: Signal<Option<String>>) -> impl IntoView {
    let known = providers.clone();
    let left = move || {
        let provider = known.iter().find(|p| Some(&p.id) == signed_out.get().as_ref())?.clone();
        let text = format!("Also sign out of {}", provider.title);
        Some(view! {
            <Banner tone=Tone::Ok title="You are signed out here">
                <a href=paths::provider_logout(&provider.id) rel="external" class="link">
                    {text}
                </a>
            </Banner>
        })
    };
    let link = move |provider: ProviderView| {
        let text = format!("Sign in with {}", provider.title);
        view! { <ProviderLink provider=provider.id purpose="sign_in" next=next text=text /> }
    };
    view! {
        {left}
        <div class="grid gap-2 empty:hidden">{providers.into_iter().map(link).collect_view()}</div>
    }
}

/// The mark over a row of ticks, as on a gauge.
#[component]
fn Mark() -> impl IntoView {
    view! {
        <div class="grid gap-3">
            <div class="flex items-center gap-2.5">
                <svg class="size-8 text-accent" viewBox="0 0 24 24" aria-hidden="true">
                    <rect width="24" height="24" rx="5" fill="currentColor" />
                    <path class="stroke-on-accent" d="M7 17v-4M12 17V7m5 10v-7" fill="none" stroke-width="2.4" stroke-linecap="round" />
                </svg>
                <div>
                    <p class="text-lg leading-5 font-semibold tracking-tight">"RemoteGPU"</p>
                    <p class="text-sm text-muted">"GPUs behind plain kubectl"</p>
                </div>
            </div>
            <svg class="h-3 w-full text-line-strong" viewBox="0 0 360 12" preserveAspectRatio="none" fill="none" stroke="currentColor" aria-hidden="true">
                <path stroke-width="12" stroke-dasharray="1 8" d="M0 6h360" />
                <path class="text-accent" stroke="currentColor" stroke-width="12" stroke-dasharray="1 8" d="M0 6h128" />
            </svg>
        </div>
    }
}

//! The one page of every failure at an identity provider: it says nothing but how to look it up.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::copy::CopyLine;

/// A sentence, the request id, the way back.
#[component]
pub fn SignInFailedPage() -> impl IntoView {
    let query = use_query_map();
    // Shown only if it can be an id of ours: a crafted link writes nothing here.
    let id = move || query.read().get("request_id").filter(|id| is_id(id));
    view! {
        <Title text="Sign-in failed" />
        <main class="grid min-h-dvh place-items-center px-4 py-10">
            <div class="grid w-full max-w-120 gap-4">
                <h1 class="text-lg font-semibold">"Sign-in failed"</h1>
                <Banner tone=Tone::Fail title="Signing in with this provider did not work">
                    <p>"Try again. If it fails again, give the operator of this console the request id."</p>
                    {move || id().map(|id| view! { <p>"Request id " <CopyLine text=id label="request id" /></p> })}
                </Banner>
                <div class="flex gap-2">
                    <ButtonLink href=paths::login(None) tone=ButtonTone::Primary>
                        "Sign in"
                    </ButtonLink>
                    <ButtonLink href=paths::overview()>"Overview"</ButtonLink>
                </div>
            </div>
        </main>
    }
    .into_any()
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_request_id_is_shown() {
        assert!(is_id("019c1b2e-7f00-7abc-8def-0123456789ab"));
        for bad in ["", "call 0800 1234 to get your account back now", "019c1b2e"] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}

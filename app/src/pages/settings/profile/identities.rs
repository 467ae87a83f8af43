//! The identity providers one signs in with: linked ones, and those that could be.

use domain::identity::{IdentityView, ProviderView};
use leptos::prelude::*;

use crate::api::session::UnlinkIdentity;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::provider_link::ProviderLink;
use crate::paths;
use crate::ui::button::{Button, ButtonSize, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::panel::Panel;

/// Hidden where this installation has no providers.
#[component]
pub fn IdentitiesPanel(identities: Vec<IdentityView>, providers: Vec<ProviderView>) -> impl IntoView {
    if identities.is_empty() && providers.is_empty() {
        return ().into_any();
    }
    let sending = Sending::to::<UnlinkIdentity>();
    let refusal = sending.refusal();
    let others: Vec<ProviderView> =
        providers.iter().filter(|p| identities.iter().all(|identity| identity.provider != p.id)).cloned().collect();
    let title = move |id: &str| {
        providers.iter().find(|p| p.id == id).map_or_else(|| id.to_owned(), |provider| provider.title.clone())
    };
    let linked = identities.into_iter().map(move |identity| {
        let title = title(&identity.provider);
        view! { <Linked identity=identity title=title sending=sending /> }
    });
    let link = |provider: ProviderView| {
        let text = format!("Link {}", provider.title);
        view! { <ProviderLink provider=provider.id purpose="link" next=paths::profile() text=text /> }
    };
    view! {
        <Panel title="Sign-in providers">
            <div class="grid gap-3 p-4">
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <ul class="grid gap-3">{linked.collect_view()}</ul>
                <div class="flex flex-wrap gap-2">{others.into_iter().map(link).collect_view()}</div>
                <p class="text-sm text-muted">"Linking and unlinking end all your other sessions."</p>
            </div>
        </Panel>
    }
    .into_any()
}

#[component]
fn Linked(identity: IdentityView, title: String, sending: Sending) -> impl IntoView {
    let label = format!("Unlink {title}");
    view! {
        <li class="flex flex-wrap items-center justify-between gap-3">
            <div class="min-w-0">
                <p class="font-medium">{title}</p>
                <p class="text-sm text-muted wrap-anywhere">
                    {identity.label} ", last used " <Ago at=identity.last_used_at />
                </p>
            </div>
            <PostForm sending=sending>
                <input type="hidden" name="id" value=identity.id />
                <Button tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                    "Unlink"
                </Button>
            </PostForm>
        </li>
    }
}

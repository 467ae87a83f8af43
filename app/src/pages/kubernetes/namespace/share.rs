//! The part of a namespace's quota that gives it less than every namespace of the account may use.

use std::collections::BTreeSet;

use domain::namespace::NamespaceView;
use domain::permission::Permission;
use leptos::prelude::*;

use crate::api::namespace::SetNamespaceShare;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::blocked;
use crate::features::share_fields::ShareFields;
use crate::ui::button::Button;
use crate::ui::panel::Panel;

/// The panel of the tab *Quota*.
#[component]
pub fn SharePanel(namespace: NamespaceView) -> impl IntoView {
    let sending = Sending::to::<SetNamespaceShare>();
    let (refusal, why) = (sending.refusal(), blocked(sending, "Saving", Permission::ManageAccount));
    let classes = classes(&namespace);
    let NamespaceView { id, share, .. } = namespace;
    view! {
        <Panel title="Share of the account">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=id />
                    <p class="text-sm text-muted">
                        "Limits of this namespace alone. Where the account has a total, all its namespaces share it: what one gives up another can have. Empty: what every namespace may use."
                    </p>
                    <ShareFields of="share" whose="at most" share=share classes=classes />
                    <div>
                        <Button blocked=why>"Save share"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

/// Classes of GPUs that have a limit here.
fn classes(namespace: &NamespaceView) -> Vec<String> {
    let limited = namespace.quota.iter().filter_map(|line| line.gpu_class.as_ref());
    let all: BTreeSet<&String> = limited.chain(namespace.share.gpu_classes.keys()).collect();
    all.into_iter().cloned().collect()
}

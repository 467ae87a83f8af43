//! The link of an invitation, shown once.

use domain::invitation::InvitationLink;
use leptos::prelude::*;

use crate::ui::banner::WithoutScript;
use crate::ui::copy::SecretBox;

/// The link, and what to do with it.
#[component]
pub fn LinkBox(made: InvitationLink) -> impl IntoView {
    view! {
        <div class="grid gap-3">
            <p>
                "Give this link to " <span class="font-medium">{made.invitation.email}</span>
                ". There is no mail server here: nothing is sent. It works once, for five days."
            </p>
            <SecretBox text=made.link label="invitation link" />
        </div>
    }
}

/// A redirect cannot carry the link, so the form needs JavaScript; `route` is the REST route to use instead.
#[component]
pub fn LinkNeedsJavaScript(#[prop(default = "POST /v1/invitations")] route: &'static str) -> impl IntoView {
    view! {
        <WithoutScript>
            "The link is shown once, which needs JavaScript here. Without it, use " {route} "."
        </WithoutScript>
    }
}

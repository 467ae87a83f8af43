//! Inviting somebody: an address and a role, then the link, once.

use domain::invitation::InvitationLink;
use domain::user::Role;
use leptos::prelude::*;

use crate::api::invitation::CreateInvitation;
use crate::features::form_dialog::FormEnd;
use crate::features::invitation_link::{LinkBox, LinkNeedsJavaScript};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::role::RoleField;
use crate::paths;
use crate::ui::button::{ButtonLink, ButtonTone};
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// The form, then the link.
#[component]
pub fn InviteDialog(mine: Role) -> impl IntoView {
    let sending = Sending::to::<CreateInvitation>();
    let made = move || sending.accepted::<InvitationLink>();
    view! {
        <Dialog title="Invite somebody" close=paths::members()>
            {move || match made() {
                Some(made) => {
                    view! {
                        <div class="grid gap-4">
                            <LinkBox made=made />
                            <div class="flex justify-end">
                                <ButtonLink href=paths::members() tone=ButtonTone::Primary>
                                    "Done"
                                </ButtonLink>
                            </div>
                        </div>
                    }
                        .into_any()
                }
                None => view! { <InviteFields sending=sending mine=mine /> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn InviteFields(sending: Sending, mine: Role) -> impl IntoView {
    let (error, elsewhere) = (sending.field("email"), sending.elsewhere(&["email", "role"]));
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <LinkNeedsJavaScript />
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <Field id="invite-email" label="E-mail" error=error hint="The link works for this address only.">
                    <input
                        id="invite-email"
                        name="email"
                        type="email"
                        class=INPUT
                        required
                        autocomplete="off"
                        aria-describedby="invite-email-note"
                        aria-invalid=invalid(error)
                    />
                </Field>
                <RoleField mine=mine chosen=Role::Member error=sending.field("role") />
                <FormEnd sending=sending close=paths::members() button="Make the link" busy="Inviting" />
            </div>
        </PostForm>
    }
}

//! Changing one member, or one invitation that waits.

use domain::invitation::{InvitationLink, InvitationView};
use domain::member::{MemberView, may_manage};
use domain::password::ResetLink;
use domain::user::Role;
use leptos::prelude::*;

use crate::api::invitation::{ResendInvitation, RevokeInvitation};
use crate::api::member::{ChangeMember, RemoveMember};
use crate::api::password::CreatePasswordReset;
use crate::features::invitation_link::{LinkBox, LinkNeedsJavaScript};
use crate::features::post_form::{PostForm, Sending, WholePageForm};
use crate::features::problem::ErrorBanner;
use crate::features::role::RoleField;
use crate::paths;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::copy::SecretBox;
use crate::ui::dialog::Dialog;

/// Another role, or out; who looks at themselves may leave.
#[component]
pub fn MemberDialog(member: MemberView, mine: Role, itself: bool) -> impl IntoView {
    let manages = matches!(mine, Role::Owner | Role::Admin) && may_manage(mine, member.role).is_ok();
    let role = manages.then(|| view! { <RoleForm member=member.clone() mine=mine /> });
    let reset = (manages && !itself).then(|| view! { <ResetForm member=member.clone() /> });
    let remove = if itself {
        view! { <LeaveForm member=member.clone() /> }.into_any()
    } else {
        view! { <RemoveForm member=member.clone() /> }.into_any()
    };
    view! {
        <Dialog title=member.email close=paths::members()>
            <div class="grid gap-6">{role} {reset} {remove}</div>
        </Dialog>
    }
}

#[component]
fn RoleForm(member: MemberView, mine: Role) -> impl IntoView {
    let sending = Sending::to::<ChangeMember>();
    let elsewhere = sending.elsewhere(&["role"]);
    let before = Signal::stored(Some(member.role.as_str().to_owned()));
    view! {
        <PostForm sending=sending before=("role", before)>
            <div class="grid gap-4">
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <input type="hidden" name="user_id" value=member.user_id />
                <input type="hidden" name="email" value=member.email />
                <RoleField mine=mine chosen=member.role error=sending.field("role") />
                <p class="text-sm text-muted">"Weaker rights count from their next request on, for their API keys too."</p>
                <div class="flex justify-end">
                    <Button tone=ButtonTone::Primary blocked=sending.blocked("Saving")>
                        "Save role"
                    </Button>
                </div>
            </div>
        </PostForm>
    }
}

/// A link with which they choose a new password, shown once.
#[component]
fn ResetForm(member: MemberView) -> impl IntoView {
    let sending = Sending::to::<CreatePasswordReset>();
    let refusal = sending.refusal();
    let made = move || sending.accepted::<ResetLink>();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4 border-t border-line pt-4">
                <LinkNeedsJavaScript route="POST /v1/members/{user_id}/password-reset" />
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                {move || made().map(|made| view! { <SecretBox text=made.url label="reset link" /> })}
                <p class="text-sm text-muted">
                    "They forgot their password? Hand them this link: it works once, for an hour. Using it signs them out everywhere."
                </p>
                <input type="hidden" name="user_id" value=member.user_id />
                <div class="flex justify-end">
                    <Button blocked=sending.blocked("Making")>"Make a reset link"</Button>
                </div>
            </div>
        </PostForm>
    }
}

#[component]
fn RemoveForm(member: MemberView) -> impl IntoView {
    let sending = Sending::to::<RemoveMember>();
    let refusal = sending.refusal();
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4 border-t border-line pt-4">
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <p class="text-sm text-muted">
                    "Removing them ends their access now and revokes their API keys in this account. Their deployments go on."
                </p>
                <input type="hidden" name="user_id" value=member.user_id />
                <input type="hidden" name="email" value=member.email />
                <div class="flex justify-end">
                    <Button tone=ButtonTone::Danger blocked=sending.blocked("Removing")>
                        "Remove member"
                    </Button>
                </div>
            </div>
        </PostForm>
    }
}

/// Whoever leaves is in another account afterwards: the whole page changes.
#[component]
fn LeaveForm(member: MemberView) -> impl IntoView {
    let sending = Sending::to::<RemoveMember>();
    let refusal = sending.refusal();
    view! {
        <WholePageForm sending=sending>
            <div class="grid gap-4 border-t border-line pt-4">
                {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                <p class="text-sm text-muted">"Leaving ends your access to this account now and revokes your API keys in it."</p>
                <input type="hidden" name="user_id" value=member.user_id />
                <input type="hidden" name="email" value=member.email />
                <div class="flex justify-end">
                    <Button tone=ButtonTone::Danger>"Leave account"</Button>
                </div>
            </div>
        </WholePageForm>
    }
}

/// A new link, or none any more.
#[component]
pub fn InvitationDialog(invitation: InvitationView) -> impl IntoView {
    let (resend, revoke) = (Sending::to::<ResendInvitation>(), Sending::to::<RevokeInvitation>());
    let (resent, refused) = (resend.refusal(), revoke.refusal());
    let made = move || resend.accepted::<InvitationLink>();
    let InvitationView { id, email, .. } = invitation;
    let same = id.clone();
    view! {
        <Dialog title=format!("Invitation of {email}") close=paths::members()>
            <div class="grid gap-6">
                {move || made().map(|made| view! { <LinkBox made=made /> })}
                <PostForm sending=resend>
                    <div class="grid gap-4">
                        <LinkNeedsJavaScript />
                        {move || resent.get().map(|error| view! { <ErrorBanner error=error /> })}
                        <p class="text-sm text-muted">"A new link works for five days; the old one is dead at once."</p>
                        <input type="hidden" name="id" value=same />
                        <div class="flex justify-end">
                            <Button tone=ButtonTone::Primary blocked=resend.blocked("Making")>
                                "Make a new link"
                            </Button>
                        </div>
                    </div>
                </PostForm>
                <PostForm sending=revoke>
                    <div class="grid gap-4 border-t border-line pt-4">
                        {move || refused.get().map(|error| view! { <ErrorBanner error=error /> })}
                        <p class="text-sm text-muted">"Withdrawing it kills the link at once. You can invite them again."</p>
                        <input type="hidden" name="id" value=id />
                        <input type="hidden" name="email" value=email />
                        <div class="flex justify-end">
                            <Button tone=ButtonTone::Danger blocked=revoke.blocked("Withdrawing")>
                                "Withdraw invitation"
                            </Button>
                        </div>
                    </div>
                </PostForm>
            </div>
        </Dialog>
    }
}

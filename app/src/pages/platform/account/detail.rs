//! One account of the platform: its limits, its state, help for it, its end.

use domain::account::{AccountStatus, Quota};
use domain::invitation::InvitationLink;
use domain::platform_account::PlatformAccountView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::grants::Grants;
use super::list::status;
use crate::api::platform_account::{
    BeginSupport, DeletePlatformAccount, GetPlatformAccount, InviteOwner, PlatformAccountDetail, SetAccountQuota,
    SuspendAccount,
};
use crate::features::copy_as::CopyAs;
use crate::features::gpu_limits::{self, GpuLimit};
use crate::features::head::PageHead;
use crate::features::invitation_link::{LinkBox, LinkNeedsJavaScript};
use crate::features::load::load;
use crate::features::notice::times_done;
use crate::features::post_form::{PostForm, Sending, WholePageForm};
use crate::features::problem::ErrorBanner;
use crate::features::share_fields::ShareFields;
use crate::features::words::count;
use crate::paths;
use crate::ui::badge::Badge;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::confirm::ConfirmName;
use crate::ui::copy::CopyLine;
use crate::ui::field::{Field, INPUT, invalid};
use crate::ui::panel::Panel;

/// The page; it loads anew when its query says that something was done.
#[component]
pub fn PlatformAccountPage() -> impl IntoView {
    let (params, done) = (use_params_map(), times_done());
    let id = move || params.read().get("account").unwrap_or_default();
    let key = Memo::new(move |_| format!("{} {}", id(), done.get()));
    load(key, |key| GetPlatformAccount { id: key.split_once(' ').unwrap_or_default().0.to_owned() })
        .show(|account| view! { <Body account=account /> }.into_any())
}

#[component]
fn Body(account: PlatformAccountDetail) -> impl IntoView {
    let (account, gpus, grants, codes): (PlatformAccountView, _, _, _) = account;
    let (tone, word) = status(account.status);
    let trail = vec![(paths::platform_accounts(), "Accounts".to_owned())];
    let rest = paths::rest(&["platform", "accounts", &account.id]);
    let have = [(account.namespaces, "namespace"), (account.members, "member"), (account.api_keys, "API key")];
    let have = have.map(|(n, noun)| count(n, noun)).join(" · ");
    view! {
        <PageHead title=account.name.clone() trail=trail badge=move || view! { <Badge tone=tone label=word /> }>
            <CopyLine text=account.customer.clone() label="customer id" />
            <p>{have}</p>
            <CopyAs rest=rest />
        </PageHead>
        <div class="grid items-start gap-4 lg:grid-cols-2">
            <div class="grid gap-4">
                <Limits id=account.id.clone() quota=account.quota gpus=gpus />
                <Grants id=account.id.clone() grants=grants codes=codes />
            </div>
            <div class="grid gap-4">
                <Suspend id=account.id.clone() status=account.status />
                <Support id=account.id.clone() />
                <Owner id=account.id.clone() />
                <Delete id=account.id name=account.name />
            </div>
        </div>
    }
}

#[component]
fn Limits(id: String, quota: Quota, gpus: Vec<GpuLimit>) -> impl IntoView {
    let sending = Sending::to::<SetAccountQuota>();
    let refusal = sending.refusal();
    let fields = [
        ("quota[namespaces]", "Namespaces", quota.namespaces),
        ("quota[members]", "Members", quota.members),
        ("quota[api_keys]", "API keys", quota.api_keys),
        ("quota[cpu]", "Cores per namespace", quota.cpu),
        ("quota[memory_gib]", "Memory per namespace, GiB", quota.memory_gib),
        ("quota[gpus]", "GPUs per namespace", quota.gpus),
        ("quota[pods]", "Pods per namespace", quota.pods),
    ];
    let field = |(name, label, value): (&'static str, &'static str, u32)| {
        view! {
            <Field id=name label=label>
                <input id=name name=name type="number" min="0" class=INPUT value=value.to_string() required />
            </Field>
        }
    };
    let classes = gpus.iter().map(|limit| limit.class.clone()).collect::<Vec<_>>();
    view! {
        <Panel title="Limits">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=id />
                    <div class="grid gap-3 sm:grid-cols-2">{fields.map(field).collect_view()}</div>
                    {by_class(gpus)}
                    <ShareFields of="total" whose="in all" share=quota.total classes=classes />
                    <p class="text-sm text-muted">
                        "In all: what its namespaces may have together, divided among them. Empty: no total."
                    </p>
                    <p class="text-sm text-muted">"What runs beyond a lower limit goes on; nothing new starts."</p>
                    <div>
                        <Button blocked=sending.blocked("Saving")>"Save limits"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

/// Fields for the classes of GPUs; nothing where no GPUs are sold.
fn by_class(gpus: Vec<GpuLimit>) -> Option<AnyView> {
    if gpus.is_empty() {
        return None;
    }
    let field = |GpuLimit { class, models, limit }: GpuLimit| {
        let (id, name) = (format!("gpu-class-{class}"), gpu_limits::field("gpu_classes", &class));
        let models = if models.is_empty() { "No SKU is of this class".to_owned() } else { models.join(", ") };
        let value = limit.map(|limit| limit.to_string()).unwrap_or_default();
        view! {
            <div class="grid gap-1">
                <label for=id.clone() class="text-sm font-medium text-ink">
                    {format!("GPUs of class {class} per namespace")}
                </label>
                <input
                    id=id.clone()
                    name=name
                    type="number"
                    min="0"
                    class=INPUT
                    value=value
                    aria-describedby=format!("{id}-note")
                />
                <p id=format!("{id}-note") class="text-sm text-muted wrap-anywhere">
                    {models}
                </p>
            </div>
        }
    };
    let all = view! {
        <div class="grid gap-3 sm:grid-cols-2">{gpus.into_iter().map(field).collect_view()}</div>
        <p class="text-sm text-muted">"Empty: no limit but that of all GPUs."</p>
    };
    Some(all.into_any())
}

#[component]
fn Suspend(id: String, status: AccountStatus) -> impl IntoView {
    let sending = Sending::to::<SuspendAccount>();
    let refusal = sending.refusal();
    let active = status == AccountStatus::Active;
    let (words, button) = match status {
        AccountStatus::Active => (
            "People can sign in and look; every change is refused and no API key opens anything. Pods go on.",
            "Suspend account",
        ),
        AccountStatus::Suspended => ("Everything works again, with the same API keys.", "Resume account"),
    };
    view! {
        <Panel title="State">
            <WholePageForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">{words}</p>
                    <input type="hidden" name="id" value=id />
                    <input type="hidden" name="suspended" value=active.to_string() />
                    <div>
                        <Button tone=if active { ButtonTone::Danger } else { ButtonTone::Primary }>{button}</Button>
                    </div>
                </div>
            </WholePageForm>
        </Panel>
    }
}

#[component]
fn Support(id: String) -> impl IntoView {
    let sending = Sending::to::<BeginSupport>();
    let (error, elsewhere) = (sending.field("reason"), sending.elsewhere(&["reason"]));
    view! {
        <Panel title="Support">
            <WholePageForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">"Look at the account, read only. The reason is written into its audit log."</p>
                    <input type="hidden" name="id" value=id />
                    <Field id="reason" label="Reason" error=error hint="For example the number of a ticket.">
                        <input id="reason" name="reason" class=INPUT required maxlength="200" autocomplete="off" aria-describedby="reason-note" aria-invalid=invalid(error) />
                    </Field>
                    <div>
                        <Button>"Look in"</Button>
                    </div>
                </div>
            </WholePageForm>
        </Panel>
    }
}

#[component]
fn Owner(id: String) -> impl IntoView {
    let sending = Sending::to::<InviteOwner>();
    let (error, elsewhere) = (sending.field("email"), sending.elsewhere(&["email"]));
    view! {
        <Panel title="Owner">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    <LinkNeedsJavaScript route="POST /v1/platform/accounts/{account_id}/invitations" />
                    {move || sending.accepted::<InvitationLink>().map(|made| view! { <LinkBox made=made /> })}
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=id />
                    <Field id="new-owner" label="Invite an owner" error=error hint="The link works for this address only.">
                        <input id="new-owner" name="email" type="email" class=INPUT required autocomplete="off" aria-describedby="new-owner-note" aria-invalid=invalid(error) />
                    </Field>
                    <div>
                        <Button blocked=sending.blocked("Inviting")>"Make the link"</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

#[component]
fn Delete(id: String, name: String) -> impl IntoView {
    let sending = Sending::to::<DeletePlatformAccount>();
    let elsewhere = sending.elsewhere(&["confirm"]);
    view! {
        <Panel title="Delete">
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">"Only without namespaces. Members, invitations and API keys go with it."</p>
                    <input type="hidden" name="id" value=id />
                    <ConfirmName id="delete-confirm" name=name error=sending.field("confirm") />
                    <div>
                        <Button tone=ButtonTone::Danger blocked=sending.blocked("Deleting")>
                            "Delete account"
                        </Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

//! The account one acts in: its name, its owner, its end.

use domain::account::AccountView;
use domain::member::MemberView;
use domain::user::Role;
use leptos::prelude::*;

use crate::api::account::{
    DeleteAccount, GetAccount, GetAccountQuota, RenameAccount, RequireEcosystem, TransferAccount,
};
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::post_form::{Sending, WholePageForm};
use crate::features::problem::ErrorBanner;
use crate::features::quota_meters::QuotaMeters;
use crate::ui::button::{Button, ButtonTone};
use crate::ui::confirm::ConfirmName;
use crate::ui::copy::CopyLine;
use crate::ui::field::{Field, Fields, INPUT, invalid};
use crate::ui::panel::Panel;

/// The page.
#[component]
pub fn AccountPage() -> impl IntoView {
    let body = load(Signal::stored(String::new()), |_| GetAccount {})
        .show(|(account, others)| view! { <Body account=account others=others /> }.into_any());
    view! {
        <PageHead title="Account">
            <p>"What all namespaces, keys and members belong to."</p>
        </PageHead>
        {body}
    }
    .into_any()
}

#[component]
fn Body(account: AccountView, others: Vec<MemberView>) -> impl IntoView {
    let owner = account.role == Role::Owner;
    let admin = owner || account.role == Role::Admin;
    let customer = account.customer.clone();
    let note =
        "GPUs, cores, memory and pods: of all namespaces together. Each has its own limit, enforced by Kubernetes.";
    let limits = load(Signal::stored(String::new()), |_| GetAccountQuota {}).show_or(
        move |lines| view! { <QuotaMeters lines=Signal::stored(lines) note=note /> }.into_any(),
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    );
    view! {
        <p class="text-muted">
            "Customer id " <CopyLine text=customer label="customer id" />
        </p>
        <div class="grid items-start gap-4 lg:grid-cols-2">
            <Rename account=account.clone() blocked=(!admin).then(|| "Admins and owners rename the account".to_owned()) />
            <Transfer account=account.clone() others=others blocked=(!owner).then(owners_only) />
            <Engines
                account=account.clone()
                blocked=(!admin).then(|| "Admins and owners change what engines need".to_owned())
            />
            <Delete account=account blocked=(!owner).then(owners_only) />
            {limits}
        </div>
    }
}

fn owners_only() -> String {
    "Owners only".to_owned()
}

#[component]
fn Rename(account: AccountView, blocked: Option<String>) -> impl IntoView {
    let sending = Sending::to::<RenameAccount>();
    let (error, elsewhere) = (sending.field("name"), sending.elsewhere(&["name"]));
    view! {
        <Panel title="Name">
            <WholePageForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=account.id />
                    <Fields closed=blocked.is_some()>
                        <Field id="account-name" label="Name" error=error>
                            <input
                                id="account-name"
                                name="name"
                                class=INPUT
                                value=account.name
                                required
                                maxlength="100"
                                autocomplete="off"
                                aria-describedby="account-name-note"
                                aria-invalid=invalid(error)
                            />
                        </Field>
                    </Fields>
                    <div>
                        <Button blocked=Signal::stored(blocked)>"Rename"</Button>
                    </div>
                </div>
            </WholePageForm>
        </Panel>
    }
}

#[component]
fn Engines(account: AccountView, blocked: Option<String>) -> impl IntoView {
    let sending = Sending::to::<RequireEcosystem>();
    let elsewhere = sending.elsewhere(&[]);
    view! {
        <Panel title="Engines">
            <WholePageForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <input type="hidden" name="id" value=account.id />
                    <Fields closed=blocked.is_some()>
                        <label class="flex items-center gap-2">
                            <input
                                type="checkbox"
                                class="size-4 accent-accent"
                                name="required"
                                value="true"
                                checked=account.ecosystem_required
                            />
                            "Require an ecosystem on each engine"
                        </label>
                    </Fields>
                    <p class="text-muted">"Engines that are there stay as they are."</p>
                    <div>
                        <Button blocked=Signal::stored(blocked)>"Save"</Button>
                    </div>
                </div>
            </WholePageForm>
        </Panel>
    }
}

#[component]
fn Transfer(account: AccountView, others: Vec<MemberView>, blocked: Option<String>) -> impl IntoView {
    let sending = Sending::to::<TransferAccount>();
    let elsewhere = sending.elsewhere(&["user_id", "confirm"]);
    let nobody = others.is_empty().then(|| "There is no other member".to_owned());
    let blocked = blocked.or(nobody);
    let option = |member: MemberView| view! { <option value=member.user_id>{member.email}</option> };
    view! {
        <Panel title="Ownership">
            <WholePageForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">"They become owner; you stay as an admin."</p>
                    <input type="hidden" name="id" value=account.id />
                    <Fields closed=blocked.is_some()>
                        <Field id="heir" label="New owner" error=sending.field("user_id")>
                            <select id="heir" name="user_id" class=INPUT aria-describedby="heir-note">
                                {others.into_iter().map(option).collect_view()}
                            </select>
                        </Field>
                        <ConfirmName id="transfer-confirm" name=account.name error=sending.field("confirm") />
                    </Fields>
                    <div>
                        <Button tone=ButtonTone::Danger blocked=Signal::stored(blocked)>
                            "Hand over"
                        </Button>
                    </div>
                </div>
            </WholePageForm>
        </Panel>
    }
}

#[component]
fn Delete(account: AccountView, blocked: Option<String>) -> impl IntoView {
    let sending = Sending::to::<DeleteAccount>();
    let elsewhere = sending.elsewhere(&["confirm"]);
    view! {
        <Panel title="Delete">
            <WholePageForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">
                        "Its members, invitations and API keys go with it. Delete its namespaces first. This cannot be undone."
                    </p>
                    <input type="hidden" name="id" value=account.id />
                    <Fields closed=blocked.is_some()>
                        <ConfirmName id="delete-confirm" name=account.name error=sending.field("confirm") />
                    </Fields>
                    <div>
                        <Button tone=ButtonTone::Danger blocked=Signal::stored(blocked)>
                            "Delete account"
                        </Button>
                    </div>
                </div>
            </WholePageForm>
        </Panel>
    }
}

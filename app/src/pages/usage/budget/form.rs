//! The dialogs of budgets: set one, give it other terms, take it away.

use domain::budget::BudgetView;
use leptos::prelude::*;

use super::name;
use crate::api::budget::{ChangeBudget, CreateBudget, DeleteBudget};
use crate::features::form_dialog::{FormDialog, FormEnd};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT, invalid};

/// A budget for the account or one of its namespaces.
#[component]
pub fn NewBudgetDialog(namespaces: Vec<(String, String)>, currency: String) -> impl IntoView {
    let sending = Sending::to::<CreateBudget>();
    let error = sending.field("namespace_id");
    let option = |(id, name): (String, String)| view! { <option value=id>{name}</option> };
    let options = namespaces.into_iter().map(option).collect_view();
    view! {
        <Dialog title="New budget" close=paths::budgets()>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    <Field id="budget-for" label="For" error=error>
                        <select id="budget-for" name="namespace_id" class=INPUT aria-describedby="budget-for-note">
                            <option value="">"Whole account"</option>
                            {options}
                        </select>
                    </Field>
                    <Terms sending=sending amount=String::new() currency=currency warn_at="50, 80, 100".to_owned() hard_stop=false />
                    <FormEnd sending=sending close=paths::budgets() button="Set budget" busy="Setting" />
                </div>
            </PostForm>
        </Dialog>
    }
}

/// Other terms.
#[component]
pub fn ChangeBudgetDialog(budget: BudgetView) -> impl IntoView {
    let sending = Sending::to::<ChangeBudget>();
    let title = format!("Budget of {}", name(&budget));
    let warn_at = budget.warn_at.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    view! {
        <Dialog title=title close=paths::budgets()>
            <PostForm sending=sending>
                <div class="grid gap-4">
                    <input type="hidden" name="id" value=budget.id />
                    <Terms sending=sending amount=budget.amount currency=budget.currency warn_at=warn_at hard_stop=budget.hard_stop />
                    <FormEnd sending=sending close=paths::budgets() button="Save budget" busy="Saving" />
                </div>
            </PostForm>
        </Dialog>
    }
}

/// Without it nothing warns and nothing stops.
#[component]
pub fn DeleteBudgetDialog(budget: BudgetView) -> impl IntoView {
    let sending = Sending::to::<DeleteBudget>();
    let consequence = if budget.stopped {
        "New pods are taken again, and nothing warns you any more."
    } else {
        "Nothing warns you any more. Usage stays as it is."
    };
    view! {
        <FormDialog
            title=format!("Delete the budget of {}", name(&budget))
            sending=sending
            close=paths::budgets()
            button="Delete budget"
            busy="Deleting"
        >
            <p>{consequence}</p>
            <input type="hidden" name="id" value=budget.id />
        </FormDialog>
    }
}

#[component]
fn Terms(sending: Sending, amount: String, currency: String, warn_at: String, hard_stop: bool) -> impl IntoView {
    let (of_amount, of_warn) = (sending.field("amount"), sending.field("warn_at"));
    let elsewhere = sending.elsewhere(&["amount", "warn_at", "namespace_id"]);
    let label =
        if currency.is_empty() { "A month's money".to_owned() } else { format!("A month's money ({currency})") };
    view! {
        {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
        <input type="hidden" name="form[currency]" value=currency />
        <Field id="budget-amount" label=label error=of_amount>
            <input
                id="budget-amount"
                name="form[amount]"
                class=INPUT
                required
                inputmode="decimal"
                autocomplete="off"
                maxlength="20"
                value=amount
                aria-describedby="budget-amount-note"
                aria-invalid=invalid(of_amount)
            />
        </Field>
        <Field id="budget-warn" label="Tell us at (percent)" error=of_warn hint="Parted by commas. In the audit log, and to webhooks that ask for budgets.">
            <input
                id="budget-warn"
                name="form[warn_at]"
                class=INPUT
                autocomplete="off"
                maxlength="60"
                value=warn_at
                aria-describedby="budget-warn-note"
                aria-invalid=invalid(of_warn)
            />
        </Field>
        <label class="flex items-start gap-2">
            <input type="checkbox" name="form[hard_stop]" value="on" checked=hard_stop class="mt-0.5 size-4 shrink-0 accent-accent" />
            <span>"Refuse new pods once all of it is spent; what runs goes on"</span>
        </label>
    }
}

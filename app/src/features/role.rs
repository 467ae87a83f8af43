//! Choosing a role: only those that one may give.

use domain::member::may_grant;
use domain::user::Role;
use leptos::prelude::*;

use crate::ui::field::{Field, INPUT};

/// What a role is for, in words.
fn in_words(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner – everything, ownership included",
        Role::Admin => "Admin – everything but ownership",
        Role::Member => "Member – namespaces, deployments, own keys",
        Role::Viewer => "Viewer – looks, never changes",
        Role::Billing => "Billing – usage and budgets only",
    }
}

/// The choice, with `chosen` preselected; `mine` is the role of who chooses.
#[component]
pub fn RoleField(mine: Role, chosen: Role, #[prop(into)] error: Signal<Option<String>>) -> impl IntoView {
    let option = |role: Role| {
        view! {
            <option value=role.as_str() selected=role == chosen>
                {in_words(role)}
            </option>
        }
    };
    let options = Role::ALL.into_iter().filter(|role| may_grant(mine, *role).is_ok()).map(option).collect_view();
    view! {
        <Field id="role" label="Role" error=error>
            <select id="role" name="role" class=INPUT aria-describedby="role-note">
                {options}
            </select>
        </Field>
    }
}

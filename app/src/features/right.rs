//! What whoever looks may not do, said on the button itself: before a form was filled in for nothing. Known once the page
//! lives; without JavaScript the refusal says it.

use domain::account::AccountView;
use domain::permission::{Holder, Permission, allows};
use domain::session::SessionView;
use domain::user::Role;
use leptos::prelude::*;

use crate::features::load::Loaded;
use crate::ui::button::{BlockableLink, ButtonSize, ButtonTone};

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looking {
    role: Role,
    operator: bool,
    support: bool,
}

#[derive(Clone, Copy)]
struct Who(RwSignal<Option<Looking>>);

/// For all pages. Set after the page lives: the server's HTML and the first one of the browser are the same.
pub fn provide_rights(session: Loaded<(SessionView, Vec<AccountView>)>) {
    let who = RwSignal::new(None);
    provide_context(Who(who));
    Effect::new(move || {
        let Some(Ok((session, _))) = session.get() else { return };
        let role = Role::parse(&session.user.role).ok();
        who.set(role.map(|role| Looking { role, operator: session.user.operator, support: session.support }));
    });
}

/// Why whoever looks may not, if so.
fn refused(looking: Looking, permission: Permission) -> Option<String> {
    let words = match permission.holder() {
        _ if looking.support => "Support looks and changes nothing",
        _ if allows(looking.role, looking.operator, permission) => return None,
        Holder::Roles(roles) if roles.contains(&Role::Member) => "Owners, admins and members may do this",
        Holder::Roles(_) => "Owners and admins may do this",
        Holder::Operator => "Operators of the platform may do this",
    };
    Some(words.to_owned())
}

/// A link to where something is made or changed; a button that says why not for those who may not.
#[component]
pub fn ActionLink(
    #[prop(into)] href: String,
    /// What it takes.
    permission: Permission,
    #[prop(optional)] tone: ButtonTone,
    #[prop(optional)] size: ButtonSize,
    children: ChildrenFn,
) -> impl IntoView {
    let who = use_context::<Who>();
    let why = Memo::new(move |_| refused(who?.0.get()?, permission));
    view! { <BlockableLink href=href tone=tone size=size blocked=why children=children /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_is_told_who_may() {
        let viewer = Looking { role: Role::Viewer, operator: false, support: false };
        let member = Looking { role: Role::Member, ..viewer };
        assert_eq!(refused(member, Permission::Deploy), None);
        assert_eq!(refused(viewer, Permission::Deploy).unwrap(), "Owners, admins and members may do this");
        assert_eq!(refused(member, Permission::ManageBudgets).unwrap(), "Owners and admins may do this");
        let support = Looking { role: Role::Owner, support: true, ..viewer };
        assert_eq!(refused(support, Permission::Deploy).unwrap(), "Support looks and changes nothing");
    }
}

//! What whoever looks may not do, said on the button itself: before a form was filled in for nothing. Known once the page
//! lives; without JavaScript the refusal says it.

use domain::account::AccountView;
use domain::permission::{Holder, Permission, allows};
use domain::session::SessionView;
use domain::user::Role;
use leptos::prelude::*;

use crate::features::load::Loaded;
use crate::features::post_form::Sending;
use crate::ui::button::{BlockableLink, ButtonSize, ButtonTone};
use crate::ui::menu::MenuItem;

/// Everybody but those who see usage alone.
pub const READERS: &[Permission] = &[Permission::Read];
/// Everybody who is signed in. Also of the platform's places: those are shown to operators alone.
pub const ANYBODY: &[Permission] = &Permission::ALL;
/// Who sees what is spent.
pub const SPENDING: &[Permission] = &[Permission::ReadUsage];
/// Who sees and makes webhooks.
pub const WEBHOOKS: &[Permission] = &[Permission::ManageAccount];
/// Who reads the account's log.
pub const AUDIT: &[Permission] = &[Permission::ReadAudit];
/// Who sees and adds engines: those of an account, and those of the platform.
pub const ENGINES: &[Permission] = &[Permission::ManageEngines, Permission::ManagePlatform];

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

/// Why whoever looks may not, once that is known.
pub fn use_refusal(permission: Permission) -> Memo<Option<String>> {
    let who = use_context::<Who>();
    Memo::new(move |_| refused(who?.0.get()?, permission))
}

/// Why the button of a form waits: who looks may not press it, or it was pressed.
pub fn blocked(sending: Sending, word: &'static str, permission: Permission) -> Signal<Option<String>> {
    let (why, pending) = (use_refusal(permission), sending.blocked(word));
    Signal::derive(move || why.get().or_else(|| pending.get()))
}

/// Whether whoever looks is known to hold none of these: what would be refused as a whole is left out then.
pub fn use_lacks(any_of: &'static [Permission]) -> Memo<bool> {
    let who = use_context::<Who>();
    Memo::new(move |_| who.and_then(|who| who.0.get()).is_some_and(|looking| lacks(looking, any_of)))
}

/// Whether whoever looks holds it; nothing until that is known. For what would be refused before that.
pub fn use_holds(permission: Permission) -> Memo<Option<bool>> {
    let who = use_context::<Who>();
    Memo::new(move |_| who?.0.get().map(|looking| !lacks(looking, &[permission])))
}

fn lacks(looking: Looking, any_of: &[Permission]) -> bool {
    !any_of.iter().any(|permission| allows(looking.role, looking.operator, *permission))
}

/// What is known of whoever looks, for what asks later.
#[derive(Clone, Copy)]
pub struct Rights(Option<Who>);

/// The rights of whoever looks.
pub fn use_rights() -> Rights {
    Rights(use_context())
}

// === impl Rights ===

impl Rights {
    /// Whether they are known now to hold none of these.
    pub fn lack(self, any_of: &[Permission]) -> bool {
        self.0.and_then(|who| who.0.get_untracked()).is_some_and(|looking| lacks(looking, any_of))
    }
}

/// A line of a row's menu; it says why not to those who may not follow it.
pub fn menu_item(href: String, words: &'static str, permission: Permission) -> MenuItem {
    MenuItem { href, words, blocked: use_refusal(permission).into() }
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
    let why = use_refusal(permission);
    view! { <BlockableLink href=href tone=tone size=size blocked=why children=children /> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_is_told_who_may_and_is_shown_no_way_there() {
        let viewer = Looking { role: Role::Viewer, operator: false, support: false };
        let member = Looking { role: Role::Member, ..viewer };
        assert_eq!(refused(member, Permission::Deploy), None);
        assert_eq!(refused(viewer, Permission::Deploy).unwrap(), "Owners, admins and members may do this");
        assert_eq!(refused(member, Permission::ManageBudgets).unwrap(), "Owners and admins may do this");
        assert!(lacks(member, &[Permission::ReadAudit]) && !lacks(viewer, &[Permission::ReadAudit, Permission::Read]));
        let support = Looking { role: Role::Owner, support: true, ..viewer };
        assert_eq!(refused(support, Permission::Deploy).unwrap(), "Support looks and changes nothing");
    }
}

//! Members of the account.

use domain::invitation::InvitationView;
use domain::member::MemberView;
use domain::page::Page;
use domain::session::SessionView;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Members, the invitations that wait, and who looks.
pub type Members = (Page<MemberView>, Vec<InvitationView>, SessionView);

/// One page of members. Invitations only for who may invite.
#[server(prefix = "/api", endpoint = "member/list")]
pub async fn list_members(cursor: String) -> Result<Packed<Members>, AppError> {
    use domain::invitation::InvitationStatus::{Accepted, Revoked};
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let page = domain::page::PageRequest::new(None, Some(cursor).filter(|c| !c.is_empty()))?;
    let members = backend.list_members(&caller, &page).await?;
    let mut invitations = Vec::new();
    if caller.may(domain::permission::Permission::ManageMembers) {
        let all = domain::page::PageRequest { limit: 200, after: None };
        invitations = backend.list_invitations(&caller, &all).await?.items;
        invitations.retain(|invitation| !matches!(invitation.status, Accepted | Revoked));
    }
    Packed::new(&(members, invitations, backend.session_view(&caller)))
}

/// Gives a member another role and goes to the list.
#[server(prefix = "/api", endpoint = "member/change")]
pub async fn change_member(user_id: String, role: String, email: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    let role = domain::user::Role::parse(&role)?;
    crate::ssr::backend()?.change_member(&caller, &user_id, domain::member::ChangeMember { role }, None).await?;
    leptos_axum::redirect(&Notice::RoleChanged.after(&crate::paths::members(), &email));
    Ok(())
}

/// Removes a member and goes to the list; who leaves goes to the overview of another account.
#[server(prefix = "/api", endpoint = "member/remove")]
pub async fn remove_member(user_id: String, email: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.remove_member(&caller, &user_id).await?;
    let left = user_id == caller.user.id.to_string();
    let members = Notice::MemberRemoved.after(&crate::paths::members(), &email);
    leptos_axum::redirect(&if left { crate::paths::overview() } else { members });
    Ok(())
}

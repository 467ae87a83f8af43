//! Invitations: the link crosses once, in the answer that makes it.

use domain::invitation::{InvitationLink, InvitationOffer};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Invites somebody.
#[server(prefix = "/api", endpoint = "invitation/create")]
pub async fn create_invitation(email: String, role: String) -> Result<Packed<InvitationLink>, AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::link_needs_javascript("POST /v1/invitations")?;
    let role = domain::user::Role::parse(&role)?;
    let new = domain::invitation::NewInvitation { email, role };
    Packed::new(&crate::ssr::backend()?.create_invitation(&caller, new).await?)
}

/// Makes a new link; the old one is dead.
#[server(prefix = "/api", endpoint = "invitation/resend")]
pub async fn resend_invitation(id: String) -> Result<Packed<InvitationLink>, AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::link_needs_javascript("POST /v1/invitations")?;
    Packed::new(&crate::ssr::backend()?.resend_invitation(&caller, &id).await?)
}

/// Withdraws an invitation and goes to the list.
#[server(prefix = "/api", endpoint = "invitation/revoke")]
pub async fn revoke_invitation(id: String, email: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    let caller = crate::ssr::caller().await?;
    crate::ssr::backend()?.revoke_invitation(&caller, &id).await?;
    leptos_axum::redirect(&Notice::InvitationRevoked.after(&crate::paths::members(), &email));
    Ok(())
}

/// What a link offers, and the e-mail of whoever is signed in.
pub type Offer = (InvitationOffer, Option<String>);

/// What a link offers; works without signing in.
#[server(prefix = "/api", endpoint = "invitation/offer")]
pub async fn get_invitation_offer(token: String) -> Result<Packed<Offer>, AppError> {
    let offer = crate::ssr::backend()?.invitation_offer(&token).await?;
    let signed_in = crate::ssr::caller().await.ok().map(|caller| caller.user.email.as_str().to_owned());
    Packed::new(&(offer, signed_in))
}

/// Accepts an invitation and goes to the overview of the account; works without signing in.
#[server(prefix = "/api", endpoint = "invitation/accept")]
pub async fn accept_invitation(token: String, #[server(default)] password: String) -> Result<(), AppError> {
    let password = secrecy::SecretString::from(password);
    crate::ssr::sessions()?.accept_invitation(&token, Some(password)).await?;
    leptos_axum::redirect(&crate::paths::overview());
    Ok(())
}

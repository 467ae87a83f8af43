//! Passwords: changing one's own, the link that resets a member's, and using such a link.

use domain::password::ResetLink;
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Makes a link with which a member chooses a new password.
#[server(prefix = "/api", endpoint = "password/create-reset")]
pub async fn create_password_reset(user_id: String) -> Result<Packed<ResetLink>, AppError> {
    let caller = crate::ssr::caller().await?;
    crate::ssr::link_needs_javascript("POST /v1/members/{user_id}/password-reset")?;
    Packed::new(&crate::ssr::backend()?.create_member_password_reset(&caller, &user_id).await?)
}

/// Replaces one's password; without one yet, `current` is not sent.
#[server(prefix = "/api", endpoint = "password/change")]
pub async fn change_password(#[server(default)] current: String, new: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    crate::ssr::caller().await?;
    crate::ssr::sessions()?.change_password(current.into(), new.into()).await?;
    leptos_axum::redirect(&Notice::PasswordChanged.after(&crate::paths::profile(), ""));
    Ok(())
}

/// Sets a new password with a reset link and goes to the sign-in page.
#[server(prefix = "/api", endpoint = "password/reset")]
pub async fn reset_password(token: String, new: String) -> Result<(), AppError> {
    use crate::features::notice::Notice;
    crate::ssr::sessions()?.reset_password(&token, new.into()).await?;
    leptos_axum::redirect(&Notice::PasswordChanged.after(&crate::paths::login(None), ""));
    Ok(())
}

//! How a page asks the server: in this process while the page is written, by one posted form in the browser.
//!
//! One sender for all server functions; the generated ones would each bring their own into the browser's download.

use std::future::Future;
use std::pin::Pin;

use leptos::server_fn::ServerFn;
use serde::Serialize;

use crate::api::error::AppError;
use crate::api::packed::{Answer, Packed};

/// A question on its way.
pub type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// A server function that answers with a `T`.
pub trait Ask<T>: ServerFn<Output = Packed<T>, Error = AppError> + Serialize {}

impl<T, F: ServerFn<Output = Packed<T>, Error = AppError> + Serialize> Ask<T> for F {}

/// Runs a server function; the answer is the JSON text of its `T`.
#[cfg(feature = "ssr")]
pub fn ask<T: 'static, F: Ask<T> + 'static>(call: F) -> Asking {
    Box::pin(async move { call.run_body().await.map(Packed::into_text) })
}

/// Runs a server function; the answer is the JSON text of its `T`.
#[cfg(all(feature = "hydrate", not(feature = "ssr")))]
pub fn ask<T: 'static, F: Ask<T> + 'static>(call: F) -> Asking {
    let body = serde_qs::to_string(&call).unwrap_or_default();
    Box::pin(async move {
        let text = post(F::PATH, body, Box::new(leptos::server_fn::redirect::call_redirect_hook)).await?;
        crate::api::packed::unpack(&text)
    })
}

/// Neither server nor browser: nobody answers.
#[cfg(not(any(feature = "ssr", feature = "hydrate")))]
pub fn ask<T: 'static, F: Ask<T> + 'static>(_: F) -> Asking {
    Box::pin(async { Err(AppError::unreachable_server()) })
}

/// Posts a form and follows the redirect that the answer may order; `go` leads to pages.
///
/// # Errors
/// What the server refused, or that it did not answer.
#[cfg(feature = "hydrate")]
pub fn post(path: &'static str, body: String, go: Box<dyn FnOnce(&str) + Send>) -> Asking {
    use leptos::server_fn::client::Client;
    use leptos::server_fn::client::browser::BrowserClient;
    use leptos::server_fn::request::ClientReq;
    use leptos::server_fn::request::browser::BrowserRequest;
    use leptos::server_fn::response::ClientRes;

    Box::pin(async move {
        let form = "application/x-www-form-urlencoded";
        let request = <BrowserRequest as ClientReq<AppError>>::try_new_post(path, form, "application/json", body)?;
        let response = <BrowserClient as Client<AppError>>::send(request).await?;
        let status = ClientRes::<AppError>::status(&response);
        let moved = ClientRes::<AppError>::has_redirect(&response).then(|| ClientRes::<AppError>::location(&response));
        // An answer that breaks off on its way is none.
        let text = ClientRes::<AppError>::try_into_string(response).await;
        let text = text.map_err(|_: AppError| AppError::unreachable_server())?;
        if status >= 400 {
            return Err(crate::api::packed::unpack(&text).unwrap_or_else(|error| match status {
                // In the words of a proxy, behind which nobody answers.
                502..=504 => AppError::unreachable_server(),
                _ => error,
            }));
        }
        match moved {
            // The router knows pages only.
            Some(location) if crate::paths::is_outside(&location) => {
                let _ = leptos::prelude::location().assign(&location);
            }
            Some(location) => go(&location),
            None => {}
        }
        Ok(text)
    })
}

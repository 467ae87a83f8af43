//! A form that changes something: posted as it stands without JavaScript, sent in the background with it.
//!
//! Does what leptos' `ActionForm` does, once for all server functions: that one links a parser, a sender and a decoder
//! per function into the browser's download.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::server::ServerActionError;
use leptos::server_fn::ServerFn;
use leptos::server_fn::error::ServerFnUrlError;
use serde::de::DeserializeOwned;

use crate::api::error::AppError;
use crate::api::packed::{Answer, unpack};
#[cfg(feature = "hydrate")]
use crate::features::arrival::arrive;
use crate::features::undo::LastDone;
#[cfg(feature = "hydrate")]
use crate::features::undo::Undo;

/// How the sending of a form goes.
#[derive(Clone, Copy)]
pub struct Sending {
    path: &'static str,
    pending: RwSignal<bool>,
    answer: RwSignal<Option<Answer>>,
}

// === impl Sending ===

impl Sending {
    /// A form for server function `F`. A refusal of a plain post comes back in the URL.
    pub fn to<F: ServerFn>() -> Self {
        Self::to_path(F::PATH)
    }

    fn to_path(path: &'static str) -> Self {
        let refused = use_context::<ServerActionError>().filter(|refused| refused.path() == path);
        let answer = refused.map(|refused| Err(ServerFnUrlError::<AppError>::decode_err(refused.err())));
        Self { path, pending: RwSignal::new(false), answer: RwSignal::new(answer) }
    }

    /// Why it was refused.
    pub fn refusal(self) -> Signal<Option<AppError>> {
        Signal::derive(move || self.answer.get().and_then(Result::err))
    }

    /// Why it was refused, for one field.
    pub fn field(self, name: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.answer.get()?.err()?.field(name))
    }

    /// A refusal that none of these fields shows.
    pub fn elsewhere(self, fields: &'static [&'static str]) -> Signal<Option<AppError>> {
        Signal::derive(move || {
            self.answer.get()?.err().filter(|error| fields.iter().all(|field| error.field(field).is_none()))
        })
    }

    /// Why the button waits.
    pub fn blocked(self, word: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.pending.get().then(|| word.to_owned()))
    }

    /// Whether it was accepted.
    pub fn done(self) -> bool {
        self.answer.with(|answer| matches!(answer, Some(Ok(_))))
    }

    /// What a server function with a `Packed` answer said.
    pub fn accepted<T: DeserializeOwned>(self) -> Option<T> {
        let text: String = unpack(&self.answer.get()?.ok()?).ok()?;
        unpack(&text).ok()
    }
}

/// What a field must hold to take the form back; none while it cannot be.
pub type Before = (&'static str, Signal<Option<String>>);

/// The form; `children` are its fields and its button.
#[component]
pub fn PostForm(
    sending: Sending,
    /// Where the same form takes itself back: its field, and what is true now.
    #[prop(optional_no_strip, into)]
    before: Option<Before>,
    children: Children,
) -> impl IntoView {
    let last = use_context::<LastDone>();
    view! {
        <form action=sending.path method="post" on:submit=move |event| send(&event, sending, before, last)>
            {children()}
        </form>
    }
}

/// The same form, but always posted by the browser: for what changes every part of the page, as another account does.
#[component]
pub fn WholePageForm(sending: Sending, children: Children) -> impl IntoView {
    view! {
        <form action=sending.path method="post">
            {children()}
        </form>
    }
}

#[cfg(not(feature = "hydrate"))]
fn send(_: &SubmitEvent, sending: Sending, _: Option<Before>, _: Option<LastDone>) {
    sending.pending.set(false);
}

#[cfg(feature = "hydrate")]
fn send(event: &SubmitEvent, sending: Sending, before: Option<Before>, last: Option<LastDone>) {
    use leptos::form::form_data_from_event;
    if event.default_prevented() {
        return;
    }
    // Enter in a field sends a form whose button waits, too.
    if sending.pending.get_untracked() {
        event.prevent_default();
        return;
    }
    // Where the fields cannot be read, the browser posts them itself.
    let Ok(fields) = form_data_from_event(event) else { return };
    let Ok(fields) = web_sys::UrlSearchParams::new_with_str_sequence_sequence(&fields) else { return };
    event.prevent_default();
    let body = fields.to_string().as_string().unwrap_or_default();
    let undo = before.and_then(|(field, value)| {
        fields.set(field, &value.get_untracked()?);
        Some(Undo { path: sending.path, body: fields.to_string().as_string()? })
    });
    sending.pending.set(true);
    let browser = last.and_then(LastDone::browser);
    let go = Box::new(move |location: &str| arrive(browser, location));
    leptos::task::spawn_local(async move {
        let answer = crate::api::ask::post(sending.path, body, go).await;
        if let Some(last) = last.filter(|_| answer.is_ok()) {
            last.remember(undo);
        }
        // The page may be another by now: then there is nobody to tell.
        let _ = sending.answer.try_set(Some(answer));
        let _ = sending.pending.try_set(false);
    });
}

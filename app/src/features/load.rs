//! Loading what a page shows: one resource and one suspense for all nouns (see [`crate::api::packed`]).

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;
use serde::de::DeserializeOwned;

use crate::api::ask::{Ask, Asking, ask};
use crate::api::error::AppError;
use crate::api::packed::{Answer, unpack};
use crate::features::problem::Problem;
use crate::ui::skeleton::SkeletonRows;

type Draw = Arc<dyn Fn(Answer) -> AnyView + Send + Sync>;
type Drawing = Pin<Box<dyn Future<Output = AnyView> + Send>>;

/// Something a page loads: on the server before the page is sent, in the browser when its key changes.
pub struct Loaded<T> {
    answer: Resource<Answer>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Loaded<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Loaded<T> {}

/// Loads by `key`, again whenever it changes; `call` is the server function for a key.
pub fn load<T: 'static, F: Ask<T> + 'static>(key: impl Into<Signal<String>>, call: fn(String) -> F) -> Loaded<T> {
    Loaded { answer: load_text(key.into(), Arc::new(move |key| ask(call(key)))), of: PhantomData }
}

fn load_text(key: Signal<String>, ask: Arc<dyn Fn(String) -> Asking + Send + Sync>) -> Resource<Answer> {
    Resource::new_blocking(move || key.get(), move |key| ask(key))
}

impl<T: DeserializeOwned + 'static> Loaded<T> {
    /// Draws what was loaded, or what went wrong.
    pub fn show(self, draw: impl Fn(T) -> AnyView + Send + Sync + 'static) -> AnyView {
        self.show_or(draw, |error| view! { <Problem error=error /> }.into_any())
    }

    /// Draws what was loaded; `wrong` draws what went wrong.
    pub fn show_or(
        self,
        draw: impl Fn(T) -> AnyView + Send + Sync + 'static,
        wrong: fn(AppError) -> AnyView,
    ) -> AnyView {
        let draw = move |answer: Answer| match answer.and_then(|json| unpack(&json)) {
            Ok(value) => draw(value),
            Err(error) => wrong(error),
        };
        show_text(self.answer, Arc::new(draw))
    }

    /// The same for what is drawn by code of its own, which the browser fetches when it is first shown (`#[lazy]`). A page
    /// that shows it from the start fetches that code before it is brought to life, or finds another page than was sent.
    pub fn show_fetched<F>(self, draw: impl Fn(T) -> F + Send + Sync + 'static) -> AnyView
    where
        F: Future<Output = AnyView> + Send + 'static,
    {
        let draw = move |answer: Answer| -> Drawing {
            match answer.and_then(|json| unpack(&json)) {
                Ok(value) => Box::pin(draw(value)),
                Err(error) => Box::pin(async move { view! { <Problem error=error /> }.into_any() }),
            }
        };
        show_drawing(self.answer, Arc::new(draw))
    }

    /// The value, once it is there. For effects; pages use [`Self::show`].
    pub fn get(self) -> Option<Result<T, AppError>> {
        Some(self.answer.get()?.and_then(|json| unpack(&json)))
    }

    /// Loads again.
    pub fn refetch(self) {
        self.answer.refetch();
    }
}

fn show_text(answer: Resource<Answer>, draw: Draw) -> AnyView {
    let body = move || {
        let draw = draw.clone();
        Suspend::new(async move { draw(answer.await) })
    };
    view! { <Transition fallback=|| view! { <SkeletonRows /> }>{body}</Transition> }.into_any()
}

fn show_drawing(answer: Resource<Answer>, draw: Arc<dyn Fn(Answer) -> Drawing + Send + Sync>) -> AnyView {
    let body = move || {
        let draw = draw.clone();
        Suspend::new(async move { draw(answer.await).await })
    };
    view! { <Transition fallback=|| view! { <SkeletonRows /> }>{body}</Transition> }.into_any()
}

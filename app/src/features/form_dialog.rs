//! A dialog that is one form: why it was refused, its fields, its end.

use leptos::prelude::*;

use crate::features::post_form::{Before, PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::confirm::{ConfirmName, untyped};
use crate::ui::dialog::Dialog;

/// Fields of a dialog whose one field is the name to type.
const CONFIRM: &[&str] = &["confirm"];

/// The dialog; `children` are its words and fields.
#[component]
pub fn FormDialog(
    #[prop(into)] title: String,
    sending: Sending,
    /// The fields that show their own refusals.
    #[prop(optional)]
    shown: &'static [&'static str],
    /// As of the form.
    #[prop(optional_no_strip, into)]
    before: Option<Before>,
    /// What must be typed before its button acts, sent as `confirm`: a field of its own, which shows its own refusal.
    #[prop(optional, into)]
    confirm: Option<String>,
    /// Where the page is without it.
    #[prop(into)]
    close: String,
    #[prop(default = ButtonTone::Danger)] tone: ButtonTone,
    /// What its button says.
    #[prop(into)]
    button: String,
    /// Why the button waits while the form is sent.
    busy: &'static str,
    children: Children,
) -> impl IntoView {
    let elsewhere = sending.elsewhere(if confirm.is_some() { CONFIRM } else { shown });
    let typed = RwSignal::new(String::new());
    let held = confirm.clone().map_or_else(|| Signal::stored(None), |name| untyped(name, typed));
    let confirm = confirm.map(|name| {
        view! { <ConfirmName name=name error=sending.field("confirm") autofocus=true typed=typed /> }
    });
    view! {
        <Dialog title=title close=close.clone()>
            <PostForm sending=sending before=before>
                <div class="grid gap-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    {children()}
                    {confirm}
                    <FormEnd sending=sending close=close tone=tone button=button busy=busy held=held />
                </div>
            </PostForm>
        </Dialog>
    }
}

/// The end of a form: the way back and the one button that acts.
#[component]
pub fn FormEnd(
    sending: Sending,
    #[prop(into)] close: String,
    #[prop(default = ButtonTone::Primary)] tone: ButtonTone,
    #[prop(into)] button: String,
    busy: &'static str,
    /// Why it cannot be sent yet.
    #[prop(optional, into)]
    held: Signal<Option<String>>,
) -> impl IntoView {
    let waits = sending.blocked(busy);
    let blocked = Signal::derive(move || waits.get().or_else(|| held.get()));
    view! {
        <div class="flex justify-end gap-2">
            <ButtonLink href=close>"Cancel"</ButtonLink>
            <Button tone=tone blocked=blocked>
                {button}
            </Button>
        </div>
    }
}

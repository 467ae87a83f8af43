//! What is done to a key in a dialog: a new secret, off and on, the end. Each names the key and the consequence.

use domain::api_key::{ApiKeyView, CreatedApiKey, KeyStatus};
use domain::permission::Permission;
use leptos::prelude::*;

use super::create::{NoScriptNote, Secret};
use crate::api::api_key::{RevokeApiKey, RevokeApiKeys, RotateApiKey, SwitchApiKey};
use crate::features::form_dialog::{FormDialog, FormEnd};
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::menu_item;
use crate::features::words::count;
use crate::paths;
use crate::ui::button::ButtonTone;
use crate::ui::dialog::Dialog;
use crate::ui::field::{Field, INPUT};
use crate::ui::menu::MenuItem;

/// The dialog that the URL asks for (`?do=…`), if the key allows it.
#[component]
pub fn KeyDialog(key: ApiKeyView, which: String, close: String) -> impl IntoView {
    let alive = key.status != KeyStatus::Revoked;
    match which.as_str() {
        "rotate" if alive => view! { <RotateDialog key=key close=close /> }.into_any(),
        "switch" if alive => view! { <SwitchDialog key=key close=close /> }.into_any(),
        "revoke" if alive => view! { <RevokeDialog key=key close=close /> }.into_any(),
        _ => ().into_any(),
    }
}

/// How long the old secret works on, then the new one, once.
#[component]
fn RotateDialog(key: ApiKeyView, close: String) -> impl IntoView {
    let sending = Sending::to::<RotateApiKey>();
    let title = format!("Rotate {}", key.name);
    let done = close.clone();
    view! {
        <Dialog title=title close=close>
            {move || match sending.accepted::<CreatedApiKey>() {
                Some(created) => view! { <Secret created=created done=done.clone() /> }.into_any(),
                None => view! { <RotateForm key=key.clone() sending=sending close=done.clone() /> }.into_any(),
            }}
        </Dialog>
    }
}

#[component]
fn RotateForm(key: ApiKeyView, sending: Sending, close: String) -> impl IntoView {
    let elsewhere = sending.elsewhere(&["overlap_seconds"]);
    let third = key.overlap_ends_at.map(|_| {
        view! { <p class="text-wait">"The last rotation still overlaps: its old secret ends at once, whatever you choose."</p> }
    });
    let choices = [("0", "At once"), ("3600", "In an hour"), ("86400", "In a day"), ("604800", "In a week")];
    let option = |(value, words): (&'static str, &'static str)| {
        view! {
            <option value=value selected=value == "86400">
                {words}
            </option>
        }
    };
    view! {
        <PostForm sending=sending>
            <div class="grid gap-4">
                <NoScriptNote />
                {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                <p>"The key gets a new secret. Kubeconfigs stay as they are: put the new secret into REMOTEGPU_API_KEY."</p>
                {third}
                <input type="hidden" name="id" value=key.id />
                <Field id="overlap" label="The old secret ends" error=sending.field("overlap_seconds") hint="Its tokens end with it.">
                    <select id="overlap" name="overlap_seconds" class=INPUT aria-describedby="overlap-note">
                        {choices.map(option).collect_view()}
                    </select>
                </Field>
                <FormEnd sending=sending close=close button="Rotate key" busy="Rotating" />
            </div>
        </PostForm>
    }
}

#[component]
fn SwitchDialog(key: ApiKeyView, close: String) -> impl IntoView {
    let on = key.status == KeyStatus::Disabled;
    let (verb, tone, consequence) = match on {
        true => ("Enable", ButtonTone::Primary, "It opens again what its scope says, from its next request on."),
        false => (
            "Disable",
            ButtonTone::Danger,
            "Whatever uses it is refused from its next request on, and tokens it was given end at once. You can enable it again.",
        ),
    };
    let sending = Sending::to::<SwitchApiKey>();
    let before = Signal::stored(Some(on.to_string()));
    view! {
        <FormDialog
            title=format!("{verb} {}", key.name)
            sending=sending
            before=("disabled", before)
            close=close
            tone=tone
            button=format!("{verb} key")
            busy="Saving"
        >
            <p>{consequence}</p>
            <input type="hidden" name="id" value=key.id />
            <input type="hidden" name="disabled" value=if on { "false" } else { "true" } />
        </FormDialog>
    }
}

/// Names the key and what ends with it.
#[component]
fn RevokeDialog(key: ApiKeyView, close: String) -> impl IntoView {
    let sending = Sending::to::<RevokeApiKey>();
    view! {
        <FormDialog
            title=format!("Revoke {}", key.name)
            sending=sending
            close=close
            button="Revoke key"
            busy="Revoking"
        >
            <p>
                "Whatever uses " <code class="font-mono text-sm">{key.prefix}</code>
                " is refused from its next request on, and tokens it was given end at once. Streams that are open go on until they end. This cannot be undone."
            </p>
            <input type="hidden" name="id" value=key.id />
            <input type="hidden" name="name" value=key.name />
        </FormDialog>
    }
}

/// The ones that were ticked in the list: one confirmation for all.
#[component]
pub fn RevokeSelected(keys: Vec<ApiKeyView>) -> impl IntoView {
    let (sending, words) = (Sending::to::<RevokeApiKeys>(), count(keys.len() as u32, "key"));
    let line = |(at, key): (usize, ApiKeyView)| {
        view! {
            <li class="wrap-anywhere">
                <input type="hidden" name=format!("items[{at}]") value=key.id />
                {key.name}
                " "
                <code class="font-mono text-sm text-muted">{key.prefix}</code>
            </li>
        }
    };
    view! {
        <FormDialog
            title=format!("Revoke {words}")
            sending=sending
            close=paths::api_keys()
            button=format!("Revoke {words}")
            busy="Revoking"
        >
            <p>
                "Whatever uses them is refused from its next request on, and tokens they were given end at once. This cannot be undone."
            </p>
            <ul class="grid max-h-60 gap-1 overflow-y-auto">{keys.into_iter().enumerate().map(line).collect_view()}</ul>
        </FormDialog>
    }
}

/// Where the row menu of `key` leads.
pub fn actions(key: &ApiKeyView) -> Vec<MenuItem> {
    let switch = if key.status == KeyStatus::Disabled { "Enable" } else { "Disable" };
    let dialogs: &[(&str, &'static str)] = match key.status {
        KeyStatus::Revoked => &[],
        _ => &[("rotate", "Rotate"), ("switch", switch), ("revoke", "Revoke")],
    };
    let open = MenuItem::open(paths::api_key(&key.id), "Open");
    let item = |&(asked, words): &(&str, &'static str)| {
        menu_item(paths::api_key_dialog(&key.id, asked), words, Permission::OwnKeys)
    };
    std::iter::once(open).chain(dialogs.iter().map(item)).collect()
}

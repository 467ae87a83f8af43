//! The values of a ConfigMap or Secret as typed: of a new one as lines of an env file and one value that may have several
//! lines; of one that is there key by key.

use std::collections::BTreeMap;

use domain::permission::Permission;
use domain::{Error, FieldError, Result};
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::right::{ActionLink, blocked};
use crate::paths::with_query;
use crate::ui::button::{Button, ButtonSize, ButtonTone};
use crate::ui::field::{Field, INPUT, TEXTAREA, invalid};
use crate::ui::panel::Panel;

/// Reads both parts of the form.
///
/// # Errors
/// [`Error::Invalid`] on `lines` or `key`.
pub fn read(lines: &str, key: &str, value: &str) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let Some((key, value)) = line.split_once('=') else {
            return Err(Error::Invalid(vec![FieldError::new("lines", "format", "Write NAME=value, one a line")]));
        };
        values.insert(key.trim().to_owned(), value.to_owned());
    }
    let key = key.trim();
    if key.is_empty() && !value.trim().is_empty() {
        return Err(Error::Invalid(vec![FieldError::new("key", "required", "Write the key of this value")]));
    }
    if !key.is_empty() {
        values.insert(key.to_owned(), without_carriage_returns(value));
    }
    Ok(values)
}

/// Browsers send the lines of a text area with CRLF; files of a container have LF.
pub fn without_carriage_returns(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The fields of both parts.
#[component]
pub fn ValueFields(sending: Sending) -> impl IntoView {
    let (lines, key) = (sending.field("lines"), sending.field("key"));
    view! {
        <Field id="lines" label="Values" error=lines hint="NAME=value, one a line, as in an env file.">
            <textarea
                id="lines"
                name="lines"
                class=TEXTAREA
                rows="4"
                placeholder="MODE=production"
                autocomplete="off"
                spellcheck="false"
                aria-describedby="lines-note"
                aria-invalid=invalid(lines)
            ></textarea>
        </Field>
        <details class="rounded border border-line">
            <summary class="cursor-pointer px-3 py-2 hover:bg-hover">"A value of several lines"</summary>
            <div class="grid gap-3 border-t border-line p-3">
                <Field id="key" label="Key" error=key hint="Becomes a file of this name where it is mounted.">
                    <input
                        id="key"
                        name="key"
                        class=INPUT
                        autocomplete="off"
                        spellcheck="false"
                        placeholder="app.toml"
                        aria-describedby="key-note"
                        aria-invalid=invalid(key)
                    />
                </Field>
                <Field id="value" label="Value">
                    <textarea id="value" name="value" class=TEXTAREA rows="5" autocomplete="off" spellcheck="false"></textarea>
                </Field>
            </div>
        </details>
    }
}

/// The fields that [`ValueFields`] and a name show errors of.
pub const FIELDS: &[&str] = &["name", "lines", "key"];

/// The name of a new ConfigMap or Secret.
#[component]
pub fn NameField(sending: Sending, placeholder: &'static str) -> impl IntoView {
    let error = sending.field("name");
    view! {
        <Field id="name" label="Name" error=error hint="Lowercase letters, digits, hyphens and dots.">
            <input
                id="name"
                name="name"
                class=INPUT
                required
                autofocus
                maxlength="253"
                autocomplete="off"
                spellcheck="false"
                placeholder=placeholder
                aria-describedby="name-note"
                aria-invalid=invalid(error)
            />
        </Field>
    }
}

/// Which object, in which version, the forms of its page are about.
#[derive(Clone)]
pub struct Place {
    /// Namespace id.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What the person saw.
    pub version: String,
}

/// The key of such a page, `namespace name version`: it loads anew after each change.
pub fn place_key(namespace: String, params: Memo<ParamsMap>, query: Memo<ParamsMap>) -> Memo<String> {
    Memo::new(move |_| {
        let version = query.read().get("version").unwrap_or_default();
        format!("{namespace} {} {version}", params.read().get("name").unwrap_or_default())
    })
}

/// Namespace and name of a [`place_key`].
pub fn place_of(key: &str) -> (String, String) {
    let mut parts = key.split(' ').map(ToOwned::to_owned);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// The place as fields of a form.
#[component]
pub fn PlaceFields(place: Place) -> impl IntoView {
    view! {
        <input type="hidden" name="namespace" value=place.namespace />
        <input type="hidden" name="name" value=place.name />
        <input type="hidden" name="version" value=place.version />
    }
}

/// The page of an object as it is shown now: a dialog over it does not load it anew.
pub fn shown_page(page: &str, query: Memo<ParamsMap>) -> String {
    query
        .read_untracked()
        .get("version")
        .map_or_else(|| page.to_owned(), |version| with_query(page, &[("version", &version)]))
}

/// Leads to the dialog that takes one key away; `page` is that of the object.
#[component]
pub fn RemoveKey(page: String, key_name: String) -> impl IntoView {
    let (href, which) = (with_query(&page, &[("remove", &key_name)]), format!(" {key_name}"));
    view! {
        <ActionLink href=href permission=Permission::Deploy tone=ButtonTone::Quiet size=ButtonSize::Small>
            "Remove" <span class="sr-only">{which.clone()}</span>
        </ActionLink>
    }
}

/// What a [`ValueForm`] calls things.
#[derive(Clone, Copy)]
pub struct ValueWords {
    /// Above the form.
    pub title: &'static str,
    /// The field of a refusal that is about the key.
    pub refused: &'static [&'static str],
    /// Under the key.
    pub hint: &'static str,
    /// Over the value.
    pub label: &'static str,
    /// Under the value; may be empty.
    pub note: &'static str,
    /// On the button.
    pub button: &'static str,
}

/// One key with its value, to be added or set.
#[component]
pub fn ValueForm(place: Place, sending: Sending, words: ValueWords) -> impl IntoView {
    let error = sending.field(words.refused.first().copied().unwrap_or_default());
    let (elsewhere, why) = (sending.elsewhere(words.refused), blocked(sending, "Saving", Permission::Deploy));
    let note = (!words.note.is_empty()).then(|| view! { <p class="text-sm text-muted">{words.note}</p> });
    view! {
        <Panel title=words.title>
            <PostForm sending=sending>
                <div class="grid gap-3 p-4">
                    {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <PlaceFields place=place />
                    <Field id="key" label="Key" error=error hint=words.hint>
                        <input
                            id="key"
                            name="key"
                            class=INPUT
                            required
                            autocomplete="off"
                            spellcheck="false"
                            aria-describedby="key-note"
                            aria-invalid=invalid(error)
                        />
                    </Field>
                    <Field id="value" label=words.label>
                        <textarea id="value" name="value" class=TEXTAREA rows="4" autocomplete="off" spellcheck="false"></textarea>
                    </Field>
                    {note}
                    <div>
                        <Button blocked=why>{words.button}</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

/// `12 bytes`, `3.4 KiB`.
pub fn size(bytes: u32) -> String {
    if bytes < 1024 { format!("{bytes} bytes") } else { format!("{:.1} KiB", f64::from(bytes) / 1024.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_the_long_value_are_read_together() {
        let read = read("A=1\r\n# note\nB=x=y\n\n", " app.toml ", "a\r\nb").unwrap();
        let expected = [("A", "1"), ("B", "x=y"), ("app.toml", "a\nb")];
        assert_eq!(read, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn what_cannot_be_read_names_its_field() {
        for (lines, key, value, field) in [("oops", "", "", "lines"), ("", "", "x", "key")] {
            let Err(Error::Invalid(errors)) = read(lines, key, value) else { panic!("it was read") };
            assert_eq!(errors[0].field, field);
        }
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!([size(0), size(1023), size(3482)], ["0 bytes", "1023 bytes", "3.4 KiB"]);
    }
}

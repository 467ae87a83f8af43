//! The filters of the log as a plain form: it works without JavaScript, and every view of the log has its own address.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use crate::paths;
use crate::ui::button::{Button, ButtonLink};
use crate::ui::field::{Field, INPUT};

/// The form; `query` is what it shows now.
#[component]
pub fn Filters(platform: bool, query: String, actions: Vec<String>) -> impl IntoView {
    let map = use_query_map();
    let now = move |name: &'static str| map.read_untracked().get(name).unwrap_or_default();
    let sort = Some(now("sort")).filter(|sort| !sort.is_empty());
    let set = !paths::without_cursor(&query).is_empty();
    let outcomes = ["success", "refused", "failed"].map(str::to_owned).to_vec();
    view! {
        <form method="get" action=paths::audit(platform) class="grid items-end gap-3 sm:grid-cols-2 lg:grid-cols-4" aria-label="Filters">
            {sort.map(|sort| view! { <input type="hidden" name="sort" value=sort /> })}
            <Choice id="action" label="Action" now=now("action") options=actions />
            <Choice id="outcome" label="Outcome" now=now("outcome") options=outcomes />
            <Text id="actor" label="Who (e-mail or id)" kind="text" now=now("actor") />
            <Text id="target" label="On (id)" kind="text" now=now("target") />
            <Text id="since" label="From day (UTC)" kind="date" now=now("since") />
            <Text id="until" label="To day (UTC)" kind="date" now=now("until") />
            <div class="flex gap-2">
                <Button>"Filter"</Button>
                {set.then(|| view! { <ButtonLink href=paths::audit(platform)>"Clear"</ButtonLink> })}
            </div>
        </form>
    }
}

#[component]
fn Choice(id: &'static str, label: &'static str, now: String, options: Vec<String>) -> impl IntoView {
    let option = move |text: String| {
        let chosen = text == now;
        view! {
            <option value=text.clone() selected=chosen>
                {text.clone()}
            </option>
        }
    };
    view! {
        <Field id=id label=label>
            <select id=id name=id class=INPUT>
                <option value="">"any"</option>
                {options.into_iter().map(option).collect_view()}
            </select>
        </Field>
    }
}

#[component]
fn Text(id: &'static str, label: &'static str, kind: &'static str, now: String) -> impl IntoView {
    view! {
        <Field id=id label=label>
            <input id=id name=id type=kind class=INPUT maxlength="200" autocomplete="off" spellcheck="false" value=now.clone() prop:value=now />
        </Field>
    }
}

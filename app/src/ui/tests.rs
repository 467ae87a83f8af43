//! The server's HTML of widgets: what a screen reader and a browser without JavaScript get.

use leptos::prelude::*;

use super::badge::{Badge, Tone};
use super::banner::Banner;
use super::button::{Button, ButtonLink, ButtonTone};
use super::clock::Ago;
use super::empty::EmptyState;
use super::field::{Field, Fields, INPUT};
use super::menu::{MenuItem, RowMenu};
use super::meter::{Meter, Ticks};
use super::table::{Column, Table};

/// The HTML without comments (hydration marks) and classes (the look is reviewed in screenshots).
fn html<V: RenderHtml>(view: impl FnOnce() -> V) -> String {
    // Another test may have been first; one executor serves all.
    let _ = any_spawner::Executor::init_tokio();
    let text = Owner::new().with(|| view().to_html());
    let text = text.replace("<!>", "").replace("<!---->", "");
    let mut parts = text.split(" class=\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once('"').unwrap().1)
}

#[test]
fn a_state_is_a_word_and_a_shape() {
    insta::assert_snapshot!(html(|| view! { <Badge tone=Tone::Fail label="Failed" /> }), @r#"<span><svg viewBox="0 0 10 10" fill="currentColor" fill-rule="evenodd" aria-hidden="true"><path d="M2 .8L5 3.8 8 .8 9.2 2 6.2 5l3 3L8 9.2l-3-3-3 3L.8 8l3-3-3-3z"></path></svg>Failed</span>"#);
}

#[test]
fn a_blocked_button_can_be_reached_says_why_and_sends_nothing() {
    let button = || {
        let why = Some("Deploying".to_owned());
        view! { <Button tone=ButtonTone::Primary blocked=why>"Deploy"</Button> }
    };
    insta::assert_snapshot!(html(button), @r#"<button type="button" aria-disabled="true" tabindex="0" title="Deploying">Deploy</button>"#);
}

#[test]
fn a_line_of_a_menu_that_cannot_be_followed_says_why() {
    let written = html(|| {
        let blocked = Signal::stored(Some("Owners and admins may do this".to_owned()));
        let delete = MenuItem { href: "/b".to_owned(), words: "Delete", blocked };
        let items = vec![MenuItem::open("/a".to_owned(), "Open"), delete];
        view! { <RowMenu label="Actions for a" items=items /> }
    });
    assert!(written.contains(r#"<a href="/a">Open</a>"#), "{written}");
    assert!(written.contains(r#"title="Owners and admins may do this">Delete</button>"#), "{written}");
    assert!(!written.contains(r#"href="/b""#), "{written}");
}

#[test]
fn a_download_is_left_to_the_browser() {
    insta::assert_snapshot!(html(|| view! { <ButtonLink href="/x" download=true>"Save"</ButtonLink> }), @r#"<a href="/x" download="">Save</a>"#);
}

#[test]
fn a_field_names_its_control_and_its_error() {
    let field = || {
        let error = Some("Name must be 1 to 63 characters".to_owned());
        view! {
            <Field id="name" label="Name" error=error hint="Short">
                <input id="name" class=INPUT aria-describedby="name-note" />
            </Field>
        }
    };
    insta::assert_snapshot!(html(field), @r#"<div><label for="name">Name</label><input id="name" aria-describedby="name-note"><p id="name-note" aria-live="polite"><span>Name must be 1 to 63 characters</span></p></div>"#);
}

#[test]
fn closed_fields_cannot_be_reached() {
    let fields = |closed: bool| html(move || view! { <Fields closed=closed><input name="name" /></Fields> });
    assert_eq!(fields(true), r#"<fieldset disabled><input name="name"></fieldset>"#);
    assert_eq!(fields(false), r#"<fieldset><input name="name"></fieldset>"#);
}

#[test]
fn an_empty_list_leads_to_more_where_there_is_more() {
    let link = r#"<a rel="external" href="/docs/api#x">Learn how in the API reference</a>"#;
    assert!(html(|| view! { <EmptyState title="None" text="Nothing yet." learn="/docs/api#x" /> }).contains(link));
    assert!(!html(|| view! { <EmptyState title="None" text="Nothing yet." /> }).contains("<a"));
}

#[test]
fn gauges_say_their_numbers() {
    insta::assert_snapshot!(html(|| view! { <Meter percent=25 label="GPUs: 2 of 8" /> <Ticks free=1 total=3 /> }), @r#"<svg viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="GPUs: 2 of 8"><rect width="100" height="6"></rect><rect fill="currentColor" width="25" height="6"></rect></svg><svg viewBox="0 0 12 10" width="12" height="10" fill="none" stroke="currentColor" stroke-width="2" role="img" aria-label="1 of 3 free"><path d="M2 1v8"></path><path d="M6 1v8M10 1v8"></path></svg>"#);
}

#[test]
fn a_table_writes_its_body_out() {
    const COLUMNS: &[Column] = &[Column::Words("Name"), Column::Figures("Price"), Column::Actions("Actions")];
    let table = || view! { <Table label="SKUs" columns=COLUMNS><tr><td>"a"</td></tr></Table> };
    insta::assert_snapshot!(html(table), @r#"<div tabindex="0" role="region" aria-label="SKUs"><table><thead><tr><th scope="col">Name</th><th scope="col">Price</th><th scope="col"><span>Actions</span></th></tr></thead><tbody><tr><td>a</td></tr></tbody></table></div>"#);
}

#[test]
fn the_server_writes_absolute_times() {
    insta::assert_snapshot!(html(|| view! { <Ago at="2026-11-21T09:00:00Z" /> }), @r#"<time datetime="2026-11-21T09:00:00Z" title="2026-11-21 09:00 UTC">2026-11-21 09:00 UTC</time>"#);
}

#[test]
fn a_failure_is_announced() {
    insta::assert_snapshot!(html(|| view! { <Banner tone=Tone::Fail title="Cluster is not reachable" /> }), @r#"<div role="alert"><span><svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M8 2l6.3 11.5H1.7zM8 6.5v3.2M8 11.6v.3"></path></svg></span><div><p>Cluster is not reachable</p></div></div>"#);
}

//! The server's HTML of widgets: what a screen reader and a browser without JavaScript get.

use leptos::prelude::*;

use super::badge::{Badge, Tone};
use super::banner::Banner;
use super::button::{Button, ButtonLink, ButtonTone};
use super::clock::Ago;
use super::field::{Field, INPUT};
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
    insta::assert_snapshot!(html(|| view! { <Badge tone=Tone::Fail label="Failed" /> }), @"");
}

#[test]
fn a_blocked_button_stays_visible_and_says_why() {
    let why = Signal::stored(Some("Deploying".to_owned()));
    insta::assert_snapshot!(html(|| view! { <Button tone=ButtonTone::Primary blocked=why>"Deploy"</Button> }), @"");
}

#[test]
fn a_download_is_left_to_the_browser() {
    insta::assert_snapshot!(html(|| view! { <ButtonLink href="/x" download=true>"Save"</ButtonLink> }), @"");
}

#[test]
fn a_field_names_its_control_and_its_error() {
    let error = Signal::stored(Some("Name must be 1 to 63 characters".to_owned()));
    let field = || {
        view! {
            <Field id="name" label="Name" error=error hint="Short">
                <input id="name" class=INPUT aria-describedby="name-note" />
            </Field>
        }
    };
    insta::assert_snapshot!(html(field), @"");
}

#[test]
fn gauges_say_their_numbers() {
    insta::assert_snapshot!(html(|| view! { <Meter percent=25 label="GPUs: 2 of 8" /> <Ticks free=1 total=3 /> }), @"");
}

#[test]
fn a_table_writes_its_body_out() {
    const COLUMNS: &[Column] = &[Column::Words("Name"), Column::Figures("Price"), Column::Actions("Actions")];
    let table = || view! { <Table label="SKUs" columns=COLUMNS><tr><td>"a"</td></tr></Table> };
    insta::assert_snapshot!(html(table), @"");
}

#[test]
fn the_server_writes_absolute_times() {
    insta::assert_snapshot!(html(|| view! { <Ago at="2026-11-21T09:00:00Z" /> }), @"");
}

#[test]
fn a_failure_is_announced() {
    insta::assert_snapshot!(html(|| view! { <Banner tone=Tone::Fail title="Cluster is not reachable" /> }), @"");
}

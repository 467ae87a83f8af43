//! Tables: hairlines, facts right-aligned in tabular figures, scrolling inside their own frame.

use leptos::prelude::*;

/// Class of a cell.
pub const CELL: &str = "px-4 py-2 align-middle";
/// Class of a cell with a figure.
pub const FIGURE: &str = "px-4 py-2 text-right align-middle tabular-nums whitespace-nowrap";
/// Class of a body row.
pub const ROW: &str = "border-b border-line last:border-0 hover:bg-hover";

/// A column's head.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// Words, at the left.
    Words(&'static str),
    /// Figures, at the right.
    Figures(&'static str),
    /// Actions: a head for screen readers only.
    Actions(&'static str),
}

/// A framed table. `children` are the rows (`<tr>`); the body is written out because browsers insert one otherwise.
#[component]
pub fn Table(#[prop(into)] label: String, columns: &'static [Column], children: Children) -> impl IntoView {
    let head = |column: &Column| match *column {
        Column::Words(text) => {
            view! { <th scope="col" class="px-4 py-2 text-left font-medium whitespace-nowrap">{text}</th> }.into_any()
        }
        Column::Figures(text) => {
            view! { <th scope="col" class="px-4 py-2 text-right font-medium whitespace-nowrap">{text}</th> }.into_any()
        }
        Column::Actions(text) => {
            view! { <th scope="col" class="px-4 py-2"><span class="sr-only">{text}</span></th> }.into_any()
        }
    };
    view! {
        <div class="relative overflow-x-auto rounded-md border border-line bg-surface" tabindex="0" role="region" aria-label=label>
            <table class="w-full border-collapse">
                <thead class="border-b border-line text-sm text-muted">
                    <tr>{columns.iter().map(head).collect_view()}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}

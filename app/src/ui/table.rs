//! Tables: hairlines, facts right-aligned in tabular figures, scrolling inside their own frame.

use leptos::prelude::*;

/// Class of a cell.
pub const CELL: &str = "px-4 py-2 align-middle";
/// Class of a cell with a figure.
pub const FIGURE: &str = "px-4 py-2 text-right align-middle tabular-nums whitespace-nowrap";
/// What scrolls sideways scrolls in both directions, so that a head can only stick inside a frame of its own height: on
/// wide screens a long table never is higher than the window, on phones it is as long as it is. What takes the focus
/// is not left under the head.
const FRAME: &str = "relative overflow-auto scroll-pt-10 rounded-md border border-line bg-surface md:max-h-[calc(100dvh-48px)] print:max-h-none print:overflow-visible";
/// The head stays while the rows scroll. Its line is drawn inside the cells: a border of collapsed cells scrolls away.
const HEAD: &str =
    "text-sm text-muted md:sticky md:top-0 md:z-10 print:static [&_th]:bg-surface [&_th]:shadow-hairline";
/// Class of a body row.
pub const ROW: &str = "border-b border-line last:border-0 hover:bg-hover focus-within:bg-hover";

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

/// The head of a column that sorts.
#[derive(Clone, Copy)]
pub struct SortHead {
    /// Where it leads: to the next order.
    pub href: Signal<String>,
    /// `ascending` or `descending`, where the rows are in the order of this column.
    pub order: Signal<Option<&'static str>>,
}

/// Heads of columns that sort, by their words.
pub type SortHeads = Vec<(&'static str, SortHead)>;

/// The words of a head as a link to another order.
#[component]
fn SortLink(text: &'static str, sort: SortHead) -> impl IntoView {
    let SortHead { href, order } = sort;
    let mark = move || match order.get() {
        Some("ascending") => "M8 13V3M4.5 6.5L8 3l3.5 3.5",
        Some(_) => "M8 3v10M4.5 9.5L8 13l3.5-3.5",
        None => "M5 6l3-3 3 3M5 10l3 3 3-3",
    };
    view! {
        <a
            href=move || href.get()
            data-noscroll="true"
            class="inline-flex items-center gap-1 rounded hover:text-ink hover:underline"
        >
            {text}
            <svg class="size-3 shrink-0" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true">
                <path d=mark />
            </svg>
        </a>
    }
}

/// A framed table. `children` are the rows (`<tr>`); the body is written out because browsers insert one otherwise.
#[component]
pub fn Table(
    #[prop(into)] label: String,
    columns: &'static [Column],
    /// Columns that sort; their rows come in the order asked for.
    #[prop(optional)]
    sorts: SortHeads,
    children: Children,
) -> impl IntoView {
    let named = move |text: &'static str, class: &'static str| match sorts.iter().find(|(head, _)| *head == text) {
        Some((_, sort)) => {
            let (sort, order) = (*sort, sort.order);
            let link = view! { <SortLink text=text sort=sort /> };
            view! { <th scope="col" aria-sort=move || order.get() class=class>{link}</th> }.into_any()
        }
        None => view! { <th scope="col" class=class>{text}</th> }.into_any(),
    };
    let head = |column: &Column| match *column {
        Column::Words(text) => named(text, "px-4 py-2 text-left font-medium whitespace-nowrap"),
        Column::Figures(text) => named(text, "px-4 py-2 text-right font-medium whitespace-nowrap"),
        Column::Actions(text) => {
            view! { <th scope="col" class="px-4 py-2"><span class="sr-only">{text}</span></th> }.into_any()
        }
    };
    view! {
        <div class=FRAME tabindex="0" role="region" aria-label=label>
            <table class="w-full border-collapse named-rows">
                <thead class=HEAD>
                    <tr>{columns.iter().map(head).collect_view()}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}

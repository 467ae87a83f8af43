//! The palette (Ctrl K or ⌘ K): go to a page or a namespace, choose a theme or sign out by typing. Only with
//! JavaScript; the side bar has all of it besides.

mod places;

use domain::namespace::NamespaceView;
use domain::page::Page;
use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::web_sys::Element;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use places::{Act, Place, acts, create_at, found, keys, of_namespace, pages};
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

use crate::api::ask::ask;
use crate::api::namespace::ListNamespaces;
use crate::api::packed::unpack;
use crate::features::right::{Rights, use_rights};
use crate::features::theme::Chosen;
use crate::ui::icon::{Glyph, Icon};

// Pages of namespaces, 50 each: who has more of them goes through the list.
const MOST_PAGES: u32 = 20;
/// Lines drawn at most: who has hundreds of namespaces types on.
const MOST_LINES: usize = 100;

/// What the palette shows and which line is chosen.
#[derive(Clone, Copy)]
struct Palette {
    /// How often it was opened: what an earlier opening asked for comes too late.
    opened: StoredValue<u32>,
    dialog: NodeRef<html::Dialog>,
    field: NodeRef<html::Input>,
    typed: RwSignal<String>,
    places: RwSignal<Vec<Place>>,
    chosen: RwSignal<usize>,
    operator: bool,
    /// What its role does not open is left out.
    rights: Rights,
    theme: Chosen,
    way_out: NodeRef<html::Button>,
}

/// The button in the side bar and the dialog it opens. `operator` sees the pages of the platform too; `way_out` is the
/// button that signs out.
#[component]
pub fn CommandPalette(operator: bool, theme: Chosen, way_out: NodeRef<html::Button>) -> impl IntoView {
    let palette = Palette {
        opened: StoredValue::new(0),
        dialog: NodeRef::new(),
        field: NodeRef::new(),
        typed: RwSignal::new(String::new()),
        places: RwSignal::new(Vec::new()),
        chosen: RwSignal::new(0),
        operator,
        rights: use_rights(),
        theme,
        way_out,
    };
    let (ready, chord) = (RwSignal::new(false), RwSignal::new("Ctrl K"));
    let (navigate, path) = (use_navigate(), use_location().pathname);
    Effect::new(move || {
        ready.set(true);
        if window().navigator().platform().is_ok_and(|platform| platform.starts_with("Mac")) {
            chord.set("⌘ K");
        }
        let navigate = navigate.clone();
        let before = StoredValue::new(String::new());
        let keys = window_event_listener(leptos::ev::keydown, move |event| {
            if let Some(target) = palette.shortcut(&event, before, &path.get_untracked()) {
                navigate(&target, NavigateOptions::default());
            }
        });
        on_cleanup(move || keys.remove());
    });
    view! {
        <div class="px-2 md:max-lg:px-0" class:invisible=move || !ready.get()>
            <button
                type="button"
                class="flex h-8 w-full cursor-pointer items-center gap-2 rounded border border-line bg-surface px-2 text-sm text-muted hover:border-faint hover:text-ink md:max-lg:justify-center"
                title=move || format!("Go to… ({})", chord.get())
                on:click=move |_| palette.open()
            >
                <Glyph icon=Icon::Search />
                <span class="md:max-lg:sr-only">"Go to…"</span>
                <kbd class="ml-auto font-sans text-xs text-faint md:max-lg:hidden">{move || chord.get()}</kbd>
            </button>
        </div>
        <Sheet palette=palette />
    }
    .into_any()
}

impl Palette {
    fn open(self) {
        let Some(dialog) = self.dialog.get_untracked() else { return };
        if dialog.open() {
            return;
        }
        self.typed.set(String::new());
        self.chosen.set(0);
        self.places.set(pages(self.operator).into_iter().chain(acts()).filter(|place| self.opens(place)).collect());
        // It fails only when the element has left the page again.
        let _ = dialog.show_modal();
        self.opened.update_value(|times| *times += 1);
        spawn_local(self.find_namespaces(self.opened.get_value()));
    }

    /// Adds the namespaces, page by page: the first ones can be gone to while the rest is on its way.
    async fn find_namespaces(self, opened: u32) {
        let mut cursor = String::new();
        for _ in 0..MOST_PAGES {
            let answer = ask(ListNamespaces { cursor }).await;
            // Without an answer the pages are still there to go to.
            let Ok(page) = answer.and_then(|json| unpack::<Page<NamespaceView>>(&json)) else { return };
            if self.opened.try_get_value() != Some(opened) {
                return;
            }
            let found = page.items.iter().flat_map(of_namespace).filter(|place| self.opens(place));
            self.places.update(|places| places.extend(found));
            let Some(next) = page.next_cursor else { return };
            cursor = next;
        }
    }

    fn opens(self, place: &Place) -> bool {
        !self.rights.lack(place.needs)
    }

    /// Does what a line says. Returns where, if that is going somewhere.
    fn perform(self, place: Place) -> Option<String> {
        match place.act {
            Act::Go(href) => return Some(href),
            Act::Theme(theme) => self.theme.set(theme),
            Act::SignOut => {
                if let Some(button) = self.way_out.get_untracked() {
                    button.click();
                }
            }
        }
        None
    }

    fn close(self) {
        if let Some(dialog) = self.dialog.get_untracked() {
            dialog.close();
        }
    }

    fn found(self) -> Vec<Place> {
        let mut found = self.places.with(|places| self.typed.with(|typed| found(places, typed)));
        found.truncate(MOST_LINES);
        found
    }

    /// Ctrl K and ? open the palette; `g` and a letter go somewhere; `c` makes what the page at `path` lists; `/` goes to
    /// its filter; `j` and `k` step through the rows of its table. Returns where.
    fn shortcut(self, event: &KeyboardEvent, before: StoredValue<String>, path: &str) -> Option<String> {
        let key = event.key();
        if key.eq_ignore_ascii_case("k") && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            self.open();
            return None;
        }
        if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(event) {
            return None;
        }
        let last = before.get_value();
        before.set_value(key.clone());
        match (last.as_str(), key.as_str()) {
            (_, "?") => {
                self.open();
                None
            }
            ("g", letter) => {
                let place = keys(self.operator).find(|place| place.key == Some(letter));
                place.filter(|place| self.opens(place)).and_then(|place| self.perform(place))
            }
            (_, "c") => {
                create_at(self.operator, path).filter(|place| self.opens(place)).and_then(|place| self.perform(place))
            }
            (_, "j" | "k") => {
                step_row(key == "j");
                None
            }
            (_, "/") => {
                if focus_filter() {
                    event.prevent_default();
                }
                None
            }
            _ => None,
        }
    }

    /// Chooses a line and brings it into view: there are more of them than fit.
    fn choose(self, at: usize) {
        self.chosen.set(at);
        let nearest = ScrollIntoViewOptions::new();
        nearest.set_block(ScrollLogicalPosition::Nearest);
        if let Some(line) = document().get_element_by_id(&format!("palette-{at}")) {
            line.scroll_into_view_with_scroll_into_view_options(&nearest);
        }
    }

    /// Arrows choose, Enter goes or does. Returns where.
    fn move_with(self, event: &KeyboardEvent) -> Option<String> {
        let count = self.found().len().max(1);
        match event.key().as_str() {
            "ArrowDown" => self.choose((self.chosen.get_untracked() + 1) % count),
            "ArrowUp" => self.choose((self.chosen.get_untracked() + count - 1) % count),
            "Enter" => {
                event.prevent_default();
                self.close();
                return self.found().into_iter().nth(self.chosen.get_untracked()).and_then(|place| self.perform(place));
            }
            _ => return None,
        }
        event.prevent_default();
        None
    }
}

/// Puts the cursor into the filter of the page; whether it has one.
fn focus_filter() -> bool {
    focus(document().query_selector("main input[type=search]").ok().flatten())
}

/// Goes to the link of the next row, or of the one before; Enter follows it, as it follows every link.
fn step_row(down: bool) {
    let row = document().active_element().and_then(|at| at.closest("main tbody tr").ok().flatten());
    let step = |row: &Element| if down { row.next_element_sibling() } else { row.previous_element_sibling() };
    let link_in = |row: Element| row.query_selector("a[href]").ok().flatten();
    focus(match row {
        Some(row) => std::iter::successors(step(&row), step).find_map(link_in),
        None => document().query_selector("main tbody tr a[href]").ok().flatten(),
    });
}

/// Whether there was something that takes the focus.
fn focus(element: Option<Element>) -> bool {
    use leptos::wasm_bindgen::JsCast as _;
    let element = element.and_then(|element| element.dyn_into::<leptos::web_sys::HtmlElement>().ok());
    element.is_some_and(|element| element.focus().is_ok())
}

/// Letters typed into a field are no shortcuts.
fn is_typing(event: &KeyboardEvent) -> bool {
    use leptos::wasm_bindgen::JsCast as _;
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            || element.closest("dialog, [role=log]").ok().flatten().is_some()
    })
}

#[component]
fn Sheet(palette: Palette) -> impl IntoView {
    let navigate = use_navigate();
    let active = move || (!palette.found().is_empty()).then(|| format!("palette-{}", palette.chosen.get()));
    let lines = move || {
        let line = |(at, place): (usize, Place)| view! { <Line palette=palette at=at place=place /> };
        palette.found().into_iter().enumerate().map(line).collect_view()
    };
    view! {
        <dialog
            node_ref=palette.dialog
            aria-label="Go to"
            class="fixed inset-x-0 top-[12dvh] z-30 mx-auto mb-auto max-h-[70dvh] w-[min(560px,calc(100vw-32px))] overflow-hidden rounded-md border border-line-strong bg-surface p-0 text-ink shadow-overlay backdrop:bg-scrim open:flex open:flex-col"
        >
            <input
                node_ref=palette.field
                type="text"
                role="combobox"
                aria-label="Go to"
                aria-expanded="true"
                aria-controls="palette"
                aria-activedescendant=active
                autocomplete="off"
                autofocus
                placeholder="A page, a namespace or what to do"
                class="h-11 w-full border-b border-line bg-surface px-4 outline-none placeholder:text-faint"
                prop:value=palette.typed
                on:input=move |event| {
                    palette.typed.set(event_target_value(&event));
                    palette.chosen.set(0);
                }
                on:keydown=move |event| {
                    if let Some(target) = palette.move_with(&event) {
                        navigate(&target, NavigateOptions::default());
                    }
                }
            />
            <ul id="palette" role="listbox" aria-label="Places" class="min-h-0 overflow-auto p-1">
                {lines}
            </ul>
            <p class="border-t border-line px-4 py-2 text-sm text-muted max-md:hidden">
                "On a page: j and k go through the rows, Enter opens one, / filters, c makes a new one"
            </p>
            {move || {
                palette.found().is_empty().then(|| view! { <p class="px-4 pb-4 text-muted">"Nothing of that name."</p> })
            }}
        </dialog>
    }
}

#[component]
fn Line(palette: Palette, at: usize, place: Place) -> impl IntoView {
    let navigate = use_navigate();
    let (label, area, key) = (place.label.clone(), place.area, place.key);
    view! {
        <li
            id=format!("palette-{at}")
            role="option"
            aria-selected=move || (palette.chosen.get() == at).to_string()
            class="flex cursor-pointer items-center gap-3 rounded px-3 py-1.5 aria-selected:bg-accent-soft aria-selected:text-accent"
            on:pointermove=move |_| palette.chosen.set(at)
            on:click=move |_| {
                palette.close();
                if let Some(target) = palette.perform(place.clone()) {
                    navigate(&target, NavigateOptions::default());
                }
            }
        >
            <span class="min-w-0 truncate">{label}</span>
            <span class="ml-auto text-sm whitespace-nowrap text-faint">{area}</span>
            {key.map(|key| view! { <kbd class="font-mono text-xs text-faint">"g " {key}</kbd> })}
        </li>
    }
}

//! Light, dark, or as the system has it. Stored in the browser only.

use leptos::prelude::*;

use crate::ui::icon::{Glyph, Icon};

/// What a person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    System,
    Light,
    Dark,
}

/// The theme there is now, for all that show or change it.
#[derive(Clone, Copy)]
pub struct Chosen(RwSignal<Theme>);

/// The stored one, once the page lives.
pub fn use_theme() -> Chosen {
    let theme = RwSignal::new(Theme::System);
    Effect::new(move || theme.set(Theme::stored()));
    Chosen(theme)
}

// === impl Chosen ===

impl Chosen {
    /// Shows another one from now on.
    pub fn set(self, theme: Theme) {
        self.0.set(theme);
        theme.apply();
    }
}

// === impl Theme ===

impl Theme {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Light, Self::Dark, Self::System];

    fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::System => Icon::Screen,
            Self::Light => Icon::Sun,
            Self::Dark => Icon::Moon,
        }
    }

    fn stored() -> Self {
        let text = storage().and_then(|s| s.get_item("theme").ok().flatten());
        match text.as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    /// A full or forbidden storage only means that the choice is forgotten with the tab.
    fn apply(self) {
        let root = document().document_element();
        if self == Self::System {
            let _ = root.map(|r| r.remove_attribute("data-theme"));
            let _ = storage().map(|s| s.remove_item("theme"));
        } else {
            let _ = root.map(|r| r.set_attribute("data-theme", self.word()));
            let _ = storage().map(|s| s.set_item("theme", self.word()));
        }
    }
}

/// Where the browser keeps a person's choices.
pub fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// Steps through the three themes.
#[component]
pub fn ThemeButton(chosen: Chosen) -> impl IntoView {
    let theme = chosen.0;
    let step = move |_| chosen.set(theme.get_untracked().next());
    view! {
        <button
            type="button"
            class="js-only inline-flex size-8 cursor-pointer items-center justify-center rounded text-muted hover:bg-sunken hover:text-ink"
            aria-label=move || format!("Theme: {}", theme.get().word())
            title=move || format!("Theme: {}", theme.get().word())
            on:click=step
        >
            {move || view! { <Glyph icon=theme.get().icon() /> }}
        </button>
    }
}

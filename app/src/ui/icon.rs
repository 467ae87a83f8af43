//! The icon set: 16 px, drawn inline with the colour of the text around it.

use leptos::prelude::*;

/// One icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Account,
    Audit,
    Catalogue,
    Chart,
    Check,
    Cloud,
    Copy,
    Cross,
    Download,
    Engine,
    Gauge,
    Key,
    Kubernetes,
    Menu,
    Moon,
    People,
    Person,
    Plus,
    Pulse,
    Screen,
    Search,
    SignOut,
    Sun,
    Terminal,
    Warning,
    Webhook,
}

impl Icon {
    /// SVG path in a 16 × 16 box, stroked.
    fn path(self) -> &'static str {
        match self {
            Self::Account => "M3 13.5v-11h7v11M10 6.5h3v7M1.5 13.5h13M5.3 5.5h2.4M5.3 8h2.4M5.3 10.5h2.4",
            Self::Audit => "M3 3.5h10M3 7h10M3 10.5h4M9 11.5l1.8 1.8 3-3.6",
            Self::Catalogue => "M2.5 2.5h4v4h-4zM9.5 2.5h4v4h-4zM2.5 9.5h4v4h-4zM9.5 9.5h4v4h-4z",
            Self::Chart => "M2.5 13.5h11M4 11V8M7 11V4.5M10 11V6.5M13 11V3",
            Self::Check => "M3 8.5l3.2 3L13 4.5",
            Self::Cloud => "M4.5 12.5a2.8 2.8 0 0 1-.3-5.6 4 4 0 0 1 7.7.9 2.4 2.4 0 0 1-.4 4.7z",
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Cross => "M4 4l8 8M12 4l-8 8",
            Self::Download => "M8 2.5v7.5M4.5 7L8 10.5 11.5 7M3 13.5h10",
            Self::Engine => "M2.5 2.5h11v4.5h-11zM2.5 9h11v4.5h-11zM5 4.8h.1M5 11.3h.1M8 4.8h3M8 11.3h3",
            Self::Gauge => "M2.5 12.5a6 6 0 1 1 11 0M8 9.5l2.8-3.3M2.5 12.5h11",
            Self::Key => "M9.2 6.8L14 2M12 4l1.5 1.5M8.9 10a3.2 3.2 0 1 1-6.4 0 3.2 3.2 0 0 1 6.4 0z",
            Self::Kubernetes => "M8 1.8l5.6 3.1v6.2L8 14.2l-5.6-3.1V4.9zM8 8l5.6-3.1M8 8v6.2M8 8L2.4 4.9",
            Self::Menu => "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
            Self::Moon => "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z",
            Self::People => {
                "M6 7.5a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8zM1.8 13.3a4.2 4.2 0 0 1 8.4 0M10.5 2.9a2.4 2.4 0 0 1 0 4.4M12 9.6a4.2 4.2 0 0 1 2.3 3.7"
            }
            Self::Person => "M8 7.5a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.8 13.8a5.2 5.2 0 0 1 10.4 0",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Pulse => "M1.5 8.5h3l2-5 3 9 2-4h3",
            Self::Screen => "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
            Self::Search => "M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM10.6 10.6L14 14",
            Self::SignOut => "M6.5 2.5h-4v11h4M6.5 8h7M10.5 5l3 3-3 3",
            Self::Sun => {
                "M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6zM8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M12.6 3.4l-1.1 1.1M4.5 11.5l-1.1 1.1"
            }
            Self::Terminal => "M2 3h12v10H2zM4.5 6l2.2 2-2.2 2M8.5 10.2h3",
            Self::Warning => "M8 2l6.3 11.5H1.7zM8 6.5v3.2M8 11.6v.3",
            Self::Webhook => "M14 2L2 6.8l4.7 2.5L9.2 14zM6.7 9.3L14 2",
        }
    }
}

/// Draws an icon; always decoration beside a word or a label.
#[component]
pub fn Glyph(icon: Icon) -> impl IntoView {
    view! {
        <svg
            class="size-4 shrink-0"
            viewBox="0 0 16 16"
            fill="none"
            stroke="currentColor"
            stroke-width="1.4"
            stroke-linecap="round"
            stroke-linejoin="round"
            aria-hidden="true"
        >
            <path d=icon.path() />
        </svg>
    }
}

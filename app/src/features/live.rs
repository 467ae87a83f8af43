//! Live values from the server's event streams; the last one stays while a broken line is mended.

use std::sync::Arc;

use leptos::prelude::*;
use leptos::server::codee::string::FromToStringCodec;
use leptos_use_event_source::{
    ConnectionReadyState, ReconnectLimit, UseEventSourceOptions, UseEventSourceReturn, use_event_source_with_options,
};
use serde::de::DeserializeOwned;

use crate::api::packed::unpack;
use crate::ui::clock::Age;

/// How a stream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Not asked for yet, or no JavaScript.
    Idle,
    /// Values arrive.
    Live,
    /// The line broke; it mends itself.
    Reconnecting,
}

/// The latest value of the stream at `url`, and how the stream is doing. An empty URL closes it.
pub fn use_live<T>(url: Signal<String>) -> (Memo<Option<T>>, Signal<Link>)
where
    T: DeserializeOwned + PartialEq + Send + Sync + 'static,
{
    let (text, link) = use_text(url);
    (Memo::new(move |_| text.with(|text| unpack(text.as_deref()?).ok())), link)
}

/// What the stream at `url` said last, as text: each time it says something, also the same again. For what only wants to
/// hear that something happened, or keeps what it heard. An empty URL closes it.
pub fn use_news(url: Signal<String>) -> Signal<Option<String>> {
    use_text(url).0
}

fn use_text(url: Signal<String>) -> (Signal<Option<String>>, Signal<Link>) {
    let options = UseEventSourceOptions::<String>::default().reconnect_limit(ReconnectLimit::Infinite);
    let UseEventSourceReturn { message, ready_state, .. } =
        use_event_source_with_options::<String, FromToStringCodec>(url, options);
    (Signal::derive(move || message.get().map(|message| message.data)), link(ready_state))
}

/// What a connection's state means; before the first connection nothing is broken yet.
pub fn link(state: Signal<ConnectionReadyState>) -> Signal<Link> {
    let was_open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let memo = Memo::new(move |_| {
        use std::sync::atomic::Ordering::Relaxed;
        match state.get() {
            ConnectionReadyState::Open => {
                was_open.store(true, Relaxed);
                Link::Live
            }
            _ if was_open.load(Relaxed) => Link::Reconnecting,
            _ => Link::Idle,
        }
    });
    memo.into()
}

/// A dot and a word: live, reconnecting, or stale for how long. Nothing before the first connection.
#[component]
pub fn LiveDot(
    link: Signal<Link>,
    /// Since when the server itself hears nothing new.
    #[prop(optional, into)]
    stale: Signal<Option<String>>,
) -> impl IntoView {
    let look = move || match link.get() {
        Link::Idle => ("hidden", ""),
        Link::Live if stale.with(Option::is_some) => {
            ("inline-flex items-center gap-1.5 text-sm text-wait", "stale for")
        }
        Link::Live => ("inline-flex items-center gap-1.5 text-sm text-ok", "live"),
        Link::Reconnecting => ("inline-flex items-center gap-1.5 text-sm text-wait", "reconnecting"),
    };
    view! {
        <span class=move || look().0>
            <span class="inline-flex items-center gap-1.5" role="status">
                <span class="pulse size-1.5 rounded-full bg-current" aria-hidden="true"></span>
                {move || look().1}
            </span>
            {move || {
                // Outside of the live region: what grows each second would be read out each second.
                let since = stale.get().filter(|_| link.get() == Link::Live);
                since.map(|since| view! { <Age since=since /> })
            }}
        </span>
    }
}

//! The WebAssembly entry: brings the server's HTML to life and nothing else.
//!
//! Kept apart from `app` so that `hydrate` and `ssr` never meet in one native build (stack.md §2.1).
#![forbid(unsafe_code)]

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page's script once the module is loaded.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(async {
        // Done only when the code of the first page has come too.
        leptos::mount::hydrate_from_async(leptos::tachys::dom::body(), app::App).await.forget();
        mark_hydrated();
    });
}

/// Tests wait for this mark: server HTML is visible before any handler exists.
fn mark_hydrated() {
    let document = web_sys::window().and_then(|window| window.document());
    let root = document.and_then(|document| document.document_element());
    if let Some(root) = root {
        // It fails for illegal attribute names only.
        let _ = root.set_attribute("data-hydrated", "");
    }
}

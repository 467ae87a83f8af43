//! The HTML document around the pages: head, policy, scripts.
//!
//! Only the server writes it; the browser takes over from `<body>`.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags};

use crate::App;

/// Runs before the first paint, so that a chosen theme never flashes.
const THEME_SCRIPT: &str = "try{var t=localStorage.getItem('theme');if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch(e){}";

/// Fetches and starts the page's own code.
const BOOT: &str = include_str!("boot.js").trim_ascii();

/// The script that fetches the code of single pages; Leptos knows it by this very name.
const SPLIT: &str = "__wasm_split.______________________.js";

/// The document of every page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    crate::ssr::set_page_headers();
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <meta name="description" content="RemoteGPU: GPUs behind plain kubectl" />
                <script nonce=use_nonce()>{THEME_SCRIPT}</script>
                <link rel="icon" href=ICON type="image/svg+xml" />
                <HashedStylesheet options=options.clone() id="style" />
                {start(&options)}
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// What starts the page's own code, and hints that fetch it meanwhile. Leptos' own script imports at once, so that a line
/// which breaks just then leaves the page dead.
fn start(options: &LeptosOptions) -> impl IntoView + use<> {
    // It is asked all the same: it tells the router which files each page needs.
    let _ = HydrationScripts(HydrationScriptsProps::builder().options(options.clone()).build());
    let (pkg, name) = (&options.site_pkg_dir, &options.output_name);
    let scripts = [format!("/{pkg}/{name}.js"), format!("/{pkg}/{SPLIT}")];
    let wasm = format!("/{pkg}/{name}_bg.wasm");
    let start = format!("({BOOT})({scripts:?}, {wasm:?})");
    let [main, split] = scripts;
    view! {
        <link rel="preload" href=main r#as="fetch" crossorigin="anonymous" />
        <link rel="preload" href=split r#as="fetch" crossorigin="anonymous" />
        <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
        <script type="module" nonce=use_nonce()>
            {start}
        </script>
    }
}

/// The icon of every page.
pub(crate) const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
%3Crect width='24' height='24' rx='5' fill='%230f766e'/%3E\
%3Cpath d='M7 17v-4M12 17V7m5 10v-7' stroke='white' stroke-width='2.4' stroke-linecap='round'/%3E%3C/svg%3E";

//! The HTML document around the pages: head, policy, scripts.
//!
//! Only the server writes it; the browser takes over from `<body>`.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags};

use crate::App;

/// Runs before the first paint, so that a chosen theme never flashes.
const THEME_SCRIPT: &str = "try{var t=localStorage.getItem('theme');if(t==='light'||t==='dark')document.documentElement.dataset.theme=t}catch(e){}";

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
                <HydrationScripts options=options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// The icon of every page.
pub(crate) const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E\
%3Crect width='24' height='24' rx='5' fill='%230f766e'/%3E\
%3Cpath d='M7 17v-4M12 17V7m5 10v-7' stroke='white' stroke-width='2.4' stroke-linecap='round'/%3E%3C/svg%3E";

//! The document with the secret of a key that was made without JavaScript: the answer to its form itself, because a
//! redirect would carry the secret in an address, into logs and histories.

use domain::api_key::CreatedApiKey;
use leptos::prelude::*;
use leptos_meta::HashedStylesheet;

use crate::features::nav::Brand;
use crate::paths;
use crate::shell::ICON;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{ButtonLink, ButtonTone};

/// The whole document; it runs no script, so [`crate::failure::POLICY`] is enough for it.
pub fn new_key_page(options: LeptosOptions, created: CreatedApiKey) -> String {
    let CreatedApiKey { view, key } = created;
    let command = format!("export REMOTEGPU_API_KEY={key}");
    let document = || {
        view! {
            <!DOCTYPE html>
            <html lang="en">
                <head>
                    <meta charset="utf-8" />
                    <meta name="viewport" content="width=device-width, initial-scale=1" />
                    <meta name="color-scheme" content="light dark" />
                    <title>"New API key · RemoteGPU"</title>
                    <link rel="icon" href=ICON type="image/svg+xml" />
                    <HashedStylesheet options=options id="style" />
                </head>
                <body>
                    <main class="mx-auto max-w-[1280px] px-4 py-6 md:px-8">
                        <Brand />
                        <div class="grid max-w-prose gap-3 py-10">
                            <h1 class="text-xl font-semibold">{format!("Key {} is ready", view.name)}</h1>
                            <Banner
                                tone=Tone::Wait
                                title="Shown once. Copy it now: it is stored nowhere and cannot be shown again."
                            >
                                <code class="font-mono text-sm text-ink wrap-anywhere select-all" data-testid="secret">
                                    {key}
                                </code>
                            </Banner>
                            <p class="text-muted">"In a shell:"</p>
                            <code class="font-mono text-sm wrap-anywhere select-all">{command}</code>
                            <div class="flex gap-2">
                                <ButtonLink href=paths::api_keys() tone=ButtonTone::Primary>
                                    "Done"
                                </ButtonLink>
                            </div>
                        </div>
                    </main>
                </body>
            </html>
        }
        .to_html()
    };
    Owner::new().with(document)
}

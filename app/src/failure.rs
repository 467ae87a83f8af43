//! The document of a request that failed before any page could be made: the database is away, or we broke.
//! Without script, session or data: it must work when nothing else does.

use leptos::prelude::*;
use leptos_meta::HashedStylesheet;

use crate::features::nav::Brand;
use crate::paths;
use crate::shell::ICON;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{ButtonLink, ButtonTone};

/// Its Content-Security-Policy: a style sheet, its fonts, the icon, and nothing else.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; font-src 'self'; img-src data:; base-uri 'none'; \
                          form-action 'none'; frame-ancestors 'none'";
// A person who waits should not have to press anything.
const AGAIN_SECONDS: &str = "5";

/// What went wrong, as far as anybody may know.
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// One sentence.
    pub detail: String,
    /// Finds the cause in the log.
    pub request_id: String,
    /// Worth another try, which the browser may make by itself.
    pub passing: bool,
}

/// The whole document.
pub fn failure_page(options: LeptosOptions, failure: Failure) -> String {
    let Failure { status, detail, request_id, passing } = failure;
    let advice = if passing {
        "Nothing was lost. This page tries again by itself every few seconds."
    } else {
        "Nothing more is known here. The log of the console knows the cause under the request id."
    };
    let document = || {
        view! {
            <!DOCTYPE html>
            <html lang="en">
                <head>
                    <meta charset="utf-8" />
                    <meta name="viewport" content="width=device-width, initial-scale=1" />
                    <meta name="color-scheme" content="light dark" />
                    {passing.then(|| view! { <meta http-equiv="refresh" content=AGAIN_SECONDS /> })}
                    <title>"Not available · RemoteGPU"</title>
                    <link rel="icon" href=ICON type="image/svg+xml" />
                    <HashedStylesheet options=options id="style" />
                </head>
                <body>
                    <main class="mx-auto max-w-[1280px] px-4 py-6 md:px-8">
                        <Brand />
                        <div class="grid max-w-prose gap-3 py-10">
                            <p class="font-mono text-sm text-faint">{status.to_string()}</p>
                            <h1 class="text-xl font-semibold">"This page cannot be shown now"</h1>
                            <Banner tone=Tone::Fail title=detail>
                                <p>{advice}</p>
                                <p class="text-muted">"Request id " <code class="font-mono text-ink">{request_id}</code></p>
                            </Banner>
                            <div class="flex gap-2">
                                <ButtonLink href=paths::overview() tone=ButtonTone::Primary>
                                    "Overview"
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(passing: bool) -> String {
        let options = LeptosOptions::builder().output_name("remotegpu").build();
        let failure = Failure { status: 503, detail: "<b>away</b>".into(), request_id: "r-1".into(), passing };
        failure_page(options, failure)
    }

    #[test]
    fn a_passing_failure_comes_back_by_itself_and_runs_no_script() {
        let html = page(true);
        assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
        assert!(html.contains(r#"<meta http-equiv="refresh" content="5">"#), "{html}");
        assert!(html.contains("/pkg/remotegpu.css") && html.contains("r-1"), "{html}");
        assert!(!html.contains("<script") && !html.contains("<b>away</b>"), "{html}");
        assert!(!page(false).contains("http-equiv"));
    }
}

//! The page that asks whether a machine's command line may act for somebody, and the page that goes back to it.
//!
//! Written by the server alone: a person who comes from a terminal should not wait for a program to load, and it costs
//! the browser's download nothing. Works without JavaScript.

use domain::cli_session::{LoginQuery, LoginRequest};
use domain::session::SessionView;
use leptos::prelude::*;
use leptos_meta::HashedStylesheet;

use crate::features::nav::Brand;
use crate::paths;
use crate::shell::ICON;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};

/// Goes on by itself where scripts run; a redirect after the post would be stopped by `form-action 'self'`.
const GO_BACK: &str = "location.replace(document.getElementById('back').href)";

/// Where a sign-in of the command line stands.
pub enum Step {
    /// Somebody has to say yes or no.
    Ask {
        /// The checked request.
        request: LoginRequest,
        /// The same as it came; the form sends it once more.
        query: LoginQuery,
        /// Who would be acted for.
        session: Box<SessionView>,
    },
    /// They said yes: the address on their machine that waits for the code.
    Allowed {
        /// Always `http://127.0.0.1:…`.
        callback: String,
    },
    /// The link is none of ours.
    Wrong {
        /// What is wrong with it.
        sentence: String,
    },
}

/// The whole document; `nonce` stands in its content policy too.
pub fn document(options: &LeptosOptions, nonce: &str, step: Step) -> String {
    let (options, nonce) = (options.clone(), nonce.to_owned());
    let script = matches!(step, Step::Allowed { .. }).then(|| view! { <script nonce=nonce>{GO_BACK}</script> });
    let page = move || {
        view! {
            <!DOCTYPE html>
            <html lang="en">
                <head>
                    <meta charset="utf-8" />
                    <meta name="viewport" content="width=device-width, initial-scale=1" />
                    <meta name="color-scheme" content="light dark" />
                    <link rel="icon" href=ICON type="image/svg+xml" />
                    <title>"Sign in the command line · RemoteGPU"</title>
                    <HashedStylesheet options=options id="style" />
                </head>
                <body>
                    <main class="grid min-h-dvh place-items-center px-4 py-10">
                        <div class="grid w-full max-w-prose gap-6">
                            <Brand />
                            <div class="grid gap-4 rounded-md border border-line bg-surface p-5">{body(step)}</div>
                        </div>
                    </main>
                    {script}
                </body>
            </html>
        }
    };
    Owner::new().with(|| page().to_html())
}

fn body(step: Step) -> AnyView {
    match step {
        Step::Ask { request, query, session } => {
            view! { <Question request=request query=query session=*session /> }.into_any()
        }
        Step::Allowed { callback } => view! {
            <h1 class="text-lg font-semibold">"Allowed"</h1>
            <p>"The terminal goes on by itself in a moment. If it does not:"</p>
            <div>
                <ButtonLink href=callback tone=ButtonTone::Primary attr:id="back">
                    "Return to the terminal"
                </ButtonLink>
            </div>
        }
        .into_any(),
        Step::Wrong { sentence } => view! {
            <h1 class="text-lg font-semibold">"This sign-in link cannot be used"</h1>
            <Banner tone=Tone::Fail title=sentence>
                <p>"Run " <code class="font-mono">"kubectl-remotegpu login"</code> " again."</p>
            </Banner>
        }
        .into_any(),
    }
}

#[component]
fn Question(request: LoginRequest, query: LoginQuery, session: SessionView) -> impl IntoView {
    let fields = [
        ("code_challenge", query.code_challenge),
        ("redirect_port", query.redirect_port),
        ("state", query.state),
        ("name", query.name),
    ];
    let hidden = |(name, value): (&'static str, String)| view! { <input type="hidden" name=name value=value /> };
    view! {
        <h1 class="text-lg font-semibold">"Sign in the command line on this machine?"</h1>
        <dl class="grid gap-x-4 gap-y-1 sm:grid-cols-[auto_1fr]">
            <Fact word="Machine" value=request.name().to_owned() />
            <Fact word="Acts as" value=format!("{} ({})", session.user.email, session.user.role) />
            <Fact word="In the account" value=session.account.name />
        </dl>
        <ul class="list-disc pl-5 text-muted">
            <li>"It may do what your role may: list namespaces, download kubeconfigs, make API keys."</li>
            <li>"It may not do what asks for a fresh sign-in, such as changing how you sign in."</li>
            <li>"It ends after 90 days, or 30 days without use. You can revoke it at any time under Settings, CLI sessions."</li>
        </ul>
        <Banner tone=Tone::Wait title="Allow this only if you started it yourself, a moment ago, on this machine" />
        <form method="post" action=paths::cli_authorize() class="flex flex-wrap justify-end gap-2">
            {fields.into_iter().map(hidden).collect_view()}
            <ButtonLink href=request.refusal()>"Cancel"</ButtonLink>
            <Button tone=ButtonTone::Primary>"Allow"</Button>
        </form>
    }
}

#[component]
fn Fact(word: &'static str, value: String) -> impl IntoView {
    view! {
        <dt class="text-muted">{word}</dt>
        <dd class="font-medium wrap-anywhere">{value}</dd>
    }
}

#[cfg(test)]
mod tests {
    use domain::account::AccountStatus;
    use domain::session::{SessionAccount, SessionUser};

    use super::*;

    fn options() -> LeptosOptions {
        LeptosOptions::builder().output_name("remotegpu").build()
    }

    fn query(name: &str) -> LoginQuery {
        LoginQuery {
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
            redirect_port: "50123".into(),
            state: "0123456789abcdef".into(),
            name: name.into(),
        }
    }

    fn ask(name: &str) -> String {
        let session = SessionView {
            user: SessionUser {
                id: "u".into(),
                email: "ada@example.com".into(),
                role: "member".into(),
                operator: false,
            },
            account: SessionAccount {
                id: "a".into(),
                name: "acme".into(),
                customer: "skgu00001".into(),
                status: AccountStatus::Active,
            },
            support: false,
        };
        let (request, query) = (LoginRequest::check(&query(name)).unwrap(), query(name));
        document(&options(), "n0nce", Step::Ask { request, query, session: Box::new(session) })
    }

    #[test]
    fn the_question_names_the_machine_and_the_person_and_runs_no_script() {
        let html = ask("ada's <b>laptop</b>");
        assert!(html.contains("ada's &lt;b&gt;laptop&lt;/b&gt;"), "{html}");
        assert!(html.contains("ada@example.com (member)") && html.contains("acme"));
        assert!(html.contains("method=\"post\" action=\"/cli/authorize\""), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }

    #[test]
    fn the_way_back_is_a_link_and_a_script_with_the_nonce() {
        let callback = "http://127.0.0.1:50123/callback?code=abc&state=0123456789abcdef".to_owned();
        let html = document(&options(), "n0nce", Step::Allowed { callback });
        assert!(
            html.contains("href=\"http://127.0.0.1:50123/callback?code=abc&amp;state=0123456789abcdef\""),
            "{html}"
        );
        assert!(html.contains("<script nonce=\"n0nce\">location.replace"), "{html}");
        assert!(html.contains("id=\"back\""), "{html}");
    }
}

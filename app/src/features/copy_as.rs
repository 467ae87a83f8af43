//! What a page shows, as commands: *copy as kubectl* and *copy as curl* in the head of a resource.
//!
//! Buttons, not lines to read: the address of this console is known to the browser alone, and without JavaScript nothing
//! could be copied.

use leptos::prelude::*;

use crate::ui::copy::CopyButton;

/// The buttons. `rest` is the path of the same thing in the REST API; `kubectl` the command where the cluster has it too.
#[component]
pub fn CopyAs(#[prop(into)] rest: String, #[prop(optional, into)] kubectl: Option<String>) -> impl IntoView {
    let curl = Signal::derive(move || curl(&location().origin().unwrap_or_default(), &rest));
    let kubectl = kubectl.map(|command| {
        view! {
            <span class="js-only inline-flex items-center text-sm">
                "kubectl" <CopyButton text=Signal::stored(command) label="as kubectl" />
            </span>
        }
    });
    view! {
        {kubectl}
        <span class="js-only inline-flex items-center text-sm">"curl" <CopyButton text=curl label="as curl" /></span>
    }
}

/// The proof stays out of what is copied: `docs/API.md` says where the token of a session is found.
fn curl(origin: &str, path: &str) -> String {
    format!("curl -H \"Authorization: Bearer $REMOTEGPU_TOKEN\" '{origin}{path}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_where_and_never_holds_a_secret() {
        let command = curl("https://console.example.com", "/v1/members");
        assert_eq!(
            command,
            "curl -H \"Authorization: Bearer $REMOTEGPU_TOKEN\" 'https://console.example.com/v1/members'"
        );
    }
}

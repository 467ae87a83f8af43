//! The form for a new namespace: the rule is checked while one types, the Kubernetes name is shown before it is fixed.

use domain::id::NamespaceId;
use domain::namespace::{KubernetesName, NamespaceName};
use leptos::prelude::*;

use crate::api::namespace::CreateNamespace;
use crate::features::form_dialog::FormDialog;
use crate::features::post_form::Sending;
use crate::paths;
use crate::ui::button::ButtonTone;
use crate::ui::field::{Field, INPUT, invalid};

/// The form in a dialog over the list.
#[component]
pub fn NewNamespaceDialog() -> impl IntoView {
    let sending = Sending::to::<CreateNamespace>();
    let name = RwSignal::new(String::new());
    let refused = sending.field("name");
    let error = Signal::derive(move || wrong(&name.get()).or_else(|| refused.get()));
    view! {
        <FormDialog
            title="New namespace"
            sending=sending
            shown=&["name"]
            close=paths::namespaces()
            tone=ButtonTone::Primary
            button="Create namespace"
            busy="Creating"
        >
            <Field id="name" label="Name" error=error hint="Lowercase letters, digits and hyphens. You can rename it later.">
                <input
                    id="name"
                    name="name"
                    class=INPUT
                    required
                    autofocus
                    maxlength="63"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby="name-note"
                    aria-invalid=invalid(error)
                    prop:value=move || name.get()
                    on:input:target=move |event| name.set(event.target().value())
                />
            </Field>
            <div>
                <p class="text-sm text-muted">"Name in the cluster, fixed from then on"</p>
                <p class="font-mono text-sm wrap-anywhere" data-testid="kubernetes-name">
                    {move || preview(&name.get())}
                </p>
            </div>
        </FormDialog>
    }
}

/// The rule's sentence; an empty field is not wrong yet.
fn wrong(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| NamespaceName::new(name).err().map(|error| error.to_string())).flatten()
}

/// The Kubernetes name with dots where the id's last digits will stand.
fn preview(name: &str) -> String {
    let nil = NamespaceId::parse("00000000-0000-0000-0000-000000000000");
    match (NamespaceName::new(name), nil) {
        (Ok(name), Ok(nil)) => KubernetesName::derive(&name, nil).as_str().replace("-00000000", "-········"),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preview_is_the_real_rule_with_dots_for_what_is_not_known_yet() {
        assert_eq!(preview("team-ml"), "team-ml-········");
        assert_eq!(preview(&"x".repeat(63)), format!("{}-········", "x".repeat(54)));
        assert_eq!(preview("Team"), "–");
    }

    #[test]
    fn an_untouched_field_is_not_wrong() {
        assert_eq!(wrong(""), None);
        assert_eq!(wrong("all").unwrap(), "\"all\" is a reserved name");
    }
}

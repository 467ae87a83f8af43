//! The generator of manifests: what the engine shall do becomes a file, a command, and the token to paste.

use domain::engine_manifest::{
    EngineFeature, EngineManifestView, ManifestFile, ManifestPreset, NAMESPACE, NewEngineManifest, SERVICE_ACCOUNT,
    TokenForm, WriteScope,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::engine_manifest::CreateEngineManifest;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonSize};
use crate::ui::code::CodeBlock;
use crate::ui::copy::CopyLine;
use crate::ui::field::{Field, INPUT, invalid};

/// What the form sends: everything is text, and a box that is not ticked is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManifestForm {
    /// Name of the engine.
    pub engine_name: String,
    /// `aichor_exact`, or else the least rights.
    pub preset: String,
    /// Where the ServiceAccount lives.
    pub namespace: String,
    /// Its name.
    pub service_account: String,
    /// Ticked features.
    pub features: Vec<String>,
    /// `all_namespaces`, or else the named ones.
    pub write_scope: String,
    /// Names parted by blanks or commas.
    pub namespaces: String,
    /// `long_lived`, or else short-lived.
    pub token: String,
    /// `true` when ticked.
    pub self_renewal: String,
}

// === impl ManifestForm ===

impl ManifestForm {
    /// The body of `POST /v1/engine-manifests`.
    pub fn into_new(self) -> NewEngineManifest {
        let exact = self.preset == "aichor_exact";
        let everywhere = self.write_scope == "all_namespaces";
        let words = self.namespaces.split([' ', ',', '\n', '\r', '\t']).filter(|word| !word.is_empty());
        let ticked = self.features.iter().filter_map(|feature| EngineFeature::parse(feature)).collect();
        NewEngineManifest {
            engine_name: self.engine_name.trim().to_owned(),
            preset: if exact { ManifestPreset::AichorExact } else { ManifestPreset::LeastRights },
            namespace: self.namespace.trim().to_owned(),
            service_account: self.service_account.trim().to_owned(),
            // The published manifests have rights of their own, whatever is ticked.
            features: if exact { EngineFeature::ALL.to_vec() } else { ticked },
            write_scope: if everywhere { WriteScope::AllNamespaces } else { WriteScope::ListedNamespaces },
            namespaces: words.map(str::to_owned).collect(),
            token: if self.token == "long_lived" { TokenForm::LongLived } else { TokenForm::ShortLived },
            self_renewal: self.self_renewal == "true",
        }
    }
}

const SHOWN: &[&str] = &["engine_name", "namespace", "service_account", "namespaces", "features"];

/// The form, and below it what was generated.
#[component]
pub fn ManifestGenerator(
    /// Name of the engine, once it is typed.
    #[prop(into)]
    engine_name: Signal<String>,
) -> impl IntoView {
    let sending = Sending::to::<CreateEngineManifest>();
    let made = Memo::new(move |_| sending.accepted::<EngineManifestView>());
    view! {
        <PostForm sending=sending>
            <Inputs sending=sending engine_name=engine_name />
        </PostForm>
        {move || made.get().map(|made| view! { <Generated made=made /> })}
    }
}

#[component]
fn Inputs(sending: Sending, engine_name: Signal<String>) -> impl IntoView {
    let (elsewhere, error) = (sending.elsewhere(SHOWN), sending.field("features"));
    let name_error = sending.field("engine_name");
    let exact = RwSignal::new(false);
    let feature = |(at, feature): (usize, EngineFeature)| {
        view! {
            <label class="flex items-center gap-2">
                <input type="checkbox" class="size-4 accent-accent" name=format!("form[features][{at}]") value=feature.as_str() checked=true />
                {feature.words()}
            </label>
        }
    };
    view! {
        <div class="grid gap-3">
            {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
            <input type="hidden" name="form[engine_name]" value=engine_name.get_untracked() prop:value=engine_name />
            {move || name_error.get().map(|error| view! { <p class="text-sm text-fail">"Engine Name: " {error}</p> })}
            <Field id="manifest-preset" label="Manifests">
                <select
                    id="manifest-preset"
                    name="form[preset]"
                    class=INPUT
                    on:change=move |event| exact.set(event_target_value(&event) == "aichor_exact")
                >
                    <option value="least_rights">"Least rights for what is ticked"</option>
                    <option value="aichor_exact">"AIchor exact: the four published manifests"</option>
                </select>
            </Field>
            <div class="grid gap-3" class:hidden=move || exact.get()>
                <fieldset class="grid gap-2">
                    <legend class="mb-1 text-sm font-medium">"The engine shall do"</legend>
                    <div class="grid gap-x-4 gap-y-1.5 sm:grid-cols-2">
                        {EngineFeature::ALL.into_iter().enumerate().map(feature).collect_view()}
                    </div>
                    {move || error.get().map(|error| view! { <p class="text-sm text-fail">{error}</p> })}
                </fieldset>
                <Places sending=sending />
                <label class="flex items-center gap-2">
                    <input type="checkbox" class="size-4 accent-accent" name="form[self_renewal]" value="true" checked=true />
                    "Let the console renew its own token, and nothing else"
                </label>
            </div>
            <div>
                <Button blocked=sending.blocked("Generating")>"Generate manifests"</Button>
            </div>
        </div>
    }
}

#[component]
fn Places(sending: Sending) -> impl IntoView {
    let text =
        move |id: &'static str, name: &'static str, label: &'static str, value: &'static str, hint: &'static str| {
            let error = sending.field(name);
            view! {
                <Field id=id label=label error=error hint=hint>
                    <input
                        id=id
                        name=format!("form[{name}]")
                        class=INPUT
                        value=value
                        autocomplete="off"
                        spellcheck="false"
                        aria-describedby=format!("{id}-note")
                        aria-invalid=invalid(error)
                    />
                </Field>
            }
        };
    let more = "They must exist; parted by commas.";
    view! {
        <div class="grid items-start gap-3 sm:grid-cols-2">
            {text("manifest-namespace", "namespace", "Namespace", NAMESPACE, "")}
            {text("manifest-account", "service_account", "ServiceAccount", SERVICE_ACCOUNT, "")}
            <Field id="manifest-scope" label="May write in">
                <select id="manifest-scope" name="form[write_scope]" class=INPUT>
                    <option value="listed_namespaces">"the named namespaces"</option>
                    <option value="all_namespaces">"all namespaces"</option>
                </select>
            </Field>
            {text("manifest-namespaces", "namespaces", "Further namespaces", "", more)}
            <Field id="manifest-token" label="Token">
                <select id="manifest-token" name="form[token]" class=INPUT>
                    <option value="short_lived">"for 24 hours"</option>
                    <option value="long_lived">"without an end, in a Secret"</option>
                </select>
            </Field>
        </div>
    }
}

#[component]
fn Generated(made: EngineManifestView) -> impl IntoView {
    let EngineManifestView { url, sha256, filename, yaml, files, commands, warnings, .. } = made;
    let name = filename.clone();
    let warning = |text: String| view! { <Banner tone=Tone::Wait title=text /> };
    let base = url.clone();
    let file = move |file: ManifestFile| {
        let href = paths::manifest_part(&base, &file.name);
        view! {
            <ButtonLink href=href size=ButtonSize::Small download=true>
                {file.name}
            </ButtonLink>
        }
    };
    view! {
        <div class="grid gap-3" role="region" aria-label="Generated manifests">
            {warnings.into_iter().map(warning).collect_view()}
            <CodeBlock code=commands.apply label="1. Give the rights; the address works for an hour" />
            <CodeBlock code=commands.token label="2. Print the token, then paste it above" />
            <CodeBlock code=commands.ca label="3. Print the CA certificate, if the address has one of its own" />
            <details>
                <summary class="cursor-pointer font-medium">"The file, and what takes it back"</summary>
                <div class="mt-2 grid gap-3">
                    <p class="text-sm text-muted">"SHA-256 " <CopyLine text=sha256 label="SHA-256" /></p>
                    <div class="flex flex-wrap gap-2">
                        <ButtonLink href=url size=ButtonSize::Small download=true>
                            {name}
                        </ButtonLink>
                        {files.into_iter().map(file).collect_view()}
                    </div>
                    <CodeBlock code=yaml label=filename />
                    <CodeBlock code=commands.delete label="Takes the rights back" />
                </div>
            </details>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_ticked() {
        let form = ManifestForm {
            engine_name: " onprem-1 ".into(),
            features: vec!["logs".into(), "nonsense".into()],
            namespaces: "train, eval".into(),
            self_renewal: "true".into(),
            ..ManifestForm::default()
        };
        let new = form.into_new();
        assert_eq!((new.engine_name.as_str(), new.features.as_slice()), ("onprem-1", [EngineFeature::Logs].as_slice()));
        assert_eq!((new.namespaces.join(" "), new.self_renewal), ("train eval".to_owned(), true));
        let exact = ManifestForm { preset: "aichor_exact".into(), ..ManifestForm::default() }.into_new();
        assert_eq!((exact.preset, exact.features.len()), (ManifestPreset::AichorExact, EngineFeature::ALL.len()));
    }

    #[test]
    fn the_published_manifests_are_asked_for_with_the_fields_of_the_form() {
        let form = ManifestForm {
            engine_name: "onprem-1".into(),
            preset: "aichor_exact".into(),
            namespace: NAMESPACE.into(),
            service_account: SERVICE_ACCOUNT.into(),
            ..ManifestForm::default()
        };
        assert!(form.into_new().checked().is_ok());
    }
}

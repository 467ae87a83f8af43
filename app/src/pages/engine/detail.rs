//! One engine: who we are there, what it can run, its checks, and what one can do with it.

use domain::engine::view::CheckView;
use domain::engine::{AuthMethod, EngineStatus, EngineView};
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::change::Change;
use super::dialogs::{DeleteDialog, RotateDialog};
use super::list::capacity;
use super::nodes::Nodes;
use crate::api::engine::{CheckEngine, GetEngine, SwitchEngine};
use crate::features::copy_as::CopyAs;
use crate::features::engine_report::Rows;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::notice::times_done;
use crate::features::post_form::{PostForm, Sending};
use crate::features::problem::ErrorBanner;
use crate::features::status;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonLink, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::copy::CopyLine;
use crate::ui::empty::EmptyState;
use crate::ui::panel::Panel;

/// The page; it loads anew when its query says that something was done.
#[component]
pub fn EnginePage() -> impl IntoView {
    let (params, done) = (use_params_map(), times_done());
    let key = Memo::new(move |_| format!("{} {}", params.read().get("engine").unwrap_or_default(), done.get()));
    load(key, |key| GetEngine { id: key.split_once(' ').unwrap_or_default().0.to_owned() })
        .show(|(engine, checks)| view! { <Body engine=engine checks=checks /> }.into_any())
}

#[component]
fn Body(engine: EngineView, checks: Vec<CheckView>) -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| query.read().get("do").unwrap_or_default());
    let stored = StoredValue::new(engine.clone());
    let dialog = move || match asked.get().as_str() {
        "rotate" => Some(view! { <RotateDialog engine=stored.get_value() /> }.into_any()),
        "delete" => Some(view! { <DeleteDialog engine=stored.get_value() /> }.into_any()),
        _ => None,
    };
    let reason = (!engine.status_reason.is_empty()).then(|| {
        let tone = status::engine(engine.status).0;
        view! { <Banner tone=tone title=engine.status_reason.clone() /> }
    });
    let expiring = engine.credentials_expiring.then(|| {
        let rotate = paths::engine_dialog(&engine.id.to_string(), "rotate");
        view! {
            <Banner tone=Tone::Wait title="The credentials expire soon">
                <a class="link" href=rotate>
                    "Rotate credentials"
                </a>
            </Banner>
        }
    });
    let ending = engine.status == EngineStatus::Deleting;
    let switch = (!ending).then(|| view! { <Switch engine=engine.clone() /> });
    view! {
        <Head engine=engine.clone() />
        {reason}
        {expiring}
        <div class="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
            <div class="grid min-w-0 gap-4">
                <Nodes engine=engine.clone() />
                <Checks checks=checks />
            </div>
            <div class="grid gap-4">
                <Facts engine=engine.clone() />
                <Change engine=engine.clone() />
                {switch}
                <End id=engine.id.to_string() ending=ending />
            </div>
        </div>
        {dialog}
    }
}

#[component]
fn Head(engine: EngineView) -> impl IntoView {
    let (tone, word) = status::engine(engine.status);
    let id = engine.id.to_string();
    let rest = paths::rest(&["engines", &id]);
    // Of an account's engine the label carries the account too.
    let label = engine.nodes.first().map_or(&engine.name, |node| &node.engine);
    let nodes = format!("kubectl get nodes -l remotegpu.ai/engine={label}");
    let actions = move || view! { <Actions id=id.clone() /> };
    let is_basic = engine.auth.method == AuthMethod::Basic;
    let basic = move || is_basic.then(|| view! { <Badge tone=Tone::Wait label="basic via proxy" /> });
    let address = (!engine.api_url.is_empty()).then(|| view! { <CopyLine text=engine.api_url label="address" /> });
    let checked = engine.last_check_at.map(|at| view! { <p>"checked " <Ago at=at /></p> });
    view! {
        <PageHead
            title=engine.name
            trail=vec![(paths::engines(), "Engines".to_owned())]
            badge=move || view! { <Badge tone=tone label=word /> {basic()} }
            actions=actions
        >
            <p>{engine.kind.words()}</p>
            {address}
            <p>{engine.version}</p>
            {checked}
            <CopyAs rest=rest kubectl=nodes />
        </PageHead>
    }
}

#[component]
fn Actions(id: String) -> impl IntoView {
    let sending = Sending::to::<CheckEngine>();
    let refusal = sending.refusal();
    let rotate = paths::engine_dialog(&id, "rotate");
    view! {
        {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
        <PostForm sending=sending>
            <input type="hidden" name="id" value=id />
            <Button blocked=sending.blocked("Checking")>"Check now"</Button>
        </PostForm>
        <ButtonLink href=rotate>"Rotate credentials"</ButtonLink>
    }
}

#[component]
fn Facts(engine: EngineView) -> impl IntoView {
    let method = match engine.auth.method {
        AuthMethod::BearerToken => "Bearer token",
        AuthMethod::Basic => "User name and password",
        AuthMethod::ApiKey => "API key",
        AuthMethod::ClientCertificate => "Client certificate",
        AuthMethod::None => "None: a socket of this machine",
    };
    let ca = engine.ca.as_ref().map(|ca| match (&ca.subject, &ca.not_after) {
        (Some(subject), Some(end)) => format!("{subject}, until {}", end.split('T').next().unwrap_or(end)),
        _ if ca.source == "system" => "the system's trusted roots".to_owned(),
        _ => "given".to_owned(),
    });
    let expires = engine.auth.expires_at.clone().map_or("not said".to_owned(), |at| crate::ui::clock::absolute(&at));
    let renewal = engine.auth.expires_at.as_ref().map(|_| {
        let words = if engine.auth.renewable { "by the console, at half of its life" } else { "by hand" };
        words.to_owned()
    });
    let known = |text: String| (!text.is_empty()).then_some(text);
    let namespaces = (!engine.namespaces.is_empty()).then(|| engine.namespaces.join(", "));
    let lines = [
        ("Belongs to", Some(if engine.platform { "the platform" } else { "this account" }.to_owned())),
        ("Capacity", Some(capacity(&engine))),
        ("Signs in with", Some(method.to_owned())),
        ("As", known(engine.auth.identity)),
        ("Set on", Some(crate::ui::clock::absolute(&engine.auth.set_at))),
        ("Expires", Some(expires)),
        ("Renewal", renewal),
        ("CA", ca),
        ("Load Balancer IP", known(engine.load_balancer_ip)),
        ("Writes in", namespaces),
        ("Ecosystem", known(engine.ecosystem)),
        ("Cluster UID", known(engine.cluster_uid)),
    ];
    let line = |(word, value): (&'static str, Option<String>)| {
        value.map(|value| view! { <dt class="text-muted">{word}</dt><dd class="min-w-0 wrap-anywhere">{value}</dd> })
    };
    view! {
        <Panel title="Facts">
            <dl class="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 p-4">{lines.map(line).into_iter().collect_view()}</dl>
        </Panel>
    }
}

/// The last checks, the newest open.
#[component]
fn Checks(checks: Vec<CheckView>) -> impl IntoView {
    if checks.is_empty() {
        return view! { <EmptyState title="Not checked yet" text="The first check follows within minutes, or at once with Check now." /> }
            .into_any();
    }
    let one = |(at, check): (usize, CheckView)| {
        let newest = at == 0;
        let failed = check.rows.iter().filter(|row| row.status == domain::engine::RowStatus::Fail).count();
        let words = match failed {
            0 => format!("{} check, passed", check.depth),
            1 => format!("{} check, 1 failure", check.depth),
            more => format!("{} check, {more} failures", check.depth),
        };
        view! {
            <details open=newest>
                <summary class="flex cursor-pointer justify-between gap-3 px-4 py-2">
                    <span>{words}</span>
                    <Ago at=check.at />
                </summary>
                <Rows rows=check.rows />
            </details>
        }
    };
    view! {
        <Panel title="Checks">
            <div class="divide-y divide-line">{checks.into_iter().enumerate().map(one).collect_view()}</div>
        </Panel>
    }
    .into_any()
}

#[component]
fn Switch(engine: EngineView) -> impl IntoView {
    let sending = Sending::to::<SwitchEngine>();
    let refusal = sending.refusal();
    let off = engine.status == EngineStatus::Disabled;
    let before = Signal::stored(Some(off.to_string()));
    let (words, button) = if off {
        ("It takes no new workloads and is not checked. Those on it run on.", "Enable engine")
    } else {
        ("It takes no new workloads and is not checked any more. Those on it run on.", "Disable engine")
    };
    view! {
        <Panel title="Use">
            <PostForm sending=sending before=("disabled", before)>
                <div class="grid gap-3 p-4">
                    {move || refusal.get().map(|error| view! { <ErrorBanner error=error /> })}
                    <p class="text-muted">{words}</p>
                    <input type="hidden" name="id" value=engine.id.to_string() />
                    <input type="hidden" name="disabled" value=(!off).to_string() />
                    <div>
                        <Button blocked=sending.blocked("Saving")>{button}</Button>
                    </div>
                </div>
            </PostForm>
        </Panel>
    }
}

#[component]
fn End(id: String, ending: bool) -> impl IntoView {
    let (words, button) = if ending {
        ("It goes, and its credentials with it, when its pods have ended and its nodes are gone.", "Forget engine now")
    } else {
        (
            "Forgets the engine and its credentials; refused while pods run on it, unless they shall end too. The rights on the other side stay until somebody takes them back there.",
            "Delete engine",
        )
    };
    view! {
        <Panel title="End">
            <div class="grid gap-3 p-4">
                <p class="text-muted">{words}</p>
                <div>
                    <ButtonLink href=paths::engine_dialog(&id, "delete") tone=ButtonTone::Danger>
                        {button}
                    </ButtonLink>
                </div>
            </div>
        </Panel>
    }
}

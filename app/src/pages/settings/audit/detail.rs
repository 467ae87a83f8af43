//! One row of the audit log with all its fields.

use domain::audit::AuditView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::row::OutcomeBadge;
use crate::api::audit::GetAudit;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::paths;
use crate::ui::clock::{Ago, absolute};
use crate::ui::copy::CopyLine;

/// A row of the account's log.
#[component]
pub fn AuditRowPage() -> impl IntoView {
    page(false)
}

/// A row of the platform's log.
#[component]
pub fn PlatformAuditRowPage() -> impl IntoView {
    page(true)
}

fn page(platform: bool) -> AnyView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.read().get("row").unwrap_or_default());
    let call: fn(String) -> GetAudit =
        if platform { |id| GetAudit { id, platform: true } } else { |id| GetAudit { id, platform: false } };
    load(id, call).show(move |row| view! { <Facts platform=platform row=row /> }.into_any())
}

#[component]
fn Facts(platform: bool, row: AuditView) -> impl IntoView {
    let trail = vec![(paths::audit(platform), (if platform { "Platform audit" } else { "Audit" }).to_owned())];
    let (at, exact) = (row.at.clone(), absolute(&row.at));
    let place = if row.sequence > 0 { format!("{} of its chain", row.sequence) } else { "before sealing began".into() };
    let copied = [
        ("Who", row.actor),
        ("On", row.target),
        ("Request id", row.request_id),
        ("Token id (jti)", row.jti.unwrap_or_default()),
        ("Account", row.account_id.unwrap_or_default()),
        ("Row id", row.id),
        ("Seal", row.hash),
    ];
    let said = [
        ("Name of who", row.actor_name),
        ("Name of what", row.target_name),
        ("Facts", row.detail),
        ("Address", row.address),
        ("Program", row.user_agent),
        ("Place", place),
    ];
    let line = |(label, text): (&'static str, String)| {
        let shown = (!text.is_empty()).then(|| view! { <CopyLine text=text label=label.to_lowercase() /> });
        view! { <Fact label=label>{shown}</Fact> }
    };
    let words = |(label, text): (&'static str, String)| view! { <Fact label=label>{text}</Fact> };
    view! {
        <PageHead title=row.action trail=trail>
            <OutcomeBadge outcome=row.outcome code=row.code />
            <Ago at=at />
        </PageHead>
        <dl class="divide-y divide-line rounded-md border border-line bg-surface">
            <Fact label="When">{exact}</Fact>
            {said.map(words).collect_view()}
            {copied.map(line).collect_view()}
        </dl>
    }
}

#[component]
fn Fact(label: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="grid gap-x-4 gap-y-0.5 px-4 py-2 sm:grid-cols-[180px_minmax(0,1fr)]">
            <dt class="text-sm text-muted">{label}</dt>
            <dd class="wrap-anywhere">{children()}</dd>
        </div>
    }
}

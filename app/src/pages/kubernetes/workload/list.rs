//! What runs in a namespace, whoever made it: live, with the filters in the URL.

use std::sync::Arc;

use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::permission::Permission;
use domain::workload::{WorkloadAction, WorkloadKind, WorkloadList, WorkloadView};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use super::dialogs::DeleteSelected;
use crate::api::workload::ListWorkloads;
use crate::features::live::{LiveDot, use_live};
use crate::features::load::load;
use crate::features::problem::ErrorBanner;
use crate::features::right::{ActionLink, menu_item, use_refusal};
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::features::status;
use crate::pages::kubernetes::namespace::detail::InNamespace;
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{Button, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::Ago;
use crate::ui::empty::EmptyState;
use crate::ui::field::INPUT;
use crate::ui::keyed::Keyed;
use crate::ui::menu::{MenuItem, RowMenu};
use crate::ui::money::per_hour;
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};
use crate::ui::tabs::Segment;

/// The tab *Workloads*.
#[component]
pub fn WorkloadsPage() -> impl IntoView {
    let page = |namespace| view! { <Workloads namespace=namespace /> }.into_any();
    view! { <InNamespace page=Arc::new(page) /> }.into_any()
}

#[component]
fn Workloads(namespace: NamespaceView) -> impl IntoView {
    if namespace.status != NamespaceStatus::Active {
        return view! { <NotReady status=namespace.status /> }.into_any();
    }
    let (id, for_key) = (namespace.id.clone(), namespace.id);
    let search = use_location().search;
    let filters = Memo::new(move |_| own_filters(&search.get()));
    let key = Memo::new(move |_| format!("{for_key}?{}", filters.get()));
    let list = load(key, |key| {
        let (namespace, query) = key.split_once('?').unwrap_or_default();
        ListWorkloads { namespace: namespace.to_owned(), query: query.to_owned() }
    });
    let (namespace_id, for_dialog) = (id.clone(), id.clone());
    let query = use_query_map();
    let chosen = Memo::new(move |_| query.read().get_all("item").unwrap_or_default());
    let body = list.show_or(
        move |list| {
            view! { <LiveList namespace_id=id.clone() filters=filters.get_untracked() loaded=list /> }.into_any()
        },
        |error| view! { <ErrorBanner error=error /> }.into_any(),
    );
    view! {
        <Filters namespace_id=namespace_id />
        {body}
        {move || {
            let items = chosen.get();
            (!items.is_empty()).then(|| view! { <DeleteSelected namespace_id=for_dialog.clone() items=items /> })
        }}
    }
    .into_any()
}

/// The filters of the query string; what else stands there, such as a notice, is not for the list.
fn own_filters(search: &str) -> String {
    let known = |pair: &&str| ["kind=", "q=", "cursor="].iter().any(|name| pair.starts_with(name));
    let own = |pair: &&str| known(pair) && !pair.ends_with('=');
    search.trim_start_matches('?').split('&').filter(own).collect::<Vec<_>>().join("&")
}

/// Kinds as links and a search field as a plain form: both work without JavaScript.
#[component]
fn Filters(namespace_id: String) -> impl IntoView {
    let query = use_query_map();
    let kind = Memo::new(move |_| query.read().get("kind").unwrap_or_default());
    let text = query.read_untracked().get("q").unwrap_or_default();
    let base = paths::workloads(&namespace_id);
    let action = base.clone();
    let segment = move |(word, value): (&'static str, &'static str)| {
        let href = if value.is_empty() { base.clone() } else { paths::with_query(&base, &[("kind", value)]) };
        let current = Signal::derive(move || kind.with(|kind| kind == value));
        view! { <Segment href=href label=word current=current /> }
    };
    let plural = |kind: WorkloadKind| match kind {
        WorkloadKind::Deployment => "Deployments",
        WorkloadKind::StatefulSet => "StatefulSets",
        WorkloadKind::CronJob => "CronJobs",
        WorkloadKind::Job => "Jobs",
        WorkloadKind::Pod => "Pods",
    };
    let kinds = [("All", "")].into_iter().chain(WorkloadKind::ALL.map(|kind| (plural(kind), kind.as_str())));
    view! {
        <div class="flex flex-wrap items-center gap-3">
            <nav aria-label="Kind" class="inline-flex divide-x divide-line rounded border border-line-strong max-md:w-full max-md:overflow-x-auto">
                {kinds.map(segment).collect_view()}
            </nav>
            <form method="get" action=action class="ml-auto flex min-w-0 gap-2 max-md:w-full" role="search">
                {move || {
                    let kind = kind.get();
                    (!kind.is_empty()).then(|| view! { <input type="hidden" name="kind" value=kind /> })
                }}
                <input
                    type="search"
                    name="q"
                    class=INPUT
                    maxlength="200"
                    placeholder="Name, image or SKU"
                    aria-label="Name, image or SKU"
                    autocomplete="off"
                    value=text
                />
                <Button>"Filter"</Button>
            </form>
        </div>
    }
}

/// The page follows by itself once the namespace is active.
#[component]
fn NotReady(status: NamespaceStatus) -> impl IntoView {
    let (title, text) = match status {
        NamespaceStatus::Deleting => ("Being deleted", "Everything in this namespace is being removed."),
        NamespaceStatus::Failed => ("Not set up", "This namespace could not be set up. Its message stands above."),
        _ => (
            "Being created",
            "Limits, rights and isolation are being set up. This takes a few seconds; the page follows by itself.",
        ),
    };
    view! { <EmptyState title=title text=text /> }
}

const COLUMNS: &[Column] = &[
    Column::Words("Name"),
    Column::Words("Status"),
    Column::Words("SKU"),
    Column::Figures("Ready"),
    Column::Figures("Restarts"),
    Column::Figures("Price"),
    Column::Figures("Created"),
    Column::Actions("Actions"),
];

const SORTS: SortColumns<WorkloadView> = &[
    ("Name", |workload| SortKey::text(&workload.name)),
    ("Status", |workload| SortKey::text(status::workload(workload).1)),
    ("SKU", |workload| SortKey::text(&workload.sku_code)),
    ("Ready", |workload| SortKey::Number(workload.ready.into())),
    ("Restarts", |workload| SortKey::Number(workload.restarts.into())),
    ("Price", |workload| SortKey::price(workload.price_per_hour.as_ref())),
    ("Created", |workload| SortKey::time(&workload.created_at)),
];

/// The form that the boxes of the rows belong to. Without JavaScript too: its button is there while a box is ticked, and
/// the dialog it leads to is a state of the URL.
const SELECTED: &str = "selected";

/// The list as loaded, then as the stream says.
#[component]
fn LiveList(namespace_id: String, filters: String, loaded: WorkloadList) -> impl IntoView {
    let filtered = !filters.is_empty();
    let (first, next) = pages(&namespace_id, &filters);
    let (live, link) = use_live::<WorkloadList>(Signal::stored(paths::live_workloads(&namespace_id, &filters)));
    let shown = Memo::new(move |_| live.get().unwrap_or_else(|| loaded.clone()));
    let stale = Signal::derive(move || shown.with(|list| list.stale_since.clone()));
    let empty = Memo::new(move |_| shown.with(|list| list.items.is_empty()));
    let key = |w: &WorkloadView| (format!("{}/{}", w.kind.as_str(), w.name), String::new());
    let whole = Memo::new(move |_| shown.with(|list| list.next_cursor.is_none()));
    let sort = use_sort(SORTS);
    let names = Signal::derive(move || sort.if_whole(whole.get()).rows(shown.get().items).iter().map(key).collect());
    let (id, refused) = (StoredValue::new(namespace_id), use_refusal(Permission::Deploy));
    let row = move |key, _| view! { <Row namespace_id=id.get_value() key=key all=shown /> }.into_any();
    let table = move || {
        view! {
            <Table label="Workloads" columns=COLUMNS sorts=sort.if_whole(whole.get()).heads()>
                <Keyed items=names draw=Arc::new(row) />
            </Table>
        }
    };
    view! {
        <div class="group grid gap-2">
            <div class="flex min-h-7 items-center gap-3 text-sm text-muted">
                <form id=SELECTED method="get" action=paths::workloads(&id.get_value()) class="hidden group-has-[input:checked]:block">
                    <Button tone=ButtonTone::Danger size=ButtonSize::Small blocked=refused>
                        "Delete selected"
                    </Button>
                </form>
                <span class="ml-auto" data-testid="found">{move || shown.with(found)}</span>
                <LiveDot link=link stale=stale />
            </div>
            {move || {
                match (empty.get(), filtered) {
                    (true, true) => view! { <NothingFits namespace_id=id.get_value() /> }.into_any(),
                    (true, false) => view! { <NothingRuns namespace_id=id.get_value() /> }.into_any(),
                    (false, _) => table().into_any(),
                }
            }}
            <p class="flex gap-2">
                {first.map(|href| view! { <ButtonLink href=href>"First page"</ButtonLink> })}
                {move || {
                    let cursor = shown.with(|list| list.next_cursor.clone());
                    cursor.map(|cursor| view! { <ButtonLink href=next(&cursor)>"Next page"</ButtonLink> })
                }}
            </p>
        </div>
    }
}

/// Where the first page is, unless it is this one, and where the page after a cursor is; both with the same filters.
fn pages(namespace_id: &str, filters: &str) -> (Option<String>, impl Fn(&str) -> String + Send + Sync + use<>) {
    let base = paths::workloads(namespace_id);
    let kept: Vec<&str> = filters.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")).collect();
    let kept = kept.join("&");
    let later = filters.split('&').any(|pair| pair.starts_with("cursor="));
    let first = later.then(|| if kept.is_empty() { base.clone() } else { format!("{base}?{kept}") });
    let next = move |cursor: &str| {
        let page = paths::with_query(&base, &[("cursor", cursor)]);
        if kept.is_empty() { page } else { format!("{page}&{kept}") }
    };
    (first, next)
}

/// `100 of 5000 shown, what needs attention first`; nothing while all are shown.
fn found(list: &WorkloadList) -> String {
    let shown = list.items.len() as u32;
    match (list.found > shown, list.found < list.total) {
        (true, _) => format!("{shown} of {} shown, what needs attention first", list.found),
        (false, true) => format!("{shown} of {}", list.total),
        (false, false) => String::new(),
    }
}

/// One row; its cells follow the stream, the row itself stays.
#[component]
fn Row(namespace_id: String, key: String, all: Memo<WorkloadList>) -> impl IntoView {
    let (kind, name) = key.split_once('/').unwrap_or_default();
    let (kind, name) = (WorkloadKind::parse(kind).unwrap_or(WorkloadKind::Pod), name.to_owned());
    let href = paths::workload(&namespace_id, kind, &name);
    let (wanted, menu, label) = (name.clone(), menu(&namespace_id, kind, &name), format!("Actions for {name}"));
    let mine =
        Memo::new(move |_| all.with(|all| all.items.iter().find(|w| w.kind == kind && w.name == wanted).cloned()));
    let text = move |read: fn(&WorkloadView) -> String| {
        Signal::derive(move || mine.with(|w| w.as_ref().map(read).unwrap_or_default()))
    };
    let tone = Signal::derive(move || mine.with(|w| w.as_ref().map_or(Tone::Ended, |w| status::workload(w).0)));
    let word = text(|w| status::workload(w).1.to_owned());
    let (reason, sku) = (text(|w| w.reason.clone()), text(|w| w.sku_code.clone()));
    let (ready, restarts) = (text(|w| format!("{}/{}", w.ready, w.wanted)), text(|w| w.restarts.to_string()));
    let price = text(|w| w.price_per_hour.as_ref().map_or_else(|| "–".to_owned(), per_hour));
    view! {
        <tr class=ROW>
            <td class=CELL>
                <p class="flex flex-wrap items-baseline gap-x-2">
                    <input type="checkbox" form=SELECTED name="item" value=key aria-label=format!("Select {name}") class="size-4 self-center accent-accent print:hidden" />
                    <a href=href class="font-medium wrap-anywhere hover:underline">
                        {name}
                    </a>
                    <span class="text-sm text-faint">{kind.word()}</span>
                </p>
                <p class="max-w-70 truncate font-mono text-sm text-muted">{text(|w| w.image.clone())}</p>
            </td>
            <td class=CELL>
                <Badge tone=tone label=word />
                <p class="line-clamp-3 max-w-80 text-sm text-muted">{move || reason.get()}</p>
            </td>
            <td class=CELL>
                <code class="font-mono text-sm whitespace-nowrap">{move || sku.get()}</code>
            </td>
            <td class=FIGURE>{move || ready.get()}</td>
            <td class=FIGURE>{move || restarts.get()}</td>
            <td class=FIGURE>{move || price.get()}</td>
            <td class=FIGURE>
                <Ago at=text(|w| w.created_at.clone()) />
            </td>
            <td class=FIGURE>
                <RowMenu label=label items=menu />
            </td>
        </tr>
    }
}

/// Where the menu of a row leads.
fn menu(namespace_id: &str, kind: WorkloadKind, name: &str) -> Vec<MenuItem> {
    let dialogs = [
        (WorkloadAction::Scale, "scale", "Scale"),
        (WorkloadAction::Restart, "restart", "Restart"),
        (WorkloadAction::ChangeImage, "image", "Change image"),
    ];
    let dialog = |asked: &str, words| {
        menu_item(paths::workload_dialog(namespace_id, kind, name, asked), words, Permission::Deploy)
    };
    let logs = (kind != WorkloadKind::CronJob)
        .then(|| MenuItem::open(paths::workload_tab(namespace_id, kind, name, "logs"), "Logs"));
    let allowed = dialogs.into_iter().filter(|(action, ..)| action.of(kind).is_ok());
    let allowed = allowed.map(|(_, asked, words)| dialog(asked, words));
    logs.into_iter().chain(allowed).chain([dialog("delete", "Delete")]).collect()
}

#[component]
fn NothingRuns(namespace_id: String) -> impl IntoView {
    view! {
        <EmptyState
            title="Nothing runs here yet"
            text="Deploy from the console, or with kubectl apply: everything in this namespace appears here, whoever made it."
            learn=paths::learn::WORKLOADS
        >
            <ActionLink href=paths::deploy(&namespace_id) permission=Permission::Deploy tone=ButtonTone::Primary>
                "Deploy"
            </ActionLink>
            <ButtonLink href=paths::access(&namespace_id)>"Use kubectl"</ButtonLink>
        </EmptyState>
    }
}

#[component]
fn NothingFits(namespace_id: String) -> impl IntoView {
    view! {
        <EmptyState title="Nothing fits the filter" text="What you look for may be of another kind, or bear another name.">
            <ButtonLink href=paths::workloads(&namespace_id)>"Show everything"</ButtonLink>
        </EmptyState>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_in_the_url_is_no_filter() {
        assert_eq!(own_filters("?done=workload-deleted&name=x&kind=job&q="), "kind=job");
        assert_eq!(own_filters("?q=a%26b"), "q=a%26b");
        assert_eq!(own_filters("?cursor=2-pod-a&done=x"), "cursor=2-pod-a");
    }

    #[test]
    fn a_page_keeps_the_filters_and_leaves_out_the_page_before() {
        let (first, next) = pages("7", "kind=pod&cursor=2-pod-a");
        assert_eq!(first.as_deref(), Some("/kubernetes/7/workloads?kind=pod"));
        assert_eq!(next("2-pod-b"), "/kubernetes/7/workloads?cursor=2-pod-b&kind=pod");
        let (first, next) = pages("7", "");
        assert_eq!((first, next("3-job-x")), (None, "/kubernetes/7/workloads?cursor=3-job-x".to_owned()));
    }
}

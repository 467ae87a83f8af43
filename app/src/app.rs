//! The route table of the console.
//!
//! Every route renders wholly on the server (`SsrMode::Async`): any page may answer 302 or 404.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{Lazy, LazyRoute, SsrMode, path};

use crate::features::layout::Layout;
use crate::pages::catalogue::sku::list::CataloguePage;
use crate::pages::engine::detail::EnginePage;
use crate::pages::engine::list::EnginesPage;
use crate::pages::invite::InvitePage;
use crate::pages::kubernetes::config::ConfigPage;
use crate::pages::kubernetes::config_map::detail::ConfigMapPage;
use crate::pages::kubernetes::deployment::create::DeployPage;
use crate::pages::kubernetes::manifest::create::PasteManifestPage;
use crate::pages::kubernetes::namespace::access::AccessPage;
use crate::pages::kubernetes::namespace::detail::NamespaceFrame;
use crate::pages::kubernetes::namespace::list::NamespacesPage;
use crate::pages::kubernetes::namespace::quota::NamespaceQuotaPage;
use crate::pages::kubernetes::namespace::settings::NamespaceSettingsPage;
use crate::pages::kubernetes::secret::detail::SecretPage;
use crate::pages::kubernetes::service::list::NetworkPage;
use crate::pages::kubernetes::skypilot::detail::SkypilotPage;
use crate::pages::kubernetes::workload::detail::WorkloadPage;
use crate::pages::kubernetes::workload::list::WorkloadsPage;
#[cfg(target_arch = "wasm32")]
use crate::pages::kubernetes::workload::metrics::preload_charts;
use crate::pages::login::LoginPage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::overview::OverviewPage;
use crate::pages::platform::account::detail::PlatformAccountPage;
use crate::pages::platform::account::list::PlatformAccountsPage;
use crate::pages::platform::health::detail::HealthPage;
use crate::pages::platform::node::detail::NodePage;
use crate::pages::platform::node::list::NodesPage;
use crate::pages::platform::sku::detail::PlatformSkuPage;
use crate::pages::platform::sku::list::PlatformSkusPage;
use crate::pages::platform::skypilot::list::PlatformSkypilotPage;
use crate::pages::platform::tenant::list::PlatformTenantsPage;
use crate::pages::reauthenticate::ReauthenticatePage;
use crate::pages::reset::ResetPage;
use crate::pages::settings::account::detail::AccountPage;
use crate::pages::settings::api_key::detail::ApiKeyPage;
use crate::pages::settings::api_key::list::ApiKeysPage;
use crate::pages::settings::audit::detail::{AuditRowPage, PlatformAuditRowPage};
use crate::pages::settings::audit::list::{AuditPage, PlatformAuditPage};
use crate::pages::settings::cli_session::list::CliSessionsPage;
use crate::pages::settings::member::list::MembersPage;
use crate::pages::settings::profile::detail::ProfilePage;
use crate::pages::settings::webhook::detail::WebhookPage;
use crate::pages::settings::webhook::list::WebhooksPage;
use crate::pages::sign_in_failed::SignInFailedPage;
use crate::pages::usage::budget::BudgetsPage;
use crate::pages::usage::list::UsagePage;
use crate::pages::usage::record::UsageRecordsPage;
use crate::ui::clock::provide_clock;

/// An area: pages whose code the browser fetches when somebody goes to one of them (and at once with the page it shows
/// first), so that the first load stays small however many pages there are. Areas and not single pages, because what
/// each set of parts shares becomes a file of its own. `+` names what else some addresses of a page need before it is
/// brought to life.
macro_rules! area {
    ($area:ident, $preload:ident, $pages:ident { $($route:ident: $page:ident $(+ $also:ident)?),* $(,)? }) => {
        enum $pages {
            $($route,)*
        }

        #[lazy]
        fn $area(page: $pages) -> AnyView {
            match page {
                $($pages::$route => $page().into_any(),)*
            }
        }

        $(
            struct $route;

            impl LazyRoute for $route {
                fn data() -> Self {
                    Self
                }

                async fn view(_: Self) -> AnyView {
                    $area($pages::$route).await
                }

                async fn preload() {
                    $(
                        #[cfg(target_arch = "wasm32")]
                        $also().await;
                    )?
                    #[cfg(target_arch = "wasm32")]
                    $preload().await;
                }
            }
        )*
    };
}

area!(
    kubernetes,
    __preload_kubernetes,
    KubernetesPage {
        Namespaces: NamespacesPage,
        Access: AccessPage,
        NamespaceQuota: NamespaceQuotaPage,
        NamespaceSettings: NamespaceSettingsPage,
    }
);

area!(catalogue, __preload_catalogue, CatalogueArea { Catalogue: CataloguePage });

area!(
    workloads,
    __preload_workloads,
    WorkloadsArea {
        Workload: WorkloadPage + preload_charts,
        Workloads: WorkloadsPage,
        Deploy: DeployPage,
        Paste: PasteManifestPage,
    }
);

area!(
    config,
    __preload_config,
    ConfigArea {
        Config: ConfigPage,
        ConfigMap: ConfigMapPage,
        Secret: SecretPage,
        Network: NetworkPage,
        Skypilot: SkypilotPage
    }
);

area!(
    settings,
    __preload_settings,
    SettingsPage {
        ApiKeys: ApiKeysPage,
        CliSessions: CliSessionsPage,
        OwnProfile: ProfilePage,
        ApiKey: ApiKeyPage,
        Audit: AuditPage,
        AuditRow: AuditRowPage,
        PlatformAudit: PlatformAuditPage,
        PlatformAuditRow: PlatformAuditRowPage,
        Members: MembersPage,
        Account: AccountPage,
        Webhooks: WebhooksPage,
        Webhook: WebhookPage,
    }
);

// Apart from the other two: it alone draws charts.
area!(usage, __preload_usage, UsageArea { Usage: UsagePage });

area!(spending, __preload_spending, SpendingArea { UsageRecords: UsageRecordsPage, Budgets: BudgetsPage });

area!(engine, __preload_engine, EngineArea { Engines: EnginesPage, Engine: EnginePage });

area!(
    platform,
    __preload_platform,
    PlatformPage {
        PlatformAccounts: PlatformAccountsPage,
        PlatformAccount: PlatformAccountPage,
        Skus: PlatformSkusPage,
        Sku: PlatformSkuPage,
        Nodes: NodesPage,
        Node: NodePage,
        PlatformSkypilot: PlatformSkypilotPage,
        Tenants: PlatformTenantsPage,
        Health: HealthPage,
    }
);

area!(
    proof,
    __preload_proof,
    ProofPage {
        Reauthenticate: ReauthenticatePage,
        Reset: ResetPage,
        SignInFailed: SignInFailedPage,
        Invite: InvitePage
    }
);

/// The whole console.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_clock();
    view! {
        // The text of a page that failed before it had a name: without one the window would have none.
        <Title
            text=""
            formatter=|text: String| if text.is_empty() { "RemoteGPU".to_owned() } else { format!("{text} · RemoteGPU") }
        />
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                <Route path=path!("/reauthenticate") view={Lazy::<Reauthenticate>::new()} ssr=SsrMode::Async />
                <Route path=path!("/sign-in-failed") view={Lazy::<SignInFailed>::new()} ssr=SsrMode::Async />
                <Route path=path!("/reset/:token") view={Lazy::<Reset>::new()} ssr=SsrMode::Async />
                <Route path=path!("/invite/:token") view={Lazy::<Invite>::new()} ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Layout ssr=SsrMode::Async>
                    <Route path=path!("") view=OverviewPage ssr=SsrMode::Async />
                    <Route path=path!("kubernetes") view={Lazy::<Namespaces>::new()} ssr=SsrMode::Async />
                    <Route path=path!("kubernetes/:namespace/workloads/:kind/:name") view={Lazy::<Workload>::new()} ssr=SsrMode::Async />
                    <Route path=path!("kubernetes/:namespace/workloads/:kind/:name/:tab") view={Lazy::<Workload>::new()} ssr=SsrMode::Async />
                    <ParentRoute path=path!("kubernetes/:namespace") view=NamespaceFrame ssr=SsrMode::Async>
                        <Route path=path!("") view={Lazy::<Workloads>::new()} ssr=SsrMode::Async />
                        <Route path=path!("workloads") view={Lazy::<Workloads>::new()} ssr=SsrMode::Async />
                        <Route path=path!("deploy") view={Lazy::<Deploy>::new()} ssr=SsrMode::Async />
                        <Route path=path!("manifest") view={Lazy::<Paste>::new()} ssr=SsrMode::Async />
                        <Route path=path!("access") view={Lazy::<Access>::new()} ssr=SsrMode::Async />
                        <Route path=path!("config") view={Lazy::<Config>::new()} ssr=SsrMode::Async />
                        <Route path=path!("config/config-maps/:name") view={Lazy::<ConfigMap>::new()} ssr=SsrMode::Async />
                        <Route path=path!("config/secrets/:name") view={Lazy::<Secret>::new()} ssr=SsrMode::Async />
                        <Route path=path!("skypilot") view={Lazy::<Skypilot>::new()} ssr=SsrMode::Async />
                        <Route path=path!("network") view={Lazy::<Network>::new()} ssr=SsrMode::Async />
                        <Route path=path!("quota") view={Lazy::<NamespaceQuota>::new()} ssr=SsrMode::Async />
                        <Route path=path!("settings") view={Lazy::<NamespaceSettings>::new()} ssr=SsrMode::Async />
                    </ParentRoute>
                    <Route path=path!("catalogue") view={Lazy::<Catalogue>::new()} ssr=SsrMode::Async />
                    <Route path=path!("usage") view={Lazy::<Usage>::new()} ssr=SsrMode::Async />
                    <Route path=path!("usage/records") view={Lazy::<UsageRecords>::new()} ssr=SsrMode::Async />
                    <Route path=path!("usage/budgets") view={Lazy::<Budgets>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/api-keys") view={Lazy::<ApiKeys>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/cli") view={Lazy::<CliSessions>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/api-keys/:key") view={Lazy::<ApiKey>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/members") view={Lazy::<Members>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/webhooks") view={Lazy::<Webhooks>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/webhooks/:webhook") view={Lazy::<Webhook>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/account") view={Lazy::<Account>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/accounts") view={Lazy::<PlatformAccounts>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/accounts/:account") view={Lazy::<PlatformAccount>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/skus") view={Lazy::<Skus>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/skus/:sku") view={Lazy::<Sku>::new()} ssr=SsrMode::Async />
                    <Route path=path!("engines") view={Lazy::<Engines>::new()} ssr=SsrMode::Async />
                    <Route path=path!("engines/:engine") view={Lazy::<Engine>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/nodes") view={Lazy::<Nodes>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/nodes/:node") view={Lazy::<Node>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/skypilot") view={Lazy::<PlatformSkypilot>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/tenants") view={Lazy::<Tenants>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/health") view={Lazy::<Health>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/profile") view={Lazy::<OwnProfile>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/audit") view={Lazy::<Audit>::new()} ssr=SsrMode::Async />
                    <Route path=path!("settings/audit/:row") view={Lazy::<AuditRow>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/audit") view={Lazy::<PlatformAudit>::new()} ssr=SsrMode::Async />
                    <Route path=path!("platform/audit/:row") view={Lazy::<PlatformAuditRow>::new()} ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

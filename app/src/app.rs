//! The route table of the console.
//!
//! Every route renders wholly on the server (`SsrMode::Async`): any page may answer 302 or 404.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::features::layout::Layout;
use crate::pages::catalogue::sku::list::CataloguePage;
use crate::pages::kubernetes::deployment::create::DeployPage;
use crate::pages::kubernetes::deployment::detail::DeploymentPage;
use crate::pages::kubernetes::deployment::list::WorkloadsPage;
use crate::pages::kubernetes::namespace::access::AccessPage;
use crate::pages::kubernetes::namespace::detail::NamespaceFrame;
use crate::pages::kubernetes::namespace::list::NamespacesPage;
use crate::pages::kubernetes::namespace::settings::NamespaceSettingsPage;
use crate::pages::login::LoginPage;
use crate::pages::not_found::NotFoundPage;
use crate::pages::overview::OverviewPage;
use crate::pages::reauthenticate::ReauthenticatePage;
use crate::pages::settings::api_key::list::ApiKeysPage;
use crate::ui::clock::provide_clock;

/// The whole console.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_clock();
    view! {
        <Title formatter=|text: String| if text.is_empty() { "RemoteGPU".to_owned() } else { format!("{text} · RemoteGPU") } />
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                <Route path=path!("/reauthenticate") view=ReauthenticatePage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Layout ssr=SsrMode::Async>
                    <Route path=path!("") view=OverviewPage ssr=SsrMode::Async />
                    <Route path=path!("kubernetes") view=NamespacesPage ssr=SsrMode::Async />
                    <Route path=path!("kubernetes/:namespace/workloads/:name") view=DeploymentPage ssr=SsrMode::Async />
                    <ParentRoute path=path!("kubernetes/:namespace") view=NamespaceFrame ssr=SsrMode::Async>
                        <Route path=path!("") view=WorkloadsPage ssr=SsrMode::Async />
                        <Route path=path!("workloads") view=WorkloadsPage ssr=SsrMode::Async />
                        <Route path=path!("deploy") view=DeployPage ssr=SsrMode::Async />
                        <Route path=path!("access") view=AccessPage ssr=SsrMode::Async />
                        <Route path=path!("settings") view=NamespaceSettingsPage ssr=SsrMode::Async />
                    </ParentRoute>
                    <Route path=path!("catalogue") view=CataloguePage ssr=SsrMode::Async />
                    <Route path=path!("settings/api-keys") view=ApiKeysPage ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
    }
}

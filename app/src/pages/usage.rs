//! What the account's pods cost.

pub mod budget;
pub mod list;
pub mod record;

use leptos::prelude::*;

use crate::paths;
use crate::ui::tabs::{Tab, Tabs};

/// The places of this area.
#[component]
pub fn UsageTabs() -> impl IntoView {
    view! {
        <div class="border-b border-line">
            <Tabs label="Usage">
                <Tab href=paths::usage("") label="Sums" exact=true />
                <Tab href=paths::usage_records("") label="Records" />
                <Tab href=paths::budgets() label="Budgets" />
            </Tabs>
        </div>
    }
}

//! Parts of pages that know the product: its nouns, states, links and rules.
//!
//! Start reading at [`layout`] and [`problem`]; the forms' rules are in [`plan_form`] and [`key_form`].

pub mod cost;
pub mod credentials;
pub mod delete_form;
pub mod diff;
pub mod engine_form;
pub mod engine_manifest;
pub mod engine_report;
pub mod first_steps;
pub mod head;
pub mod invitation_link;
pub mod key_form;
pub mod key_values;
pub mod layout;
pub mod live;
pub mod load;
pub mod log_stream;
pub mod manifest;
pub mod nav;
pub mod notice;
pub mod overview;
pub mod palette;
pub mod plan_form;
pub mod plan_lines;
pub mod plan_panel;
pub mod plan_signals;
pub mod post_form;
pub mod problem;
pub mod provider_link;
pub mod quota;
pub mod quota_meters;
pub mod role;
pub mod scope;
pub mod service_form;
pub mod sku_facts;
pub mod sku_filter;
pub mod sku_form;
pub mod sku_watch;
pub mod status;
pub mod theme;
pub mod verdict;
pub mod visits;
pub mod webhook_form;
pub mod words;
pub mod yaml;

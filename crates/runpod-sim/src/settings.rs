//! What kind of provider is simulated; the default follows the text of the schema and boots fast.

use serde::{Deserialize, Serialize};

/// Switches of the simulator; the control API may change them at any time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Accepted bearer tokens; empty accepts any.
    pub api_keys: Vec<String>,
    /// How an instance comes up.
    pub boot: Boot,
    /// Seconds from create to a running container.
    pub boot_seconds: u64,
    /// Seconds from the running container to its mapped TCP ports.
    pub port_seconds: u64,
    /// Seconds that a new instance is missing from lists.
    pub list_lag_seconds: u64,
    /// An ended process leaves the instance EXITED; otherwise the platform starts it again.
    pub exit_stops: bool,
    /// Lists have pages, as the newer API has.
    pub paging: bool,
    /// Items of a page at most.
    pub page_size: usize,
    /// Calls allowed; `None` sends no quota headers and never refuses.
    pub quota: Option<Quotas>,
    /// Dollars on the account, in millionths.
    pub balance_micros: i64,
    /// Dollars per hour that all instances together may cost, in millionths.
    pub spend_limit_micros: i64,
    /// Replies have fields that the schema does not know yet, and null where it allows.
    pub growth: bool,
    /// The create reply imitates the schema's example instead of its text.
    pub like_example: bool,
    /// Each reply is checked against the schema.
    pub check_replies: bool,
    /// Port of this machine to which `22/tcp` of instances is mapped; set by [`crate::ssh::listen`].
    pub ssh_port: Option<u16>,
    /// Port of this machine to which all other TCP ports of instances are mapped; `None` = to addresses where nobody is.
    pub tcp_port: Option<u16>,
    /// What containers answer to HTTP requests.
    pub http_status: u16,
    /// What containers of certain images do.
    pub processes: Vec<Process>,
}

/// How an instance comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Boot {
    /// PROVISIONING, STARTING, RUNNING.
    ByText,
    /// RUNNING at once, without a runtime until it is up.
    AsLive,
}

/// Requests in each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// In sixty seconds.
    pub minute: u64,
    /// In an hour.
    pub hour: u64,
    /// In a day.
    pub day: u64,
}

/// What a container does once it is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Part of the image's name.
    pub image: String,
    /// What it prints at its start.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Seconds until it ends; never if left out.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Exit code.
    #[serde(default)]
    pub code: i32,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            boot: Boot::ByText,
            boot_seconds: 3,
            port_seconds: 2,
            list_lag_seconds: 0,
            exit_stops: false,
            paging: false,
            page_size: 1000,
            quota: Some(Quotas { minute: 600, hour: 30_000, day: 500_000 }),
            balance_micros: 1_000_000_000,
            spend_limit_micros: 80_000_000,
            growth: false,
            like_example: false,
            check_replies: true,
            ssh_port: None,
            tcp_port: None,
            http_status: 200,
            processes: Vec::new(),
        }
    }
}

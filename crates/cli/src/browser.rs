//! Opening a page in the user's browser.

use std::process::{Command, Stdio};

use reqwest::Url;

/// Tries `$BROWSER`, else what the system opens pages with. False when there is none: the address was printed anyway.
pub fn open(url: &Url) -> bool {
    let system = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let program = std::env::var("BROWSER").ok().filter(|program| !program.is_empty());
    let mut command = Command::new(program.as_deref().unwrap_or(system));
    // Its own messages would stand between ours.
    command.arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}

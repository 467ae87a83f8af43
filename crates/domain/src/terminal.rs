//! A terminal in a container: what a page asks for, and when it is closed for it.
//!
//! Source: `ui.md` §2 (Workload), `security.md` §4.2.

use serde::Deserialize;

use crate::{Error, Result};

/// A terminal that nobody typed into for so long is closed: a forgotten tab must not hold a shell for ever.
pub const IDLE_SECONDS: u64 = 15 * 60;

/// The shell to start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shell {
    /// bash where there is one, else sh.
    #[default]
    Auto,
    /// bash.
    Bash,
    /// sh.
    Sh,
}

/// What a page asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalOptions {
    /// Which container; the first when unsaid.
    #[serde(default)]
    pub container: Option<String>,
    /// Which shell.
    #[serde(default)]
    pub shell: Shell,
    /// Columns of the screen.
    #[serde(default)]
    pub columns: Option<u16>,
    /// Rows of the screen.
    #[serde(default)]
    pub rows: Option<u16>,
}

/// What a person sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalInput {
    /// Keys, or what was pasted.
    Bytes(Vec<u8>),
    /// The window has another size now.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
}

// === impl Shell ===

impl Shell {
    /// The command that starts it.
    pub fn command(self) -> &'static [&'static str] {
        match self {
            Self::Auto => &["/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"],
            Self::Bash => &["bash"],
            Self::Sh => &["sh"],
        }
    }

    /// Why there is none: what a person reads when an image cannot start it.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Auto | Self::Sh => {
                "No shell could be started: this image has none. Its logs, and kubectl debug with an image that has \
                 one, still work"
            }
            Self::Bash => "No shell could be started: this image has no bash. Choose sh",
        }
    }
}

// === impl TerminalOptions ===

impl TerminalOptions {
    /// Checks the size of the screen.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a screen of no or more than 1000 columns or rows.
    pub fn check(&self) -> Result<()> {
        if self.columns.is_none_or(is_side) && self.rows.is_none_or(is_side) {
            return Ok(());
        }
        Err(Error::field("columns", "range", "A screen has 1 to 1000 columns and rows"))
    }
}

/// Whether a screen can have so many columns or rows.
pub fn is_side(cells: u16) -> bool {
    (1..=1000).contains(&cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_has_a_size_that_a_screen_can_have() {
        let of = |columns, rows| TerminalOptions { columns, rows, ..TerminalOptions::default() }.check().is_ok();
        assert!(of(None, None) && of(Some(80), Some(24)));
        assert!(!of(Some(0), Some(24)) && !of(Some(80), Some(1001)));
    }

    #[test]
    fn a_missing_shell_says_what_else_there_is() {
        assert!(Shell::Bash.missing().ends_with("Choose sh"));
        assert!(Shell::Sh.missing().contains("kubectl debug"));
    }
}

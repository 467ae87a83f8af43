//! `remotegpu openapi`: the API document as a file, for `docs/openapi.json` and for people who generate clients.
//! The console serves the same at `/v1/openapi.json`, with its own address in it.

use std::io::Write as _;

use crate::http::v1::api_document;
use crate::public_url::PublicUrl;

// The document of no installation in particular.
const EXAMPLE: &str = "https://console.example.com";

/// Writes the document to standard output, indented, with a line end.
///
/// # Errors
/// When an operation is missing from the table of permissions, or nobody reads.
pub fn print() -> anyhow::Result<()> {
    let url = PublicUrl::new(Some(EXAMPLE), ([127, 0, 0, 1], 443).into())?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &api_document(&url)?)?;
    writeln!(out)?;
    Ok(())
}

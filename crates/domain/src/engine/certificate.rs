//! The CA of an imported cluster as people paste it: PEM, recognised before anything is sent anywhere.
//!
//! Source: `engine-import.md` §2, `security.md` §7.2. Only what forms show is read here (subject, dates); the signature is
//! checked by the TLS library.

mod der;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::base64;
use crate::{Error, Result};

const LONGEST: usize = 64 * 1024;
const MOST: usize = 20;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// What is shown of a given CA: the certificate that ends first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Its common name, or the whole name where it has none.
    pub subject: String,
    /// Its last moment.
    pub not_after: Timestamp,
}

/// What is shown of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The common name, or the whole name where there is none.
    pub subject: String,
    /// Who signed it, likewise.
    pub issuer: String,
    /// Its last moment.
    pub not_after: Timestamp,
}

/// Puts a pasted CA into one form and reads it. Empty text = the system's trusted roots: none.
///
/// # Errors
/// [`Error::Invalid`] on `field`: no certificate, base64 of one, a private key, too long, expired at `now`.
pub fn check(field: &str, text: &str, now: Timestamp) -> Result<Option<(String, Authority)>> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    let wrong = |code: &str, message: String| Err(Error::field(field, code, message));
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST {
        return wrong("length", "At most 64 KiB".into());
    }
    if text.contains("PRIVATE KEY-----") {
        return wrong("private_key", "This is a private key. Do not paste private keys; replace this key".into());
    }
    if !text.contains(BEGIN) {
        return match decoded(text) {
            Some(_) => wrong("base64", "This looks base64-encoded; decode it first".into()),
            None => wrong("format", "No certificate found".into()),
        };
    }
    let mut found: Vec<Authority> = Vec::new();
    for block in text.split(BEGIN).skip(1) {
        let read = block.split_once(END).and_then(|(body, _)| base64::decode(body)).and_then(|der| der::read(&der));
        let Some(read) = read else { return wrong("format", "No certificate found".into()) };
        found.push(Authority { subject: read.subject, not_after: read.not_after });
    }
    if found.len() > MOST {
        return wrong("max_items", format!("At most {MOST} certificates"));
    }
    if let Some(expired) = found.iter().find(|one| one.not_after <= now) {
        return wrong("expired", format!("Certificate expired on {}", date(expired.not_after)));
    }
    let first = found.into_iter().min_by_key(|one| one.not_after);
    Ok(first.map(|authority| (format!("{text}\n"), authority)))
}

/// The PEM inside a text that is base64 of it, for the form's Decode button.
pub fn decoded(text: &str) -> Option<String> {
    let bytes = base64::decode(text.trim())?;
    String::from_utf8(bytes).ok().filter(|text| text.contains(BEGIN))
}

/// Reads a certificate in DER.
pub fn read(der: &[u8]) -> Option<Certificate> {
    der::read(der)
}

/// The day of a moment, UTC.
pub fn date(at: Timestamp) -> String {
    let text = at.to_string();
    text.split('T').next().unwrap_or(&text).to_owned()
}

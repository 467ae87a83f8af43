//! DNS-style labels (RFC 1123), the form of namespace and deployment names.

use crate::{Error, FieldError, Result};

/// Checks `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$` and 1 to 63 characters.
///
/// # Errors
/// [`Error::Invalid`] on `field` with the sentence of `console-api.md` §2.
pub fn check_dns_label(field: &str, name: &str) -> Result<()> {
    let problem = if name.is_empty() || name.chars().count() > 63 {
        Some(("length", "Name must be 1 to 63 characters"))
    } else if !is_dns_label(name) {
        Some(("format", "Use lowercase letters, digits and hyphens; start and end with a letter or digit"))
    } else {
        None
    };
    match problem {
        None => Ok(()),
        Some((code, message)) => Err(Error::Invalid(vec![FieldError::new(field, code, message)])),
    }
}

fn is_dns_label(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.bytes().all(legal) && !name.starts_with('-') && !name.ends_with('-')
}

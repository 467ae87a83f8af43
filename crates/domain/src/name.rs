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

/// Whether a thing of this name may exist in the cluster at all: 1 to 253 lower-case letters, digits, hyphens and dots
/// (RFC 1123 subdomain). Any other text must not even be asked for.
pub fn may_exist(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends = |c: char| c.is_ascii_alphanumeric();
    (1..=253).contains(&name.len()) && name.bytes().all(legal) && name.starts_with(ends) && name.ends_with(ends)
}

/// Whether somebody who deletes a thing typed its name.
///
/// # Errors
/// [`Error::Invalid`] on field `confirm`.
pub fn confirmed(name: &str, typed: &str) -> Result<()> {
    let message = || format!("Type {name} to confirm");
    if typed.trim() == name { Ok(()) } else { Err(Error::field("confirm", "mismatch", message())) }
}

fn is_dns_label(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.bytes().all(legal) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_kubernetes_takes_are_asked_for() {
        for good in ["a", "web", "my.app-1", &"x".repeat(253)] {
            assert!(may_exist(good), "{good}");
        }
        for bad in ["", "-a", "a.", "A", "a/b", "..", "a b", "\u{18}\u{5764e}", "%2e", &"x".repeat(254)] {
            assert!(!may_exist(bad), "{bad:?}");
        }
    }
}

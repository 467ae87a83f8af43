//! Secrets of webhooks: made, sealed to their row, opened only to sign.
//!
//! Source: Standard Webhooks ("Signature scheme", "Secret"), `security.md` §7.4.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::id::WebhookId;
use domain::webhook::{SECRET_BYTES, SECRET_PREFIX};
use domain::{Error, Result};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::Backend;
use crate::envelope::Place;

/// The columns: a secret that was rotated is sealed anew for the other one.
pub(super) const PRESENT: &str = "secret";
pub(super) const OLD: &str = "old_secret";

impl Backend {
    /// A fresh secret: its text for the receiver, and sealed for the row.
    pub(super) fn new_webhook_secret(&self, id: WebhookId) -> Result<(String, String)> {
        let mut bytes = [0u8; SECRET_BYTES];
        self.inner.random.fill(&mut bytes);
        let text = format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes));
        let sealed = self.seal_webhook_secret(id, PRESENT, &SecretString::from(text.clone()))?;
        Ok((text, sealed))
    }

    /// The present secret, sealed as the old one.
    pub(super) fn retired_webhook_secret(&self, id: WebhookId, sealed: &str) -> Result<String> {
        let secret = self.open_webhook_secret(id, PRESENT, sealed)?;
        self.seal_webhook_secret(id, OLD, &secret)
    }

    /// `v1,` and the base64 of the HMAC-SHA256 of `text`.
    pub(super) fn sign_webhook(&self, id: WebhookId, field: &str, sealed: &str, text: &str) -> Result<String> {
        let secret = self.open_webhook_secret(id, field, sealed)?;
        signature(&secret, text)
    }

    fn seal_webhook_secret(&self, id: WebhookId, field: &str, secret: &SecretString) -> Result<String> {
        let row = id.to_string();
        self.inner.envelope.seal(self.inner.random.as_ref(), Place { table: "webhooks", row: &row, field }, secret)
    }

    fn open_webhook_secret(&self, id: WebhookId, field: &str, sealed: &str) -> Result<SecretString> {
        let row = id.to_string();
        self.inner.envelope.open(Place { table: "webhooks", row: &row, field }, sealed)
    }
}

fn signature(secret: &SecretString, text: &str) -> Result<String> {
    let key = secret.expose_secret().strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
    let key = key.ok_or_else(|| Error::internal("a webhook's secret is not of its form"))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(Error::internal)?;
    mac.update(text.as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification and of its libraries.
    #[test]
    fn the_example_of_the_specification_is_signed_as_it_says() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = r#"{"test": 2432232314}"#;
        let text = domain::webhook::event::signed_text("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature(&secret, &text).unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(signature(&SecretString::from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &text).is_err());
    }
}

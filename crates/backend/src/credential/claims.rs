//! What a Kubernetes token says of itself: read for the books, never verified, never kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// The claims we use.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// `jti`: names the token in the cluster's audit log.
    pub token_id: Option<String>,
    /// `aud`.
    pub audiences: Vec<String>,
}

impl Claims {
    /// Reads the payload of a JWT; none when it is none.
    pub fn read(token: &SecretString) -> Option<Self> {
        let payload = token.expose_secret().split('.').nth(1)?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let audiences = match &claims["aud"] {
            Value::Array(all) => all.iter().filter_map(text).collect(),
            one => text(one).into_iter().collect(),
        };
        Some(Self { token_id: text(&claims["jti"]), audiences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> SecretString {
        SecretString::from(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn a_token_names_itself_and_its_audiences() {
        let claims = Claims::read(&token(r#"{"jti":"6d2f","aud":["https://k8s"]}"#)).unwrap();
        assert_eq!((claims.token_id.as_deref(), &*claims.audiences), (Some("6d2f"), &["https://k8s".to_owned()][..]));
        assert_eq!(Claims::read(&token(r#"{"aud":"one"}"#)).unwrap().audiences, ["one"]);
        assert_eq!(Claims::read(&token("{}")), Some(Claims::default()));
    }

    #[test]
    fn what_is_no_jwt_says_nothing() {
        for odd in ["", "opaque", "a.b.c", "a.!!.c"] {
            assert_eq!(Claims::read(&SecretString::from(odd)), None, "{odd}");
        }
    }
}

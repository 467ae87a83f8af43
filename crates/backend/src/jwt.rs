//! Signs and reads the tokens of the tenant API: HS256 and nothing else, with at most two keys while one replaces the
//! other.
//!
//! Source: `tenant-api.md` §3 (Token, Verification), RULINGS 7. The file holds one key a line: the first signs, the other
//! still verifies.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::jwt::{Claims, Header};
use domain::{Code, Error, Result};
use hmac::Mac as _;
use secrecy::SecretString;
use serde_json::{from_slice, to_vec};

use crate::key_ring::{Key, KeyRing};

// A token of ours has about 400 bytes; more is not looked at.
const LONGEST: usize = 4096;

/// The keys, the current one first; one or two.
pub struct JwtKeys(KeyRing);

// === impl JwtKeys ===

impl JwtKeys {
    /// Reads the text of a key file: one line or two, each at least 32 bytes in hex.
    ///
    /// # Errors
    /// [`Error::Internal`] for no line, a third one, or one that is no such key.
    pub fn from_hex_lines(text: &str) -> Result<Self> {
        let keys = KeyRing::from_hex_lines(text, "remotegpu jwt ");
        keys.filter(|keys| keys.all().count() <= 2).map(Self).ok_or_else(unusable)
    }

    /// A token that says `claims`.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn sign(&self, claims: &Claims) -> Result<SecretString> {
        let encoded = |bytes: serde_json::Result<Vec<u8>>| bytes.map(|b| URL_SAFE_NO_PAD.encode(b));
        let header = encoded(to_vec(&Header::hs256())).map_err(Error::internal)?;
        let payload = encoded(to_vec(claims)).map_err(Error::internal)?;
        let text = format!("{header}.{payload}");
        let mac = self.0.current().mac(&text).ok_or_else(unusable)?;
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(SecretString::from(format!("{text}.{signature}")))
    }

    /// What a token says, if one of the keys signed it. Whether it counts now is the caller's to ask.
    ///
    /// # Errors
    /// `invalid_token`, whatever is wrong.
    pub fn read(&self, token: &str) -> Result<Claims> {
        self.verified(token).ok_or(Error::Unauthenticated { code: Code::InvalidToken })
    }

    fn verified(&self, token: &str) -> Option<Claims> {
        let (text, signature) = token.rsplit_once('.').filter(|_| token.len() <= LONGEST)?;
        let (header, payload) = text.split_once('.').filter(|(_, payload)| !payload.contains('.'))?;
        let header: Header = from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header != Header::hs256() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let signed = |key: &Key| key.mac(text).is_some_and(|mac| mac.verify_slice(&signature).is_ok());
        if !self.0.all().any(signed) {
            return None;
        }
        from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

fn unusable() -> Error {
    Error::internal("one key or two, each at least 32 bytes written as hex, one a line")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn keys(lines: &[&str]) -> JwtKeys {
        let text: Vec<String> = lines.iter().map(|byte| byte.repeat(32)).collect();
        JwtKeys::from_hex_lines(&text.join("\n")).unwrap()
    }

    fn claims() -> Claims {
        Claims {
            exp: 14_400,
            nbf: 0,
            username: "ada@example.com".into(),
            iat: 0,
            jti: "j".into(),
            sub: "s".into(),
            cust: "skgu00001".into(),
            pwv: 3,
        }
    }

    /// A token with this header text, signed by `keys`.
    fn forged(keys: &JwtKeys, header: &str) -> String {
        let payload = URL_SAFE_NO_PAD.encode(to_vec(&claims()).unwrap());
        let text = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header));
        let signature = URL_SAFE_NO_PAD.encode(keys.0.current().mac(&text).unwrap().finalize().into_bytes());
        format!("{text}.{signature}")
    }

    #[test]
    fn a_token_is_read_as_it_was_signed_with_exactly_the_published_header() {
        let token = keys(&["ab"]).sign(&claims()).unwrap();
        let token = token.expose_secret();
        assert_eq!(keys(&["ab"]).read(token).unwrap(), claims());
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"alg":"HS256","typ":"JWT"}"#);
    }

    #[test]
    fn two_keys_verify_during_a_rotation_and_only_the_first_signs() {
        let (old, both, new) = (keys(&["ab"]), keys(&["cd", "ab"]), keys(&["cd"]));
        let before = old.sign(&claims()).unwrap();
        let after = both.sign(&claims()).unwrap();
        assert!(both.read(before.expose_secret()).is_ok() && both.read(after.expose_secret()).is_ok());
        assert!(new.read(after.expose_secret()).is_ok(), "the newest key signed");
        assert!(new.read(before.expose_secret()).is_err(), "the old key was dropped");
    }

    #[test]
    fn no_other_algorithm_and_no_further_header_is_believed() {
        let keys = keys(&["ab"]);
        assert!(keys.read(&forged(&keys, r#"{"alg":"HS256","typ":"JWT"}"#)).is_ok(), "the forger can sign");
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"alg":"hs256","typ":"JWT"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"HS256","typ":"JWT","kid":"/dev/null"}"#,
            r#"{"alg":"HS256","typ":"JWT","jku":"https://evil.example"}"#,
            "not json",
        ] {
            assert!(keys.read(&forged(&keys, header)).is_err(), "{header}");
        }
    }

    #[test]
    fn a_token_that_was_cut_changed_or_not_signed_is_refused() {
        let keys = keys(&["ab"]);
        let token = keys.sign(&claims()).unwrap();
        let parts: Vec<&str> = token.expose_secret().split('.').collect();
        let changed = URL_SAFE_NO_PAD.encode(to_vec(&Claims { pwv: 4, ..claims() }).unwrap());
        for odd in [
            String::new(),
            ".".into(),
            "..".into(),
            "a.b.c.d".into(),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{}.{changed}.{}", parts[0], parts[2]),
            format!("{}.x", token.expose_secret()),
            "x".repeat(1_000_000),
        ] {
            assert!(keys.read(&odd).is_err(), "{}", odd.len());
        }
    }

    #[test]
    fn weak_missing_and_too_many_keys_are_refused() {
        let good = "ab".repeat(32);
        for bad in ["", "\n", "ab", &"zz".repeat(32), &"ab".repeat(31), &format!("{good}\n{good}\n{good}")] {
            assert!(JwtKeys::from_hex_lines(bad).is_err(), "{bad}");
        }
    }
}

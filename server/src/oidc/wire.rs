//! The library's types with our extensions: all claims of an ID token, and two fields of a provider's metadata.

use std::collections::BTreeMap;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::url::Url;
use openidconnect::{
    AdditionalClaims, AdditionalProviderMetadata, Client, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IdToken, IdTokenClaims, IdTokenFields, ProviderMetadata, StandardErrorResponse, StandardTokenResponse,
    UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Claims beyond the standard ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Claims {
    #[serde(flatten)]
    all: BTreeMap<String, Value>,
}

/// Metadata beyond the library's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Extra {
    /// Where people sign out of the provider.
    pub end_session_endpoint: Option<Url>,
    /// Whether each answer names its issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

pub type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;
type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
pub type Token = StandardTokenResponse<Fields, CoreTokenType>;
pub type SignedIdToken = IdToken<Claims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
pub type SignedClaims = IdTokenClaims<Claims, CoreGenderClaim>;
pub type UserInfo = UserInfoClaims<Claims, CoreGenderClaim>;
pub type OidcClient = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Token,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl AdditionalClaims for Claims {}
impl AdditionalProviderMetadata for Extra {}

// === impl Claims ===

impl Claims {
    /// The texts of a claim, one or a list; `realm_access.roles` goes into objects.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let found = self.all.get(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            rest.split('.').try_fold(self.all.get(first)?, |value, key| value.get(key))
        });
        match found {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// The token counts only from a moment after `second` (`nbf`, RFC 7519 §4.1.5: the library leaves it alone). One that
    /// does not say when, in seconds since 1970, never counts.
    pub fn begins_after(&self, second: i64) -> bool {
        self.all.get("nbf").is_some_and(|begin| begin.as_f64().is_none_or(|begin| begin > second as f64))
    }

    /// The claim is there, whatever it says.
    pub fn has(&self, name: &str) -> bool {
        self.all.contains_key(name.split('.').next().unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_is_one_text_or_a_list_also_inside_objects() {
        let claims = json!({"role": "admin", "groups": ["a", 1, "b"], "realm_access": {"roles": ["x"]}, "a.b": "dot"});
        let claims: Claims = serde_json::from_value(claims).unwrap();
        assert_eq!(claims.texts("role"), ["admin"]);
        assert_eq!(claims.texts("groups"), ["a", "b"]);
        assert_eq!(claims.texts("realm_access.roles"), ["x"]);
        assert_eq!(claims.texts("a.b"), ["dot"]);
        assert!(claims.texts("nothing").is_empty() && claims.has("groups") && !claims.has("nothing"));
    }
}

//! Which ID tokens are believed: of this issuer, for us, signed as the settings say, on a clock that may differ from ours
//! by a minute and not by a second more. Times are those of the clock's port.

use std::time::UNIX_EPOCH;

use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{Audience, JsonWebKeyId, JsonWebKeySet, PrivateSigningKey as _, StandardClaims, SubjectIdentifier};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";
/// The example of RFC 8410 §10.3, and one of a stranger.
const KEY: &str = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
const STRANGER: &str = "MC4CAQAwBQYDK2VwBCIEIGK0lJjRLkXcg588rasOK7CE3wVK/FjQZ/7riXHhhrob";

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        at(NOW)
    }
}

/// A token as a provider makes it.
struct Said {
    key: &'static str,
    kid: &'static str,
    issuer: &'static str,
    audience: &'static str,
    nonce: &'static str,
    issued: i64,
    expires: i64,
    proved: Option<i64>,
    /// Further claims.
    more: Value,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A token that is right in everything.
fn right() -> Said {
    Said {
        key: KEY,
        kid: "ours",
        issuer: ISSUER,
        audience: "remotegpu",
        nonce: "n",
        issued: NOW,
        expires: NOW + 300,
        proved: Some(NOW),
        more: json!({}),
    }
}

fn signing(key: &str, kid: &str) -> CoreEdDsaPrivateSigningKey {
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(JsonWebKeyId::new(kid.to_owned()))).unwrap()
}

fn signed(said: &Said) -> SignedIdToken {
    let seconds = |second: i64| UNIX_EPOCH + Duration::from_secs(second.unsigned_abs());
    let claims = SignedClaims::new(
        IssuerUrl::new(said.issuer.to_owned()).unwrap(),
        vec![Audience::new(said.audience.to_owned())],
        seconds(said.expires).into(),
        seconds(said.issued).into(),
        StandardClaims::new(SubjectIdentifier::new("ada".to_owned())),
        serde_json::from_value(said.more.clone()).unwrap(),
    );
    let claims = claims.set_nonce(Some(Nonce::new(said.nonce.to_owned())));
    let claims = claims.set_auth_time(said.proved.map(|second| seconds(second).into()));
    SignedIdToken::new(claims, &signing(said.key, said.kid), CoreJwsSigningAlgorithm::EdDsa, None, None).unwrap()
}

fn provider(algorithm: CoreJwsSigningAlgorithm) -> Provider {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings {
        id: "corp".to_owned(),
        title: "Corp".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: "remotegpu".to_owned(),
        client_secret: None,
        ca_pem: None,
        scopes: Vec::new(),
        algorithms: vec![algorithm],
        members: None,
        development: false,
    };
    let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
    Provider::new(settings, &url, Arc::new(Fixed)).unwrap()
}

/// Somebody left for the provider five seconds ago and comes back with this token.
fn judged_by(provider: &Provider, purpose: Purpose, said: &Said) -> Result<(), ClaimsVerificationError> {
    let metadata: Metadata = serde_json::from_value(json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://id.example.com/auth",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
    .unwrap();
    let metadata = metadata.set_jwks(JsonWebKeySet::new(vec![signing(KEY, "ours").as_verification_key()]));
    let flow = Flow { nonce: "n".to_owned(), ..Flow::begin("corp", purpose, "/".to_owned(), None, at(NOW - 5)) };
    provider.verify(&provider.client(&metadata), &signed(said), &flow).map(drop)
}

fn judged(purpose: Purpose, said: &Said) -> Result<(), ClaimsVerificationError> {
    judged_by(&provider(CoreJwsSigningAlgorithm::EdDsa), purpose, said)
}

#[test]
fn a_token_counts_for_a_minute_after_its_end_and_not_a_second_longer() {
    for (expires, believed) in [(NOW + 1, true), (NOW, true), (NOW - 59, true), (NOW - 60, false), (NOW - 3600, false)]
    {
        let judged = judged(Purpose::SignIn, &Said { expires, ..right() });
        assert_eq!(judged.is_ok(), believed, "{}: {judged:?}", expires - NOW);
    }
}

#[test]
fn a_token_from_a_clock_that_is_ahead_counts_within_a_minute() {
    for (issued, believed) in [(NOW - 3600, true), (NOW + 60, true), (NOW + 61, false), (NOW + 3600, false)] {
        let judged = judged(Purpose::SignIn, &Said { issued, expires: NOW + 7200, ..right() });
        assert_eq!(judged.is_ok(), believed, "{}: {judged:?}", issued - NOW);
    }
}

#[test]
fn a_token_that_is_not_valid_yet_counts_within_a_minute() {
    let begins = [
        (json!({}), true),
        (json!({"nbf": NOW - 1}), true),
        (json!({"nbf": NOW + 60}), true),
        (json!({"nbf": NOW + 61}), false),
        (json!({"nbf": 1_800_000_060.5}), false),
        (json!({"nbf": "soon"}), false),
        (json!({"nbf": null}), false),
    ];
    for (more, believed) in begins {
        let judged = judged(Purpose::SignIn, &Said { more: more.clone(), ..right() });
        assert_eq!(judged.is_ok(), believed, "{more}: {judged:?}");
    }
}

/// Who is asked to prove themselves again must have done so since they left, but for the minute that clocks may differ.
#[test]
fn a_proof_from_before_the_flow_is_no_new_one() {
    for (proved, believed) in [(Some(NOW), true), (Some(NOW - 65), true), (Some(NOW - 66), false), (None, false)] {
        let said = Said { proved, ..right() };
        assert_eq!(judged(Purpose::Reauthenticate, &said).is_ok(), believed, "{proved:?}");
        assert!(judged(Purpose::SignIn, &said).is_ok(), "{proved:?}: a sign-in takes what the provider has");
    }
}

#[test]
fn a_token_is_for_us_by_this_issuer_and_of_this_very_flow() {
    assert!(judged(Purpose::SignIn, &right()).is_ok());
    for (what, said) in [
        ("issuer", Said { issuer: "https://elsewhere.example.com", ..right() }),
        ("audience", Said { audience: "another-client", ..right() }),
        ("nonce", Said { nonce: "another", ..right() }),
        ("key under the name of ours", Said { key: STRANGER, ..right() }),
        ("key that nobody published", Said { key: STRANGER, kid: "theirs", ..right() }),
    ] {
        assert!(judged(Purpose::SignIn, &said).is_err(), "{what}");
    }
}

/// The token says itself how it is signed: what the settings do not name is not believed, however well it is signed.
#[test]
fn only_the_algorithms_of_the_settings_count() {
    let provider = provider(CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256);
    assert!(judged_by(&provider, Purpose::SignIn, &right()).is_err());
}

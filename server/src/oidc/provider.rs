//! One provider: where people are sent, and what is believed of the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use backend::ports::Clock;
use domain::identity::{ProviderAdmission, ProviderView, Vouched};
use domain::user::Role;
use jiff::Timestamp;
use openidconnect::core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod};
use openidconnect::url::Url;
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndSessionUrl, IssuerUrl,
    LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl,
    RedirectUrl, Scope, SignatureVerificationError, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::config::Settings;
use super::flow::{Flow, Purpose};
use super::http::Http;
use super::wire::{Claims, Metadata, OidcClient, SignedClaims, SignedIdToken, Token, UserInfo};
use crate::public_url::PublicUrl;

// Providers change rarely; an unknown key brings a look sooner, but at most once a minute: anybody can send one.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
const AT_MOST_EVERY: Duration = Duration::from_secs(60);
// security.md §4.5: clocks may differ by a minute.
const LEEWAY_SECONDS: i64 = 60;

/// A provider of this installation.
pub struct Provider {
    settings: Settings,
    http: Http,
    redirect_url: RedirectUrl,
    signed_out_url: PostLogoutRedirectUrl,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

/// What a provider said of itself.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    /// When a key that was not among its keys last made us look again.
    looked_for_key: Option<Instant>,
}

/// What came of a flow.
pub struct Verified {
    /// For the use cases.
    pub vouched: Vouched,
    /// For signing out of the provider; only where it offers that.
    pub id_token: Option<SecretString>,
}

/// The claims we use, from ID token and user info.
struct Facts {
    email: Option<String>,
    roles: Vec<String>,
}

impl Provider {
    /// Makes the provider's client; asks it nothing yet.
    ///
    /// # Errors
    /// For an unusable CA.
    pub fn new(settings: Settings, url: &PublicUrl, clock: Arc<dyn Clock>) -> Result<Self> {
        let redirect_url = RedirectUrl::new(format!("{}/auth/oidc/{}/callback", url.as_str(), settings.id))?;
        let signed_out_url = PostLogoutRedirectUrl::new(format!("{}/login", url.as_str()))?;
        let http = Http::new(settings.ca_pem.as_deref(), settings.development)?;
        Ok(Self { settings, http, redirect_url, signed_out_url, clock, known: Mutex::default() })
    }

    /// Its id, part of its URLs.
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// What pages show.
    pub fn view(&self) -> ProviderView {
        ProviderView { id: self.settings.id.clone(), title: self.settings.title.clone() }
    }

    /// Where to send the browser. Always with PKCE S256, also beside a secret: providers do not insist.
    ///
    /// # Errors
    /// When the provider does not answer, or not as its settings say.
    pub async fn authorize(&self, flow: &Flow) -> Result<Url> {
        let client = self.client(&*self.known().await?);
        let (state, nonce) = (flow.state.clone(), flow.nonce.clone());
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let begin = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client
            .authorize_url(begin, move || CsrfToken::new(state), move || Nonce::new(nonce))
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if flow.purpose == Purpose::Reauthenticate {
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        Ok(request.url().0)
    }

    /// The issuer that an answer names must be the provider the flow began with (RFC 9207).
    ///
    /// # Errors
    /// When it is another, or missing where the provider promises it.
    pub async fn check_issuer(&self, named: Option<&str>) -> Result<()> {
        let metadata = self.known().await?;
        let promised = metadata.additional_metadata().authorization_response_iss_parameter_supported;
        match named {
            Some(issuer) => ensure!(issuer == self.settings.issuer, "the answer names another issuer"),
            None => ensure!(!promised, "the answer names no issuer"),
        }
        Ok(())
    }

    /// Trades the code and verifies what comes: signature, issuer, audience, times, nonce.
    ///
    /// # Errors
    /// On the first thing that is not as it must be.
    pub async fn finish(&self, flow: &Flow, code: String) -> Result<Verified> {
        let metadata = self.known().await?;
        let (client, http) = (self.client(&metadata), self.http.caller());
        let request = client.exchange_code(AuthorizationCode::new(code))?;
        let verifier = PkceCodeVerifier::new(flow.verifier.clone());
        let token = request.set_pkce_verifier(verifier).request_async(&http).await;
        let token = token.context("the token endpoint refused the code")?;
        let id_token = token.id_token().context("the provider sent no ID token")?;
        let claims = self.claims(&client, id_token, flow).await?;
        let facts = self.facts(&client, &token, &claims).await?;
        let keep = metadata.additional_metadata().end_session_endpoint.is_some();
        Ok(Verified {
            vouched: Vouched {
                provider: self.settings.id.clone(),
                issuer: claims.issuer().as_str().to_owned(),
                subject: claims.subject().as_str().to_owned(),
                sid: claims.additional_claims().texts("sid").first().map(|sid| (*sid).to_owned()),
                admission: self.admission(&facts.roles),
                email: facts.email,
            },
            id_token: keep.then(|| SecretString::from(id_token.to_string())),
        })
    }

    /// Where to send the browser so that it is signed out of the provider too; none where that is not offered.
    ///
    /// # Errors
    /// When the provider does not answer.
    pub async fn end_session(&self, id_token: &str) -> Result<Option<Url>> {
        let metadata = self.known().await?;
        let Some(endpoint) = metadata.additional_metadata().end_session_endpoint.clone() else { return Ok(None) };
        let id_token: SignedIdToken = id_token.parse().context("the kept ID token cannot be read")?;
        let request = LogoutRequest::from(EndSessionUrl::from_url(endpoint))
            .set_id_token_hint(&id_token)
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(self.signed_out_url.clone());
        Ok(Some(request.http_get_url()))
    }

    /// Metadata and keys, at most an hour old. Discovery checks that the issuer is the one of the settings. One look at a
    /// time, whoever else waits.
    async fn known(&self) -> Result<Arc<Metadata>> {
        let mut known = self.known.lock().await;
        match known.metadata.as_ref().filter(|(_, at)| at.elapsed() < KNOWN_FOR) {
            Some((metadata, _)) => Ok(metadata.clone()),
            None => self.look(&mut known).await,
        }
    }

    /// The same once more because of a key that is not known: the provider may have changed its keys.
    async fn known_anew(&self) -> Result<Arc<Metadata>> {
        let mut known = self.known.lock().await;
        let lately = known.looked_for_key.is_some_and(|at| at.elapsed() < AT_MOST_EVERY);
        match known.metadata.as_ref().filter(|_| lately) {
            Some((metadata, _)) => Ok(metadata.clone()),
            None => {
                known.looked_for_key = Some(Instant::now());
                self.look(&mut known).await
            }
        }
    }

    async fn look(&self, known: &mut Known) -> Result<Arc<Metadata>> {
        let issuer = IssuerUrl::new(self.settings.issuer.clone())?;
        let metadata = Metadata::discover_async(issuer, &self.http.caller()).await.context("discovery failed")?;
        let metadata = Arc::new(metadata);
        known.metadata = Some((metadata.clone(), Instant::now()));
        Ok(metadata)
    }

    fn client(&self, metadata: &Metadata) -> OidcClient {
        let secret = self.settings.client_secret.as_ref().map(|s| ClientSecret::new(s.expose_secret().to_owned()));
        let methods = metadata.token_endpoint_auth_methods_supported().cloned().unwrap_or_default();
        let posts = methods.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let client = OidcClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.settings.client_id.clone()),
            secret,
        );
        client.set_redirect_uri(self.redirect_url.clone()).set_auth_type(if posts {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        })
    }

    /// Verifies an ID token; a key we have not seen yet brings one more look at the provider's.
    async fn claims(&self, client: &OidcClient, token: &SignedIdToken, flow: &Flow) -> Result<SignedClaims> {
        match self.verify(client, token, flow) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let client = self.client(&*self.known_anew().await?);
                Ok(self.verify(&client, token, flow)?)
            }
            done => Ok(done?),
        }
    }

    fn verify(
        &self,
        client: &OidcClient,
        token: &SignedIdToken,
        flow: &Flow,
    ) -> Result<SignedClaims, ClaimsVerificationError> {
        let now = self.clock.now();
        let begun = (flow.purpose == Purpose::Reauthenticate).then(|| flow.begun_at.as_second());
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(self.settings.algorithms.iter().cloned())
            .set_time_fn(move || (std::time::UNIX_EPOCH + Duration::from_secs(seconds(now, -LEEWAY_SECONDS))).into())
            .set_issue_time_verifier_fn(move |at| {
                let ahead = at.timestamp() > now.as_second() + LEEWAY_SECONDS;
                if ahead { Err("it was issued in the future".to_owned()) } else { Ok(()) }
            })
            .set_auth_time_verifier_fn(move |at| {
                let fresh = |begun: i64| at.is_some_and(|at| at.timestamp() >= begun - LEEWAY_SECONDS);
                if begun.is_none_or(fresh) { Ok(()) } else { Err("the person was not asked again".to_owned()) }
            });
        let claims = token.claims(&verifier, &Nonce::new(flow.nonce.clone()))?;
        if claims.additional_claims().begins_after(now.as_second() + LEEWAY_SECONDS) {
            return Err(ClaimsVerificationError::Other("it is not valid yet".to_owned()));
        }
        Ok(claims.clone())
    }

    /// Address and roles; what the ID token lacks is asked of the provider, for this very subject.
    async fn facts(&self, client: &OidcClient, token: &Token, claims: &SignedClaims) -> Result<Facts> {
        let verified = claims.email_verified() == Some(true);
        let email = claims.email().filter(|_| verified).map(|email| email.as_str().to_owned());
        let wanted = self.settings.members.as_ref().and_then(|members| members.role_claim.as_deref());
        let whole = claims.email().is_some() && wanted.is_none_or(|name| claims.additional_claims().has(name));
        if whole || client.user_info_url().is_none() {
            return Ok(Facts { email, roles: named(claims.additional_claims(), wanted) });
        }
        let request = client.user_info(token.access_token().clone(), Some(claims.subject().clone()))?;
        let info: UserInfo = request.request_async(&self.http.caller()).await.context("user info was refused")?;
        let verified = info.email_verified() == Some(true);
        let email = email.or_else(|| info.email().filter(|_| verified).map(|email| email.as_str().to_owned()));
        let own = named(claims.additional_claims(), wanted);
        let roles = if own.is_empty() { named(info.additional_claims(), wanted) } else { own };
        Ok(Facts { email, roles })
    }

    /// What the settings make of the claims; a claim that names no known role gives the weakest.
    fn admission(&self, values: &[String]) -> ProviderAdmission {
        let Some(members) = &self.settings.members else { return ProviderAdmission::Linked };
        let known = values.iter().filter_map(|value| members.roles.get(value).copied());
        let role: Option<Role> = members.role_claim.as_ref().map(|_| backend::claimed_role(known));
        ProviderAdmission::Members { account: members.account.clone(), role, create_as: members.create_as }
    }
}

fn named(claims: &Claims, wanted: Option<&str>) -> Vec<String> {
    wanted.map(|name| claims.texts(name).into_iter().map(ToOwned::to_owned).collect()).unwrap_or_default()
}

/// Seconds since 1970, `shift` away from `now`.
fn seconds(now: Timestamp, shift: i64) -> u64 {
    u64::try_from(now.as_second() + shift).unwrap_or_default()
}

/// The causes of a failure in one line, for the log.
pub fn causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A failure that is our own refusal.
pub fn refused(cause: &'static str) -> anyhow::Error {
    anyhow!(cause)
}

#[cfg(test)]
mod tests;

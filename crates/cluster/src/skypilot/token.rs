//! Tokens of SkyPilot's account, each bound to an empty Secret of its own: without the Secret the token ends
//! (`security.md` §2.1; measured: about ten seconds later).

use std::time::Duration;

use backend::ports::ClusterToken;
use domain::id::SkypilotKubeconfigId;
use domain::namespace::Namespace as Tenant;
use domain::skypilot::secret_name;
use domain::{Error, Result};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, ResourceExt as _};
use secrecy::SecretString;
use serde_json::json;

use super::{labels, typed};
use crate::client::{CALL_LIMIT, call, within};
use crate::error::translate;
use crate::tenant::ignore_gone;

// The authoriser learns of the issuer's binding through a watch of its own, within milliseconds.
const BOUND_LIMIT: Duration = Duration::from_secs(3);
const BOUND_PAUSE: Duration = Duration::from_millis(20);

/// A token that ends with `id`, at the latest after `seconds`; the API server may give less.
pub(super) async fn issue(
    issuer: &Client,
    tenant: &Tenant,
    account: &str,
    id: SkypilotKubeconfigId,
    seconds: i64,
) -> Result<ClusterToken> {
    let uid = secret(issuer, tenant, id).await?;
    let token = request(issuer, tenant, account, (&secret_name(id), uid), seconds).await;
    if token.is_err()
        && let Err(late) = end(issuer, tenant, id).await
    {
        // Nothing hangs on it, and why there is no token is what counts.
        let error = &late as &dyn std::error::Error;
        tracing::warn!(error, kubeconfig = %id, "the Secret of a kubeconfig that was not issued is left");
    }
    token
}

/// Ends the token of `id`. Repeating it changes nothing.
pub(super) async fn end(issuer: &Client, tenant: &Tenant, id: SkypilotKubeconfigId) -> Result<()> {
    let api: Api<Secret> = Api::namespaced(issuer.clone(), tenant.kubernetes_name.as_str());
    let (name, params) = (secret_name(id), DeleteParams::default());
    ignore_gone(call("ending a SkyPilot kubeconfig", api.delete(&name, &params)).await)
}

async fn secret(issuer: &Client, tenant: &Tenant, id: SkypilotKubeconfigId) -> Result<String> {
    let api: Api<Secret> = Api::namespaced(issuer.clone(), tenant.kubernetes_name.as_str());
    let metadata = json!({"name": secret_name(id), "labels": labels(tenant)});
    let wanted: Secret = typed(json!({"metadata": metadata, "type": "Opaque"}))?;
    let doing = "making the Secret of a SkyPilot kubeconfig";
    let made = async {
        loop {
            match within(doing, CALL_LIMIT, api.create(&PostParams::default(), &wanted)).await? {
                Ok(secret) => return secret.uid().ok_or_else(|| Error::cluster("the Secret has no uid")),
                Err(kube::Error::Api(status)) if status.code == 403 && status.message.contains("cannot create") => {
                    tokio::time::sleep(BOUND_PAUSE).await;
                }
                Err(error) => return Err(translate(doing, error)),
            }
        }
    };
    let limited = tokio::time::timeout(BOUND_LIMIT, made).await;
    limited.unwrap_or_else(|_| Err(Error::cluster("the issuer's binding in the namespace does not work yet")))
}

async fn request(
    issuer: &Client,
    tenant: &Tenant,
    account: &str,
    (secret, uid): (&str, String),
    seconds: i64,
) -> Result<ClusterToken> {
    let api: Api<ServiceAccount> = Api::namespaced(issuer.clone(), tenant.kubernetes_name.as_str());
    let bound = BoundObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Secret".to_owned()),
        name: Some(secret.to_owned()),
        uid: Some(uid),
    };
    let spec = TokenRequestSpec {
        bound_object_ref: Some(bound),
        expiration_seconds: Some(seconds),
        ..TokenRequestSpec::default()
    };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let params = PostParams::default();
    let asked = api.create_token_request(account, &params, &request);
    let answer = call("requesting a token for SkyPilot", asked).await?;
    let audiences = answer.spec.and_then(|spec| spec.audiences).unwrap_or_default();
    let given = answer.status.ok_or_else(|| Error::cluster("the token answer has no status"))?;
    let token = SecretString::from(given.token.ok_or_else(|| Error::cluster("the token answer has no token"))?);
    let (issued_at, expires_at) = (answer.metadata.creation_timestamp, given.expiration_timestamp);
    Ok(ClusterToken {
        token,
        issued_at: issued_at.map(|time| time.0),
        expires_at: expires_at.map(|time| time.0),
        audiences,
    })
}

//! The tokens that nodes ask for in the name of pods: those of SkyPilot's account, for as long as its access is on.

use backend::ports::SkypilotRole as _;
use domain::skypilot::{Feature, SkypilotRights};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};

use crate::given::{client_of, eventually, plane};

#[tokio::test]
async fn nodes_get_tokens_that_end_with_a_pod_of_skypilots_account_and_no_others() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let accounts: Api<ServiceAccount> = Api::namespaced(client_of("nodes").await, tenant.kubernetes_name.as_str());
    let ask_for = async |account: &str, bound: Option<&str>, life: i64| {
        let bound = bound.map(|kind| BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(kind.to_owned()),
            name: Some("proof".to_owned()),
            uid: None,
        });
        let spec = TokenRequestSpec { audiences: None, expiration_seconds: Some(life), bound_object_ref: bound };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        match accounts.create_token_request(account, &PostParams::default(), &request).await {
            Ok(_) => String::new(),
            Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
            Err(error) => panic!("{error}"),
        }
    };
    let ask = async |account: &str, bound: Option<&str>| ask_for(account, bound, 600).await;
    let unbound = "cannot create resource";
    assert!(ask("default", Some("Pod")).await.contains(unbound));

    let rights = SkypilotRights { service_account: "sky-sa".to_owned(), features: [Feature::Base].into() };
    plane.cluster.apply_skypilot(&tenant, &rights).await.unwrap();
    // Whether such a pod runs is asked last.
    let missing = eventually("the rights and the list have arrived", async || {
        Some(ask("sky-sa", Some("Pod")).await).filter(|answer| !answer.starts_with("403"))
    })
    .await;
    assert!(missing.starts_with("404") && missing.contains("proof"), "{missing}");
    for (account, bound, sentence) in [
        ("sky-sa", None, "A node gets tokens only that end with a pod"),
        ("sky-sa", Some("Secret"), "A node gets tokens only that end with a pod"),
        ("default", Some("Pod"), "The namespace does not allow pods the token of this ServiceAccount"),
    ] {
        let refused = ask(account, bound).await;
        assert!(refused.starts_with("403") && refused.contains(sentence), "{account} {bound:?}: {refused}");
    }
    // Of the first the API server would make one of a year.
    for life in [3607, 7200] {
        let refused = ask_for("sky-sa", Some("Pod"), life).await;
        let sentence = "A node gets tokens for an hour at most";
        assert!(refused.starts_with("403") && refused.contains(sentence), "{life}: {refused}");
    }

    plane.cluster.remove_skypilot(&tenant).await.unwrap();
    eventually("the right is gone", async || ask("default", Some("Pod")).await.contains(unbound).then_some(())).await;
}

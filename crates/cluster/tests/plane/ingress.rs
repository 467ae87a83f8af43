//! What a namespace with SkyPilot's ingress may ask of the cluster's one front door: what SkyPilot itself makes.

use domain::credential::Access;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use crate::given::{Plane, eventually, key, plane};

const HOST: &str = "leave spec.rules[].host out";
const NOTES: &str = "Of annotations with a slash only nginx.ingress.kubernetes.io/use-regex and";

/// As SkyPilot writes it, with an annotation of the user's own.
fn skypilots(namespace: &str) -> Value {
    json!({
        "metadata": {"name": "sky-ab12-skypilot-ingress", "annotations": {
            "nginx.ingress.kubernetes.io/use-regex": "true",
            "nginx.ingress.kubernetes.io/rewrite-target": "/$2",
            "team": "vision",
        }},
        "spec": {"ingressClassName": "nginx", "rules": [{"http": {"paths": [{
            "path": format!("/skypilot/{namespace}/sky-ab12/8080(/|$)(.*)"),
            "pathType": "ImplementationSpecific",
            "backend": {"service": {"name": "sky-ab12--skypilot-svc--8080", "port": {"number": 8080}}},
        }]}}]},
    })
}

fn typed(ingress: Value) -> Ingress {
    serde_json::from_value(ingress).unwrap()
}

fn dry() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

fn said(answer: kube::Result<Ingress>) -> String {
    match answer {
        Ok(_) => String::new(),
        Err(kube::Error::Api(status)) => format!("{} {}", status.code, status.message),
        Err(error) => panic!("{error}"),
    }
}

/// Ingresses as somebody with a key sees them whose namespace got the role of the feature.
async fn with_ingress(plane: &Plane) -> (String, Api<Ingress>) {
    let tenant = plane.tenant().await;
    let namespace = tenant.kubernetes_name.as_str();
    let binding = json!({
        "metadata": {"name": "proof"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "remotegpu-skypilot-ingress"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": "system:serviceaccounts:remotegpu-access"}],
    });
    let bindings: Api<RoleBinding> = Api::namespaced(plane.admin.clone(), namespace);
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    let person = plane.person(&tenant, &key(Access::Edit)).await;
    let api: Api<Ingress> = Api::namespaced(person, namespace);
    let first = eventually("the right has arrived", async || {
        let answer = said(api.create(&dry(), &typed(skypilots(namespace))).await);
        (!answer.contains("cannot create resource")).then_some(answer)
    })
    .await;
    assert_eq!(first, "", "what SkyPilot makes is taken");
    (namespace.to_owned(), api)
}

#[tokio::test]
async fn an_ingress_takes_no_host_no_default_and_no_annotation_that_reaches_beyond_its_path() {
    let plane = plane().await;
    let (namespace, api) = with_ingress(&plane).await;
    let create = async |ingress: Value| said(api.create(&dry(), &typed(ingress)).await);
    let spec = |field: &str, value: Value| {
        let mut ingress = skypilots(&namespace);
        ingress["spec"][field] = value;
        ingress
    };
    let mut hosted = skypilots(&namespace);
    hosted["spec"]["rules"][0]["host"] = json!("console.example.com");
    let tls = json!([{"hosts": ["console.example.com"], "secretName": "front"}]);
    let service = json!({"service": {"name": "mine", "port": {"number": 80}}});
    let mut elsewhere = skypilots(&namespace);
    elsewhere["spec"]["rules"][0]["http"]["paths"][0]["backend"] =
        json!({"resource": {"apiGroup": "example.com", "kind": "Bucket", "name": "mine"}});
    for (ingress, sentence) in [
        (hosted, HOST),
        (spec("tls", tls), "spec.tls is not allowed here"),
        (spec("defaultBackend", service), "spec.defaultBackend is not allowed here"),
        (elsewhere, "each to a Service"),
    ] {
        let refused = create(ingress.clone()).await;
        assert!(refused.starts_with("403") && refused.contains(sentence), "{ingress}: {refused}");
    }
    for (name, value) in [
        ("nginx.ingress.kubernetes.io/configuration-snippet", "return 200;"),
        ("nginx.ingress.kubernetes.io/server-snippet", "return 200;"),
        ("nginx.ingress.kubernetes.io/auth-url", "http://169.254.169.254/"),
        ("nginx.ingress.kubernetes.io/server-alias", "console.example.com"),
        ("nginx.ingress.kubernetes.io/permanent-redirect", "https://evil.example"),
        ("nginx.ingress.kubernetes.io/rewrite-target", "https://evil.example/$2"),
        ("external-dns.alpha.kubernetes.io/hostname", "console.example.com"),
        ("cert-manager.io/cluster-issuer", "letsencrypt"),
    ] {
        let mut ingress = skypilots(&namespace);
        ingress["metadata"]["annotations"][name] = json!(value);
        let refused = create(ingress).await;
        assert!(refused.starts_with("403") && refused.contains(NOTES), "{name}: {refused}");
    }
}

#[tokio::test]
async fn an_ingress_takes_only_paths_of_its_own_namespace() {
    let plane = plane().await;
    let (namespace, api) = with_ingress(&plane).await;
    let whole = format!("/skypilot/{namespace}/<cluster>/<port>(/|$)(.*)");
    for path in [
        "/".to_owned(),
        "/login".to_owned(),
        "/skypilot/other/sky-ab12/8080(/|$)(.*)".to_owned(),
        "/skypilot/.*/sky-ab12/8080(/|$)(.*)".to_owned(),
        format!("/skypilot/{namespace}-2/sky-ab12/8080(/|$)(.*)"),
        format!("/skypilot/{namespace}"),
        format!("/skypilot/{namespace}/(.*)"),
        format!("/skypilot/{namespace}/sky-ab12/8080|/(/|$)(.*)"),
        format!("/skypilot/{namespace}/sky-ab12/8080(/|$)(.*)|/login"),
        format!("/skypilot/{namespace}/../other/8080(/|$)(.*)"),
        format!("/x/skypilot/{namespace}/sky-ab12/8080(/|$)(.*)"),
    ] {
        let mut ingress = skypilots(&namespace);
        ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] = json!(path);
        let refused = said(api.create(&dry(), &typed(ingress)).await);
        assert!(refused.starts_with("403") && refused.contains(&whole), "{path}: {refused}");
    }
    // The second path counts as the first does.
    let mut ingress = skypilots(&namespace);
    let paths = ingress["spec"]["rules"][0]["http"]["paths"].as_array_mut().unwrap();
    let second = json!({"path": "/login", "pathType": "Prefix", "backend": &paths[0]["backend"]});
    paths.push(second);
    assert!(said(api.create(&dry(), &typed(ingress)).await).contains(&whole));
}

#[tokio::test]
async fn an_administrators_ingress_stands_in_a_tenant_namespace_and_the_tenant_cannot_turn_it() {
    let plane = plane().await;
    let (namespace, api) = with_ingress(&plane).await;
    let mut hosted = skypilots(&namespace);
    hosted["spec"]["rules"][0]["host"] = json!("team.example.com");
    let by_admin: Api<Ingress> = Api::namespaced(plane.admin.clone(), &namespace);
    let stands = by_admin.create(&PostParams::default(), &typed(hosted)).await.unwrap();
    let name = stands.metadata.name.clone().unwrap();
    let replace = async |ingress: &Ingress| said(api.replace(&name, &dry(), ingress).await);
    let mut labelled = stands.clone();
    labelled.metadata.labels = Some([("team".to_owned(), "vision".to_owned())].into());
    assert_eq!(replace(&labelled).await, "", "what it serves stays as it was");
    let mut turned = stands.clone();
    let notes = turned.metadata.annotations.get_or_insert_default();
    notes.insert("nginx.ingress.kubernetes.io/app-root".to_owned(), "/x".to_owned());
    let refused = replace(&turned).await;
    assert!(refused.starts_with("403") && refused.contains(HOST), "{refused}");
    by_admin.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
}

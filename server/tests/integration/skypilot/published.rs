//! The file of SkyPilot's own page, with every box, as kubectl takes it (seed 002).

use serde_json::json;
use testkit::{Scratch, eventually};

use super::stage;
use crate::shell::typed;

/// Its names for the whole cluster are SkyPilot's own, so no other test may apply it.
#[tokio::test(flavor = "multi_thread")]
async fn the_published_example_is_applied_by_kubectl_and_gives_its_account_what_it_says() {
    let stage = stage().await;
    let choice = json!({"preset": "documented", "features": ["gpus", "object-store", "ingress"]});
    let files = stage.member.post(&format!("{}/files", stage.route()), choice).await;
    assert_eq!(files.status, 200, "{}", files.text);
    assert_eq!(files.str("/apply_command"), "kubectl apply -f create-sky-sa.yaml");
    // "Do not change this namespace": the page takes the ingress controller's for granted.
    stage.app.plane.admin(&["create", "namespace", "ingress-nginx"]).await.out();
    let folder = Scratch::new();
    let file = folder.secret("create-sky-sa.yaml", &files.str("/manifest"));
    let line = format!("cd {}; {}", folder.path().display(), files.str("/apply_command"));
    let applied = typed(&line, &stage.app.plane.kubeconfig("admin")).await;
    assert_eq!(applied.lines().filter(|line| line.ends_with(" created")).count(), 10, "{applied}");

    let subject = format!("system:serviceaccount:{}:sky-sa", stage.kubernetes_name());
    let here = format!("--namespace={}", stage.kubernetes_name());
    let here = here.as_str();
    for (right, place) in [
        ("deletecollection pods", here),
        ("create pods --subresource=exec", here),
        ("create pods --subresource=portforward", here),
        ("patch services", here),
        ("create secrets", here),
        ("watch events", here),
        ("watch nodes", "--all-namespaces"),
        ("watch runtimeclasses.node.k8s.io", "--all-namespaces"),
        ("watch ingressclasses.networking.k8s.io", "--all-namespaces"),
        ("list pods", "--all-namespaces"),
        ("create daemonsets.apps", "--namespace=skypilot-system"),
        ("watch services", "--namespace=ingress-nginx"),
    ] {
        let words: Vec<&str> = ["auth", "can-i"].into_iter().chain(right.split(' ')).collect();
        let asked = [&words[..], &[place, "--as", &subject]].concat();
        eventually("the right is given", async || {
            let ran = stage.app.plane.admin(&asked).await;
            if ran.stdout.trim() == "yes" { Ok(()) } else { Err(format!("{right} {place}: {}", ran.stderr)) }
        })
        .await;
    }
    stage.app.plane.admin(&["delete", "-f", file.to_str().unwrap(), "--wait=false"]).await.out();
    stage.app.plane.admin(&["delete", "namespace", "ingress-nginx", "--wait=false"]).await.out();
}

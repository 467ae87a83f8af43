//! Kubeconfigs as kubectl, k3s and people write them.

use super::*;

const KUBECTL: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Q0E=
    server: https://10.0.0.1:6443
  name: other
- cluster:
    certificate-authority-data: TEUK
    server: https://k8s.example.com:6443
  name: prod
contexts:
- context:
    cluster: other
    user: other
  name: other
- context:
    cluster: prod
    namespace: aichor
    user: robot
  name: prod
current-context: prod
kind: Config
preferences: {}
users:
- name: other
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - get-token
      command: aws
- name: robot
  user:
    token: eyJ.a.b
";

fn refusal(user: &str, cluster: &str) -> String {
    let text = format!(
        "clusters:\n- name: c\n  cluster:\n    server: https://c\n{cluster}\ncontexts:\n- name: x\n  context: \
         \n    cluster: c\n    user: u\ncurrent-context: x\nusers:\n- name: u\n  user:\n{user}\n"
    );
    parse(&text).err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn the_current_context_is_taken_and_no_other() {
    let pasted = parse(KUBECTL).ok().unwrap();
    assert_eq!(pasted.api_url, "https://k8s.example.com:6443");
    assert_eq!((pasted.ca_base64.as_str(), pasted.bearer_token.as_str()), ("TEUK", "eyJ.a.b"));
    assert!(pasted.basic_username.is_empty());
}

#[test]
fn the_same_file_as_json_says_the_same() {
    let whole = yaml::read(KUBECTL).unwrap();
    assert!(parse(&whole.to_string()).ok() == parse(KUBECTL).ok());
}

#[test]
fn what_runs_programs_or_reads_files_is_refused_by_name() {
    for (user, cluster, word) in [
        ("    exec:\n      command: sh", "", "exec"),
        ("    auth-provider:\n      name: gcp", "", "auth-provider"),
        ("    tokenFile: /tmp/token", "", "tokenFile"),
        ("    client-key-data: AAAA", "", "private key"),
        ("    client-certificate: /a", "", "client certificate"),
        ("    as: somebody\n    token: x", "", "acts as"),
        ("    token: x", "    proxy-url: http://p", "proxy-url"),
        ("    token: x", "    certificate-authority: /ca.crt", "file of your machine"),
        ("    token: x", "    insecure-skip-tls-verify: true", "insecure-skip-tls-verify"),
        ("    token: x", "    tls-server-name: other", "tls-server-name"),
    ] {
        let refused = refusal(user, cluster);
        assert!(refused.contains(word), "{word}: {refused}");
    }
    assert_eq!(refusal("    token: x", "    insecure-skip-tls-verify: false"), "");
}

#[test]
fn quotes_comments_and_basic_credentials_are_read() {
    let text = "# mine\n---\nclusters:\n  - name: \"c\"\n    cluster:\n      server: 'https://c:6443' \n\
                users:\n  - name: u\n    user:\n      username: ada # the admin\n      password: \"p\\\"w\"\n";
    let pasted = parse(text).ok().unwrap();
    assert_eq!((pasted.api_url.as_str(), pasted.basic_username.as_str()), ("https://c:6443", "ada"));
    assert_eq!(pasted.basic_password, "p\"w");
}

#[test]
fn what_is_no_kubeconfig_is_refused_and_never_a_panic() {
    for text in [
        "",
        "hello",
        "- a\n- b",
        "a: &x 1",
        "clusters: [",
        "{\"clusters\": []}",
        "a:\n\tb: 1",
        "a: 1\n---\nb: 2",
        "-",
        "- -\n-",
        "clusters:\n- name: c",
        "a: 1\na: 2",
        ": :",
        "\"a",
        "a: 'b",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert!(parse(&"a:\n ".repeat(1000)).is_err());
    assert!(parse(&"x".repeat(LONGEST + 1)).is_err());
    let nested: String = (0..100).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(parse(&nested).is_err());
}

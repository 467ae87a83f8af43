//! `kubectl-remotegpu` as people use it: the real program, the real console, the real kubectl; the test is the browser.
//!
//! Source: RULINGS 6, 9 and 52, `security.md` §1.6, RFC 8252, RFC 7636.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Client, Ran, Reply, Scratch, TestApp, in_time, read_rest, read_until};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::CONSOLE;

// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const LINK: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&redirect_port=50123\
    &state=0123456789abcdef&name=ada%27s+laptop";
const USED: &str = "This sign-in was used already or has expired: run kubectl-remotegpu login again";

/// A machine with a home of its own and the program on its PATH.
struct Machine {
    home: Scratch,
}

impl Machine {
    fn new() -> Self {
        Self { home: Scratch::new() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn path(&self) -> String {
        let program = program();
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default())
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program());
        for name in ["REMOTEGPU_API_KEY", "REMOTEGPU_SERVER", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "KUBECONFIG"] {
            command.env_remove(name);
        }
        command.args(arguments).env("HOME", self.home.path()).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let output = self.command(arguments, environment).output().await.expect("the program can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { ok: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[]).await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let all: Vec<&str> = arguments.iter().copied().chain(["--output", "json"]).collect();
        serde_json::from_str(&self.run(&all).await.out()).expect("JSON")
    }

    /// kubectl with this machine's home and PATH.
    async fn kubectl(&self, app: &TestApp, kubeconfig: &Path, arguments: &[&str]) -> Ran {
        let (home, path) = (self.home.path().display().to_string(), self.path());
        app.plane.kubectl(kubeconfig, arguments, &[("HOME", &home), ("PATH", &path)]).await
    }

    /// `login`, with `browser` as the person who says yes.
    async fn login(&self, app: &TestApp, browser: &Client, more: &[&str]) -> Ran {
        let arguments = ["login", "--server", &app.url, "--no-browser", "--name", "ada's laptop"];
        let arguments: Vec<&str> = arguments.into_iter().chain(more.iter().copied()).collect();
        let mut child = self.command(&arguments, &[]).spawn().expect("the program can be started");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = read_until(&mut lines, "/cli/authorize?").await;
        let link = said.split_once("/cli/authorize?").unwrap().1.trim().to_owned();
        let page = browser.get(&format!("/cli/authorize?{link}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("ada's laptop"), "{}", page.text);
        let callback = way_back(&browser.post_form("/cli/authorize", &link).await);
        let (origin, path) = callback.split_at(callback.find("/callback").unwrap());
        assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
        let told = Client::anonymous(origin).get(path).await;
        let rest = read_rest(&mut lines).await;
        let output = in_time("the program ends", child.wait_with_output()).await.unwrap();
        let ok = output.status.success();
        assert_eq!(told.text.contains("Signed in."), ok, "{}", told.text);
        Ran { ok, stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr: rest }
    }

    /// The token as it is kept.
    fn token(&self) -> String {
        let folder = std::fs::read_dir(self.file(".config/remotegpu/servers")).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(folder.join("session.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["token"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn program() -> PathBuf {
    let path = Path::new(CONSOLE).with_file_name("kubectl-remotegpu");
    assert!(path.exists(), "{} is not built: cargo build --package cli", path.display());
    path
}

/// The link back to the machine on the page that follows a yes.
fn way_back(page: &Reply) -> String {
    assert_eq!(page.status, 200, "{}", page.text);
    let start = page.text.find("http://127.0.0.1:").expect("a link to the machine");
    page.text[start..].split('"').next().unwrap().replace("&amp;", "&")
}

/// Says yes to [`LINK`]; gives the code.
async fn allow(browser: &Client) -> String {
    let callback = way_back(&browser.post_form("/cli/authorize", LINK).await);
    let rest = callback.strip_prefix("http://127.0.0.1:50123/callback?code=").expect("our own callback");
    rest.strip_suffix("&state=0123456789abcdef").expect("the state, unchanged").to_owned()
}

async fn trade(app: &TestApp, code: &str, verifier: &str) -> Reply {
    app.anonymous().post("/v1/cli/token", json!({"code": code, "code_verifier": verifier})).await
}

/// A session of the command line that somebody in `browser` allowed.
pub async fn token(app: &TestApp, browser: &Client) -> Value {
    let reply = trade(app, &allow(browser).await, VERIFIER).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.json()
}

fn bearer(app: &TestApp, token: &str) -> Client {
    app.anonymous().with("authorization", &format!("Bearer {token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn from_login_to_kubectl_to_logout() {
    let (app, machine) = (TestApp::start(CONSOLE).await, Machine::new());
    let member = app.stranger("member").await;
    let namespace = app.namespace(&member).await;
    let (name, kubernetes_name) = (namespace["name"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let email = member.get("/v1/auth/session").await.str("/user/email");

    assert!(machine.run(&["whoami", "--server", &app.url]).await.refused().contains("run kubectl-remotegpu login"));
    let login = machine.login(&app, &member, &["--create-key", "laptop"]).await.out();
    assert!(login.contains(&format!("Signed in to {} as {email}", app.url)), "{login}");
    assert!(!login.contains("rgpu_") && !login.contains("rgpus_"), "{login}");

    assert_eq!(machine.json(&["whoami"]).await["user"]["email"], email.as_str());
    assert_eq!(machine.json(&["namespaces"]).await["items"][0]["name"], name);
    assert!(machine.run(&["namespaces"]).await.out().contains(kubernetes_name));

    let file = machine.file("kubeconfig.yaml");
    machine.run(&["kubeconfig", name, "--output", file.to_str().unwrap()]).await.out();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("command: \"kubectl-remotegpu\"") && text.contains("- \"exec-credential\""), "{text}");
    assert!(!text.contains("rgpu_"), "{text}");
    let pods = machine.kubectl(&app, &file, &["get", "pods"]).await;
    assert!(pods.stderr.contains(&format!("No resources found in {kubernetes_name} namespace")), "{pods:?}");
    // Flags of kubectl may not stand before the name of a plugin.
    let kubectl = PathBuf::from(std::env::var_os("REMOTEGPU_TEST_DIR").unwrap()).join("bin/kubectl");
    let mut plugin = Command::new(kubectl);
    plugin.args(["remotegpu", "whoami"]).env("HOME", machine.home.path()).env("PATH", machine.path());
    let plugin = String::from_utf8(plugin.output().await.unwrap().stdout).unwrap();
    assert!(plugin.contains(&email), "{plugin}");

    for (path, mode) in [
        (".config/remotegpu", 0o700),
        (".config/remotegpu/servers", 0o700),
        (".config/remotegpu/current", 0o600),
        (".cache/remotegpu", 0o700),
    ] {
        let found = std::fs::metadata(machine.file(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
    let kept = machine.token();
    assert_eq!(bearer(&app, &kept).get("/v1/auth/session").await.status, 200);
    machine.run(&["logout"]).await.out();
    bearer(&app, &kept).get("/v1/auth/session").await.is_problem(401, "missing_access_token", "Missing access token");
    assert!(machine.run(&["namespaces"]).await.refused().contains("run kubectl-remotegpu login"));
    assert!(machine.run(&["logout"]).await.out().contains("Nobody is signed in"));
    machine.kubectl(&app, &file, &["get", "pods"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_in_the_browser_ends_the_login() {
    let (app, machine) = (TestApp::start(CONSOLE).await, Machine::new());
    let arguments = ["login", "--server", &app.url, "--no-browser"];
    let mut child = machine.command(&arguments, &[]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let said = read_until(&mut lines, "/cli/authorize?").await;
    let link = said.lines().next_back().unwrap();
    let value = |name: &str| link.split(&format!("{name}=")).nth(1).unwrap().split('&').next().unwrap().to_owned();
    let machine_url = format!("http://127.0.0.1:{}", value("redirect_port"));
    let refusal = format!("/callback?error=access_denied&state={}", value("state"));
    assert_eq!(Client::anonymous(&machine_url).get(&refusal).await.status, 200);
    let rest = read_rest(&mut lines).await;
    assert!(!in_time("the program ends", child.wait()).await.unwrap().success());
    assert!(rest.contains("remotegpu: Sign-in was cancelled in the browser"), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_and_only_with_its_verifier() {
    let app = TestApp::start(CONSOLE).await;
    let browser = app.operator().await;
    let code = allow(&browser).await;
    let wrong = VERIFIER.replace('k', "j");
    for verifier in [wrong.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", VERIFIER] {
        trade(&app, &code, verifier).await.is_problem(400, "invalid_request", USED);
    }
    let code = allow(&browser).await;
    let created = trade(&app, &code, VERIFIER).await;
    assert_eq!(created.status, 200, "{}", created.text);
    trade(&app, &code, VERIFIER).await.is_problem(400, "invalid_request", USED);
    for invented in ["", "x", &"a".repeat(43), &"é".repeat(43)] {
        trade(&app, invented, VERIFIER).await.is_problem(400, "invalid_request", USED);
    }
    let token = created.str("/token");
    assert!(token.starts_with("rgpus_") && token.len() == 55, "{token}");
    let dump = app.database_bytes();
    for secret in [&token["rgpus_".len()..], &code] {
        assert!(!dump.windows(secret.len()).any(|w| w == secret.as_bytes()), "the database holds hashes only");
        assert!(!app.log().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_somebody_who_is_signed_in_here_can_allow() {
    let app = TestApp::start(CONSOLE).await;
    let browser = app.operator().await;
    let link = format!("/cli/authorize?{LINK}");

    let first = app.anonymous().get(&link).await;
    assert_eq!((first.status, first.header("location").starts_with("/login?next=%2Fcli%2Fauthorize%3F")), (303, true));
    assert_eq!(app.anonymous().post_form("/cli/authorize", LINK).await.status, 401);
    for (header, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let foreign = browser.clone().with(header, value).post_form("/cli/authorize", LINK).await;
        foreign.is_problem(403, "cross_site", "Requests from other sites are refused");
    }
    let page = browser.get(&link).await;
    assert!(page.text.contains("ada's laptop") && page.text.contains("admin@remotegpu.local"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!page.text.contains("<script"), "the question needs no script");

    for (right, wrong) in [
        ("redirect_port=50123", "redirect_port=80"),
        ("redirect_port=50123", "redirect_port=50123%2F@evil.example"),
        ("state=0123456789abcdef", "state=x"),
        ("code_challenge=E9", "code_challenge="),
        ("name=ada", "nme=ada"),
    ] {
        let wrong = LINK.replace(right, wrong);
        for page in
            [browser.get(&format!("/cli/authorize?{wrong}")).await, browser.post_form("/cli/authorize", &wrong).await]
        {
            assert_eq!(page.status, 400, "{wrong}");
            assert!(page.text.contains("cannot be used") && !page.text.contains("http://127.0.0.1:5"), "{}", page.text);
        }
    }
    let made = token(&app, &browser).await;
    let renewing = bearer(&app, made["token"].as_str().unwrap()).post_form("/cli/authorize", LINK).await;
    renewing.is_problem(403, "forbidden", "Your role does not allow this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_session_and_nothing_but_one() {
    let app = TestApp::start(CONSOLE).await;
    let (browser, other) = (app.stranger("owner").await, app.operator().await);
    let made = token(&app, &browser).await;
    let cli = bearer(&app, made["token"].as_str().unwrap());
    let email = made["user"]["email"].as_str().unwrap();
    assert_eq!(cli.get("/v1/auth/session").await.str("/user/email"), email);
    let beside = cli.clone().with("cookie", other.cookie().unwrap()).with("origin", "https://elsewhere.example");
    assert_eq!(beside.get("/v1/auth/session").await.str("/user/email"), email, "the cookie beside it is ignored");
    let namespace = beside.post("/v1/kubernetes/namespaces", json!({"name": "by-cli"})).await;
    assert_eq!(namespace.status, 201, "{}", namespace.text);
    let key = cli.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await.str("/key");

    let exec = format!("/v1/kubernetes/namespaces/{}/exec-credential", namespace.str("/id"));
    cli.post(&exec, json!({})).await.is_problem(401, "invalid_api_key", "Invalid API key");
    for nobody in [
        cli.clone().with("x-api-key", &key),
        bearer(&app, &key),
        bearer(&app, &key).with("cookie", other.cookie().unwrap()),
        bearer(&app, &format!("{}x", made["token"].as_str().unwrap())),
        bearer(&app, "rgpus_").with("cookie", other.cookie().unwrap()),
    ] {
        let reply = nobody.get("/v1/auth/session").await;
        reply.is_problem(401, "missing_access_token", "Missing access token");
    }
    let proof = cli.post("/v1/auth/reauthenticate", json!({"password": "a-password-for-tests"})).await;
    proof.is_problem(403, "forbidden", "Your role does not allow this");
    assert_eq!(proof.header("set-cookie"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_moves_to_no_other_account_and_uses_up_no_invitation() {
    let app = TestApp::start(CONSOLE).await;
    let (browser, inviting) = (app.stranger("owner").await, app.operator().await);
    let made = token(&app, &browser).await;
    let cli = bearer(&app, made["token"].as_str().unwrap());
    let invited = inviting.post("/v1/invitations", json!({"email": made["user"]["email"], "role": "viewer"})).await;
    let link = invited.str("/link");
    let accept = json!({"token": link.rsplit('/').next().unwrap()});
    let refused = cli.post("/v1/invitations/accept", accept.clone()).await;
    refused.is_problem(403, "forbidden", "Your role does not allow this");
    let accounts = browser.get("/v1/accounts").await;
    assert_eq!(accounts.json()["items"].as_array().unwrap().len(), 1, "{}", accounts.text);
    let switch = json!({"account_id": accounts.str("/items/0/id")});
    let refused = cli.post("/v1/auth/session/account", switch).await;
    refused.is_problem(403, "forbidden", "Your role does not allow this");
    assert_eq!(browser.post("/v1/invitations/accept", accept).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_a_revoked_one_is_refused_at_once() {
    let app = TestApp::start(CONSOLE).await;
    let (browser, other) = (app.stranger("viewer").await, app.operator().await);
    let (one, two) = (token(&app, &browser).await, token(&app, &browser).await);
    let list = browser.get("/v1/cli-sessions").await;
    let items = list.json()["items"].as_array().unwrap().clone();
    assert_eq!(items.iter().map(|i| &i["id"]).collect::<Vec<_>>(), [&one["id"], &two["id"]]);
    assert_eq!(items[0]["name"], "ada's laptop");
    assert!(!list.text.contains("rgpus_"), "{}", list.text);
    assert_eq!(other.get("/v1/cli-sessions").await.json()["items"], json!([]));

    let path = format!("/v1/cli-sessions/{}", one["id"].as_str().unwrap());
    other.delete(&path).await.is_problem(404, "not_found", "Not found");
    assert_eq!(browser.delete(&path).await.status, 204);
    assert_eq!(browser.delete(&path).await.status, 204, "ending it twice changes nothing");
    let cli = |made: &Value| bearer(&app, made["token"].as_str().unwrap());
    assert_eq!(cli(&one).get("/v1/auth/session").await.status, 401);
    assert_eq!(cli(&two).get("/v1/auth/session").await.status, 200);
    assert_eq!(cli(&two).post("/v1/auth/logout", json!({})).await.status, 204);
    assert_eq!(cli(&two).get("/v1/auth/session").await.status, 401, "signing out ends the session");
    assert_eq!(browser.get("/v1/cli-sessions").await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kubectl_at_once_ask_the_console_once() {
    let (app, machine) = (TestApp::start(CONSOLE).await, Machine::new());
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key = app.key(&member, json!({"all": true})).await;
    let original = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "?variant=cli").await;
    let (counted, calls) = counter(&app.url).await;
    let text = std::fs::read_to_string(&original).unwrap().replace(&app.url, &counted);
    let kubeconfig = machine.home.secret("kubeconfig.yaml", &text);
    let (home, path) = (machine.home.path().display().to_string(), machine.path());
    let environment = [("HOME", home.as_str()), ("PATH", path.as_str()), ("REMOTEGPU_API_KEY", key.as_str())];
    let arguments = ["get", "configmaps"];
    let runs = (0..20).map(|_| app.plane.kubectl(&kubeconfig, &arguments, &environment));
    for ran in futures::future::join_all(runs).await {
        ran.out();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    let cache: Vec<PathBuf> =
        std::fs::read_dir(machine.file(".cache/remotegpu")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(cache.len(), 2, "one credential and its lock: {cache:?}");
    for file in &cache {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    let kept = cache.iter().find(|file| file.extension().is_some_and(|end| end == "json")).unwrap();
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).expect("a whole file");
    assert_eq!(kept["given_to"].as_array().unwrap().len(), 20);
    assert!(!kept.to_string().contains("rgpu_"));
}

/// A door to `url` that counts who comes through.
async fn counter(url: &str) -> (String, Arc<AtomicUsize>) {
    let (listener, target) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), url["http://".len()..].to_owned());
    let (door, calls) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let counted = calls.clone();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let mut server = TcpStream::connect(&target).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (door, calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_one_sentence_on_standard_error() {
    let (app, machine) = (TestApp::start(CONSOLE).await, Machine::new());
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let url = format!("{}/v1/kubernetes/namespaces/{}/exec-credential", app.url, namespace["id"].as_str().unwrap());
    let ask = ["exec-credential", "--url", &url];

    let missing = machine.run(&ask).await;
    assert_eq!(missing.refused(), "remotegpu: Missing API key: REMOTEGPU_API_KEY is not set\n");
    let malformed = machine.run_with(&ask, &[("REMOTEGPU_API_KEY", "rgpu_nonsense")]).await.refused();
    assert_eq!(malformed, "remotegpu: Invalid API key\n");

    let created = member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    let key = created.str("/key");
    let file = machine.home.secret("key", &format!("{key}\n"));
    let from_file = ["exec-credential", "--url", &url, "--key-file", file.to_str().unwrap()];
    let credential: Value = serde_json::from_str(&machine.run(&from_file).await.out()).unwrap();
    assert_eq!(credential["kind"], "ExecCredential");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(machine.run(&from_file).await.refused().contains("chmod 600"));

    let environment = [("REMOTEGPU_API_KEY", key.as_str())];
    let clear = ["exec-credential", "--url", "http://console.example.com/v1/x"];
    let refused = machine.run_with(&clear, &environment).await.refused();
    assert_eq!(refused, "remotegpu: Plain http is for this machine only: use https://\n");
    assert_eq!(member.delete(&format!("/v1/api-keys/{}", created.str("/id"))).await.status, 204);
    let fresh = ["exec-credential", "--url", &url, "--no-cache"];
    let revoked = machine.run_with(&fresh, &environment).await;
    assert_eq!(revoked.stdout, "");
    assert_eq!(revoked.refused(), "remotegpu: HTTP 401 API key revoked\n");
}

/// What a kubeconfig of a stranger could ask of this program.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_one_console_goes_to_no_other() {
    let (app, machine) = (TestApp::start(CONSOLE).await, Machine::new());
    let member = app.stranger("member").await;
    let namespace = app.namespace(&member).await;
    machine.login(&app, &member, &["--create-key", "laptop"]).await.out();
    let servers = machine.file(".config/remotegpu/servers");
    let file = std::fs::read_dir(servers).unwrap().next().unwrap().unwrap().path().join("api-key");
    let key = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    let file = file.to_str().unwrap();
    let (elsewhere, calls) = counter(&app.url).await;
    let id = namespace["id"].as_str().unwrap();
    let route = |console: &str| format!("{console}/v1/kubernetes/namespaces/{id}/exec-credential");
    let (here, there) = (route(&app.url), route(&elsewhere));
    let environment = [("REMOTEGPU_API_KEY", key.as_str()), ("REMOTEGPU_SERVER", app.url.as_str())];

    machine.run(&["exec-credential", "--url", &here, "--key-file", file]).await.out();
    let by_file = machine.run(&["exec-credential", "--url", &there, "--key-file", file]).await.refused();
    assert!(by_file.contains("is the key for another console"), "{by_file}");
    machine.run_with(&["exec-credential", "--url", &here], &environment).await.out();
    let strange = ["exec-credential", "--server", &elsewhere, "--url", &there];
    let by_variable = machine.run_with(&strange, &environment).await.refused();
    assert!(by_variable.contains(&format!("REMOTEGPU_SERVER says {}", app.url)), "{by_variable}");
    assert!(!by_file.contains(&key) && !by_variable.contains(&key));
    assert_eq!(calls.load(Ordering::SeqCst), 0, "nobody there heard of it");
    // One variable alone is enough for every kubeconfig that a console wrote.
    machine.run_with(&["exec-credential", "--url", &there], &environment[..1]).await.out();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_keeps_what_was_there_and_kubectl_reads_the_result() {
    let (app, machine) = (TestApp::start(CONSOLE).await, Machine::new());
    let member = app.stranger("member").await;
    let namespace = app.namespace(&member).await;
    machine.login(&app, &member, &["--create-key", "laptop"]).await.out();
    let own = machine.home.secret(
        "config",
        "apiVersion: v1\nkind: Config\ncurrent-context: work\nclusters:\n- name: work\n  cluster: {server: 'https://work.example', x-unknown: kept}\n\
         contexts:\n- name: work\n  context: {cluster: work, user: me}\nusers:\n- name: me\n  user: {token: abc}\n",
    );
    let environment = [("KUBECONFIG", own.to_str().unwrap())];
    for _ in 0..2 {
        machine.run_with(&["kubeconfig", "--merge"], &environment).await.out();
    }
    let text = std::fs::read_to_string(&own).unwrap();
    assert!(text.contains("x-unknown: \"kept\"") && text.contains("current-context: \"work\""), "{text}");
    assert!(std::fs::read_to_string(machine.file("config.remotegpu-backup")).unwrap().contains("work.example"));
    let context = format!("remotegpu-{}", &namespace["id"].as_str().unwrap()[28..]);
    let contexts = machine.kubectl(&app, &own, &["config", "get-contexts", "--output=name"]).await.out();
    assert_eq!(contexts.lines().collect::<Vec<_>>(), [context.as_str(), "work"]);
    let token =
        machine.kubectl(&app, &own, &["config", "view", "--raw", "--output=jsonpath={.users[0].user.token}"]).await;
    assert_eq!(token.out(), "abc");
    machine.kubectl(&app, &own, &["--context", &context, "get", "pods"]).await.out();
}

#[tokio::test(flavor = "multi_thread")]
async fn completion_scripts_are_scripts() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = machine.run(&["completion", shell]).await.out();
        assert!(script.contains("exec-credential") && script.contains("kubectl-remotegpu"), "{shell}");
        let file = machine.home.secret(shell, &script);
        if shell == "bash" {
            let parsed = Command::new("bash").arg("-n").arg(&file).output().await.unwrap();
            assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
        }
    }
}

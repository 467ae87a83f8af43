use super::*;
use crate::engine_manifest::PUBLISHED;

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn cluster() -> EngineForm {
    EngineForm {
        name: "onprem-1".into(),
        api_url: "k8s.example.com:6443".into(),
        load_balancer_ip: "203.0.113.10".into(),
        bearer_token: "Bearer abc.def".into(),
        ..EngineForm::default()
    }
}

fn refused(form: EngineForm) -> Vec<(String, String)> {
    match form.check(now(), false) {
        Err(Error::Invalid(errors)) => errors.into_iter().map(|error| (error.field, error.message)).collect(),
        other => vec![("none".into(), format!("{other:?}"))],
    }
}

fn says(form: EngineForm, field: &str, message: &str) {
    let errors = refused(form);
    assert!(errors.iter().any(|error| error.0 == field && error.1.starts_with(message)), "{field}: {errors:?}");
}

#[test]
fn a_good_form_is_put_into_one_form() {
    let checked = cluster().check(now(), false).unwrap();
    let Settings::OnPremise(settings) = &checked.settings else { unreachable!("{checked:?}") };
    assert_eq!(settings.api_url.to_string(), "https://k8s.example.com:6443");
    assert_eq!(checked.credentials, Credentials::BearerToken { token: "abc.def".into() });
    assert_eq!(settings.ca_pem, None);
}

#[test]
fn every_wrong_field_says_so_at_once() {
    let form = EngineForm {
        name: "1st".into(),
        ecosystem: "a b".into(),
        api_url: "http://x".into(),
        load_balancer_ip: "10.0.0.0/8".into(),
        ca_data: "no".into(),
        ..EngineForm::default()
    };
    let fields: Vec<String> = refused(form).into_iter().map(|error| error.0).collect();
    assert_eq!(fields, ["name", "ecosystem", "ca_data", "api_url", "load_balancer_ip", "bearer_token"]);
}

#[test]
fn an_account_that_requires_an_ecosystem_gets_one_on_each_engine() {
    let tagged = EngineForm { ecosystem: "prod".into(), ..cluster() };
    assert_eq!(tagged.check(now(), true).unwrap().ecosystem, "prod");
    let Err(Error::Invalid(errors)) = cluster().check(now(), true) else { unreachable!("the tag is missing") };
    assert_eq!((errors.len(), errors[0].field.as_str(), errors[0].code.as_str()), (1, "ecosystem", "required"));
}

#[test]
fn exactly_one_way_to_sign_in() {
    let bare = EngineForm { bearer_token: String::new(), ..cluster() };
    says(bare.clone(), "bearer_token", "Choose a bearer token or basic authentication");
    let both = EngineForm { basic_username: "a".into(), basic_password: "b".into(), ..cluster() };
    says(both, "bearer_token", "Send either a bearer token or basic credentials, not both");
    says(EngineForm { basic_username: "a".into(), ..bare.clone() }, "basic_password", "Enter the password");
    let colon = EngineForm { basic_username: "a:b".into(), basic_password: "c".into(), ..bare };
    says(colon, "basic_username", "User name must not contain a colon");
}

#[test]
fn names_and_secrets_have_a_longest() {
    let basic = |name: &str, password: &str| EngineForm {
        bearer_token: String::new(),
        basic_username: name.into(),
        basic_password: password.into(),
        ..cluster()
    };
    assert!(basic(&"u".repeat(256), &"p".repeat(1024)).check(now(), false).is_ok());
    says(basic(&"u".repeat(257), "p"), "basic_username", "Enter the user name");
    says(basic("u\u{7}", "p"), "basic_username", "User name must not contain a colon");
    says(basic("u", &"p".repeat(1025)), "basic_password", "Enter the password");
    let token = |length: usize| EngineForm { bearer_token: "t".repeat(length), ..cluster() };
    assert!(token(16 * 1024).check(now(), false).is_ok());
    says(token(16 * 1024 + 1), "bearer_token", "At most 16 KiB");
    let called =
        |name: usize, tag: usize| EngineForm { name: "n".repeat(name), ecosystem: "e".repeat(tag), ..cluster() };
    assert!(called(63, 64).check(now(), false).is_ok());
    says(called(64, 64), "name", "Use lowercase letters, digits and hyphens; start with a letter");
    says(called(63, 65), "ecosystem", "Use up to 64 letters");
}

#[test]
fn addresses_have_one_spelling() {
    let host = |text: &str| ApiUrl::parse("api_url", text).map(|url| url.to_string());
    for (typed, meant) in [
        ("K8S.example.com.", "https://k8s.example.com"),
        ("https://10.0.0.1:6443/", "https://10.0.0.1:6443"),
        ("https://[FD12::1]:6443", "https://[fd12::1]:6443"),
        ("HTTPS://a_b.c", "https://a_b.c"),
    ] {
        assert_eq!(host(typed).unwrap(), meant);
    }
    for wrong in [
        "",
        "http://a",
        "https://u:p@a",
        "https://a/path",
        "https://a?x",
        "https://a#x",
        "https://a:0",
        "https://a:99999",
        "ftp://a",
        "https://a b",
        "https://[::1",
        "https://::1",
        "https://a..b",
        "https://a%2eb",
    ] {
        assert!(host(wrong).is_err(), "{wrong}");
    }
    for odd in ["https://2130706433", "https://0x7f.1", "https://0177.0.0.1", "https://127.1", "localhost:6443"] {
        let error = host(odd).unwrap_err().to_string();
        assert_eq!(error, "This address is not allowed", "{odd}");
    }
}

#[test]
fn a_load_balancer_is_one_address_that_others_reach() {
    let take = |text: &str| address::load_balancer_ip("load_balancer_ip", text).is_ok();
    assert!(take(" 10.0.0.1 ") && take("2001:db8::1"));
    for wrong in ["", "host", "10.0.0.0/8", "10.0.0.1:80", "127.0.0.1", "169.254.1.1", "224.0.0.1", "::", "fe80::1"] {
        assert!(!take(wrong), "{wrong}");
    }
}

#[test]
fn what_is_no_certificate_says_what_it_is() {
    let check = |text: &str| certificate::check("ca_data", text, now()).map(|found| found.is_some());
    assert!(!check(" \n").unwrap());
    let says = |text: &str| check(text).unwrap_err().to_string();
    assert_eq!(says("hello"), "No certificate found");
    assert_eq!(says("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="), "This looks base64-encoded; decode it first");
    assert!(says("-----BEGIN EC PRIVATE KEY-----").starts_with("This is a private key."));
    assert_eq!(says("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), "No certificate found");
    assert_eq!(says(&"x".repeat(70_000)), "At most 64 KiB");
}

/// Of `CN=example-ca`, until 2030-09-23; its key was thrown away.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBozCCAUmgAwIBAgIUXvloqlWysXUrYq1vzRFSRPggkv4wCgYIKoZIzj0EAwIw
JzEQMA4GA1UECgwHRXhhbXBsZTETMBEGA1UEAwwKZXhhbXBsZS1jYTAeFw0yNjEx
MjMxMDAyMzNaFw0zMDA5MjMxMDAyMzNaMCcxEDAOBgNVBAoMB0V4YW1wbGUxEzAR
BgNVBAMMCmV4YW1wbGUtY2EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQNgbP9
uc9RxnsHwMUOqe8gHEc1cz9r/k/AGftz4u0XNRPVAikbxTDR0lgquO50gEEciZxF
ufz461NIC9QB/w5ko1MwUTAdBgNVHQ4EFgQUx8YonnCx/5dleyxD3WuH2yJjSrUw
HwYDVR0jBBgwFoAUx8YonnCx/5dleyxD3WuH2yJjSrUwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEAo21iFgFhUVOLKJBHfmYQAqxOYL6mLJ+SHTE4
2hzEeHMCIFecSn9EsLP7ZOxAO43uecEsXJT3m4EQ7RtbNOoxMXn4
-----END CERTIFICATE-----
";

#[test]
fn a_given_ca_is_known_by_its_name_and_its_end() {
    let check = |text: &str, at: Timestamp| certificate::check("ca_data", text, at);
    let end: Timestamp = "2030-09-23T10:02:33Z".parse().unwrap();
    let (pem, authority) = check(&AUTHORITY.replace('\n', "\r\n"), now()).unwrap().unwrap();
    assert_eq!((pem.as_str(), authority.subject.as_str(), authority.not_after), (AUTHORITY, "example-ca", end));
    assert!(check(&AUTHORITY.repeat(20), now()).is_ok());
    assert_eq!(check(&AUTHORITY.repeat(21), now()).unwrap_err().to_string(), "At most 20 certificates");
    assert_eq!(check(AUTHORITY, end).unwrap_err().to_string(), "Certificate expired on 2030-09-23");
}

#[test]
fn a_token_that_is_a_jwt_says_until_when() {
    // {"alg":"none"} . {"sub":"system:serviceaccount:a:b","exp":1700000000} . x
    let ended = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIiwiZXhwIjoxNzAwMDAwMDAwfQ.x";
    let facts = token::read(ended).unwrap();
    assert_eq!(facts.subject, "system:serviceaccount:a:b");
    says(EngineForm { bearer_token: ended.into(), ..cluster() }, "bearer_token", "Token expired on 2023-11-14");
    says(EngineForm { bearer_token: "a b".into(), ..cluster() }, "bearer_token", "The token is one line");
}

#[test]
fn other_kinds_have_their_own_fields() {
    let runpod = EngineForm { kind: EngineKind::Runpod, name: "rented".into(), ..EngineForm::default() };
    says(runpod.clone(), "api_key", "Paste the API key");
    let Settings::Runpod(found) =
        EngineForm { api_key: "rp_x".into(), ..runpod.clone() }.check(now(), false).unwrap().settings
    else {
        unreachable!()
    };
    assert_eq!((found.max_gpu_price_micros, found.cloud.as_str()), (500_000, "secure"));
    says(EngineForm { api_key: "k".into(), max_gpu_price: "-1".into(), ..runpod }, "max_gpu_price", "Write US dollars");
    let docker = EngineForm { kind: EngineKind::Docker, name: "box".into(), ..EngineForm::default() };
    let socket = EngineForm { endpoint: "unix:///run/docker.sock".into(), ..docker.clone() };
    assert_eq!(socket.check(now(), false).unwrap().credentials, Credentials::None);
    says(EngineForm { endpoint: "tcp://a:1".into(), ..docker.clone() }, "endpoint", "Use unix://");
    says(EngineForm { endpoint: "https://a:2376".into(), ..docker }, "client_key", "Paste the private key");
}

#[test]
fn the_published_rules_are_67_rights() {
    let rights: usize = PUBLISHED.iter().map(|rule| rule.rights(None, None).count()).sum();
    assert_eq!(rights, 67);
    let Settings::OnPremise(everywhere) = cluster().check(now(), false).unwrap().settings else { unreachable!() };
    assert!(everywhere.rights().iter().all(|right| right.namespace.is_none()));
    assert!(everywhere.rights().len() > 67);
    let listed = EngineForm { namespaces: vec!["a".into(), "b".into()], ..cluster() };
    let Settings::OnPremise(listed) = listed.check(now(), false).unwrap().settings else { unreachable!() };
    assert!(listed.rights().iter().any(|right| right.namespace.as_deref() == Some("b")));
}

fn engine(status: EngineStatus) -> Engine {
    let checked = cluster().check(now(), false).unwrap();
    Engine {
        id: EngineId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap(),
        account_id: None,
        name: checked.name,
        ecosystem: checked.ecosystem,
        settings: checked.settings,
        auth: checked.credentials.facts(now()),
        status,
        status_reason: String::new(),
        failures: 0,
        facts: Facts::default(),
        last_check_at: None,
        last_full_at: None,
        next_check_at: now(),
        created_at: now(),
        revision: 0,
    }
}

#[test]
fn only_nodes_of_the_platforms_engines_have_their_bare_name() {
    let platform = engine(EngineStatus::Ready);
    assert_eq!(platform.node_label(), "onprem-1");
    let account_id = Some(AccountId::parse("019c1b2e-7f00-7abc-8def-0123456789ac").unwrap());
    let own = Engine { account_id, name: "a".repeat(63), ..platform };
    let label = own.node_label();
    assert!(label.len() == 63 && label.starts_with("aaaa") && label.ends_with(".456789ac"), "{label}");
}

#[test]
fn nodes_of_the_label_that_an_earlier_version_gave_are_an_accounts_engines_own() {
    let platform = engine(EngineStatus::Ready);
    assert_eq!(platform.former_label(), None, "it was called so ever since");
    let account_id = Some(AccountId::parse("019c1b2e-7f00-7abc-8def-0123456789ac").unwrap());
    let own = Engine { account_id, ..platform };
    let former = own.former_label().unwrap();
    assert_eq!(former, format!("onprem-1-{}", own.id.short()));
    let node = |engine: &str| {
        let labels = [(crate::capacity::ENGINE_LABEL, engine), (RUN_BY_LABEL, RUN_BY_FLEET)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        NodeState { name: engine.to_owned(), labels, ..NodeState::default() }
    };
    let nodes = [node(&former), node("onprem-1"), node(&own.node_label())];
    let names: Vec<&str> = own.own(&nodes).map(|node| node.name.as_str()).collect();
    assert_eq!(names, [former.as_str(), own.node_label().as_str()]);
    assert!(own.has_nodes(&nodes[..1]) && !own.has_nodes(&nodes[1..2]));
}

fn found(rows: Vec<Row>) -> Probed {
    Probed { report: Report { rows }, ..Probed::default() }
}

#[test]
fn three_misses_in_a_row_make_an_engine_unreachable_and_one_success_brings_it_back() {
    let mut engine = engine(EngineStatus::Ready);
    let miss = found(vec![Row::fail("tcp", "Connection refused")]);
    for (status, changed) in
        [(EngineStatus::Ready, false), (EngineStatus::Ready, false), (EngineStatus::Unreachable, true)]
    {
        let verdict = engine.checked(&miss, Depth::Light, now());
        assert_eq!((engine.status, verdict.changed), (status, changed), "{verdict:?}");
    }
    let pauses: Vec<i64> = (3..9)
        .map(|failures| Verdict { failures, ..Verdict::of(&miss.report, 0, engine.status) })
        .map(|verdict| verdict.pause().as_mins())
        .collect();
    assert_eq!(pauses, [5, 10, 20, 30, 30, 30]);
    engine.checked(&found(vec![]), Depth::Light, now());
    assert_eq!((engine.status, engine.failures), (EngineStatus::Ready, 0));
}

#[test]
fn a_light_check_does_not_forget_what_the_full_one_missed() {
    let mut engine = engine(EngineStatus::Checking);
    engine.checked(&found(vec![Row::fail("rbac//pods/log/get", "Missing")]), Depth::Full, now());
    assert_eq!(engine.status, EngineStatus::Degraded);
    engine.checked(&found(vec![]), Depth::Light, now());
    assert_eq!((engine.status, engine.status_reason.as_str()), (EngineStatus::Degraded, "Missing"));
    assert_eq!(engine.due_depth(now()), Depth::Light);
    assert_eq!(engine.due_depth(now() + jiff::SignedDuration::from_hours(24)), Depth::Full);
}

#[test]
fn what_is_lacking_is_looked_for_again_soon_then_less_and_less_often() {
    let (mut engine, mut now, mut pauses) = (engine(EngineStatus::Ready), now(), Vec::new());
    for _ in 0..6 {
        engine.checked(&found(vec![Row::fail("rbac//pods/log/get", "Missing")]), Depth::Full, now);
        let begun = now;
        now = engine.next_check_at;
        while engine.due_depth(now) == Depth::Light {
            engine.checked(&found(vec![]), Depth::Light, now);
            assert!(engine.next_check_at.duration_since(now).as_mins() <= 5, "the light ones go on");
            now = engine.next_check_at;
        }
        pauses.push(now.duration_since(begun).as_mins());
    }
    assert_eq!(pauses, [1, 2, 5, 15, 60, 60]);
    engine.checked(&found(vec![]), Depth::Full, now);
    assert_eq!((engine.status, engine.facts.lacking), (EngineStatus::Ready, 0));
    assert_eq!(engine.due_depth(engine.next_check_at), Depth::Light);
}

#[test]
fn the_next_check_is_put_off_by_a_tenth_at_most() {
    let mut engine = engine(EngineStatus::Ready);
    for (chance, seconds) in [(0, 100), (u8::MAX, 110)] {
        engine.next_check_at = now() + jiff::SignedDuration::from_secs(100);
        engine.spread(now(), chance);
        assert_eq!(engine.next_check_at.duration_since(now()).as_secs(), seconds);
    }
}

#[test]
fn a_check_that_got_no_answer_to_something_is_made_again_and_takes_nothing_back() {
    let mut engine = engine(EngineStatus::Checking);
    let unanswered = Probed { unanswered: true, ..found(vec![Row::warn("rbac//pods/log/get", "No answer")]) };
    engine.checked(&unanswered, Depth::Full, now());
    assert_eq!((engine.status, engine.due_depth(now())), (EngineStatus::Ready, Depth::Full));
    engine.checked(&found(vec![Row::fail("rbac//pods/log/get", "Missing")]), Depth::Full, now());
    engine.checked(&unanswered, Depth::Full, now());
    assert_eq!((engine.status, engine.status_reason.as_str()), (EngineStatus::Degraded, "Missing"));
    engine.checked(&found(vec![]), Depth::Full, now());
    assert_eq!((engine.status, engine.due_depth(now())), (EngineStatus::Ready, Depth::Light));
}

#[test]
fn refusals_and_strangers_count_at_once_and_nothing_wakes_a_disabled_engine() {
    for (id, status) in [("auth", EngineStatus::Unauthorized), ("cluster-uid", EngineStatus::Mismatch)] {
        let mut engine = engine(EngineStatus::Ready);
        engine.checked(&found(vec![Row::fail(id, "no")]), Depth::Light, now());
        assert_eq!(engine.status, status);
    }
    let mut off = engine(EngineStatus::Disabled);
    off.checked(&found(vec![]), Depth::Full, now());
    assert_eq!(off.status, EngineStatus::Disabled);
}

#[test]
fn an_engine_on_its_way_out_is_not_one_that_is_switched_off() {
    let (off, ending) = (engine(EngineStatus::Disabled), engine(EngineStatus::Deleting));
    assert!(!ending.same_but_for_checks(&off), "who switches it on again must not bring it back");
    assert!(engine(EngineStatus::Unreachable).same_but_for_checks(&engine(EngineStatus::Ready)));
    let mut checked = ending;
    checked.checked(&found(vec![]), Depth::Full, now());
    assert_eq!(checked.status, EngineStatus::Deleting);
}

#[test]
fn only_nodes_that_were_made_for_an_engine_go_with_it() {
    let node = |labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        vec![NodeState { labels, ..NodeState::default() }]
    };
    let (engine, by) = (engine(EngineStatus::Deleting), (RUN_BY_LABEL, RUN_BY_FLEET));
    assert!(engine.has_nodes(&node(&[("remotegpu.ai/engine", "onprem-1"), by])));
    assert!(!engine.has_nodes(&node(&[("remotegpu.ai/engine", "onprem-2"), by])));
    assert!(!engine.has_nodes(&node(&[("remotegpu.ai/engine", "onprem-1")])), "somebody runs it by hand");
    assert!(!engine.has_nodes(&[]));
}

#[test]
fn credentials_are_announced_30_days_or_a_fifth_of_their_life_before_their_end() {
    let hours = jiff::SignedDuration::from_hours;
    let auth = |life: i64, left: i64| AuthFacts {
        issued_at: Some(now() - hours(life - left)),
        expires_at: Some(now() + hours(left)),
        ..engine(EngineStatus::Ready).auth
    };
    assert!(!auth(24, 5).expiring(now()) && auth(24, 4).expiring(now()));
    assert!(!auth(24 * 365, 24 * 31).expiring(now()) && auth(24 * 365, 24 * 30).expiring(now()));
    assert!(!engine(EngineStatus::Ready).auth.expiring(now()), "it never ends, or does not say");
}

#[test]
fn an_end_is_told_once_and_that_of_the_next_credentials_anew() {
    let hours = jiff::SignedDuration::from_hours;
    let mut engine = engine(EngineStatus::Ready);
    assert_eq!(engine.end_to_tell(now()), None, "it never ends, or does not say");
    let end = now() + hours(4);
    (engine.auth.issued_at, engine.auth.expires_at) = (Some(now() - hours(20)), Some(end));
    assert_eq!(engine.end_to_tell(now() - hours(1)), None, "there is time");
    assert_eq!(engine.end_to_tell(now()), Some(end));
    engine.facts.end_told = Some(end);
    assert_eq!(engine.end_to_tell(now()), None);
    engine.checked(&found(vec![]), Depth::Full, now());
    assert_eq!(engine.end_to_tell(now()), None, "a check forgets nothing");
    engine.auth.expires_at = Some(end - hours(1));
    assert_eq!(engine.end_to_tell(now()), Some(end - hours(1)));
}

#[test]
fn a_token_that_renews_itself_is_renewed_at_half_of_its_life_and_announced_when_that_was_missed() {
    let hours = jiff::SignedDuration::from_hours;
    let auth = |left: i64, renewable: bool| AuthFacts {
        issued_at: Some(now() - hours(100 - left)),
        expires_at: Some(now() + hours(left)),
        renewable,
        ..engine(EngineStatus::Ready).auth
    };
    assert_eq!(auth(50, true).renews_at(0), Some(now()));
    let latest = auth(50, true).renews_at(u8::MAX).unwrap().duration_since(now());
    assert!(latest > hours(9) && latest <= hours(10), "spread over a tenth: {latest:?}");
    assert_eq!(auth(50, false).renews_at(0), None);
    assert_eq!(AuthFacts { expires_at: None, ..auth(50, true) }.renews_at(0), None);
    assert!(!auth(26, true).expiring(now()) && auth(25, true).expiring(now()) && !auth(25, false).expiring(now()));
}

#[test]
fn only_a_name_that_can_be_one_becomes_part_of_a_path() {
    let of = |subject: &str| token::TokenFacts { subject: subject.into(), ..token::TokenFacts::default() };
    let account = |subject: &str| of(subject).service_account().map(|(space, name)| format!("{space} {name}"));
    assert_eq!(account("system:serviceaccount:aichor:dp-sa"), Some("aichor dp-sa".to_owned()));
    for other in ["admin", "system:serviceaccount:aichor", "system:serviceaccount:a/b:c", "system:serviceaccount:a:.."]
    {
        assert_eq!(account(other), None, "{other}");
    }
    assert_eq!(account("system:serviceaccount:a:."), None, "a client drops such a part of a path");
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let form = EngineForm { basic_password: "hunter2".into(), api_key: "hunter2".into(), ..cluster() };
    let credentials = Credentials::BearerToken { token: "hunter2".into() };
    let new = view::NewEngine { engine: form, ..view::NewEngine::default() };
    assert!(!format!("{new:?}{credentials:?}").contains("hunter2"));
}

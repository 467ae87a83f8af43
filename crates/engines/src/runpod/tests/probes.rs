//! How probes reach a container from outside, and what follows when one finds it unhealthy (`virtual-node.md` §3.8).

use kubelet::HttpProxy;
use tokio::{io::AsyncReadExt, net::TcpListener};

use super::*;

const ACTION: &str = "POST /v2/pods/{id}/action";
const CREATE: &str = "POST /v2/pods";
const DELETE: &str = "DELETE /v2/pods/{id}";

fn with_ports(pod: &mut Value) {
    pod["metadata"]["annotations"] = json!({"runpod.io/ports": "22/tcp,8080/http,5432/tcp"});
}

/// Instances are up at once; their TCP ports are those of this machine.
fn at_once(tcp_port: u16) -> Settings {
    Settings { boot_seconds: 0, port_seconds: 0, quota: None, tcp_port: Some(tcp_port), ..Settings::default() }
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn is_unsure(error: &ProviderError) -> bool {
    matches!(error, ProviderError::Waiting { reason: "ProbeInconclusive", .. })
}

#[tokio::test]
async fn a_tcp_port_is_dialled_where_it_is_mapped_and_only_a_refusal_is_the_containers_fault() {
    let (listener, port) = listener().await;
    let world = World::with(at_once(port), here());
    let made = world.engine.create(&world.request("a", with_ports)).await.unwrap();
    let dial = async |port: u16| world.engine.dial(&made, port).await.err();
    assert_eq!(dial(5432).await, None);
    let unmapped = dial(9090).await.unwrap();
    assert!(is_unsure(&unmapped), "{unmapped}");
    drop(listener);
    let refused = dial(5432).await.unwrap();
    assert!(matches!(&refused, ProviderError::Unavailable(text) if text.contains("dial tcp 127.0.0.1:")), "{refused}");
    world.engine.stop("a", &made.containers[0], Duration::ZERO).await.unwrap();
    let ended = dial(5432).await.unwrap();
    assert!(is_unsure(&ended), "{ended}");
    world.money(&["a"]).await;
}

#[tokio::test]
async fn an_http_port_is_asked_through_the_proxy_and_any_other_directly() {
    let (listener, port) = listener().await;
    let proxy = format!("http://127.0.0.1:{port}/proxy/{{pod}}/{{port}}");
    let world = World::with(at_once(port), RunPodConfig { proxy, ..here() });
    let made = world.engine.create(&world.request("a", with_ports)).await.unwrap();
    let id = made.containers[0].id.strip_prefix("runpod://").unwrap();
    let way = world.engine.dial_http(&made, 8080).await.unwrap_or_else(|error| panic!("{error}"));
    let (mut accepted, _) = listener.accept().await.unwrap();
    let wanted = HttpProxy { host: format!("127.0.0.1:{port}"), prefix: format!("/proxy/{id}/8080"), fresh: true };
    assert_eq!(way.proxy, Some(wanted));
    drop(way.wire);
    assert_eq!(accepted.read(&mut [0; 1]).await.unwrap(), 0, "the connection was ours");
    let direct = world.engine.dial_http(&made, 5432).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(direct.proxy, None);
    assert_eq!((world.simulator.proxied(id, "8080"), world.simulator.proxied(id, "80")), (200, 502));
    drop((listener, direct));
    let gone = world.engine.dial_http(&made, 8080).await.err().unwrap();
    assert!(is_unsure(&gone), "a proxy that is away is not the container's fault: {gone}");
}

#[tokio::test]
async fn a_port_that_is_not_mapped_is_reached_through_ssh() {
    let ssh = Some(SshKey::of_tests());
    let settings = Settings { boot_seconds: 0, port_seconds: 0, quota: None, ..Settings::default() };
    let world = World::with(settings, RunPodConfig { ssh, ..here() });
    let server = runpod_sim::ssh::listen(&world.simulator).await.unwrap();
    let served = tokio::spawn(runpod_sim::ssh::serve(world.simulator.clone(), server));
    let made = world.engine.create(&world.request("a", with_ports)).await.unwrap();
    let (listener, port) = listener().await;
    let dial = async || world.engine.dial(&made, port).await.err();
    assert_eq!(dial().await, None);
    drop(listener);
    let nobody = dial().await.unwrap();
    assert!(matches!(nobody, ProviderError::Unavailable(_)), "{nobody}");
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    let no_server = dial().await.unwrap();
    assert!(is_unsure(&no_server), "{no_server}");
}

#[tokio::test]
async fn an_address_inside_of_our_own_network_is_never_reached_whatever_the_api_says() {
    let (_listener, port) = listener().await;
    let config = RunPodConfig { ssh: Some(SshKey::of_tests()), ..RunPodConfig::new("cluster", "node") };
    let world = World::with(at_once(port), config);
    let server = runpod_sim::ssh::listen(&world.simulator).await.unwrap();
    let _served = tokio::spawn(runpod_sim::ssh::serve(world.simulator.clone(), server));
    let made = world.engine.create(&world.request("a", with_ports)).await.unwrap();
    let dialled = world.engine.dial(&made, 5432).await.err().unwrap();
    assert!(is_unsure(&dialled) && dialled.to_string().contains("not allowed"), "{dialled}");
    let entered = world.engine.port_forward("a", port).await.err().unwrap().to_string();
    assert!(entered.contains("No SSH server answers") && entered.contains("not allowed"), "{entered}");
    assert_eq!(world.engine.public_ports("a"), Vec::new(), "nor does a Service lead there");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_cannot_be_made_is_refused_before_anything_is_rented() {
    let world = World::new();
    for probe in [json!({"exec": {"command": ["true"]}}), json!({"tcpSocket": {"port": 9090}})] {
        let change = |pod: &mut Value| pod["spec"]["containers"][0]["readinessProbe"] = probe.clone();
        let (reason, message) = reason(world.engine.create(&world.request("a", change)).await);
        assert!(reason == "UnsupportedPod" && message.contains("readinessProbe: "), "{reason}: {message}");
    }
    assert_eq!(world.simulator.report().count(CREATE), 0);
    world.money(&[]).await;
}

/// Rents, and lets a probe find the container unhealthy; the request for its next attempt, and the id of the first one.
async fn unhealthy(world: &World, policy: &str) -> (InstanceRequest, String) {
    let mut request = world.request("a", |pod| pod["spec"]["restartPolicy"] = json!(policy));
    let made = world.engine.create(&request).await.unwrap();
    world.until_running("a").await;
    world.engine.stop("a", &made.containers[0], Duration::ZERO).await.unwrap();
    let ended = world.until("a", |one| matches!(one.run, ContainerRun::Ended(_))).await;
    let ContainerRun::Ended(end) = ended.run else { panic!() };
    assert_eq!((end.exit_code, end.reason.as_str()), (137, "Error"));
    request.containers[0].attempt = 1;
    (request, made.containers[0].id.clone())
}

/// The next attempt runs, and another process that takes over knows which one it is.
async fn runs_again(world: &World) -> String {
    let running = world.until_running("a").await;
    assert_eq!((running.attempt, running.previous.map(|end| end.exit_code)), (1, Some(137)));
    let next = engine(&world.simulator, RunPodConfig::new("cluster", "virtual-runpod"), Fuse::new(i64::MAX));
    assert_eq!(next.list().await.unwrap()[0].containers[0].attempt, 1);
    world.money(&["a"]).await;
    running.id
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_container_starts_anew_on_the_machine_that_is_rented() {
    let world = World::new();
    let (request, id) = unhealthy(&world, "Always").await;
    let again = world.engine.create(&request).await.unwrap();
    assert_eq!((again.containers[0].attempt, &again.containers[0].run), (1, &ContainerRun::Created));
    world.engine.create(&request).await.unwrap();
    assert_eq!(runs_again(&world).await, id);
    let report = world.simulator.report();
    assert_eq!((report.count(CREATE), report.count(ACTION), report.count(DELETE)), (1, 1, 0));
    assert_eq!(report.pods[0].container["env"]["GREETING"], "hello", "no variable is lost");
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_container_that_cannot_start_anew_there_gets_another_instance() {
    let world = World::new();
    let (request, id) = unhealthy(&world, "Always").await;
    world.fault(ACTION, Effect::Refuse { status: 403, shape: Shape::Problem, retry_after: None });
    world.engine.create(&request).await.unwrap();
    assert_ne!(runs_again(&world).await, id);

    // The end of a wrapped one is told by its marker, which is another for each attempt.
    let job = World::new();
    let (request, id) = unhealthy(&job, "OnFailure").await;
    job.engine.create(&request).await.unwrap();
    assert_ne!(runs_again(&job).await, id);
    assert_eq!(job.simulator.report().count(ACTION), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_container_that_would_be_refused_now_costs_nothing_any_more() {
    let world = World::new();
    let (mut request, _) = unhealthy(&world, "Always").await;
    request.containers[0].spec.readiness_probe =
        serde_json::from_value(json!({"tcpSocket": {"port": 9090}, "periodSeconds": 1})).unwrap();
    assert_eq!(reason(world.engine.create(&request).await).0, "UnsupportedPod");
    assert_eq!(world.simulator.report().count(ACTION), 0);
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_container_that_must_not_start_again_costs_nothing_once_its_pod_has_failed() {
    let world = World::new();
    unhealthy(&world, "Never").await;
    world.engine.release("a").await.unwrap();
    world.money(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_container_that_cannot_start_again_for_now_costs_nothing_until_it_can() {
    let world = World::new();
    let (request, id) = unhealthy(&world, "Always").await;
    world.engine.release("a").await.unwrap();
    world.money(&[]).await;
    let calls = world.simulator.report().calls;
    world.engine.release("a").await.unwrap();
    assert_eq!(world.simulator.report().calls, calls, "nothing is left to ask about");
    world.engine.create(&request).await.unwrap();
    let running = world.until_running("a").await;
    assert!(running.attempt == 1 && running.id != id, "{running:?}");
    assert_eq!(world.simulator.report().count(ACTION), 0);
    world.money(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_without_an_answer_is_asked_for_again_and_rents_nothing() {
    let world = World::new();
    let (request, id) = unhealthy(&world, "Always").await;
    world.add(Fault::on(ACTION, Effect::Lie { status: 500, shape: Shape::Empty }).times(1));
    assert_eq!(reason(world.engine.create(&request).await).0, "InstanceRestarting");
    world.engine.create(&request).await.unwrap();
    assert_eq!(runs_again(&world).await, id);
    assert_eq!(world.simulator.report().count(CREATE), 1);
}

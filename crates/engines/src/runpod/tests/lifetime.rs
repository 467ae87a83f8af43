//! The dead-man: who ends an instance when the node cannot any more (`virtual-node.md` §5).
//! What the script does with the variable is shown by a real shell in `wrapper.rs`.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_watched_container_is_told_the_shorter_of_its_deadline_and_the_nodes_limit() {
    let cases = [
        ("Never", Some(600), None, Some("600")),
        ("Never", None, Some(3600), Some("3600")),
        ("OnFailure", Some(600), Some(3600), Some("600")),
        ("OnFailure", Some(7200), Some(3600), Some("3600")),
        ("Never", None, None, None),
        // Nobody watches its end, so nothing runs beside it that could end it.
        ("Always", None, Some(3600), None),
        ("Always", Some(600), None, None),
    ];
    for (policy, deadline, limit, told) in cases {
        let limit = limit.map(Duration::from_secs);
        let config = RunPodConfig { max_lifetime: limit, ..RunPodConfig::new("cluster", "node") };
        let world = World::with(Settings::default(), config);
        let change = |pod: &mut Value| {
            pod["spec"]["restartPolicy"] = json!(policy);
            pod["spec"]["activeDeadlineSeconds"] = json!(deadline);
        };
        world.engine.create(&world.request("a", change)).await.unwrap();
        let rented = &world.simulator.report().pods[0];
        let variable = rented.container["env"]["REMOTEGPU_LIFETIME"].as_str();
        assert_eq!(variable, told, "{policy}, {deadline:?}, {limit:?}");
        world.money(&["a"]).await;
    }
}

use serde_json::{Value, json};

use super::*;

const START: &str = "2026-01-01T00:00:00Z";

fn at(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// A pod over there whose one container runs since `started` seconds.
fn pod(started: i64) -> Vec<Arc<Pod>> {
    let state = json!({"running": {"startedAt": at(started).to_string()}});
    let status = json!({"name": "app", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": state});
    let pod = json!({
        "metadata": {"name": "there", "uid": "u-there", "labels": {"remotegpu.ai/pod-uid": "u-here"}},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    });
    vec![Arc::new(serde_json::from_value(pod).unwrap())]
}

fn measured(usage: &Value) -> Vec<Measured> {
    let containers = json!([{"name": "app", "usage": usage}, {"name": "stranger", "usage": usage}]);
    let one = json!({"metadata": {"name": "there"}, "timestamp": START, "window": "10s", "containers": containers});
    let other = json!({"metadata": {"name": "somebody-elses"}, "window": "10s", "containers": containers});
    let listed: Listed = serde_json::from_value(json!({"items": [other, one]})).unwrap();
    listed.items
}

/// The time that the one container has used, in milliseconds.
fn milliseconds(all: &[InstanceStats]) -> Option<u64> {
    let [instance] = all else { panic!("one pod runs and was measured") };
    let [container] = instance.containers.as_slice() else { panic!("it has one container") };
    assert_eq!((instance.uid.as_str(), container.name.as_str()), ("u-here", "app"));
    container.cpu_nanoseconds.map(|nanoseconds| nanoseconds / 1_000_000)
}

#[test]
fn cores_in_use_become_time_used_which_never_falls() {
    let (meter, half) = (Meter::default(), measured(&json!({"cpu": "500m", "memory": "64Mi"})));
    let first = meter.read(&pod(0), &half, at(60));
    assert_eq!(milliseconds(&first), Some(5000), "half a core over the window");
    assert_eq!(first[0].containers[0].memory_working_set_bytes, Some(64 << 20));
    assert_eq!(milliseconds(&meter.read(&pod(0), &half, at(80))), Some(15_000), "and over 20 s more");
    assert_eq!(milliseconds(&meter.read(&pod(0), &measured(&json!({"cpu": "0"})), at(90))), Some(15_000));
    assert!(meter.read(&pod(0), &[], at(95)).is_empty(), "not measured this time");
    assert_eq!(milliseconds(&meter.read(&pod(0), &half, at(100))), Some(20_000), "it goes on where it was");
    let day = at(100 + 86_400);
    assert_eq!(milliseconds(&meter.read(&pod(0), &half, day)), Some(170_000), "five minutes of a day that nobody saw");
    assert_eq!(milliseconds(&meter.read(&pod(86_499), &half, day)), Some(500), "a new attempt has used its own second");
    assert!(meter.read(&[], &half, day).is_empty());
    assert!(meter.0.lock().unwrap().is_empty(), "what is gone is forgotten");
}

#[test]
fn figures_of_other_clusters_are_read_as_they_come_and_break_nothing() {
    for (text, cores) in [("1234567n", 1_234_567), ("7u", 7000), ("250m", 250_000_000), ("2", 2_000_000_000)] {
        assert_eq!(nanocores(text), Some(cores), "{text}");
    }
    for odd in [json!({}), json!({"cpu": "lots", "memory": "-1"}), json!({"cpu": "99999999999999999999999n"})] {
        let all = Meter::default().read(&pod(0), &measured(&odd), at(60));
        assert_eq!((milliseconds(&all), all[0].containers[0].memory_working_set_bytes), (None, None), "{odd}");
    }
    let meter = Meter::default();
    let endless = measured(&json!({"cpu": format!("{}n", u64::MAX), "memory": "1E"}));
    for seconds in [60, 360, 660] {
        meter.read(&pod(0), &endless, at(seconds));
    }
    assert_eq!(milliseconds(&meter.read(&pod(0), &endless, at(700))), Some(u64::MAX / 1_000_000));
}

//! Who ordered a pod is written by admission alone, and a template that stays keeps its name.

use super::*;

const KEY: &str = "system:serviceaccount:remotegpu-access:key-a1b2c3d4-2-7b0c4f12";
const OTHER_KEY: &str = "system:serviceaccount:remotegpu-access:key-z9z9z9z9-1-7b0c4f12";
const CONSOLE: &str = "system:serviceaccount:remotegpu-access:console-7b0c4f12-edit";
const CONTROLLER: &str = "system:serviceaccount:kube-system:replicaset-controller";
const PERSON: &str = "user-019c1b2e-7f00-7abc-8def-0123456789ab";

/// A template that says something.
fn saying(text: &str) -> Value {
    let mut template = template("gpu-h100-1x");
    template["metadata"]["annotations"] = json!({ANNOTATION_ORDERED_BY: text});
    template
}

fn new(username: &str, pod: &Value) -> Option<String> {
    ordered_by(username, None, pod)
}

#[test]
fn a_key_orders_itself_whatever_the_request_says() {
    for said in [template("gpu-h100-1x"), saying("key-z9z9z9z9"), saying(PERSON)] {
        assert_eq!(new(KEY, &said).as_deref(), Some("key-a1b2c3d4"));
    }
}

#[test]
fn only_controllers_and_the_console_are_believed() {
    for believed in [CONSOLE, CONTROLLER, "system:kube-controller-manager"] {
        assert_eq!(new(believed, &saying(PERSON)).as_deref(), Some(PERSON), "{believed}");
        for nonsense in ["", "ada", "key-", "key-A1B2C3D4", "user-1"] {
            assert_eq!(new(believed, &saying(nonsense)), None, "{believed}: {nonsense}");
        }
    }
    for other in [
        "admin",
        "system:serviceaccount:team-ml:console-7b0c4f12-edit",
        "system:serviceaccount:team-ml:key-a1b2c3d4-2-7b0c4f12",
        "system:serviceaccount:remotegpu-access:connector-7b0c4f12-00000001",
        "system:serviceaccount:kube-system:default",
    ] {
        assert_eq!(new(other, &saying("key-a1b2c3d4")), None, "{other}");
    }
}

#[test]
fn a_template_that_stays_keeps_who_ordered_it_and_a_changed_one_is_of_who_changed_it() {
    let (old, bare) = (saying("key-a1b2c3d4"), template("gpu-h100-1x"));
    let update = |username: &str, before: &Value, now: &Value| ordered_by(username, Some(before), now);
    for same in [&bare, &saying("key-z9z9z9z9"), &old] {
        assert_eq!(update(OTHER_KEY, &old, same).as_deref(), Some("key-a1b2c3d4"));
        assert_eq!(update(OTHER_KEY, &bare, same), None, "one of before admission wrote it stays as it is");
    }
    let mut changed = saying("key-a1b2c3d4");
    changed["spec"]["containers"][0]["image"] = json!("nginx:2");
    assert_eq!(update(OTHER_KEY, &old, &changed).as_deref(), Some("key-z9z9z9z9"));
    assert_eq!(update("admin", &old, &changed).as_deref(), Some("key-a1b2c3d4"), "whoever else changes it");
    order("Pod", &mut changed, Some(PERSON));
    assert_eq!(update(CONSOLE, &old, &changed).as_deref(), Some(PERSON));
}

#[test]
fn the_name_is_set_replaced_and_taken_away_where_the_template_is() {
    for kind in ["Pod", "Deployment", "CronJob"] {
        for before in [template("gpu-h100-1x"), saying("key-z9z9z9z9"), json!({"spec": {}})] {
            let mut object = match kind {
                "Pod" => before.clone(),
                "Deployment" => json!({"spec": {"template": before}}),
                _ => json!({"spec": {"jobTemplate": {"spec": {"template": before}}}}),
            };
            order(kind, &mut object, Some(PERSON));
            assert_eq!(ordered(kind, &object), Some(PERSON), "{object}");
            order(kind, &mut object, None);
            assert_eq!(ordered(kind, &object), None, "{object}");
        }
    }
}

#[test]
fn the_name_stands_behind_what_the_sku_sets() {
    for pod in [template("gpu-h100-1x"), saying("key-z9z9z9z9")] {
        let mut injections = decide(&pod).unwrap();
        injections.extend(seal("Pod", &pod, &injections, Some("key-a1b2c3d4")));
        let mut stored = pod.clone();
        apply(&mut stored, &injections);
        assert_eq!(stored["metadata"]["annotations"][ANNOTATION_ORDERED_BY], "key-a1b2c3d4");
        assert_eq!(stored["metadata"]["annotations"][ANNOTATION_PRICE], "3.29 EUR");
        assert!(seal("Pod", &stored, &[], Some("key-a1b2c3d4")).is_empty(), "nothing is left to do");
    }
}

#[test]
fn another_name_is_refused_afterwards_and_none_changes_on_a_pod() {
    let pod = saying("key-z9z9z9z9");
    assert_eq!(check_ordered(&pod, Some("key-a1b2c3d4")).unwrap().code, "annotations_fixed");
    assert_eq!(check_ordered(&pod, None).unwrap().code, "annotations_fixed");
    assert!(check_ordered(&pod, Some("key-z9z9z9z9")).is_none());
    assert!(check_ordered(&template("gpu-h100-1x"), Some("key-a1b2c3d4")).is_none());
    for after in [template("gpu-h100-1x"), saying("key-a1b2c3d4")] {
        assert_eq!(check_unchanged(&pod, &after).unwrap_err()[0].code, "immutable");
    }
}

use super::*;

fn pod(uid: &str, version: u64) -> Pod {
    serde_json::from_value(serde_json::json!({
        "metadata": {"uid": uid, "name": "web", "namespace": "team", "resourceVersion": version.to_string()},
    }))
    .unwrap()
}

fn instance(uid: &str) -> Arc<Instance> {
    Arc::new(Instance {
        uid: uid.into(),
        namespace: "team".into(),
        name: "web".into(),
        pod_ip: None,
        containers: Vec::new(),
    })
}

#[test]
fn an_older_version_of_a_pod_is_ignored() {
    let records = Records::default();
    assert!(records.put_pod(&pod("a", 5)));
    assert!(!records.put_pod(&pod("a", 5)));
    assert!(!records.put_pod(&pod("a", 4)));
    assert!(records.put_pod(&pod("a", 6)));
}

#[test]
fn an_instance_is_lost_only_after_two_lists_without_it() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let first = records.start_list();
    assert_eq!(records.absorb(first, vec![instance("a")]).changed.len(), 1);
    let second = records.start_list();
    assert!(records.absorb(second, Vec::new()).changed.is_empty());
    let third = records.start_list();
    assert_eq!(records.absorb(third, Vec::new()).changed.len(), 1);
    let view = records.view("a").unwrap();
    assert!(view.lost && view.instance.is_none());
}

#[test]
fn a_list_that_began_before_a_create_ended_says_nothing_about_it() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let list = records.start_list();
    records.start_change("a");
    records.settle("a", Some(instance("a")));
    assert!(records.absorb(list, Vec::new()).changed.is_empty());
    let later = records.start_list();
    assert!(records.absorb(later, vec![instance("a")]).changed.is_empty());
}

#[test]
fn instances_without_a_pod_are_reported() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let list = records.start_list();
    let absorbed = records.absorb(list, vec![instance("a"), instance("b")]);
    assert_eq!(absorbed.unknown.len(), 1);
    assert_eq!(absorbed.unknown[0].uid, "b");
}

#[test]
fn a_deletion_interrupts_the_work_in_progress() {
    let records = Records::default();
    records.put_pod(&pod("a", 1));
    let view = records.view("a").unwrap();
    assert!(!view.interrupt.is_cancelled());
    records.mark_removed("a");
    assert!(view.interrupt.is_cancelled());
    assert!(!records.view("a").unwrap().interrupt.is_cancelled());
}

use super::*;

#[test]
fn denied_fields_are_refused_by_name_and_empty_ones_pass() {
    for key in ["nodeName", "schedulingGates", "schedulingGroup", "evictionResponders", "workloadRef", "somethingNew"] {
        let refusals = decide(&with("cpu-shared-8g", key, json!(["x"]))).unwrap_err();
        assert_eq!((refusals[0].code.as_str(), refusals[0].field.as_str()), ("field_denied", &*format!("spec.{key}")));
        assert!(decide(&with("cpu-shared-8g", key, json!([]))).is_ok(), "{key}");
        assert!(decide(&with("cpu-shared-8g", key, Value::Null)).is_ok(), "{key}");
    }
}

#[test]
fn host_namespaces_are_refused() {
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(codes(&with("cpu-shared-8g", key, json!(true))), ["host_namespaces"]);
        assert!(decide(&with("cpu-shared-8g", key, json!(false))).is_ok());
    }
}

#[test]
fn small_fields_keep_their_bounds() {
    for (key, bad, good) in [
        ("schedulerName", json!("mine"), json!("default-scheduler")),
        ("os", json!({"name": "windows"}), json!({"name": "linux"})),
        ("terminationGracePeriodSeconds", json!(86400), json!(30)),
    ] {
        assert_eq!(codes(&with("cpu-shared-8g", key, bad)), ["field_denied"]);
        assert!(decide(&with("cpu-shared-8g", key, good)).is_ok(), "{key}");
    }
}

#[test]
fn container_fields_nobody_knows_and_host_ports_are_refused() {
    for field in [json!({"newField": 1}), json!({"ports": [{"containerPort": 80, "hostPort": 80}]})] {
        let mut pod = template("cpu-shared-8g");
        pod["spec"]["containers"][0].as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        assert_eq!(codes(&pod), ["field_denied"]);
    }
}

#[test]
fn volumes_of_the_node_are_refused_and_those_of_the_tenant_pass() {
    let volume = |kind: &str, source: Value| with("cpu-shared-8g", "volumes", json!([{"name": "v", kind: source}]));
    for kind in ["hostPath", "nfs", "csi", "iscsi", "newKind"] {
        assert_eq!(codes(&volume(kind, json!({"path": "/"}))), ["volumes"], "{kind}");
    }
    for kind in ["emptyDir", "configMap", "secret", "persistentVolumeClaim", "ephemeral", "downwardAPI"] {
        assert!(decide(&volume(kind, json!({}))).is_ok(), "{kind}");
    }
    assert_eq!(codes(&volume("projected", json!({"sources": [{"podCertificate": {}}]}))), ["volumes"]);
    assert!(decide(&volume("projected", json!({"sources": [{"secret": {"name": "s"}}]}))).is_ok());
}

#[test]
fn a_mount_path_with_a_colon_is_refused() {
    let mounted = |path: &str| {
        let mut pod = with("cpu-shared-8g", "volumes", json!([{"name": "work", "emptyDir": {}}]));
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "work", "mountPath": path}]);
        pod
    };
    assert!(decide(&mounted("/work")).is_ok());
    assert_eq!(codes(&mounted("/work:O,upperdir=/etc,workdir=/srv")), ["volumes"]);
}

#[test]
fn service_accounts_and_tokens_need_the_allow_list() {
    let pod = with("cpu-shared-8g", "serviceAccountName", json!("sky-sa"));
    assert_eq!(codes(&pod), ["service_account"]);
    assert_eq!(codes(&with("cpu-shared-8g", "serviceAccount", json!("sky-sa"))), ["service_account"]);
    assert_eq!(codes(&with("cpu-shared-8g", "automountServiceAccountToken", json!(true))), ["service_account"]);
    let policy = NamespacePolicy { service_accounts: vec!["sky-sa".to_owned()], ..Default::default() };
    let mut pod = pod;
    pod["spec"]["automountServiceAccountToken"] = json!(true);
    assert!(admit(&pod, &policy, &skus()).is_ok());
    pod["spec"]["serviceAccountName"] = json!("default");
    assert!(admit(&pod, &policy, &skus()).is_err());
}

#[test]
fn projected_tokens_are_for_the_tenants_own_audience() {
    let token = |name: &str, audience: Value| {
        let source = json!({"serviceAccountToken": {"path": "token", "audience": audience}});
        with("cpu-shared-8g", "volumes", json!([{"name": name, "projected": {"sources": [source]}}]))
    };
    assert!(decide(&token("vault", json!("vault"))).is_ok());
    assert!(decide(&token("kube-api-access-x7k2p", Value::Null)).is_ok());
    for audience in [Value::Null, json!(""), json!("https://kubernetes.default.svc")] {
        assert_eq!(codes(&token("vault", audience)), ["service_account"]);
    }
}

#[test]
fn security_contexts_stay_within_the_baseline() {
    let container =
        |context: Value| with("cpu-shared-8g", "containers", json!([{"name": "app", "securityContext": context}]));
    for bad in [
        json!({"privileged": true}),
        json!({"capabilities": {"add": ["SYS_ADMIN"]}}),
        json!({"procMount": "Unmasked"}),
        json!({"seccompProfile": {"type": "Unconfined"}}),
        json!({"seLinuxOptions": {"type": "spc_t"}}),
        json!({"windowsOptions": {"hostProcess": true}}),
    ] {
        assert_eq!(codes(&container(bad.clone())), ["pod_security"], "{bad}");
    }
    let good =
        json!({"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}, "procMount": "Default"});
    assert!(decide(&container(good)).is_ok());
    let pod = with("cpu-shared-8g", "securityContext", json!({"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}));
    assert_eq!(codes(&pod), ["pod_security"]);
}

#[test]
fn probes_reach_the_pod_only() {
    let probe = json!({"httpGet": {"host": "169.254.169.254", "port": 80}});
    for field in [json!({"livenessProbe": probe}), json!({"lifecycle": {"postStart": probe}})] {
        let mut pod = template("cpu-shared-8g");
        pod["spec"]["containers"][0].as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        assert_eq!(codes(&pod), ["pod_security"]);
    }
}

#[test]
fn mirror_pods_are_refused() {
    let mut pod = template("cpu-shared-8g");
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    assert_eq!(codes(&pod), ["field_denied"]);
}

#[test]
fn what_built_in_plugins_and_defaults_add_is_accepted() {
    let mut pod = template("cpu-shared-8g");
    let plugins = json!({
        "containers": [{"name": "app", "image": "i", "resources": {}, "imagePullPolicy": "IfNotPresent",
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "volumeMounts": [{"name": "kube-api-access-abcde", "readOnly": true, "mountPath": "/var/run/secrets"}]}],
        "volumes": [{"name": "kube-api-access-abcde", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt"}}, {"downwardAPI": {"items": []}}]}}],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {},
        "schedulerName": "default-scheduler", "priority": 0, "enableServiceLinks": true,
        "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": [
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
    });
    pod["spec"] = plugins;
    assert_eq!(decide(&admitted(&pod)).unwrap(), []);
}

//! The schema itself: it is strict and explained, and what it accepts is no accident.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Report, Reports, SCHEMA, VALIDATOR};
use crate::harness::{run, start};

#[test]
fn every_key_is_required_and_explained_and_no_other_is_allowed() {
    assert!(jsonschema::meta::is_valid(&SCHEMA));
    let objects = objects_of(&SCHEMA);
    assert_eq!(objects.len(), 9, "the report, two statuses and what is defined");
    for object in objects {
        assert_eq!(object["additionalProperties"], false, "{object:?}");
        let properties = object["properties"].as_object().unwrap();
        let required = object["required"].as_array().unwrap().iter().filter_map(Value::as_str);
        let required: BTreeSet<&str> = required.collect();
        assert_eq!(required, properties.keys().map(String::as_str).collect(), "{object:?}");
        for (key, property) in properties {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{key} is not explained");
            for (ending, unit) in [("_ms", "milliseconds"), ("_kib", "KiB")] {
                assert!(!key.ends_with(ending) || description.contains(unit), "{key}: {unit}");
            }
        }
    }
}

fn objects_of(schema: &Value) -> Vec<&Map<String, Value>> {
    let mut found = Vec::new();
    match schema {
        Value::Object(object) => {
            if object.get("type").is_some_and(|kind| kind == "object") {
                found.push(object);
            }
            found.extend(object.values().flat_map(objects_of));
        }
        Value::Array(items) => found.extend(items.iter().flat_map(objects_of)),
        _ => {}
    }
    found
}

/// A real report in which every part has something, so that every part can be spoilt.
fn full_report() -> Value {
    let script = "trap 'exit 0' USR1; (trap '' USR1; echo ready; exec sleep 1000) & wait";
    let reports = Reports::new();
    let arguments = ["--lingering=kill", "60", "sh", "-c", script];
    let mut run = start(reports.program().args(arguments));
    run.wait_ready();
    run.signal(libc::SIGUSR1);
    run.finish();
    let text = std::fs::read_to_string(reports.path()).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    assert!(VALIDATOR.is_valid(&report), "{report}");
    assert_eq!(report["outcome"], "exited", "{report}");
    // What this version leaves open is filled in as the schema promises it.
    report["hook"] = json!({ "status": 0, "elapsed_ms": 3 });
    report["idle_limit_ms"] = json!(1);
    report["oom_kills"] = json!(0);
    report["lingering"][0]["sockets"] = json!([{
        "protocol": "tcp",
        "local": "10.0.0.7:51234",
        "remote": "[::1]:443",
        "state": "SYN_SENT",
        "count": 23,
    }]);
    report["snapshot"] = json!([report["lingering"][0]]);
    assert!(VALIDATOR.is_valid(&report), "{report}");
    report
}

fn is_read(report: &Value) -> bool {
    serde_json::from_value::<Report>(report.clone()).is_ok()
}

/// The pointers to all objects in a value.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.push(at.to_owned());
            object.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

/// Control: the validation of all the other tests would notice.
#[test]
fn a_report_with_a_key_too_many_or_too_few_is_refused() {
    let report = full_report();
    assert!(is_read(&report));
    let mut objects = Vec::new();
    pointers(&report, "", &mut objects);
    for part in ["/usage", "/hook", "/command_status", "/signals_sent/0", "/signals_received/0"] {
        assert!(objects.iter().any(|at| at == part), "{part} is not in {report}");
    }
    for at in &objects {
        let mut more = report.clone();
        more.pointer_mut(at).unwrap()["more"] = Value::Null;
        assert!(!VALIDATOR.is_valid(&more), "one more in {at:?} is accepted");
        assert!(!is_read(&more), "one more in {at:?} is read");
        let keys: Vec<String> =
            report.pointer(at).unwrap().as_object().unwrap().keys().cloned().collect();
        for key in keys {
            let mut less = report.clone();
            less.pointer_mut(at).unwrap().as_object_mut().unwrap().remove(&key);
            assert!(!VALIDATOR.is_valid(&less), "without {at}/{key} it is accepted");
        }
    }
}

#[test]
fn a_report_with_a_wrong_value_is_refused() {
    let report = full_report();
    for (at, wrong) in [
        ("/version", json!(2)),
        ("/command", json!([])),
        ("/command/0", json!(1)),
        ("/pid", json!(0)),
        ("/pgid", json!("1")),
        ("/started", json!("2026-01-02T03:04:05Z")),
        ("/started", json!("2026-13-02T03:04:05.678Z")),
        ("/started", json!("2026-01-02T03:04:05.678+01:00")),
        ("/elapsed_ms", json!(1.5)),
        ("/elapsed_ms", json!(null)),
        ("/elapsed_ms", json!(9_007_199_254_740_992_u64)),
        ("/limit_ms", json!(0)),
        ("/idle_limit_ms", json!(0)),
        ("/outcome", json!("timeout")),
        ("/outcome", json!(null)),
        ("/exit_status", json!(256)),
        ("/exit_status", json!(-1)),
        ("/command_status", json!({ "code": 0, "signal": "TERM", "core_dumped": false })),
        ("/command_status", json!({ "code": 256 })),
        ("/command_status", json!({ "signal": "SIG TERM", "core_dumped": false })),
        ("/command_status", json!({})),
        ("/signals_sent/0/target", json!("job")),
        ("/signals_sent/0/signal", json!("term")),
        ("/signals_sent/0/pid", json!(-1)),
        ("/signals_received/0/sender_uid", json!(-1)),
        ("/usage/max_rss_kib", json!(-1)),
        ("/oom_kills", json!(-1)),
        ("/snapshot", json!(null)),
        ("/snapshot_complete", json!(null)),
        ("/lingering", json!({})),
        ("/lingering/0/state", json!("SL")),
        ("/lingering/0/holds", json!(["stdin"])),
        ("/lingering/0/holds", json!(["stdout", "stdout"])),
        ("/lingering/0/wait", json!("")),
        ("/snapshot/0/sockets/0/protocol", json!("icmp")),
        ("/snapshot/0/sockets/0/count", json!(0)),
    ] {
        let mut spoilt = report.clone();
        *spoilt.pointer_mut(at).unwrap_or_else(|| panic!("{at} is not in {report}")) = wrong;
        assert!(!VALIDATOR.is_valid(&spoilt), "{at} can be {}", spoilt.pointer(at).unwrap());
    }
}

#[test]
fn what_may_be_null_is_null_where_nothing_is_known() {
    let reports = Reports::new();
    run(reports.program().args(["60", "no-such-command"]));
    let mut report: Value =
        serde_json::from_str(&std::fs::read_to_string(reports.path()).unwrap()).unwrap();
    for key in ["pid", "pgid", "idle_limit_ms", "command_status", "usage", "oom_kills", "hook"] {
        assert_eq!(report[key], Value::Null, "{key}");
    }
    report["limit_ms"] = Value::Null;
    assert!(VALIDATOR.is_valid(&report), "{report}");
    let mut full = full_report();
    for key in ["uid", "command", "wait", "holds", "sockets"] {
        full["lingering"][0][key] = Value::Null;
    }
    for key in ["local", "remote", "state"] {
        full["snapshot"][0]["sockets"][0][key] = Value::Null;
    }
    full["hook"]["status"] = Value::Null;
    assert!(VALIDATOR.is_valid(&full), "{full}");
    assert!(is_read(&full));
}

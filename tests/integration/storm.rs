//! Jobs and senders that try to keep us busy: the limit and the KILL come all the same.

use crate::harness::{fixture, grpkill_timeout, start};

#[test]
fn a_storm_of_short_lived_children_postpones_nothing() {
    for how in ["inside", "outside"] {
        let relays = format!("for i in 1 2 3 4; do {} relay {how} & done; ", fixture());
        let script = "trap '' TERM; ".to_owned() + &relays + "while :; do sleep 1; done";
        let mut run = start(grpkill_timeout().args(["-k", "0.3", "0", "sh", "-c", &script]));
        run.wait_ready();
        run.limit_passes();
        let finished = run.finish();
        assert_eq!(finished.code, 137, "{finished:?}");
        assert!(!finished.stderr.contains("not all of it gone"), "{finished:?}");
    }
}

/// The signals queue up while we are stopped, more than can be passed on before the limit.
#[test]
fn a_flood_of_signals_postpones_nothing() {
    let signal = libc::SIGRTMIN();
    let script = format!("trap '' TERM {signal}; echo ready; while :; do sleep 1; done");
    let mut run = start(grpkill_timeout().args(["-k", "0.2", "1", "bash", "-c", &script]));
    run.wait_ready();
    run.signal(libc::SIGSTOP);
    for _ in 0..20_000 {
        run.signal(signal);
    }
    run.signal(libc::SIGCONT);
    let finished = run.finish();
    assert_eq!(finished.code, 137, "{finished:?}");
    assert!(finished.stderr.contains("ended by TERM, KILL in"), "{finished:?}");
}

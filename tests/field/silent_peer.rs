//! An ssh service whose peers never speak: the peer accepts, the handshake waits for its first
//! line for ever, and keep-alive does not help, since it is for what comes after the handshake.

use std::process::Command;

use serde_json::json;

use crate::harness::{has_program, is_alive, start, state, wait_until};
use crate::peer::Silent;
use crate::snapshot::Reported;

/// ssh to a port of this machine, with nothing of the user's in it.
fn ssh(port: u16) -> Vec<String> {
    let options = [
        "BatchMode=yes",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=no",
        "TCPKeepAlive=yes",
        "ServerAliveInterval=1",
        "ServerAliveCountMax=1",
    ];
    let mut words = vec!["ssh".to_owned(), "-F".to_owned(), "/dev/null".to_owned()];
    for option in options {
        words.extend(["-o".to_owned(), option.to_owned()]);
    }
    words.extend(["-p".to_owned(), port.to_string()]);
    words.extend(["127.0.0.1", "true"].map(str::to_owned));
    words
}

#[test]
fn idle_ends_ssh_to_a_silent_peer() {
    if !has_program("ssh") {
        return;
    }
    let peer = Silent::new();
    let reported = Reported::start(&["--idle=1.5s", "0"], |command| command.args(ssh(peer.port)));
    let ended = reported.finish();
    let pid = ended.pid();
    peer.wait_accepted();
    ended.assert_idle("1s 500ms");
    let process = ended.process(pid);
    assert_eq!(process["name"], "ssh", "{ended:?}");
    let remote = format!("127.0.0.1:{}", peer.port);
    let sockets = process["sockets"].as_array().expect("they were read");
    let [socket] = &sockets[..] else { panic!("one connection: {ended:?}") };
    let local = socket["local"].as_str().unwrap_or_else(|| panic!("{ended:?}"));
    assert!(local.starts_with("127.0.0.1:"), "{ended:?}");
    let expected = json!({
        "protocol": "tcp", "local": local, "remote": remote, "state": "ESTABLISHED", "count": 1,
    });
    assert_eq!(*socket, expected, "{ended:?}");
    ended.assert_text(pid, &format!("tcp {local} → {remote} ESTABLISHED"));
}

/// Control: in the time in which ours is ended, an ssh that is left alone does not give up.
#[test]
fn ssh_alone_waits_for_a_silent_peer() {
    if !has_program("ssh") {
        return;
    }
    let peer = Silent::new();
    let words = ssh(peer.port);
    let mut alone = start(Command::new(&words[0]).args(&words[1..]));
    peer.wait_accepted();
    let ended = Reported::start(&["--idle=1.5s", "0"], |command| command.args(&words)).finish();
    ended.assert_idle("1s 500ms");
    let pid = alone.pid();
    assert!(is_alive(pid), "the trouble is gone: ssh gives up");
    wait_until("the trouble is gone: ssh does not wait", || state(pid) == Some('S'));
    alone.signal(libc::SIGKILL);
    assert_eq!(alone.wait_exit().code(), None, "the trouble is gone: ssh has ended by itself");
}

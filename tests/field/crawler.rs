//! A crawler that leaks sockets: the peers have closed their ends, it never closes its own, and it
//! hangs when it has no more slots for connections.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use crate::harness::{can, has_program, start, wait_until};
use crate::peer::page_server;
use crate::prefork::waits_on_futex;
use crate::snapshot::{Reported, script};

/// How many connections the crawler makes to each peer before it hangs.
const FETCHES: usize = 23;

/// Servers on both kinds of loopback address; over IPv4 alone where there is no other.
fn servers() -> Vec<SocketAddr> {
    let ipv4 = page_server("127.0.0.1").expect("there is a loopback interface");
    let ipv6 = page_server("::1");
    can("IPv6", ipv6.is_some());
    [ipv4].into_iter().chain(ipv6).collect()
}

/// The crawler, which is to `leak` or to `close`.
fn crawler(how: &str, servers: &[SocketAddr]) -> Vec<String> {
    let words = ["python3", &script("crawler.py"), how, &FETCHES.to_string()].map(str::to_owned);
    words.into_iter().chain(servers.iter().map(SocketAddr::to_string)).collect()
}

/// How many connections to a peer are in `CLOSE_WAIT`, by the kernel's own tables.
fn close_waits(peer: SocketAddr) -> usize {
    let table = if peer.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let table = fs::read_to_string(table).expect("there is a table of connections");
    let port = format!(":{:04X}", peer.port());
    let in_close_wait = |line: &&str| {
        let mut fields = line.split_ascii_whitespace().skip(2);
        fields.next().is_some_and(|remote| remote.ends_with(&port)) && fields.next() == Some("08")
    };
    table.lines().filter(in_close_wait).count()
}

#[test]
fn leaked_connections_are_counted_by_their_peer() {
    if !has_program("python3") {
        return;
    }
    let servers = servers();
    let crawler = crawler("leak", &servers);
    let mut reported = Reported::start(&["--idle=1s", "0"], |command| command.args(&crawler));
    let pid = reported.run.wait_pid("crawler");
    let ended = reported.finish();
    ended.assert_idle("1s");
    assert!(!ended.finished.stdout.contains("finished"), "{ended:?}");
    for server in &servers {
        ended.assert_text(pid, &format!("tcp CLOSE_WAIT ×{FETCHES} → {server}"));
    }
    let mut sockets = ended.process(pid)["sockets"].as_array().expect("they were read").clone();
    let mut expected: Vec<_> = servers
        .iter()
        .map(|server| {
            // The local ends differ.
            json!({
                "protocol": "tcp", "local": null, "remote": server.to_string(),
                "state": "CLOSE_WAIT", "count": FETCHES,
            })
        })
        .collect();
    for list in [&mut sockets, &mut expected] {
        list.sort_by_key(|socket| socket["remote"].to_string());
    }
    assert_eq!(sockets, expected, "{ended:?}");
}

/// Control: a crawler that closes its connections is not blamed for any.
#[test]
fn closed_connections_are_not_told() {
    if !has_program("python3") {
        return;
    }
    let servers = servers();
    let crawler = crawler("close", &servers);
    let mut reported = Reported::start(&["60"], |command| command.args(&crawler));
    let pid = reported.run.wait_pid("crawler");
    reported.run.wait_for("finished");
    reported.run.limit_passes();
    // Its standard input stays open until then.
    reported.run.wait_exit();
    let ended = reported.finish();
    assert_eq!(ended.report["outcome"], "timed-out", "{ended:?}");
    assert!(!ended.text(pid).contains("tcp"), "{ended:?}");
    assert!(!ended.finished.stderr.contains("CLOSE_WAIT"), "{ended:?}");
    assert_eq!(ended.process(pid)["sockets"], json!([]), "{ended:?}");
}

/// Control: the kernel has them, and the crawler hangs for want of a slot.
#[test]
fn leaked_connections_stay_until_the_crawler_ends() {
    if !has_program("python3") {
        return;
    }
    let servers = servers();
    let crawler = crawler("leak", &servers);
    let mut run = start(Command::new(&crawler[0]).args(&crawler[1..]));
    let pid = run.wait_pid("crawler");
    run.wait_for("crawled");
    wait_until("the trouble is gone: the crawler does not hang", || waits_on_futex(pid));
    let leaked: Vec<usize> = servers.iter().map(|server| close_waits(*server)).collect();
    assert_eq!(leaked, vec![FETCHES; servers.len()], "the trouble is gone: it does not leak");
    run.signal(libc::SIGKILL);
    let finished = run.finish();
    assert_eq!(finished.signal, Some(libc::SIGKILL), "{finished:?}");
    assert!(!finished.stdout.contains("finished"), "the trouble is gone: {finished:?}");
    for server in servers {
        assert_eq!(close_waits(server), 0, "connections outlive the crawler");
    }
}

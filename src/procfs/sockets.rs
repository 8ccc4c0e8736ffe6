//! The sockets of a process: `/proc/PID/net/tcp` and its like, see proc(5).
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Proc;

/// Sockets of a process that differ in nothing but their own end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sockets {
    /// `tcp`, `udp` or `unix`; the address shows the version.
    pub protocol: String,
    /// The own address, or the path of a Unix socket; `None` where it has none, or where these
    /// sockets have different ones.
    pub local: Option<String>,
    /// The peer's address.
    pub remote: Option<String>,
    /// `ESTABLISHED`, `CLOSE_WAIT`, `LISTEN`…
    pub state: String,
    /// How many there are.
    pub count: u32,
}

/// A socket, by the number of its inode.
type Inode = u64;

/// All sockets of a network namespace.
#[derive(Clone, Debug, Default)]
pub struct SocketTable(HashMap<Inode, Sockets>);

/// The names of the kernel's `TCP_*` states, which count from 1.
const STATES: [&str; 12] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

/// The names of the kernel's `SS_*` states of a Unix socket, which count from 0.
const UNIX_STATES: [&str; 5] = ["FREE", "UNCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING"];

/// The flag of a Unix socket that listens, `__SO_ACCEPTCON`.
const ACCEPTS: u64 = 0x1_0000;

impl Proc {
    /// The sockets of the network namespace of a process, which is given by its directory.
    pub fn socket_table(&self, process: &str) -> SocketTable {
        let mut table = SocketTable::default();
        for (file, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
            let file = self.read(&format!("{process}/net/{file}")).unwrap_or_default();
            let lines = String::from_utf8_lossy(&file);
            table.0.extend(lines.lines().skip(1).filter_map(|line| internet(protocol, line)));
        }
        let file = self.read(&format!("{process}/net/unix")).unwrap_or_default();
        let lines = String::from_utf8_lossy(&file);
        for (inode, socket) in lines.lines().skip(1).filter_map(unix) {
            // A path may hold a newline, and so what looks like another socket.
            table.0.entry(inode).or_insert(socket);
        }
        table
    }
}

impl SocketTable {
    /// Those with these inodes, the equal ones counted. One that is neither bound nor connected is
    /// in no table.
    pub fn count(&self, inodes: &[Inode]) -> Vec<Sockets> {
        let mut by_kind: HashMap<_, Sockets> = HashMap::new();
        for socket in inodes.iter().filter_map(|inode| self.0.get(inode)) {
            // Where there is no peer the own end tells them apart.
            let end = socket.remote.as_ref().or(socket.local.as_ref());
            let kind = (&socket.protocol, socket.remote.is_some(), end, &socket.state);
            let same =
                by_kind.entry(kind).or_insert_with(|| Sockets { count: 0, ..socket.clone() });
            same.count += 1;
            if same.local != socket.local {
                same.local = None;
            }
        }
        let mut counted: Vec<Sockets> = by_kind.into_values().collect();
        // What there is most of is what a leak looks like.
        counted.sort_unstable_by(|one, other| {
            other.count.cmp(&one.count).then_with(|| one.cmp(other))
        });
        counted
    }
}

/// The inode that a link of `/proc/PID/fd` names, `socket:[4711]`.
pub fn inode_of(link: &[u8]) -> Option<Inode> {
    let number = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// A line of `net/tcp` or `net/udp`: `sl local remote state … uid timeout inode`.
fn internet(protocol: &str, line: &str) -> Option<(Inode, Sockets)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = usize::from_str_radix(fields.next()?, 16).ok()?;
    let inode = fields.nth(5)?.parse().ok()?;
    let shown = |address: SocketAddr| (address.port() != 0).then(|| address.to_string());
    let socket = Sockets {
        protocol: protocol.to_owned(),
        local: shown(local),
        remote: shown(remote),
        state: (*STATES.get(state.checked_sub(1)?)?).to_owned(),
        count: 1,
    };
    Some((inode, socket))
}

/// `0100007F:0050`: the address in words as the machine has them in memory, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for start in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let address = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
    };
    Some(SocketAddr::new(address.to_canonical(), u16::from_str_radix(port, 16).ok()?))
}

/// A line of `net/unix`: `Num: RefCount Protocol Flags Type St Inode Path`.
fn unix(line: &str) -> Option<(Inode, Sockets)> {
    let mut fields = line.split_ascii_whitespace();
    let flags = u64::from_str_radix(fields.nth(3)?, 16).ok()?;
    let state = usize::from_str_radix(fields.nth(1)?, 16).ok()?;
    let inode = fields.next()?;
    // A path may have spaces in it; the inode and what is before it have none.
    let path = line.split_once(&format!(" {inode} ")).map(|(_, path)| path);
    let inode = inode.parse().ok()?;
    let listens = flags & ACCEPTS != 0;
    let socket = Sockets {
        protocol: "unix".to_owned(),
        local: path.map(str::to_owned),
        remote: None,
        state: if listens { "LISTEN" } else { UNIX_STATES.get(state)? }.to_owned(),
        count: 1,
    };
    Some((inode, socket))
}

#[cfg(test)]
mod tests {
    use super::super::tests::FakeProc;
    use super::*;
    use proptest::prelude::*;

    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0
   1: 0100007F:C822 04040404:01BB 02 00000001:00000000 01:00000019 00000001  1000        0 101 1 0
   2: 0100007F:C001 0100007F:0050 08 00000000:00000000 00:00000000 00000000     0        0 102 1 0
   3: 0100007F:C002 0100007F:0050 08 00000000:00000000 00:00000000 00000000     0        0 103 1 0
   4: 0100007F:C003 0100007F:0050 08 00000000:00000000 00:00000000 00000000     0        0 104 1 0
";
    const TCP6: &str = "\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:C001 00000000000000000000000001000000:0050 08 0:0 0:0 0 0 0 110 1
   1: 0000000000000000FFFF00000100007F:C001 0000000000000000FFFF00000100007F:0050 01 0:0 0:0 0 0 0 111 1
";
    const UNIX: &str = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 120 /run/my service/socket
0000000000000000: 00000003 00000000 00000000 0001 03 121
0000000000000000: 00000003 00000000 00000000 0001 03 122 @/tmp/abstract
";

    fn count(inodes: &[Inode]) -> Vec<String> {
        let proc = FakeProc::new()
            .with("7/net/tcp", TCP.as_bytes())
            .with("7/net/tcp6", TCP6.as_bytes())
            .with("7/net/unix", UNIX.as_bytes());
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let show = |socket: &Sockets| {
            let Sockets { protocol, local, remote, state, count } = socket;
            format!("{protocol} {} {} {state} {count}", or_none(local), or_none(remote))
        };
        proc.open().socket_table("7").count(inodes).iter().map(show).collect()
    }

    #[test]
    fn addresses_and_states_are_read() {
        if cfg!(target_endian = "big") {
            return;
        }
        for (inode, expected) in [
            (100, "tcp 127.0.0.1:8080 - LISTEN 1"),
            (101, "tcp 127.0.0.1:51234 4.4.4.4:443 SYN_SENT 1"),
            (110, "tcp [::1]:49153 [::1]:80 CLOSE_WAIT 1"),
            (111, "tcp 127.0.0.1:49153 127.0.0.1:80 ESTABLISHED 1"),
            (120, "unix /run/my service/socket - LISTEN 1"),
            (121, "unix - - CONNECTED 1"),
            (122, "unix @/tmp/abstract - CONNECTED 1"),
        ] {
            assert_eq!(count(&[inode]), [expected]);
        }
        assert_eq!(count(&[4711]), [""; 0]);
    }

    #[test]
    fn those_with_the_same_peer_and_state_are_counted() {
        if cfg!(target_endian = "big") {
            return;
        }
        assert_eq!(
            count(&[101, 102, 103, 104, 100]),
            [
                "tcp - 127.0.0.1:80 CLOSE_WAIT 3",
                "tcp 127.0.0.1:51234 4.4.4.4:443 SYN_SENT 1",
                "tcp 127.0.0.1:8080 - LISTEN 1",
            ]
        );
    }

    #[test]
    fn a_link_names_the_inode() {
        assert_eq!(inode_of(b"socket:[4711]"), Some(4711));
        assert_eq!(inode_of(b"pipe:[4711]"), None);
        assert_eq!(inode_of(b"socket:[x]"), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,120}") {
            let _ = internet("tcp", &line);
            let _ = unix(&line);
        }

        #[test]
        fn no_address_panics(text in "[0-9A-F:]{0,45}") {
            let _ = address(&text);
        }
    }
}

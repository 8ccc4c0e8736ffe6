//! The other ends of connections.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::harness::WATCHDOG;

/// A peer that accepts and says nothing, for as long as the test runs.
pub struct Silent {
    pub port: u16,
    accepted: Receiver<()>,
}

impl Silent {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback interface");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, accepted) = channel();
        thread::spawn(move || {
            let mut connections = Vec::new();
            for connection in listener.incoming() {
                connections.push(connection);
                // Not every test wants to know.
                let _ = sender.send(());
            }
        });
        Self { port, accepted }
    }

    /// Waits for the next connection.
    pub fn wait_accepted(&self) {
        self.accepted.recv_timeout(WATCHDOG).expect("nobody connects");
    }
}

/// Starts a server that answers a request and closes the connection; `None` where it cannot have
/// this address.
pub fn page_server(address: &str) -> Option<SocketAddr> {
    let listener = TcpListener::bind((address, 0)).ok()?;
    let bound = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for connection in listener.incoming() {
            answer(&connection.expect("a client connects"));
        }
    });
    Some(bound)
}

/// The request is read to its end: to close before that would reset the connection.
fn answer(mut connection: &TcpStream) {
    let lines = BufReader::new(connection).lines();
    let request = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
    assert!(request.count() > 0, "a client has no request");
    connection.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello\n").expect("the client reads");
}

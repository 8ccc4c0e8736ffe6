//! The other ends of connections.

use std::net::TcpListener;
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

"""A crawler: fetches a page so many times from each peer, and then once more.

It has a slot for each of these connections. With `leak` it never closes one, so the last fetch waits
for a slot for ever. With `close` it has no reason to, and waits for its standard input at the end.
"""

import os
import socket
import sys
import threading

how, fetches, *peers = sys.argv[1:]
slots = threading.Semaphore(int(fetches) * len(peers))
leaked = []


def fetch(peer):
    slots.acquire()
    host, port = peer.rsplit(":", 1)
    connection = socket.create_connection((host.strip("[]"), int(port)))
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    while connection.recv(4096):
        pass
    if how == "leak":
        leaked.append(connection)
    else:
        connection.close()
        slots.release()


print("crawler", os.getpid(), flush=True)
for peer in peers:
    for _ in range(int(fetches)):
        fetch(peer)
print("crawled", flush=True)
fetch(peers[0])
print("finished", flush=True)
sys.stdin.read()

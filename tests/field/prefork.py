"""A pre-forking server in small: it forks while a thread has a lock, and the child wants the lock.

The child has a copy of the lock as it was, and none of the thread that would release it. With
`free` the fork waits until the lock is released.
"""

import os
import sys
import threading

lock = threading.Lock()
has_lock = threading.Event()
may_release = threading.Event()


def work():
    with lock:
        has_lock.set()
        may_release.wait()


def release():
    may_release.set()
    worker.join()


worker = threading.Thread(target=work)
worker.start()
has_lock.wait()
if sys.argv[1] == "free":
    release()
child = os.fork()
if child == 0:
    with lock:
        os._exit(0)
release()
print("parent", os.getpid(), flush=True)
print("child", child, flush=True)
os.waitpid(child, 0)

# SPDX-License-Identifier: Apache-2.0
"""Starts tpmiot-ca as systemd does with a socket unit and Type=notify, and says what it tells.

    socket_activation.py CA.CRT LOG PROGRAM ARGUMENT...

Prints one word a line: what came on NOTIFY_SOCKET, and how requests and the end went.
"""
import os
import signal
import socket
import ssl
import sys
import tempfile

ca_file, log, command = sys.argv[1], sys.argv[2], sys.argv[3:]


def notification(box):
    return box.recv(4096).decode().split("\n")[0]


def request(port):
    """A whole HTTPS request to the port that was bound here: its status."""
    context = ssl.create_default_context(cafile=ca_file)
    with socket.create_connection(("127.0.0.1", port), 20) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(b"GET /v1/crl HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return tls.recv(64).split()[1].decode()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        box = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        box.bind(directory + "/notify")
        box.settimeout(20)
        pid = os.fork()
        if pid == 0:
            out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.dup2(listener.fileno(), 3)
            os.set_inheritable(3, True)
            env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", NOTIFY_SOCKET=directory + "/notify")
            os.execve(command[0], command, env)
        waiting = socket.create_connection(("127.0.0.1", port))  # before the server is there
        print(notification(box))
        print(request(port))
        os.kill(pid, signal.SIGHUP)
        print(notification(box))
        print(notification(box))
        print(request(port))
        waiting.close()
        os.kill(pid, signal.SIGTERM)
        print(notification(box))
        print("exit", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()

"""Sends every request of schemathesis over the Unix socket that SIGNER_SOCKET names.

The address http://signer stands for that socket. It is a name for the Host header and nothing
resolves it: no request of a run can reach the network.
"""

import os
import socket

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

ADDRESS = "http://signer"
SOCKET_PATH = os.environ["SIGNER_SOCKET"]
CONNECT_TIMEOUT_SECONDS = 10.0


class SocketConnection(HTTPConnection):
    """An HTTP connection whose transport is the Unix socket."""

    def connect(self):
        transport = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        transport.settimeout(CONNECT_TIMEOUT_SECONDS)
        transport.connect(SOCKET_PATH)
        self.sock = transport


class SocketPool(HTTPConnectionPool):
    """Hands out connections to the one socket, whatever host it was made for."""

    ConnectionCls = SocketConnection


class SocketAdapter(HTTPAdapter):
    """Keeps one pool, so that connections are reused as a real client reuses them."""

    def __init__(self):
        super().__init__()
        self.pool = SocketPool("signer", maxsize=8)

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.pool

    def request_url(self, request, proxies):
        return request.path_url

    def close(self):
        self.pool.close()
        super().close()


def route_over_the_socket():
    """Makes every session that is opened from now on use the socket for our address."""
    original = requests.Session.__init__

    def open_session(session, *arguments, **settings):
        original(session, *arguments, **settings)
        session.trust_env = False
        session.mount(ADDRESS, SocketAdapter())

    requests.Session.__init__ = open_session


route_over_the_socket()

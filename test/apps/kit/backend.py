# Copyright the dance authors. SPDX-License-Identifier: Apache-2.0
"""What stands behind a TLS proxy: answers each connection's first request with the request itself."""
import socketserver
import sys


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        got = b""
        while not got.endswith((b"\n\n", b"\r\n\r\n")):
            more = self.request.recv(65536)
            if not more:
                break
            got += more
        self.request.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\nthe backend got: " % (len(got) + 17) + got)


class Backend(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


if __name__ == "__main__":
    Backend(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()

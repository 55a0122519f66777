"""A receiver of webhooks for tests: fails some of them, and judges with libraries that come from elsewhere what it was sent.

    python webhook_receiver.py PORT

POST anything           is taken, kept and answered; of 100 messages about 30 fail once, by an error, a reset or a redirect
GET /judge?secret=…     what was sent, as JSON; `?jwks=…` are the keys of the organization, base64url and parted by commas
"""

import base64
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import nacl.signing
from standardwebhooks import Webhook

kept, failed, lock = [], set(), threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        fate = hashlib.sha256(headers["webhook-id"].encode()).digest()[0]
        with lock:
            fails = fate < 77 and headers["webhook-id"] not in failed
            failed.add(headers["webhook-id"])
            kept.append({"headers": headers, "body": body, "taken": not fails})
        if not fails:
            self.answer(204)
        elif fate % 3 == 0:
            self.answer(503, b"busy")
        elif fate % 3 == 1:
            self.answer(302, headers=[("location", "http://169.254.169.254/latest/meta-data")])
        else:
            # With a reset, as of a machine that has gone down.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        webhook = Webhook(query["secret"][0])
        keys = [nacl.signing.VerifyKey(base64.urlsafe_b64decode(key + "==")) for key in query["jwks"][0].split(",")]
        bad = []
        with lock:
            messages = list(kept)
        for message in messages:
            headers, body = message["headers"], message["body"]
            try:
                webhook.verify(body, headers)
            except Exception as error:
                bad.append(f"v1: {error!r}")
            signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
            by_key = [one[4:] for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,")]
            if not any(verifies(key, signed, one) for key in keys for one in by_key):
                bad.append("v1a: no signature by a key of the organization")
            try:
                webhook.verify(body.replace(":", ": ", 1), headers)
                bad.append("v1: another body verifies")
            except Exception:
                pass
        self.answer(200, json.dumps({"messages": messages, "bad": bad}).encode())


def verifies(key, signed, signature):
    try:
        key.verify(signed, base64.b64decode(signature))
        return True
    except Exception:
        return False


threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever).start()
while True:
    time.sleep(60)

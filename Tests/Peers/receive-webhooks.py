"""Receives webhooks and verifies each with the library of Standard Webhooks; ends after COUNT of them, each counted once
however often it comes.

Usage: receive-webhooks.py PORT-FILE SECRET-FILE COUNT. Writes its port, reads the secret when the first one comes, and
prints the types of the events.
"""

import http.server
import json
import sys

from standardwebhooks import Webhook

port_file, secret_file, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
types = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(secret_file) as file:
            webhook = Webhook(file.read().strip())
        event = webhook.verify(body, dict(self.headers))
        assert event["id"] == self.headers["webhook-id"], event
        types[event["id"]] = event["type"]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
with open(port_file, "w") as file:
    file.write(str(server.server_address[1]))
while len(types) < count:
    server.handle_request()
print(json.dumps(list(types.values())))

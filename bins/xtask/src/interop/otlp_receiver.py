"""An OTLP receiver for logs, made from the types that the OpenTelemetry project publishes: it writes the body of each record into a file, a line each.

Every fifth request is refused, every seventh is taken without an answer."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

port, path = int(sys.argv[1]), sys.argv[2]
count = 0


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        global count
        body = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/logs" and self.headers["content-type"] == "application/x-protobuf"
        assert self.headers["authorization"] == "Bearer otlp"
        count += 1
        if count % 5 == 0:
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        request = ExportLogsServiceRequest.FromString(body)
        with open(path, "a") as file:
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    for record in scope.log_records:
                        attributes = {attribute.key: attribute.value for attribute in record.attributes}
                        assert attributes["keyward.audit.seq"].int_value > 0, record
                        assert len(attributes["keyward.audit.hash"].string_value) == 43, record
                        file.write(record.body.string_value + "\n")
        if count % 7 == 0:
            self.close_connection = True
            return
        answer = ExportLogsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", port), Receiver).serve_forever()

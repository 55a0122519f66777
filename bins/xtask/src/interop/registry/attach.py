"""ORAS for Python, at work on a registry: attaches a file to a manifest, or pulls an artifact.

attach.py attach REFERENCE USER KEY SUBJECT FILE    SUBJECT as {"mediaType": ..., "digest": ..., "size": ...}
attach.py pull REFERENCE USER KEY FOLDER
"""

import json
import os
import sys

import oras.client
import oras.oci

what, reference, user, key, *rest = sys.argv[1:]
client = oras.client.OrasClient(hostname=reference.split("/")[0], insecure=True, auth_backend="basic")
client.auth.set_basic_auth(user, key)
if what == "attach":
    subject, file = oras.oci.Subject(**json.loads(rest[0])), rest[1]
    os.chdir(os.path.dirname(file))
    answer = client.push(
        target=reference,
        files=[os.path.basename(file) + ":application/spdx+json"],
        subject=subject,
        manifest_annotations={"org.example.tool": "oras"},
    )
    print(answer.headers.get("OCI-Subject"))
else:
    print("\n".join(client.pull(target=reference, outdir=rest[0])))

"""python -m unittest test_service"""

import os
import tempfile
import unittest
from pathlib import Path

from fastapi.testclient import TestClient

from keyward_token.testing import Vendor
from service import app


class Service(unittest.TestCase):
    def test_features_follow_the_license(self):
        with tempfile.TemporaryDirectory() as folder:
            license, keys = Path(folder, "license.jwt"), Path(folder, "jwks.json")
            os.environ.update(LICENSE_FILE=str(license), JWKS_FILE=str(keys), PRODUCT_ID="server")
            vendor, client = Vendor("server"), TestClient(app)
            keys.write_text(vendor.jwks)

            def says(token):
                license.write_text(token + "\n")
                return [client.get(path).status_code for path in ("/", "/reports")]
            self.assertEqual(client.get("/reports").status_code, 402, "there is no license yet")
            self.assertEqual(says(vendor.license({"features": ["reports"]})), [200, 200])
            self.assertEqual(says(vendor.license({"features": []})), [200, 403])
            self.assertEqual(says(vendor.license({"features": ["reports"]}, ends_at=1_700_000_000)), [402, 402])
            self.assertEqual(says(Vendor("basic").license({"features": ["reports"]})), [402, 402])
            vendor.rotate_key()
            self.assertEqual(says(vendor.license({"features": ["reports"]})), [402, 402], "the keys are old")
            keys.write_text(vendor.jwks)
            self.assertEqual([client.get(path).status_code for path in ("/", "/reports")], [200, 200])


if __name__ == "__main__":
    unittest.main()

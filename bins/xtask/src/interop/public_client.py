"""The public client `keyport` (PyPI), unchanged, against the server.

    python public_client.py URL PRODUCT_KEY LICENSE_KEY LIMIT

LIMIT is how many requests the product has left today.
"""

import sys

from keyport import KeyPort, KeyPortAuthError, KeyPortError, KeyPortRateLimitError

url, product_key, license_key, limit = sys.argv[1:]
base_url = f"{url}/api/v1"

with KeyPort(product_key, base_url=base_url) as client:
    answer = client.validate(license_key, version="2.1.0", device_id="host-1")
    assert answer["valid"] is True and answer["status"] == "active", answer
    assert {"expires", "ip_registered", "ip_count", "max_ips", "version", "version_valid", "custom", "signature"} <= answer.keys()
    answer = client.validate(license_key.lower().replace("-", " "))
    assert answer["valid"] is True, answer
    answer = client.validate("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA")
    assert answer["valid"] is False and answer["status"] == "license_not_found", answer

    found = client.get_license(license_key)
    assert found["license_key"] == license_key and found["status"] == "active", found
    assert found["is_lifetime"] is True and found["customer_name"] == "Example Inc.", found
    try:
        client.get_license("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA")
        raise SystemExit("an unknown license was found")
    except KeyPortError as error:
        assert "404" in str(error), error

    for _ in range(int(limit) - 5):
        client.validate(license_key)
    try:
        client.validate(license_key)
        raise SystemExit("more were let in than the limit says")
    except KeyPortRateLimitError as error:
        assert 0 < error.retry_after <= 86_400, error.retry_after
        assert "used up" in str(error), error

for wrong in ["kw_prod_wrong", product_key[:-1] + ("0" if product_key[-1] != "0" else "1")]:
    try:
        KeyPort(wrong, base_url=base_url).validate(license_key)
        raise SystemExit("a wrong key was let in")
    except KeyPortAuthError as error:
        assert error.code == "invalid_api_key"

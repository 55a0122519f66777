"""The examples for Compose and Helm, by programs that were not written here.

    python examples.py EXAMPLES_FOLDER

Compose files are checked against the schema of the Compose specification, as check-jsonschema carries it; the chart by
Helm itself, which helm-python-sdk carries as a library: linted strictly, and rendered with each way to give a license.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import helm_python as helm

examples = Path(sys.argv[1])
failed = 0


def check(what: str, right: bool, seen: object = "") -> None:
    global failed
    if not right:
        failed += 1
        print(f"FAILED {what}: {seen}")


def fits_compose(file: Path) -> subprocess.CompletedProcess:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([sys.executable, "-m", "check_jsonschema", *schema, file], capture_output=True, text=True)


files = sorted((examples / "compose").glob("*.yaml"))
check("there is a Compose file", len(files) > 0)
for file in files:
    said = fits_compose(file)
    check(f"{file.name} is a Compose file", said.returncode == 0, said.stdout + said.stderr)
with tempfile.TemporaryDirectory() as folder:
    wrong = Path(folder) / "compose.yaml"
    wrong.write_text(files[0].read_text().replace("environment:", "enviroment:"))
    check("a mistyped one is refused", fits_compose(wrong).returncode == 1)

chart = examples / "helm"
loaded = helm.Chart.load(chart)
for values in ({"licenseKey": "eyJ.a.b"}, {"licenseKeySecret": "acme-license"}):
    report = helm.lint(chart, values, strict=True)
    # Severity 1 is advice, such as to add an icon.
    found = [message for message in report["messages"] if message["severity"] > 1]
    check(f"the chart is clean with {values}", not found and not report["errors"], report)
    made = "\n".join(loaded.render(values, name="acme").values())
    secret = values.get("licenseKeySecret", "acme-license")
    check("the container reads the secret", f"name: {secret}" in made and "key: licenseKey" in made, made)
    check("a secret is made of a value alone", ("kind: Secret" in made) == ("licenseKey" in values), made)
try:
    loaded.render({}, name="acme")
    check("a chart without a license is refused", False)
except helm.HelmError as error:
    check("a chart without a license is refused", "set licenseKey" in str(error), error)

print(f"Helm {helm.helm_sdk_version()}: {failed} failed")
sys.exit(1 if failed else 0)

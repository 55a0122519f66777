"""A web service whose features depend on the license: LICENSE_FILE=license.jwt JWKS_FILE=jwks.json PRODUCT_ID=… uvicorn service:app

The license is verified at each request, which takes a fraction of a millisecond: a renewal and newer keys need no restart, and an end
comes when it is there.
"""

import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException

from keyward_token import InvalidKey, Keyring, License, Verifier, VerifyError, pasted

app = FastAPI()


def license_now() -> License:
    try:
        keys = Keyring.from_jwks(Path(os.environ["JWKS_FILE"]).read_text("utf-8"))
        verifier = Verifier(keys, os.environ["PRODUCT_ID"])
        return verifier.verify(pasted(Path(os.environ["LICENSE_FILE"]).read_text("utf-8")))
    except (VerifyError, InvalidKey) as error:
        raise HTTPException(402, {"code": error.code, "detail": str(error)}) from error
    except OSError as error:
        raise HTTPException(402, {"code": "no_license", "detail": "there is no license"}) from error


Licensed = Annotated[License, Depends(license_now)]


def feature(name: str):
    """The routes behind it are for licenses whose claim `features` names it."""
    def allowed(license: Licensed) -> None:
        if name not in license.claims.get("features", []):
            raise HTTPException(403, {"code": "not_licensed", "detail": f"the license does not include {name}"})
    return Depends(allowed)


@app.get("/")
def home(license: Licensed) -> dict:
    return {"customer": license.customer, "ends_at": license.ends_at}


@app.get("/reports", dependencies=[feature("reports")])
def reports() -> dict:
    return {"reports": []}

"""An SMTP server for tests: keeps each mail as a file.

    python smtp_sink.py PORT FOLDER
"""

import itertools
import pathlib
import sys
import time

from aiosmtpd.controller import Controller

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
numbers = itertools.count()


class Keep:
    async def handle_DATA(self, server, session, envelope):
        path = folder / f"{next(numbers):04}.eml"
        path.with_suffix(".part").write_bytes(envelope.original_content)
        path.with_suffix(".part").rename(path)
        return "250 Kept"


Controller(Keep(), hostname="127.0.0.1", port=port).start()
while True:
    time.sleep(60)

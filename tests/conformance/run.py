"""`make conformance`: the daemon between real SDKs and third-party mocks. Exit code 0: every check passed, 1: one did not.

Installs what is missing, then hands over to drive.py in the interpreter that has the SDKs. Options are those of drive.py.
"""

from __future__ import annotations

import json
import os
import sys

from install import HERE, install

if __name__ == "__main__":
    installed = install()
    commands = {
        "aimock": installed.aimock,
        "llmock": installed.llmock,
        "router": [sys.executable, "-m", "router"],
    }
    drive = [str(installed.python), str(HERE / "drive.py"), "--commands", json.dumps(commands), *sys.argv[1:]]
    os.execv(drive[0], drive)

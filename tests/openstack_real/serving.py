"""Serves one of OpenStack's WSGI applications on loopback, in OpenStack's own environment.

python serving.py keystone.wsgi.api 35357
"""

import importlib
import sys

import waitress


def main() -> None:
    """The application reads the command line as its own, so it finds an empty one."""
    module, port = sys.argv[1:]
    del sys.argv[1:]
    waitress.serve(importlib.import_module(module).application, listen=f"127.0.0.1:{port}", threads=6, ident=None)


if __name__ == "__main__":
    main()

"""`python -S start_module.py FOLDERS MODULE ARGUMENT…`: run a module of Cloister as a program.

`python -m` finds the code by listing the folder above it. In a clone that folder holds the data as
well, so a confined program must not list it: the code is found by the path of this file. FOLDERS
are those of installed packages; with -S, Python does not prepare them, which takes long.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec

_CODE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


def main() -> None:
    """Import the package by its path, then run the module."""
    name = os.path.basename(_CODE)  # noqa: PTH119 - pathlib takes longer than the rest
    loader = SourceFileLoader(name, os.path.join(_CODE, "__init__.py"))  # noqa: PTH118
    spec = ModuleSpec(name, loader, origin=loader.path, is_package=True)
    spec.submodule_search_locations = [_CODE]
    package = module_from_spec(spec)
    sys.modules[name] = package
    loader.exec_module(package)
    sys.path += sys.argv[1].split(os.pathsep)
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()

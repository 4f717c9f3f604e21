#!/usr/bin/env python3
"""Reads every #include and fails when a folder of src/ reaches upward.

A folder includes only itself and folders above it in the list. The walls keep decisions pure, so
that they run offline, without privileges, and under test."""
import pathlib
import re
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent / "src"

# From the ground up, each with the reason for the wall over it.
LAYERS = [
    ("base", "small texts and results know nothing of firewalls"),
    ("model", "values have no behaviour beyond comparing and printing themselves"),
    ("packetset", "set algebra knows packets and rules, not the languages they come in"),
    ("language", "texts are read and written without deciding anything"),
    ("policy", "decisions are pure: no file, clock, socket or kernel"),
    ("host", "the seam to the world offers facts and takes orders, it does not decide"),
    ("app", "the product is put together from host.h alone, so that tests can bring their own host"),
    ("api", "the interface answers for the product, it does not know who asks from where"),
    ("cli", "a program"),
    ("daemon", "a program"),
    ("helper", "a program"),
    ("restore", "a program"),
]
PROGRAMS = {"cli", "daemon", "helper", "restore"}
# Real implementations are built by a program's main.cc and by nobody else.
REAL_HOST = {"host/nft_events.h", "host/nftables.h", "host/outside.h", "host/process_lock.h",
             "host/socket_holders.h", "host/system_files.h", "host/system_network.h",
             "host/systemd_units.h"}
IMPURE = re.compile(r"#include <(fstream|filesystem|thread|unistd\.h|sys/.*|fcntl\.h)>")
# catalogue_file.cc takes a path apart; it opens nothing.
IMPURE_ALLOWED = {("language/catalogue_file.cc", "filesystem")}


def faults():
    order = [name for name, _ in LAYERS]
    for path in sorted(SOURCE.glob("*/*.[ch]*")):
        name = path.relative_to(SOURCE).as_posix()
        folder = path.parent.name
        if folder not in order:
            yield f"src/{folder} is not in the list of layers"
            continue
        is_test = name.endswith("_test.cc")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            place = f"src/{name}:{number}"
            impure = IMPURE.search(line)
            if (impure and order.index(folder) < order.index("host") and not is_test
                    and (name, impure[1]) not in IMPURE_ALLOWED):
                yield f"{place}: <{impure[1]}> has no place below host/: {dict(LAYERS)['policy']}"
            match = re.match(r'#include "([a-z]+)/([^"]+)"', line)
            if not match or is_test:
                continue
            target = match[1]
            if target not in order:
                yield f"{place}: includes {target}/, which is not a layer"
            elif order.index(target) > order.index(folder):
                yield (f"{place}: {folder}/ must not reach up to {target}/: "
                       f"{dict(LAYERS)[folder]}")
            elif target != folder and target in PROGRAMS:
                yield f"{place}: {target}/ is a program; nobody includes it"
            included = f"{target}/{match[2]}"
            if included in REAL_HOST and folder != "host" and path.name != "main.cc":
                yield f"{place}: only a program's main.cc builds {included}"


found = list(faults())
for fault in found:
    print(fault)
print(f"{len(list(SOURCE.glob('*/*.[ch]*')))} files, {len(found)} faults")
sys.exit(1 if found else 0)

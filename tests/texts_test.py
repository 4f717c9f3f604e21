#!/usr/bin/env python3
"""Holds the manual page and the completion to the verbs that the program has.

    tests/texts_test.py BUILD"""
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(sys.argv[1])


def verbs(*words):
    """The verbs that --help shows under its last heading."""
    text = subprocess.run([BUILD / "src/quaymaster", *words, "--help"], capture_output=True,
                          text=True, check=True).stdout
    return re.findall(r"^  ([a-z]+) ", text[text.index("Verbs:"):], re.M)


def complete(*words):
    """What the shell would offer after these words, with a daemon that knows two services."""
    with tempfile.TemporaryDirectory() as folder:
        fake = pathlib.Path(folder) / "quaymaster"
        fake.write_text("#!/bin/sh\n[ $1 = complete ] && case $2 in services) echo mqtt; echo ssh;;"
                        " interfaces) echo lan;; rules) echo 1; echo 2;; esac\n")
        fake.chmod(0o755)
        script = (f"PATH={folder}:$PATH; . {SOURCE}/completion/quaymaster; COMP_WORDS=(\"$@\");"
                  "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _quaymaster; printf '%s\\n' \"${COMPREPLY[@]}\"")
        return subprocess.run(["bash", "-c", script, "bash", "quaymaster", *words],
                              capture_output=True, text=True, check=True).stdout.split()


# The tables of names that the readers know, each from its declaration to its end.
NAMES = (("nft_expressions.cc", "Readers known"), ("nft_statements.cc", "nft_statement_readers"),
         ("xt_match.cc", "kMatchReaders"), ("xt_match.cc", "kAtoms"), ("xt_target.cc", "kTargetReaders"),
         ("xt_target.cc", "kVerdicts"), ("xt_target.cc", "kNeutral"))


def names(file, table):
    text = (SOURCE / "src/language" / file).read_text()
    begin = text.index(table)
    return re.findall(r'"([A-Za-z0-9_]+)"', text[begin:text.index(";", begin)])


def model_faults():
    """docs/model.md is to tell of every expression, match and target that there is a reader for."""
    rows = re.findall(r"^\|.*", (SOURCE / "docs/model.md").read_text(), re.M)
    words = set(re.findall(r"[A-Za-z0-9_]+", "\n".join(rows)))
    for file, table in NAMES:
        found = names(file, table)
        if len(found) < 4:
            yield f"tests/texts_test.py: {file} has no table {table} any more"
        for name in found:
            if name not in words:
                yield f"docs/model.md does not tell of `{name}` ({file})"


def faults():
    yield from model_faults()
    page = (SOURCE / "man/quaymaster.1").read_text()
    top = verbs()
    if len(top) < 15:
        yield f"--help shows only {top}"
    for verb in top:
        if not re.search(rf"^\.(B|BR|BI|TP).*\b{verb}\b", page, re.M):
            yield f"man/quaymaster.1 does not tell of `{verb}`"
        if verb not in complete(""):
            yield f"the completion does not offer `{verb}`"
    for group in ("service", "interface"):
        for verb in verbs(group):
            if verb not in complete(group, ""):
                yield f"the completion does not offer `{group} {verb}`"
            if verb not in page:
                yield f"man/quaymaster.1 does not tell of `{group} {verb}`"
    for words, wanted in ((("service", "enable", "m"), ["mqtt"]), (("delete", "2"), ["2"]),
                          (("service", "hide", "ssh", "--on", "l"), ["lan"]),
                          (("interface", "remove", ""), ["lan"]), (("status", "n"), ["numbered"])):
        if complete(*words) != wanted:
            yield f"completion of {words} is {complete(*words)}, not {wanted}"


found = list(faults())
for fault in found:
    print(fault)
print(f"{len(found)} faults")
sys.exit(1 if found else 0)

"""Verbs for the certificate of the web server: tls show, use, csr, answer, rollback, confirm."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.cli.acme import add_acme_verbs
from appliance.cli.connection import PATIENT
from appliance.cli.context import Context
from appliance.cli.errors import NoSuchFileError
from appliance.cli.output import ExitCode
from appliance.cli.recovery_key import read_secret
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.tls.material import LARGEST
from appliance.tls.model import KeyKind
from appliance.tls.upload import Upload

_TRIAL = (
    "It is on trial: open the console in a browser, then run `cloister tls confirm` within 60 "
    "seconds. Otherwise the certificate before it comes back."
)
_ORIGINS = {
    "own authority": "made by this machine's own authority",
    "uploaded": "uploaded",
    "requested": "signed by another authority for a key of this machine",
    "acme": "from an ACME server",
}

# What the control socket answers.
Answer = Mapping[str, Any]


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add tls show, use, csr, answer, rollback and confirm, and those of `tls acme`."""
    group = add_group(verbs, "tls", "the certificate of the web server")
    show = add_verb(group, shared, "show", show_certificate, "show what is served, and what was")
    show.add_argument(
        "--root", action="store_true", help="print the root of this machine's own authority as PEM"
    )
    use = add_verb(group, shared, "use", use_certificate, "serve another certificate, on trial")
    what = use.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "file", nargs="?", type=Path, help="PEM with the chain in any order, or PKCS#12"
    )
    what.add_argument(
        "--own", action="store_true", help="make a new one of this machine's own authority"
    )
    use.add_argument("--key", type=Path, help="the file with the key, where it is another one")
    use.add_argument("--password-file", help="the file with the password; - reads standard input")
    csr = add_verb(group, shared, "csr", make_request, "make a key, and print a request for it")
    csr.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="host names (default: those in use)",
    )
    csr.add_argument(
        "--kind", type=KeyKind, choices=list(KeyKind), default=KeyKind.ECDSA_P256, help="of the key"
    )
    csr.add_argument("--organisation", default="", help="what the request names")
    answer = add_verb(
        group, shared, "answer", use_answer, "serve the certificate that answers the request"
    )
    answer.add_argument("file", type=Path, help="what the authority sent: PEM, in any order")
    for verb in (use, answer):
        verb.add_argument("--check", action="store_true", help="only say what is wrong with it")
        verb.set_defaults(prepare=_read_files)
    add_verb(
        group, shared, "rollback", roll_back, "undo the change on trial, or serve the previous one"
    )
    add_verb(group, shared, "confirm", confirm, "keep the certificate that is on trial")
    add_acme_verbs(group, shared)


def _read_files(options: argparse.Namespace) -> None:
    """Read what the caller may read, before root's rights are given up. Raises ApplianceError."""
    if options.file is None:
        return
    key, password = getattr(options, "key", None), getattr(options, "password_file", None)
    options.upload = Upload(
        _content(options.file),
        _content(key) if key else None,
        read_secret(password) if password else "",
    )


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One more byte says that there is more.
            return file.read(LARGEST + 1)
    except OSError as error:
        raise NoSuchFileError(path=path, reason=error.strerror) from error


async def show_certificate(context: Context, options: argparse.Namespace) -> ExitCode:
    """Show what is served and what was; with --root print the machine's own root."""
    found = await context.control.ask("GET", "/tls", timeout=PATIENT)
    if options.root:
        root = found["authority"]
        context.output.value({"authority": root}, (root or "There is none.").rstrip())
        return ExitCode.DONE if root else ExitCode.FAILED
    context.output.value(found, "\n".join(_lines(found)))
    return ExitCode.DONE


async def use_certificate(context: Context, options: argparse.Namespace) -> ExitCode:
    """Serve a certificate, unless something forbids it; exit with 1 then."""
    if options.own:
        answer = await context.control.ask("POST", "/tls/own", timeout=PATIENT)
        return _changed(context, answer, is_check=False)
    return await _send(context, options, "/tls/use")


async def use_answer(context: Context, options: argparse.Namespace) -> ExitCode:
    """Serve the certificate for the key that waits, unless something forbids it."""
    return await _send(context, options, "/tls/answer")


async def make_request(context: Context, options: argparse.Namespace) -> ExitCode:
    """Print a request; its key stays on the machine. The one before it ends."""
    body = {"names": options.names, "kind": options.kind, "organisation": options.organisation}
    answer = await context.control.ask("POST", "/tls/request", body=body, timeout=PATIENT)
    context.output.value(answer, str(answer["request"]).rstrip())
    return ExitCode.DONE


async def roll_back(context: Context, _: argparse.Namespace) -> ExitCode:
    """Serve the previous certificate again."""
    answer = await context.control.ask("POST", "/tls/rollback", timeout=PATIENT)
    return _changed(context, answer, is_check=False)


async def confirm(context: Context, _: argparse.Namespace) -> ExitCode:
    """Keep the certificate on trial; exit with 1 where none is."""
    answer = await context.control.ask("POST", "/tls/confirm", timeout=PATIENT)
    is_confirmed = bool(answer["confirmed"])
    words = "The certificate stays." if is_confirmed else "No certificate is on trial."
    context.output.value(answer, words)
    return ExitCode.DONE if is_confirmed else ExitCode.FAILED


async def _send(context: Context, options: argparse.Namespace, path: str) -> ExitCode:
    body = {**options.upload.as_request(), "check": options.check}
    answer = await context.control.ask("POST", path, body=body, timeout=PATIENT)
    return _changed(context, answer, is_check=options.check)


def _changed(context: Context, answer: Answer, *, is_check: bool) -> ExitCode:
    lines = [
        f"{'error' if each['error'] else 'warning'}: {each['sentence']} {each['advice']}"
        for each in answer["findings"]
    ]
    is_refused = any(each["error"] for each in answer["findings"])
    if is_refused:
        lines.append("Nothing was changed.")
    elif is_check:
        lines.append("This certificate can be used. Nothing was changed.")
    elif answer["changed"]:
        lines.append("The web server serves the certificate.")
    if answer["trial"]:
        lines.append(_TRIAL)
    context.output.value(answer, "\n".join(lines))
    return ExitCode.FAILED if is_refused else ExitCode.DONE


def _lines(found: Answer) -> list[str]:
    served, previous = found["served"], found["previous"]
    if served is None:
        return ["There is no certificate."]
    lines = _certificate_lines(served)
    if found["fingerprint_served"] is None:
        lines.append("Nginx does not answer over TLS.")
    elif found["fingerprint_served"] != served["fingerprint"]:
        lines.append(f"Nginx serves another one: {found['fingerprint_served']}")
    if found["trial"]:
        lines.append("It is on trial: `cloister tls confirm` keeps it.")
    if previous:
        lines += ["", "The one before it, to which `cloister tls rollback` returns:"]
        lines += _certificate_lines(previous)
    if found["requests"].get("operator"):
        lines += ["", "A request waits for its certificate: `cloister tls answer FILE`."]
    return lines


def _certificate_lines(certificate: Answer) -> list[str]:
    until = datetime.fromisoformat(certificate["not_after"]).astimezone()
    return [
        f"Origin       {_ORIGINS[certificate['origin']]}",
        f"Subject      {certificate['subject']}",
        f"Issuer       {certificate['issuer']}",
        f"Names        {', '.join(certificate['names'])}",
        f"Valid until  {until:%Y-%m-%d %H:%M}",
        f"Key          {certificate['key']}",
        f"SHA-256      {certificate['fingerprint']}",
    ]

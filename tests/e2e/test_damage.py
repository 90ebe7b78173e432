"""Files and rows of a running appliance are damaged: it says so, and what repairs them does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.appliance import Appliance
from tests.builders.damage import change
from tests.e2e.visitor import Program, Visitor

OWN = {"collection": "My documents"}
PIECE = 1024 * 1024
EXECUTE = """
import psycopg, sys
with psycopg.connect(host=sys.argv[1], dbname="cloister", user="cloister") as connection:
    connection.execute(sys.argv[2])
"""


def execute(appliance: Appliance, statement: str) -> None:
    """Run a statement as the account that owns the database."""
    owner, socket = appliance.home.stat(), str(appliance.home / "run" / "postgres")
    prefix = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    command = [sys.executable, "-c", EXECUTE, socket, statement]
    subprocess.run([*(prefix if os.geteuid() == 0 else ()), *command], check=True)


def added(client: Program, content: bytes) -> tuple[str, bytes]:
    """Add a document that no other test has; return its id once it is read, and its content."""
    content = content + uuid.uuid4().hex.encode()
    answer = client.upload("contract.txt", content, **OWN)
    assert answer.status_code == 202, answer.text
    document: str = answer.json()["id"]
    assert client.finished(document)["status"] == "ready"
    return document, content


def stored(appliance: Appliance, content: bytes) -> Path:
    """Return where a file is kept."""
    digest = hashlib.sha256(content).hexdigest()
    return appliance.home / "documents" / digest[:2] / digest


def problems(appliance: Appliance) -> dict[str, Any]:
    """Return what the doctor finds wrong with what is kept, by the name of the check."""
    found = appliance.cli("doctor", check=False)
    about = {"schema", "checksums", "documents", "files"}
    checks = [each for each in found["checks"] if each["check"] in about]
    assert about <= {each["check"] for each in checks}
    return {each["check"]: each for each in checks if each["state"] != "ok"}


def code_of(client: Program, document: str) -> Any:
    """Return why a document failed, or None."""
    error = client.document(document)["error"]
    return error and error["code"]


def scrub(appliance: Appliance) -> None:
    """Run the nightly job now."""
    job = appliance.cli("job", "start", "scrub", "--wait")
    assert job["state"] == "done", job


def test_a_changed_file_is_not_given_out_is_named_and_is_repaired_by_an_upload(
    appliance: Appliance, operator: Visitor, client: Program
) -> None:
    document, content = added(client, b"The contract: pay 100 euros. ")
    change(stored(appliance, content), at=20)
    assert operator.http.get(f"/library/{document}/file").status_code == 410
    assert code_of(client, document) == "file_damaged"
    assert "is damaged" in operator.http.get(f"/library/{document}").text
    assert "damaged files: 1" in problems(appliance)["documents"]["sentence"]
    assert "damaged files: 1" in operator.http.get("/admin/").text
    assert client.upload("again.txt", content, **OWN).status_code == 200
    assert client.finished(document)["status"] == "ready"
    assert operator.http.get(f"/library/{document}/file").content == content
    assert problems(appliance) == {}


def test_a_large_changed_file_breaks_the_connection_through_the_web_server(
    appliance: Appliance, operator: Visitor, client: Program
) -> None:
    document, content = added(client, b"A line of a long list.\n" * (4 * PIECE // 23))
    assert operator.http.get(f"/library/{document}/file").content == content
    change(stored(appliance, content), at=len(content) - 100)
    with pytest.raises(httpx.RemoteProtocolError):
        operator.http.get(f"/library/{document}/file")
    assert code_of(client, document) == "file_damaged"
    client.upload("again.txt", content, **OWN)
    assert operator.http.get(f"/library/{document}/file").content == content


def test_a_lost_file_is_named_by_the_doctor_at_once_and_by_the_job_on_its_document(
    appliance: Appliance, operator: Visitor, client: Program
) -> None:
    document, content = added(client, b"The lost contract. ")
    stored(appliance, content).unlink()
    assert "missing files: 1" in problems(appliance)["files"]["sentence"]
    scrub(appliance)
    assert code_of(client, document) == "file_missing"
    assert "missing files: 1" in problems(appliance)["documents"]["sentence"]
    client.upload("again.txt", content, **OWN)
    assert client.finished(document)["status"] == "ready"
    assert problems(appliance) == {}


def test_lost_passages_are_named_and_reading_again_brings_them_back(
    appliance: Appliance, operator: Visitor, client: Program
) -> None:
    document, _ = added(client, b"The contract whose passages are lost. ")
    execute(appliance, f"DELETE FROM library.chunk WHERE document_id = '{document}'")  # noqa: S608
    assert "text in the database: 1" in problems(appliance)["files"]["sentence"]
    scrub(appliance)
    assert code_of(client, document) == "index_incomplete"
    page = f"/library/{document}"
    assert operator.post(f"{page}/retry", page).status_code == 303
    assert client.finished(document)["status"] == "ready"
    assert problems(appliance) == {}


def test_a_missing_table_is_named_until_it_is_back(appliance: Appliance, operator: Visitor) -> None:
    execute(appliance, "ALTER TABLE chat.citation RENAME TO citation_lost")
    try:
        found = problems(appliance)["schema"]
        assert found["state"] == "failed"
        assert "table chat.citation" in found["sentence"]
        assert "table chat.citation" in operator.http.get("/admin/").text
        assert appliance.run_cli("status").returncode == 3
    finally:
        execute(appliance, "ALTER TABLE chat.citation_lost RENAME TO citation")
    assert problems(appliance) == {}

"""A recovery key opens the repository, each wrong one is named, and none is written anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.backup.key import RecoveryKeyMissingError
from appliance.core.errors import ApplianceError, InvalidInputError
from appliance.repository.errors import (
    KeyMistypedError,
    KeyNeededError,
    KeyRefusedError,
    KeyRetiredError,
    KeyUnknownError,
)
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from tests.builders.backups import BackedUp

KEY = RecoveryKey.new()


@pytest.fixture
def hung_out(home: BackedUp) -> Iterator[BackedUp]:
    """A home; afterwards nothing in it holds a recovery key."""
    yield home
    for path in home.settings.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.password.encode() not in content, path
            assert KEY.text.encode() not in content, path


async def add(home: BackedUp, key: RecoveryKey) -> dict[str, Any]:
    return await home.do("key", work="add", recovery_key=key.text)


async def test_an_added_key_opens_the_repository_and_is_proved(hung_out: BackedUp) -> None:
    added = await add(hung_out, KEY)
    assert added["fingerprint"] == KEY.fingerprint
    typed = KEY.text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    proved = await hung_out.do("key", work="verify", recovery_key=typed)
    assert proved["fingerprint"] == KEY.fingerprint
    assert proved["repository"] == added["repository"]
    assert str(proved["proven_at"]).startswith(str(hung_out.clock.now().date()))
    catalog = await hung_out.catalog()
    assert catalog.recovery_key is not None
    assert catalog.recovery_key.fingerprint == KEY.fingerprint


async def test_the_sheet_holds_what_a_repository_without_key_file_and_config_needs(
    hung_out: BackedUp,
) -> None:
    await add(hung_out, KEY)
    await hung_out.do("set")
    sheet = await hung_out.do("key", work="sheet")
    folder = hung_out.settings.repository
    for path in (folder / "keys").iterdir():
        path.unlink()
    (folder / "config").unlink()
    (folder / "config").write_bytes(base64.b64decode(sheet["config"]))
    (folder / "keys" / sheet["key"]).write_bytes(base64.b64decode(sheet["key_file"]))
    opened = Repository(str(folder), KEY.password)
    assert await opened.open() == sheet["repository"]
    assert len(await opened.snapshots()) == 1


async def test_three_messages_for_three_wrong_keys(home: BackedUp) -> None:
    first, second, foreign = RecoveryKey.new(), RecoveryKey.new(), RecoveryKey.new()
    await add(home, first)
    await add(home, second)
    await home.do("prune", remove_key=await _id_of(home, first))
    mistyped = ("3" if second.text[0] == "2" else "2") + second.text[1:]
    expected: dict[str, type[ApplianceError]] = {
        mistyped: KeyMistypedError,
        "": KeyMistypedError,
        first.text: KeyRetiredError,
        foreign.text: KeyUnknownError,
    }
    for typed, error in expected.items():
        with pytest.raises(error) as raised:
            await home.do("key", work="verify", recovery_key=typed)
        if error is not KeyMistypedError:
            assert second.fingerprint in raised.value.advice
    assert len({error.sentence for error in expected.values()}) == 3


async def _id_of(home: BackedUp, key: RecoveryKey) -> str:
    return next(one.id for one in (await home.catalog()).keys if one.fingerprint == key.fingerprint)


async def test_a_new_key_opens_new_and_old_sets(home: BackedUp) -> None:
    home.add_documents(1)
    first, second = RecoveryKey.new(), RecoveryKey.new()
    await add(home, first)
    await home.do("set")
    replaced = await add(home, second)
    assert replaced["retired"] == [first.fingerprint]
    (old,) = replaced["replaced"]
    await home.do("prune", remove_key=old)
    home.add_person()
    await home.do("set")
    opened = Repository(str(home.settings.repository), second.password)
    assert len(await opened.snapshots()) == 2
    with pytest.raises(KeyRefusedError):
        await Repository(str(home.settings.repository), first.password).open()
    assert [key.fingerprint for key in (await home.catalog()).keys if key.fingerprint] == [
        second.fingerprint
    ]


async def test_the_only_recovery_key_cannot_be_removed(home: BackedUp) -> None:
    await add(home, KEY)
    for key in (await _id_of(home, KEY), "0" * 64):
        with pytest.raises(KeyNeededError):
            await home.do("prune", remove_key=key)
    await home.do("key", work="verify", recovery_key=KEY.text)


async def test_adding_the_same_key_again_changes_nothing(home: BackedUp) -> None:
    await add(home, KEY)
    before = home.files()
    await add(home, KEY)
    assert home.files() == before


async def test_the_recovery_key_lets_a_machine_in_that_lost_its_own(home: BackedUp) -> None:
    home.add_documents(1)
    await add(home, KEY)
    first = await home.do("set")
    (home.settings.state / "backup.key").write_text("another one")
    with pytest.raises(KeyRefusedError):
        await Repository(str(home.settings.repository), "another one").open()
    await home.do("key", work="machine", recovery_key=KEY.text)
    home.add_person()
    await home.do("set")
    assert first["snapshot"] in [one.id for one in (await home.catalog()).sets]
    await home.do("key", work="verify", recovery_key=KEY.text)


async def test_a_machine_key_that_does_not_open_is_refused_by_its_name(home: BackedUp) -> None:
    (home.settings.state / "backup.key").write_text("another one")
    for name in ("set", "hot", "list", "prune"):
        with pytest.raises(KeyRefusedError):
            await home.do(name)
    assert not list((home.settings.repository / "snapshots").iterdir())


async def test_without_a_recovery_key_there_is_no_sheet(home: BackedUp) -> None:
    with pytest.raises(RecoveryKeyMissingError):
        await home.do("key", work="sheet")


async def test_other_work_is_refused(home: BackedUp) -> None:
    with pytest.raises(InvalidInputError):
        await home.do("key", work="steal")


async def test_no_key_is_an_argument_or_in_the_environment_of_a_program(
    home: BackedUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs record how they are started; the file with the new key is gone afterwards."""
    record = tmp_path / "record"
    program = tmp_path / "bin" / "restic"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'tr "\\0" "\\n" < /proc/$$/cmdline >> {record}\n'
        f'tr "\\0" "\\n" < /proc/$$/environ >> {record}\n'
        'exec /usr/bin/env PATH=/usr/bin:/bin restic "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    await add(home, KEY)
    await home.do("key", work="verify", recovery_key=KEY.text)
    said = record.read_text()
    assert "--new-password-file=/proc/" in said
    assert KEY.password not in said
    assert (home.settings.state / "backup.key").read_text() not in said

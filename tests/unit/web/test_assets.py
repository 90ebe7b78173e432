"""Static files: where they are, how long they may be kept, and that the vendored ones are right."""

from __future__ import annotations

import hashlib
import re
import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from appliance.web.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from importlib.resources.abc import Traversable

    from aiohttp.test_utils import TestClient

    Browser = TestClient[web.Request, web.Application]
    Client = Callable[[web.Application], Awaitable[Browser]]

STATIC = resources.files("appliance.web").joinpath("static")


async def serve(aiohttp_client: Client, assets: Assets) -> Browser:
    app = web.Application()
    app.add_routes(assets.routes())
    return await aiohttp_client(app)


@pytest.mark.parametrize("prefix", ["", "/admin"])
async def test_a_file_may_be_kept_for_ever(aiohttp_client: Client, prefix: str) -> None:
    assets = Assets(prefix=prefix)
    client = await serve(aiohttp_client, assets)
    address = assets.url("site.css")
    assert re.fullmatch(rf"{prefix}/static/[0-9a-f]{{16}}/site\.css", address)
    answer = await client.get(address)
    assert answer.status == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.content_type == "text/css"
    assert await answer.read() == STATIC.joinpath("site.css").read_bytes()


async def test_it_compresses_for_those_who_can_read_that(aiohttp_client: Client) -> None:
    assets = Assets()
    client = await serve(aiohttp_client, assets)
    address = assets.url("vendor/htmx.js")
    headers = {"Accept-Encoding": "gzip"}
    packed = await client.get(address, headers=headers)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert await packed.read() == STATIC.joinpath("vendor/htmx.js").read_bytes()
    plain = await client.get(address, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


@pytest.mark.parametrize(
    "path",
    [
        "/static/0000000000000000/site.css",
        "/static/x/../../render.py",
        "/static/x/%2e%2e/render.py",
        "/static/x/vendor/VENDOR.toml",
    ],
)
async def test_nothing_else_is_served(aiohttp_client: Client, path: str) -> None:
    client = await serve(aiohttp_client, Assets())
    assert (await client.get(path)).status == 404


def files_below(folder: Traversable) -> Iterator[Traversable]:
    """Yield every file of a folder and of its folders; none when there is no such folder."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        yield from files_below(entry) if entry.is_dir() else (entry,)


def test_vendored_files_are_what_they_say() -> None:
    folder = STATIC.joinpath("vendor")
    listed = tomllib.loads(folder.joinpath("VENDOR.toml").read_text("utf-8"))["file"]
    for entry in listed:
        body = folder.joinpath(entry["path"]).read_bytes()
        assert hashlib.sha256(body).hexdigest() == entry["sha256"], entry["name"]
        assert entry["version"] in entry["source"]
        assert folder.joinpath(entry["licence_path"]).is_file()
        assert entry["licence"]
    scripts = {file.name for file in folder.iterdir() if file.name.endswith(".js")}
    assert scripts == {entry["path"] for entry in listed}


def test_every_script_is_its_own_source() -> None:
    """A minified script cannot be read or changed, and Debian accepts none without its source."""
    longest_line = 512
    packages = [resources.files(name).joinpath("static") for name in ("admin", "webchat")]
    for folder in (STATIC, *packages):
        scripts = [path for path in files_below(folder) if path.name.endswith((".js", ".mjs"))]
        for script in scripts:
            assert ".min." not in script.name
            assert max(map(len, script.read_text("utf-8").splitlines())) <= longest_line, script


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        Assets().url("nothing.css")


def test_stylesheets_and_scripts_load_nothing_from_elsewhere() -> None:
    for name in Assets().names():
        if name.startswith("vendor/"):
            continue
        text = STATIC.joinpath(name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), name

"""Streams are registered by what may revoke them."""

from __future__ import annotations

from uuid import uuid4

from appliance.answering.subscriptions import Subscriptions


def test_a_stream_ends_with_its_account_or_its_key() -> None:
    subscriptions, account, key = Subscriptions(), uuid4(), uuid4()
    for revoked in (account, key):
        with subscriptions.subscribe(account, key) as disconnect:
            subscriptions.revoke(uuid4())
            assert not disconnect.is_requested
            subscriptions.revoke(revoked)
            assert disconnect.is_requested


def test_the_command_line_has_the_same_number_for_its_account_and_its_key() -> None:
    subscriptions, account = Subscriptions(), uuid4()
    with subscriptions.subscribe(account, account) as disconnect:
        subscriptions.refresh()
    assert disconnect.may_reconnect
    with subscriptions.subscribe(account, account) as disconnect:
        assert not disconnect.is_requested

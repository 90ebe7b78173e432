"""What people read about each service, by its name: a title, and what follows when it stops."""

from __future__ import annotations

import re
from collections.abc import Collection

DATABASE = "postgres"
MODEL_RUNNER = "ollama"
WEB_SERVER = "nginx"
DOCUMENT_READER = "ingest"
MIGRATION = "migrate"
BACKUP_SERVER = "backup-server"
_WITHOUT_DATABASE = {DATABASE, MODEL_RUNNER, WEB_SERVER, BACKUP_SERVER}
_CHAT_SERVER = re.compile(r"webchat[@-](\d+)")
_TITLES = {
    DATABASE: "Database",
    MIGRATION: "Database schema",
    MODEL_RUNNER: "Model runner",
    DOCUMENT_READER: "Document reader",
    WEB_SERVER: "Web server",
    BACKUP_SERVER: "Backup server",
}
_STOPPING = {
    DATABASE: (
        "People can neither sign in, ask, search nor add documents, and programs get errors. "
        "You may have to sign in to this console again, with a rescue code: “sudo cloister "
        "rescue” on the machine prints one, and “sudo cloister start postgres” starts the "
        "database without the console."
    ),
    MIGRATION: "A new version of Cloister cannot bring the database up to date.",
    MODEL_RUNNER: (
        "No model writes answers: questions are answered with passages from the documents. "
        "Search goes by words alone."
    ),
    DOCUMENT_READER: "New documents wait unread until it runs again. Chat and search go on.",
    WEB_SERVER: "No one can reach Cloister any more, not even you: this console is behind it.",
    BACKUP_SERVER: "No backup is made, and none can be restored. Chat and search go on.",
}
_ONLY_CHAT_SERVER = (
    "No member can open the chat, search or add documents, and programs get errors. This console "
    "goes on. Answers that are being written end where they are, and are kept."
)
_ONE_CHAT_SERVER = (
    "The other chat servers take over its visitors. Answers that it is writing end where they "
    "are, and are kept."
)
_STAYS_DOWN = "It stays down until an operator starts it again."


def title_of(service: str) -> str:
    """Return what people call the service."""
    if chat := _CHAT_SERVER.fullmatch(service):
        return f"Chat server {chat[1]}"
    return _TITLES.get(service, service)


def subject_of(service: str) -> str:
    """Return what people call the service within a sentence, which does not begin with it."""
    title = title_of(service)
    return f"the {title.lower()}" if service in _TITLES else f"{title[:1].lower()}{title[1:]}"


def beginning(subject: str) -> str:
    """Return a subject as the first words of a sentence."""
    return f"{subject[:1].upper()}{subject[1:]}"


def needs_database(service: str) -> bool:
    """Whether the service can do nothing without the database."""
    return service not in _WITHOUT_DATABASE


def is_chat_server(service: str) -> bool:
    """Whether the service is one of the chat servers."""
    return _CHAT_SERVER.fullmatch(service) is not None


def may_be_stopped_in_console(service: str) -> bool:
    """Whether the console offers to stop it: not what carries the console itself."""
    return service != WEB_SERVER


def stopping_means(service: str, services: Collection[str]) -> str:
    """Return what follows for whom when the service is stopped, among all `services`."""
    if is_chat_server(service):
        several = sum(map(is_chat_server, services)) > 1
        follows = _ONE_CHAT_SERVER if several else _ONLY_CHAT_SERVER
    else:
        follows = _STOPPING.get(service, "What needs it stops working.")
    return f"{follows} {_STAYS_DOWN}"

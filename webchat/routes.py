"""Every address of the chat site, and who may open it."""

from __future__ import annotations

from appliance.accounts.guard import Access, Route
from appliance.accounts.model import Scope
from appliance.shares.model import Work
from webchat.pages import (
    account,
    answer_socket,
    api_chat,
    api_documents,
    api_embeddings,
    api_search,
    conversation,
    document,
    health,
    library,
    sign_in,
)

ROUTES: tuple[Route, ...] = (
    # For load balancers
    Route("GET", "/health", health.health, Access.PUBLIC),
    Route("GET", "/ready", health.ready, Access.PUBLIC),
    # Signing in
    Route("GET", "/sign-in", sign_in.show_sign_in, Access.PUBLIC),
    Route("POST", "/sign-in", sign_in.sign_in, Access.PUBLIC),
    Route("POST", "/sign-out", sign_in.sign_out, Access.MEMBER),
    Route("GET", "/password", sign_in.show_password, Access.PUBLIC),
    Route("POST", "/password", sign_in.set_password, Access.PUBLIC),
    # The member's own account
    Route("GET", "/account", account.show_account, Access.MEMBER),
    Route("POST", "/account/password", account.change_password, Access.MEMBER),
    Route("POST", "/account/keys", account.create_key, Access.MEMBER),
    Route("POST", "/account/keys/{id}/revoke", account.revoke_key, Access.MEMBER),
    # The library
    Route("GET", "/library", library.show, Access.MEMBER),
    Route("POST", "/library", library.upload, Access.MEMBER, streams_body=True, work=Work.UPLOAD),
    Route("GET", "/library/{id}", document.show, Access.MEMBER),
    Route("GET", "/library/{id}/row", library.row, Access.MEMBER),
    Route("GET", "/library/{id}/file", document.original, Access.MEMBER, work=Work.STREAM),
    Route("GET", "/library/{id}/pages/{number}", document.show_page, Access.MEMBER),
    Route("POST", "/library/{id}/delete", library.delete, Access.MEMBER),
    Route("POST", "/library/{id}/retry", library.retry, Access.MEMBER),
    # Documents for programs
    Route("GET", "/api/documents", api_documents.documents, Access.KEY, Scope.DOCUMENTS),
    Route(
        "POST",
        "/api/documents",
        api_documents.upload,
        Access.KEY,
        Scope.DOCUMENTS,
        streams_body=True,
        work=Work.UPLOAD,
    ),
    Route("GET", "/api/documents/{id}", api_documents.document, Access.KEY, Scope.DOCUMENTS),
    Route("DELETE", "/api/documents/{id}", api_documents.delete, Access.KEY, Scope.DOCUMENTS),
    # Search for programs
    Route("POST", "/api/search", api_search.search, Access.KEY, Scope.SEARCH, work=Work.SEARCH),
    # Questions and answers
    Route("GET", "/", conversation.show_new, Access.MEMBER),
    Route("POST", "/conversations", conversation.start, Access.MEMBER),
    Route("GET", "/conversations/{id}", conversation.show, Access.MEMBER),
    Route("POST", "/conversations/{id}/messages", conversation.ask, Access.MEMBER),
    Route("POST", "/conversations/{id}/rename", conversation.rename, Access.MEMBER),
    Route("POST", "/conversations/{id}/delete", conversation.delete, Access.MEMBER),
    Route("POST", "/messages/{id}/stop", conversation.stop, Access.MEMBER),
    Route("POST", "/messages/{id}/again", conversation.ask_again, Access.MEMBER),
    Route(
        "GET",
        "/ws/{worker}/answers/{id}",
        answer_socket.answer_socket,
        Access.MEMBER,
        work=Work.STREAM,
    ),
    # Answers for programs, in the shape of OpenAI's API
    Route("GET", "/v1/models", api_chat.models, Access.KEY, Scope.CHAT),
    Route(
        "POST",
        "/v1/chat/completions",
        api_chat.complete,
        Access.KEY,
        Scope.CHAT,
        streams_body=True,
        work=None,
    ),
    Route(
        "POST",
        "/v1/embeddings",
        api_embeddings.embeddings,
        Access.KEY,
        Scope.CHAT,
        streams_body=True,
        work=None,
    ),
)

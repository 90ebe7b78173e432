"""Every address of the chat site, and who may open it."""

from __future__ import annotations

from appliance.accounts.guard import Access, Route
from webchat.pages import account, health, sign_in

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
    # One's own account
    Route("GET", "/account", account.show_account, Access.MEMBER),
    Route("POST", "/account/password", account.change_password, Access.MEMBER),
    Route("POST", "/account/keys", account.create_key, Access.MEMBER),
    Route("POST", "/account/keys/{id}/revoke", account.revoke_key, Access.MEMBER),
)

"""Every address of the console, and who may open it."""

from __future__ import annotations

from admin.pages import (
    api_jobs,
    audit,
    claim,
    ingest,
    jobs,
    models,
    overview,
    people,
    person_keys,
    quota,
    rescue,
    settings,
    sign_in,
    unit,
)
from admin.pages import unit_log as log
from appliance.accounts.guard import Access, Route

ROUTES: tuple[Route, ...] = (
    # Signing in
    Route("GET", "/admin/claim", claim.show_claim, Access.PUBLIC),
    Route("POST", "/admin/claim", claim.claim, Access.PUBLIC),
    Route("GET", "/admin/sign-in", sign_in.show_sign_in, Access.PUBLIC),
    Route("POST", "/admin/sign-in", sign_in.sign_in, Access.PUBLIC),
    Route("GET", "/admin/rescue", rescue.show_rescue, Access.PUBLIC),
    Route("POST", "/admin/rescue", rescue.rescue, Access.PUBLIC),
    Route("POST", "/admin/sign-out", sign_in.sign_out, Access.OPERATOR),
    # The units: these work with the database down
    Route("GET", "/admin", overview.to_overview, Access.OPERATOR),
    Route("GET", "/admin/", overview.show_overview, Access.OPERATOR),
    Route("GET", "/admin/events", overview.follow_overview, Access.OPERATOR),
    Route("GET", "/admin/units/{name}", unit.show_unit, Access.OPERATOR),
    Route("POST", "/admin/units/{name}/{verb:start|stop|restart}", unit.change, Access.OPERATOR),
    Route("GET", "/admin/units/{name}/log", log.follow_log, Access.OPERATOR),
    Route("GET", "/admin/units/{name}/log.txt", log.download_log, Access.OPERATOR),
    # Documents on their way, and other long work
    Route("GET", "/admin/ingest", ingest.show_queue, Access.OPERATOR),
    Route("GET", "/admin/ingest/events", ingest.follow_queue, Access.OPERATOR),
    Route("POST", "/admin/ingest/retry", ingest.retry_all, Access.OPERATOR),
    Route("POST", "/admin/ingest/{id}/retry", ingest.retry, Access.OPERATOR),
    Route("GET", "/admin/jobs", jobs.show_jobs, Access.OPERATOR),
    Route("GET", "/admin/jobs/events", jobs.follow_jobs, Access.OPERATOR),
    Route("POST", "/admin/jobs", jobs.start_job, Access.OPERATOR),
    Route("GET", "/admin/jobs/{id}", jobs.show_job, Access.OPERATOR),
    Route("GET", "/admin/jobs/{id}/events", jobs.follow_job, Access.OPERATOR),
    Route("POST", "/admin/jobs/{id}/cancel", jobs.cancel_job, Access.OPERATOR),
    Route("GET", "/admin/api/jobs", api_jobs.list_jobs, Access.OPERATOR),
    Route("POST", "/admin/api/jobs", api_jobs.start_job, Access.OPERATOR),
    Route("GET", "/admin/api/jobs/{id}", api_jobs.show_job, Access.OPERATOR),
    Route("POST", "/admin/api/jobs/{id}/cancel", api_jobs.cancel_job, Access.OPERATOR),
    # People, what was done, models, settings
    Route("GET", "/admin/people", people.show_people, Access.OPERATOR),
    Route("POST", "/admin/people", people.add, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/invite", people.invite, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/role", people.set_role, Access.OPERATOR),
    Route("GET", "/admin/people/{id}/keys", person_keys.show_keys, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/keys/{key}/revoke", person_keys.revoke_key, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/lock", people.lock, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/unlock", people.unlock, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/remove", people.remove, Access.OPERATOR),
    Route("GET", "/admin/people/quota", quota.show_quotas, Access.OPERATOR),
    Route("POST", "/admin/people/{id}/quota", quota.set_quota, Access.OPERATOR),
    Route("GET", "/admin/audit", audit.show_audit, Access.OPERATOR),
    Route("GET", "/admin/audit/export.{format:csv|json}", audit.export_audit, Access.OPERATOR),
    Route("GET", "/admin/models", models.show_models, Access.OPERATOR),
    Route("GET", "/admin/settings", settings.show_settings, Access.OPERATOR),
    Route("POST", "/admin/settings", settings.save_settings, Access.OPERATOR),
    Route("POST", "/admin/models/choose", models.choose, Access.OPERATOR),
)

"""Every address of the control socket."""

from __future__ import annotations

from aiohttp import web

from appliance.control import audit, backups, jobs, machine, models, people, quota, settings, units

ROUTES: tuple[web.RouteDef, ...] = (
    web.get("/units", units.units),
    web.get("/units/{name}", units.unit),
    web.post("/units/{name}/{verb:start|stop|restart}", units.change),
    web.get("/units/{name}/logs", units.logs),
    web.get("/health", machine.health),
    web.get("/addresses", machine.addresses),
    web.post("/rescue", machine.rescue),
    web.get("/people", people.people),
    web.get("/person", people.person),
    web.post("/people", people.add),
    web.post("/people/{name}/invite", people.invite),
    web.post("/people/{name}/{action:lock|unlock|make-operator|make-member|remove}", people.change),
    web.get("/people/{name}/belongings", people.belongings),
    web.get("/people/{name}/quota", quota.quota),
    web.post("/people/{name}/quota", quota.set_quota),
    web.get("/api-keys", people.api_keys),
    web.post("/api-keys", people.create_api_key),
    web.delete("/api-keys/{id}", people.revoke_api_key),
    web.get("/models", models.models),
    web.post("/models/use", models.choose),
    web.post("/models/fetch", jobs.begin_fetch),
    web.get("/audit", audit.entries),
    web.get("/jobs", jobs.jobs),
    web.post("/jobs", jobs.start),
    web.get("/jobs/{id}", jobs.job),
    web.post("/jobs/{id}/cancel", jobs.cancel),
    web.post("/jobs/{id}/report", jobs.report),
    web.post("/jobs/{id}/end", jobs.end),
    web.post("/backups", backups.back_up),
    web.post("/backups/drill", backups.drill),
    web.post("/backups/key", backups.make_key),
    web.post("/backups/key/machine", backups.let_machine_in),
    web.post("/backups/key/prove", backups.prove_key),
    web.post("/backups/targets", backups.save_target),
    web.delete("/backups/targets/{number}", backups.remove_target),
    web.post("/backups/targets/{number}/probe", backups.probe_target),
    web.post("/backups/targets/{number}/copy", backups.copy_to_target),
    web.post("/backups/restored", backups.note_restore),
    web.get("/settings", settings.settings),
    web.post("/settings", settings.change),
    web.get("/trial", settings.trial),
    web.post("/trial/{end:confirm|undo}", settings.end_trial),
)

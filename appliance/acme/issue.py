"""Get a certificate for a request: validate each name by itself, and order when all are valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from appliance.acme.client import AcmeClient, Authorization
from appliance.acme.errors import AcmeRequestError, NamesRefusedError, ServerRefusedError
from appliance.acme.hook import HookFailedError
from appliance.acme.model import Answer, ChallengeKind, NameFailure, Refusal
from appliance.acme.problems import brief
from appliance.acme.proofs import Publisher
from appliance.core.clock import Clock
from appliance.operations.model import Progress
from appliance.operations.work import Reporter

# How long an authority may look for a proof.
VALIDATION_SECONDS = 120.0
_POLL_SECONDS = 1.0


def names_in(csr: bytes) -> tuple[str, ...]:
    """Return the names of a request for a certificate. Raises AcmeRequestError."""
    try:
        request = x509.load_pem_x509_csr(csr)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise AcmeRequestError from error
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


@dataclass(frozen=True, slots=True)
class Issue:
    """One order at one authority."""

    client: AcmeClient
    publisher: Publisher
    challenge: ChallengeKind
    clock: Clock
    report: Reporter

    async def run(self, csr: bytes) -> Answer:
        """Return the chain; or, when a name fails, which others work.

        A name that fails keeps no other from being validated, and nothing is ordered for a part of
        the request: its sender, which has the key, makes another one for the names that work.
        Raises what concerns the authority as a whole.
        """
        names = names_in(csr)
        self.report.progress(Progress(f"Ordering at {self.client.place}: {', '.join(names)}."))
        try:
            order = await self.client.order(csr)
        except NamesRefusedError as refused:
            return self._answer(names, await self._refused(names, refused))
        failed = [
            failure
            for authorization in order.authorizations
            if (failure := await self._validate(authorization)) is not None
        ]
        if failed:
            return self._answer(names, failed)
        self.report.progress(Progress(f"All names are valid; {self.client.place} makes it."))
        return Answer(chain=await self.client.finalise(order))

    def _answer(self, names: Sequence[str], failed: Sequence[NameFailure]) -> Answer:
        lost = {failure.name for failure in failed}
        return Answer(
            working=tuple(name for name in names if name not in lost), failed=tuple(failed)
        )

    async def _refused(
        self, names: Sequence[str], refused: NamesRefusedError
    ) -> tuple[NameFailure, ...]:
        """Return for which of the names no order is made: where it is not said, each is tried."""
        if refused.failed:
            return refused.failed
        if len(names) == 1:
            return (NameFailure(names[0], refused.refusal, refused.detail),)
        found = [await self.client.refuses(name) for name in names]
        if failed := tuple(failure for failure in found if failure is not None):
            return failed
        reason = f"{refused.detail}."
        raise ServerRefusedError(place=self.client.place, type=refused.refusal, reason=reason)

    async def _validate(self, authorization: Authorization) -> NameFailure | None:
        """Prove that a name is ours; return why that failed."""
        if not authorization.is_open:
            return None
        name = authorization.name
        self.report.progress(Progress(f"The authority looks at {name}."))
        proof = self.client.proof(authorization, self.challenge)
        if proof is None:
            return NameFailure(name, Refusal.NO_CHALLENGE)
        try:
            async with self.publisher.published(proof):
                await self.client.answer(proof)
                return await self._wait(authorization)
        except HookFailedError as error:
            return NameFailure(name, Refusal.HOOK, brief(str(error)))

    async def _wait(self, authorization: Authorization) -> NameFailure | None:
        until = self.clock.monotonic() + VALIDATION_SECONDS
        while self.clock.monotonic() < until:
            found = await self.client.poll(authorization)
            if isinstance(found, NameFailure):
                return found
            if not found.is_open:
                return None
            await self.clock.sleep(_POLL_SECONDS)
        return NameFailure(authorization.name, Refusal.SILENT)

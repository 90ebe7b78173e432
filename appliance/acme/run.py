"""One run: from the names that are wanted to a certificate for those that work.

It carries requests and chains between the process that has the key of the certificate and the one
that has the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509

from appliance.acme.errors import NoNameError, NoNameValidError, ServerAwayError
from appliance.acme.model import (
    AcmePlan,
    AcmeState,
    Answer,
    Certificates,
    NameFailure,
    Refusal,
    Validity,
)
from appliance.acme.plan import Due, Ordered, is_needed, needs_rehearsal
from appliance.operations.catalog import ACME
from appliance.operations.errors import OperationError
from appliance.operations.model import Facts
from appliance.operations.runner import Follower, OperationRunner
from appliance.tls.model import Origin


@dataclass(frozen=True, slots=True)
class AcmeRun:
    """Orders at one authority. `due` is why; None where a person asked for it."""

    operations: OperationRunner
    certificates: Certificates
    follower: Follower
    plan: AcmePlan
    state: AcmeState
    due: Due | None

    async def order(self, wanted: Sequence[str]) -> Ordered:
        """Get a certificate for the names that work, and have it served.

        Raises NoNameError, NoNameValidError when none works, and OperationError with what concerns
        the authority as a whole.
        """
        if not wanted:
            raise NoNameError
        names, failed = tuple(wanted), tuple[NameFailure, ...]()
        if needs_rehearsal(self.plan, self.state, wanted):
            names, failed = await self._rehearse(names)
        if failed and not is_needed(self.state, names, self.due):
            return Ordered(names, failed)
        answer, names, later = await self._issue(names, self.plan.directory, rehearsal=False)
        if not answer.chain:
            return Ordered(names, (*failed, *later), new_terms=answer.new_terms)
        await self.certificates.install(answer.chain, Origin.ACME)
        return Ordered(names, (*failed, *later), validity_of(answer.chain), answer.new_terms)

    async def _rehearse(
        self, names: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[NameFailure, ...]]:
        """Try the names at the staging server; return those that work, and those that do not."""
        await self.follower.log("This is tried at the staging server first.")
        try:
            _, working, failed = await self._issue(names, self.plan.staging, rehearsal=True)
        except OperationError as error:
            # It must not delay a renewal.
            if self.state.not_after is None or error.result.code != ServerAwayError.code:
                raise
            await self.follower.log(f"{error.message} The rehearsal is left out.")
            return names, ()
        return working, failed

    async def _issue(
        self, names: tuple[str, ...], directory: str, *, rehearsal: bool
    ) -> tuple[Answer, tuple[str, ...], tuple[NameFailure, ...]]:
        """Order until no name of the order fails; each attempt has fewer names.

        It ends without a chain when the names that are left need no new certificate.
        """
        failed = tuple[NameFailure, ...]()
        while True:
            csr = await self.certificates.csr(names)
            request = self._request(directory, csr, rehearsal=rehearsal)
            answer = answer_of(await self.operations.run(ACME, request, self.follower))
            failed += answer.failed
            if answer.chain:
                return answer, names, failed
            names = answer.working
            if not names:
                raise NoNameValidError(failed)
            listed = ", ".join(failure.name for failure in answer.failed)
            await self.follower.log(f"Without {listed} it is ordered again.")
            if not rehearsal and not is_needed(self.state, names, self.due):
                return answer, names, failed

    def _request(self, directory: str, csr: bytes, *, rehearsal: bool) -> Facts:
        return {
            **account_request(self.plan, directory, rehearsal=rehearsal),
            "work": "issue",
            "challenge": str(self.plan.challenge),
            "hook": self.plan.hook,
            "csr": csr.decode(),
        }


def account_request(plan: AcmePlan, directory: str, *, rehearsal: bool = False) -> Facts:
    """Return the part of a request that says with whom, and as whom, the operation speaks."""
    return {
        "directory": directory,
        "root": plan.root,
        "contact": list(plan.contact),
        "terms": plan.terms,
        "rehearsal": rehearsal,
    }


def answer_of(found: Facts) -> Answer:
    """Return how an order ended, from what the operation found."""
    failed = found.get("failed")
    working = found.get("working")
    return Answer(
        chain=str(found.get("chain", "")).encode(),
        working=tuple(map(str, working)) if isinstance(working, list | tuple) else (),
        failed=tuple(map(_failure, failed)) if isinstance(failed, list | tuple) else (),
        new_terms=str(found.get("new_terms", "")),
    )


def validity_of(chain: bytes) -> Validity:
    """Return from when to when a certificate is valid."""
    leaf = x509.load_pem_x509_certificate(chain)
    return Validity(leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _failure(found: Mapping[str, object]) -> NameFailure:
    return NameFailure(str(found["name"]), Refusal(str(found["refusal"])), str(found["detail"]))

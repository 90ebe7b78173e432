"""People ask politely, at length and in their own words; the documents answer all the same."""

from __future__ import annotations

import pytest

from appliance.accounts.model import Account
from appliance.retrieval.service import Retriever
from tests.builders.retrieval import Library, TestDocument

LEASE = (
    "The contract begins on the first of May. The deposit is three months of rent and is paid back"
    " after the end of the contract. Pets need the consent of the landlord."
)
MIETVERTRAG = (
    "Der Mietvertrag beginnt am ersten Mai. Die Kündigungsfrist beträgt drei Monate und die Kaution"
    " ist bei dem Einzug zu zahlen."
)
URLAUB = (
    "Der Resturlaub verfällt am 31. März des folgenden Jahres, wenn er nicht vorher genommen wurde."
)
LAWSUIT = "本案的原告是王明。被告是北方机械公司。法院于三月作出判决。"
LETTER = (
    "Hello, I am writing to you because my neighbour Bob Miller told me on Sunday that his cat had"
    " climbed over our fence again and eaten the goldfish, which my daughter had won at the summer"
    " fair in Brighton. We are still quite upset about the whole affair, but hope to settle it"
    " amicably and without lawyers. Kind regards, Susan Hill."
)


@pytest.fixture(autouse=True)
async def filled(library: Library) -> Library:
    """Four documents."""
    await library.add(
        TestDocument("lease.txt", [LEASE]),
        TestDocument("mietvertrag.txt", [MIETVERTRAG]),
        TestDocument("urlaub.txt", [URLAUB]),
        TestDocument("lawsuit.txt", [LAWSUIT]),
    )
    return library


@pytest.mark.parametrize(
    ("request_", "file"),
    [
        ("Could you please tell me how much the deposit is?", "lease.txt"),
        ("Give me an overview of the contract", "lease.txt"),
        ("I would like to know what you can say about pets, please", "lease.txt"),
        ("Fasse den Mietvertrag zusammen", "mietvertrag.txt"),
        ("Erkläre mir bitte die Kündigungsfrist", "mietvertrag.txt"),
        ("Ich möchte gerne wissen, wann der Resturlaub verfällt", "urlaub.txt"),
        ("Kannst du mir sagen, wie viel Kaution zu zahlen ist?", "mietvertrag.txt"),
        ("被告是谁?", "lawsuit.txt"),
        ("请告诉我原告是谁", "lawsuit.txt"),
        (f"{LETTER} How much is the deposit?", "lease.txt"),
        (f"How much is the deposit? {LETTER}", "lease.txt"),
    ],
)
async def test_it_finds_what_is_asked_for(
    words: Retriever, alice: Account, request_: str, file: str
) -> None:
    found = await words.retrieve(alice, request_)
    assert [passage.file_name for passage in found.passages][:1] == [file]


@pytest.mark.parametrize(
    "request_",
    [
        "Could you please tell me who won the championship?",
        "Give me an overview of the solar system",
        "Erkläre mir bitte die Photosynthese",
        "请告诉我今天天气怎么样",
        LETTER,
    ],
)
async def test_a_polite_request_for_what_no_document_has_finds_nothing(
    words: Retriever, alice: Account, request_: str
) -> None:
    assert (await words.retrieve(alice, request_)).passages == ()

"""Find the passages for a question: always, and without asking a language model whether to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from appliance.accounts.model import Account
from appliance.core.clock import Clock, SystemClock
from appliance.db.pool import Database
from appliance.retrieval.distinct import distinct
from appliance.retrieval.embedding import QueryRunner, QuestionEmbedder
from appliance.retrieval.evidence import evidence
from appliance.retrieval.joined import joined
from appliance.retrieval.model import EmbeddingModel, Question, QuestionVector, Retrieved
from appliance.retrieval.question import read_question
from appliance.retrieval.store import Ranking, find, serving_model

MOST_PASSAGES = 50
_MODEL_IS_FRESH = 30.0


class Retriever:
    """Searches what a person may read, by words and, where there are vectors, by meaning."""

    def __init__(
        self,
        database: Database,
        runner: QueryRunner | None = None,
        clock: Clock | None = None,
        *,
        ranking: Ranking | None = None,
        embedder: QuestionEmbedder | None = None,
    ) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._ranking = ranking or Ranking()
        self._embedder = embedder or QuestionEmbedder(runner, self._clock)
        self._model: EmbeddingModel | None = None
        self._model_until = float("-inf")

    async def retrieve(
        self,
        reader: Account,
        question: str,
        *,
        k: int = 12,
        collection: UUID | None = None,
        earlier: Sequence[str] = (),
    ) -> Retrieved:
        """Return at most `k` passages that are evidence, best first; none means no evidence.

        `collection` narrows the search, `earlier` are the questions before in the conversation, the
        oldest first.
        A collection that `reader` may not read is empty. Without a model runner it searches by
        words alone. Raises DatabaseUnavailableError.
        """
        asked = read_question(question, earlier)
        vector = await self._vector(asked)
        if not asked.words and vector is None:
            return Retrieved((), used_vectors=False)
        ranking = replace(self._ranking, winners=max(self._ranking.winners, 2 * k))
        found = await find(self._database, ranking, reader.id, collection, asked, vector)
        if vector is not None and all(chunk.similarity is None for chunk in found):
            # Another model may serve by now: look before the next question.
            self._model_until = float("-inf")
        passages = distinct(evidence(joined(found), sum(asked.shares)))[:k]
        return Retrieved(tuple(passages), used_vectors=vector is not None)

    async def aclose(self) -> None:
        """Give up what is still awaited from the model runner."""
        await self._embedder.aclose()

    async def _vector(self, question: Question) -> QuestionVector | None:
        if not question.text:
            return None
        model = await self._serving_model()
        return await self._embedder.embed(model, question.text) if model else None

    async def _serving_model(self) -> EmbeddingModel | None:
        if self._clock.monotonic() >= self._model_until:
            self._model = await serving_model(self._database)
            self._model_until = self._clock.monotonic() + _MODEL_IS_FRESH
        return self._model

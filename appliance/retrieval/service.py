"""Find the passages for a question: for every question, without asking a language model first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from appliance.accounts.model import Account
from appliance.core.clock import Clock, SystemClock
from appliance.db.pool import Database
from appliance.retrieval.deduplication import deduplicate
from appliance.retrieval.embedding import QueryRunner, QuestionEmbedder
from appliance.retrieval.merging import merge_adjacent
from appliance.retrieval.model import EmbeddingModel, Question, QuestionVector, Retrieved
from appliance.retrieval.question import read_question
from appliance.retrieval.relevance import filter_relevant
from appliance.retrieval.store import Ranking, find, serving_model

MOST_PASSAGES = 50
_MODEL_SECONDS = 30.0


class Retriever:
    """Searches the documents that a person may read: by words and, with embeddings, by meaning."""

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
        """Return at most `k` relevant passages, best first; none means “no evidence”.

        `collection` narrows the search; one that `reader` may not read counts as empty. `earlier`
        are the earlier questions of the conversation, the oldest first. Without a model runner the
        search uses words only. Raises DatabaseUnavailableError.
        """
        asked = read_question(question, earlier)
        vector = await self._vector(asked)
        if not asked.words and vector is None:
            return Retrieved(())
        ranking = replace(self._ranking, winners=max(self._ranking.winners, 2 * k))
        found = await find(self._database, ranking, reader.id, collection, asked, vector)
        if vector is not None and all(chunk.similarity is None for chunk in found):
            # Another model may serve by now: check before the next question.
            self._model_until = float("-inf")
        passages = deduplicate(filter_relevant(merge_adjacent(found), sum(asked.weights)))[:k]
        return Retrieved(tuple(passages))

    async def aclose(self) -> None:
        """Cancel the requests to the model runner that are still running."""
        await self._embedder.aclose()

    async def _vector(self, question: Question) -> QuestionVector | None:
        if not question.text:
            return None
        model = await self._serving_model()
        return await self._embedder.embed(model, question.text) if model else None

    async def _serving_model(self) -> EmbeddingModel | None:
        if self._clock.monotonic() >= self._model_until:
            self._model = await serving_model(self._database)
            self._model_until = self._clock.monotonic() + _MODEL_SECONDS
        return self._model

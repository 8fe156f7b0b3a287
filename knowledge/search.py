"""A question's passages: meaning and exact words joined, with how far to trust the best of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.passage import Answer, Band, Passage
from knowledge import lexical
from knowledge.embedding import Embedding, Vectors
from knowledge.ledger import Ledger
from knowledge.lexical import Candidate, Filter
from knowledge.quote import telling
from knowledge.ranking import Signal, ranked, rarity, share
from knowledge.trust import Support, judge
from knowledge.vectors import SectionVectors
from knowledge.words import metric_names, pairs, plain, spoken, stems, synonyms

DOCUMENTS = 50
SECTIONS = 300
LONGEST_QUESTION = 2_000
LONGEST_EXPRESSION = 4_000
MOST_WORDS = 64


@dataclass(frozen=True, slots=True)
class Question:
    """A question made ready: its words in order, what each is worth, its pairs, its metrics' words and its vector."""

    text: str
    words: tuple[str, ...]
    phrases: tuple[str, ...]
    others: frozenset[str]
    metric_words: frozenset[str]
    worth: Mapping[str, float]
    unknown: frozenset[str]
    documents: int
    vector: Vectors


class Search:
    """Reads the ledger and Chroma; blocking, one question at a time per ledger."""

    def __init__(self, ledger: Ledger, vectors: SectionVectors, embedding: Embedding) -> None:
        self._ledger = ledger
        self._vectors = vectors
        self._embedding = embedding

    def answer(self, query: str, expression: str, chosen: Filter, limit: int) -> Answer:
        text = plain(query[: 10 * LONGEST_QUESTION])[:LONGEST_QUESTION]
        if not stems(text):
            return Answer(Band.NONE, (), "The question has no words to look for.")
        vector = self._embedding.embed([spoken(text)])[0]
        with self._ledger.snapshot():
            question = self._question(text, expression[:LONGEST_EXPRESSION], vector)
            found, signals = self._signals(question, chosen)
            order = ranked(found, signals)[: max(limit, 1)]
            if not order:
                return Answer(Band.NONE, (), "Nothing is indexed that could answer this.")
            read = [self._passage(question, found[document], score) for document, score in order]
            best = found[order[0][0]]
            support = self._support(question, best, read[0][1], signals["title_words"][best.id], chosen.service)
        band, reason = judge(support)
        if band is Band.NONE:
            return Answer(band, (), reason)
        return Answer(band, tuple(passage for passage, _ in read), reason)

    def _question(self, text: str, expression: str, vector: Vectors) -> Question:
        words = tuple(dict.fromkeys(stems(text)))[:MOST_WORDS]
        named = [stems(name.replace(":", " "))[:MOST_WORDS] for name in metric_names(expression)[:10]]
        metric_words = {word for name in named for word in name} - set(words)
        metric_words |= {name[0] for name in named if name}
        metric_words |= synonyms(metric_words)
        counts, documents = self._ledger.frequencies([*words, *metric_words])
        return Question(
            text,
            words,
            tuple(f"{left} {right}" for left, right in sorted(pairs(stems(text, compounds=False))))[:MOST_WORDS],
            frozenset(synonyms(words)),
            frozenset(metric_words),
            {word: rarity(count, documents) for word, count in counts.items()},
            frozenset(word for word in words if not counts[word]),
            documents,
            vector,
        )

    def _signals(self, question: Question, chosen: Filter) -> tuple[dict[int, Candidate], dict[str, Signal]]:
        page = lexical.best_pages(self._ledger, question.words, chosen, DOCUMENTS)
        section = _first(lexical.best_sections(self._ledger, question.words, chosen, SECTIONS))
        near = self._vectors.nearest(question.vector, SECTIONS, self._ledger.generation(), chosen.kind, chosen.service)
        owners = lexical.documents_of(self._ledger, list(near))
        meaning: dict[int, float] = {}
        for key, cosine in near.items():
            if key in owners:
                meaning.setdefault(owners[key], cosine)
        meaning = _first(meaning)
        found = lexical.candidates(self._ledger, {*page, *section, *meaning})
        worth = dict(question.worth)
        rare, total = self._ledger.frequencies([word for each in found.values() for word in each.title_words])
        worth |= {word: rarity(count, total) for word, count in rare.items()}
        asked = {*question.words, *question.others}
        return found, {
            "page": page,
            "section": section,
            "meaning": meaning,
            "title_meaning": {key: float(each.title_vector @ question.vector) for key, each in found.items()},
            "title_words": {key: share(each.title_words, asked, worth) for key, each in found.items()},
            "pairs": lexical.best_pages(self._ledger, question.phrases, chosen, DOCUMENTS),
            "metrics": {
                key: sum(worth[word] for word in question.metric_words & (each.title_words | each.place_words))
                for key, each in found.items()
            },
        }

    def _passage(self, question: Question, candidate: Candidate, score: float) -> tuple[Passage, float]:
        """The document's best section as a passage, and that section's cosine."""
        outline = self._ledger.outline(candidate.id)
        vectors = self._ledger.vectors(each.digest for each in outline)
        cosines = [float(vectors[each.digest] @ question.vector) for each in outline]
        overlaps = [share(question.words, each.words, question.worth) for each in outline]
        best = max(range(len(outline)), key=lambda index: cosines[index] + overlaps[index])
        section = self._ledger.section(outline[best].number)
        quote = telling(section.text, question.worth)
        heading = section.heading_at(quote.start)
        passage = Passage(
            document=candidate.path,
            title=candidate.title,
            heading=heading.text,
            anchor=heading.anchor,
            version=candidate.version,
            text=section.text,
            quote=quote.text,
            service=candidate.service,
            kind=candidate.kind,
            score=score,
            url=candidate.url,
        )
        return passage, max(cosines)

    def _support(
        self, question: Question, best: Candidate, cosine: float, titled: float, service: str | None
    ) -> Support:
        # No page could know the names of pods and hosts, which have digits in them, nor units.
        words = {word for word in stems(question.text, compounds=False) if len(word) > 1 and not re.search(r"\d", word)}
        unknown = {word for word in words & question.unknown if len(word) > 2}  # noqa: PLR2004 - ms, h and their like
        within = lexical.words_within(self._ledger, best.id, words)
        strangers = [word for word in question.text.split() if unknown.intersection(stems(word))]
        return Support(
            cosine=cosine,
            covered=share(words, within, question.worth),
            unknown=share(words, unknown, question.worth),
            titled=titled,
            documents=question.documents,
            own=service is not None and best.service == service,
            strangers=[word.strip(".,:;?!()\"'") for word in dict.fromkeys(strangers)],
        )


def _first(best: dict[int, float]) -> dict[int, float]:
    return dict(list(best.items())[:DOCUMENTS])

"""A question's passages: meaning and exact words joined, with how far to trust the best of them."""

from __future__ import annotations

import math
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.passage import Answer, Band, Near, Passage
from knowledge import lexical
from knowledge.embedding import Embedding, Vectors
from knowledge.ledger import Ledger, Outline
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
NEAREST = 3
LOOKED_UP = 1_500
FEWEST = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A question made ready: its words in order, what each is worth, its pairs, its metrics' words and its vector.

    ``sought`` are the words that are looked for, the rarest of ``words`` where documents are many.
    """

    text: str
    words: tuple[str, ...]
    sought: tuple[str, ...]
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
        text = _asked(query)
        if not stems(text):
            return Answer(Band.NONE, (), "The question has no words to look for.")
        vector = self._embedding.embed([spoken(text)])[0]
        with self._ledger.snapshot():
            question = self._question(text, expression[:LONGEST_EXPRESSION], vector)
            found, signals = self._signals(question, chosen)
            order = ranked(found, signals)[: max(limit, NEAREST)]
            if not order:
                return Answer(Band.NONE, (), "Nothing is indexed that could answer this.")
            outlines = self._ledger.outlines([document for document, _ in order])
            read = [self._passage(question, found[document], outlines[document], score) for document, score in order]
            best = found[order[0][0]]
            support = self._support(question, best, read[0][1], signals["title_words"][best.id], chosen.service)
        band, reason = judge(support)
        if band is Band.NONE:
            return Answer(band, (), reason, tuple(_near(passage, cosine) for passage, cosine in read[:NEAREST]))
        return Answer(band, tuple(passage for passage, _ in read[: max(limit, 1)]), reason)

    def signals(self, query: str, expression: str, chosen: Filter) -> tuple[dict[int, str], dict[str, Signal]]:
        """What each signal says of a question, and the paths of the documents by number: to choose weights with."""
        text = _asked(query)
        vector = self._embedding.embed([spoken(text)])[0]
        with self._ledger.snapshot():
            found, signals = self._signals(self._question(text, expression[:LONGEST_EXPRESSION], vector), chosen)
        return {number: each.path for number, each in found.items()}, signals

    def _question(self, text: str, expression: str, vector: Vectors) -> Question:
        words = tuple(dict.fromkeys(stems(text)))[:MOST_WORDS]
        named = [stems(name.replace(":", " "))[:MOST_WORDS] for name in metric_names(expression)[:10]]
        metric_words = {word for name in named for word in name} - set(words)
        metric_words |= {name[0] for name in named if name}
        metric_words |= synonyms(metric_words)
        neighbours = sorted(pairs(stems(text, compounds=False)))[:MOST_WORDS]
        counts, documents = self._ledger.frequencies(
            {*words, *metric_words, *(word for two in neighbours for word in two)}
        )
        return Question(
            text,
            words,
            telling_most({word: counts[word] for word in words}),
            telling_most({f"{one} {other}": math.isqrt(counts[one] * counts[other]) for one, other in neighbours}),
            frozenset(synonyms(words)),
            frozenset(metric_words),
            {word: rarity(count, documents) for word, count in counts.items()},
            frozenset(word for word in words if not counts[word]),
            documents,
            vector,
        )

    def _signals(self, question: Question, chosen: Filter) -> tuple[dict[int, Candidate], dict[str, Signal]]:
        page = lexical.best_pages(self._ledger, question.sought, chosen, DOCUMENTS)
        section = _first(lexical.best_sections(self._ledger, question.sought, chosen, SECTIONS))
        meaning = self._near(question, chosen)
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

    def _near(self, question: Question, chosen: Filter) -> Signal:
        """Documents with their best section's cosine, best first.

        Chroma takes several times as long where it has to filter, so it is first asked without, and again only where
        too little of what it gave may answer.
        """
        generation = self._ledger.generation()
        near = self._vectors.nearest(question.vector, SECTIONS, generation)
        meaning = lexical.best_of(self._ledger, near, chosen)
        if chosen != Filter() and len(meaning) < DOCUMENTS and len(near) >= SECTIONS:
            near = self._vectors.nearest(question.vector, SECTIONS, generation, chosen.kind, chosen.service)
            meaning = lexical.best_of(self._ledger, near, chosen)
        return _first(meaning)

    def _passage(
        self, question: Question, candidate: Candidate, outline: Sequence[Outline], score: float
    ) -> tuple[Passage, float]:
        """The document's best section as a passage, and the best cosine of any."""
        cosines = [float(each.vector @ question.vector) for each in outline]
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
            version=candidate.revision[:12] or candidate.version,
            text=section.text,
            quote=quote.text,
            service=candidate.service,
            kind=candidate.kind,
            score=score,
            url=_opened_at(candidate.url, heading.anchor),
            owner=candidate.owner,
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


def _asked(query: str) -> str:
    return plain(query[: 10 * LONGEST_QUESTION])[:LONGEST_QUESTION]


def _near(passage: Passage, cosine: float) -> Near:
    return Near(
        document=passage.document,
        title=passage.title,
        kind=passage.kind,
        closeness=round(min(max(cosine, 0.0), 1.0), 3),
        service=passage.service,
        owner=passage.owner,
        url=passage.url,
    )


def _opened_at(url: str | None, anchor: str) -> str | None:
    """The address that opens a document where the quote stands."""
    if not url or not anchor or "#" in url:
        return url
    return f"{url}#{urllib.parse.quote(anchor, safe='=&;:@!$()*+,/?-._~')}"


def telling_most(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Those words or pairs that are worth being looked for, in their order.

    What stands in a page costs the same to look up whether it says much or little, so where pages are many only the
    rarest are: as many as stand in ``LOOKED_UP`` pages together, and at least three. ``counts`` are the pages that each
    stands in, of a pair the geometric mean of its words'.
    """
    total = 0
    kept: set[str] = set()
    for word in sorted(counts, key=lambda word: counts[word]):
        total += counts[word]
        if total > LOOKED_UP and len(kept) >= FEWEST:
            break
        kept.add(word)
    return tuple(word for word in counts if word in kept)


def _first(best: dict[int, float]) -> dict[int, float]:
    return dict(list(best.items())[:DOCUMENTS])

"""A corpus of word problems in natural language, all different: what decontamination is tested on.

Three parts: problems of reasoning-gym's `gsm_symbolic`, one for each of its templates; one problem of each of its other tasks
that are told in words; and problems put together from the sentences below, of which no two share more than one sentence.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import combinations

WORD_TASKS = (
    "aiw", "calendar_arithmetic", "coin_flip", "course_schedule", "dice", "family_relationships", "jugs", "knights_knaves",
    "leg_counting", "needle_haystack", "products", "self_reference", "syllogism", "time_intervals", "zebra_puzzles",
    "simple_equations", "simple_geometry", "shortest_path", "number_filtering", "letter_counting", "quantum_lock",
    "propositional_logic", "rectangle_count", "tower_of_hanoi", "word_sorting", "count_primes",
)  # fmt: skip
NAMES = (
    "Amara",
    "Bjorn",
    "Chiara",
    "Dmitri",
    "Eszter",
    "Farid",
    "Greta",
    "Hiro",
    "Ines",
    "Jonas",
    "Kavya",
    "Luis",
    "Mei",
    "Noor",
)
THINGS = (
    "lanterns", "seedlings", "postcards", "marbles", "bricks", "mugs", "kites", "candles", "tickets", "ribbons", "tiles", "badges",
    "notebooks", "oranges", "clay pots", "wooden spoons", "buttons", "maps", "puzzles", "scarves",
)  # fmt: skip
PLACES = (
    "harbour",
    "library",
    "orchard",
    "bakery",
    "museum",
    "stadium",
    "workshop",
    "bus depot",
    "clinic",
    "theatre",
    "market",
)
SETTINGS = (
    "{name} keeps {n} {thing} in a cupboard behind the {place}.",
    "On Monday morning the {place} opened with {n} {thing} on its shelves.",
    "A carpenter from the {place} agreed to deliver {n} {thing} before winter.",
    "There were {n} visitors at the {place} when the rain began.",
    "For her birthday {name} was given a box of {n} {thing}.",
    "Two friends, {name} and {other}, run a stall that sells {thing}.",
    "The old bridge near the {place} is {n} metres long.",
    "{name} reads {n} pages of a novel every evening after work.",
    "A tank beside the {place} holds {n} litres when it is full.",
    "Every seat in the {place} costs {n} coins, children included.",
    "The choir that rehearses at the {place} has {n} singers.",
    "{name} planted {n} rows of beans behind the {place}.",
    "A ferry carries {n} passengers from the {place} to the island.",
    "Last spring {name} walked {n} kilometres along the coast.",
    "The bill for repairing the roof of the {place} came to {n} coins.",
    "In a class of {n} pupils everybody plays at least one instrument.",
    "{name} baked {n} trays of rolls before sunrise.",
    "A train with {n} carriages leaves for the {place} at noon.",
    "The {place} bought its first {n} {thing} from a collector.",
    "Grandfather divided {n} {thing} among his grandchildren.",
    "A recipe for the village feast asks for {n} cups of flour.",
    "{name} rents a bicycle at the {place} for {n} hours.",
    "Snow fell for {n} days on the road to the {place}.",
    "The printer at the {place} can make {n} posters in an hour.",
)
EVENTS = (
    "{name} lent {n} of them to a neighbour, who never brought them back.",
    "A storm ruined {n} {thing}, and nobody could repair them.",
    "{other} arrived later with {n} more in a wheelbarrow.",
    "By Wednesday the number had grown by {n}.",
    "Then a school group took {n} {thing} home as a present.",
    "Half of what was left went to the {place} across the river.",
    "After lunch {n} people came in, and {m} left through the side door.",
    "The mayor promised to pay for {n} of the {thing} herself.",
    "It turned out that {n} had been counted by mistake.",
    "{other} offered {n} coins for each one, which was accepted at once.",
    "During the following week {n} were sold every day for {m} days.",
    "A cousin needed exactly {n} and took no more than that.",
    "Each of {n} helpers carried {m} {thing} up the stairs.",
    "The price went down by {n} coins because of a holiday.",
    "An inspector marked {n} of them with red chalk.",
    "{name} found another {n} under a pile of newspapers.",
    "Because of a strike, nothing happened for {n} days.",
    "Twice as many were ordered for the second month, plus {n} spare ones.",
    "{other} broke {n} {thing} while cleaning the window.",
    "The machine stopped after {n} minutes and lost {m} pieces.",
    "A third of the remaining {thing} was painted blue.",
    "On the way home {name} gave {n} away to strangers.",
    "Later that year the {place} received {n} from abroad.",
    "They packed everything into boxes that hold {n} each.",
    "One evening {n} {thing} were won in a lottery.",
    "The dog chewed {n} of the {thing} beyond recognition.",
    "{name} worked {n} extra shifts and earned {m} coins in each.",
    "A leak let {n} litres run out every hour until midnight.",
    "Out of curiosity {other} weighed them and wrote down {n} grams apiece.",
    "The second delivery was {n} smaller than the first.",
)
QUESTIONS = (
    "How many {thing} does {name} have now?",
    "What is the total that has to be paid?",
    "How many are missing from a full set of {n}?",
    "Find the number that remained at the end of the week.",
    "How many boxes are needed for all of it?",
    "By how much did the amount change altogether?",
    "If this goes on, after how many days will nothing be left?",
    "How much did each person receive on average?",
    "Work out how many more would make {n}.",
    "What share of the original number is left, in percent?",
    "How many coins does {other} owe in the end?",
    "Determine the smallest number of trips that is enough.",
    "How many of them were never used?",
    "What was the number on the evening of the last day?",
    "How long did the whole undertaking take, in hours?",
    "Write down how many {thing} the {place} should order next.",
    "Which amount would {other} have had without the loss?",
    "How heavy is the whole load, in kilograms?",
    "Between how many people could the rest be shared evenly?",
    "What fraction of the first amount does {name} keep?",
    "Calculate the difference between the best and the worst day.",
    "How many minutes pass before the last of them is gone?",
    "If nothing else happens, what will the count be after {n} weeks?",
    "How much would be left had the price been twice as high?",
    "State the largest number that {other} can afford.",
    "How many rows of {n} can be laid out with what there is?",
)


def corpus() -> list[str]:
    """All problems, mixed; the same on every call."""
    found = [*gsm_problems(), *told_tasks(), *composed(200)]
    random.Random(5).shuffle(found)
    return found


def gsm_problems() -> list[str]:
    """One problem for each template of reasoning-gym's `gsm_symbolic`, told apart by the names of their variables."""
    import reasoning_gym

    seen: dict[tuple[str, ...], str] = {}
    for entry in reasoning_gym.create_dataset("gsm_symbolic", seed=3, size=600):
        seen.setdefault(tuple(sorted(entry["metadata"]["variables"])), entry["question"])
    return list(seen.values())


def told_tasks() -> list[str]:
    import reasoning_gym

    return [reasoning_gym.create_dataset(task, seed=11, size=1)[0]["question"] for task in WORD_TASKS]


def composed(count: int) -> list[str]:
    """Problems of a setting, two events and a question; no two have more than one sentence in common."""
    rng = random.Random(9)
    taken: set[tuple[str, str]] = set()
    found: list[str] = []
    while len(found) < count:
        sentences = (rng.choice(SETTINGS), *rng.sample(EVENTS, 2), rng.choice(QUESTIONS))
        pairs = {tuple(sorted(pair)) for pair in combinations(sentences, 2)}
        if not pairs & taken:
            taken |= pairs
            name, other = rng.sample(NAMES, 2)
            words = {"name": name, "other": other, "place": rng.choice(PLACES)}
            found.append(
                " ".join(
                    one.format(n=rng.randint(3, 900), m=rng.randint(2, 60), thing=rng.choice(THINGS), **words)
                    for one in sentences
                )
            )
    return found


def _each_number(text: str, change: Callable[[int], int]) -> str:
    return re.sub(r"\d+", lambda found: str(change(int(found[0]))), text)


def with_other_numbers(text: str, seed: int) -> str:
    """The same words with every number another one."""
    rng = random.Random(seed)
    return _each_number(text, lambda number: number + rng.randint(1, 99))


def reordered(text: str, seed: int) -> str:
    """The same sentences in another order; the last one, which asks, stays."""
    parts = re.split(r"(?<=[.!?])\s+", text)
    rng = random.Random(seed)
    first = parts[:-1]
    rng.shuffle(first)
    return " ".join([*first, parts[-1]])


SYNONYMS = {
    "how many": "what number of", "many": "numerous", "bought": "purchased", "has": "owns", "have": "own", "gave": "handed",
    "gets": "receives", "total": "sum", "each": "every", "every": "each", "more": "additional", "left": "remaining", "now": "at present",
    "house": "home", "people": "persons", "day": "date", "needs": "requires", "makes": "produces", "took": "carried off", "then": "after that",
    "find": "determine", "after": "following", "came": "turned up", "keeps": "stores", "sold": "handed over", "of them": "among these",
    "with": "having", "and": "as well as", "that": "which", "in": "within", "for": "towards", "are": "happen to be", "the": "this",
}  # fmt: skip


def paraphrased(text: str) -> str:
    """Other words for common ones: about every third word changes."""
    pattern = re.compile(r"\b(" + "|".join(sorted(SYNONYMS, key=len, reverse=True)) + r")\b", re.IGNORECASE)
    return pattern.sub(lambda found: SYNONYMS[found[0].lower()], text)

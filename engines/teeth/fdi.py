"""Tooth numbers: FDI inside the program, Universal and Palmer for whoever writes them.

FDI: quadrant 1-4 (5-8 deciduous) seen from the patient, 1 upper right, 2 upper left, 3 lower left, 4 lower right; then 1 (central incisor)
to 8 (third molar), to 5 for deciduous teeth. Universal: 1-32 from the upper right third molar round to the lower right one, A-T deciduous.
"""

UPPER = (18, 17, 16, 15, 14, 13, 12, 11, 21, 22, 23, 24, 25, 26, 27, 28)  # from the patient's right to the left
LOWER = (48, 47, 46, 45, 44, 43, 42, 41, 31, 32, 33, 34, 35, 36, 37, 38)
PERMANENT = UPPER + LOWER
DECIDUOUS = tuple(quadrant * 10 + place for quadrant in (5, 6, 7, 8) for place in (1, 2, 3, 4, 5))
_UNIVERSAL = UPPER + LOWER[::-1]
_LETTERS = (55, 54, 53, 52, 51, 61, 62, 63, 64, 65, 75, 74, 73, 72, 71, 81, 82, 83, 84, 85)
_KINDS = ("central incisor", "lateral incisor", "canine", "first premolar", "second premolar", "first molar", "second molar", "third molar")
_DECIDUOUS_KINDS = ("central incisor", "lateral incisor", "canine", "first molar", "second molar")


def is_upper(number: int) -> bool:
    return number // 10 in (1, 2, 5, 6)


def is_right(number: int) -> bool:
    """On the patient's right."""
    return number // 10 in (1, 4, 5, 8)


def place(number: int) -> int:
    """1 at the midline to 8 at the back."""
    return number % 10


def mirror(number: int) -> int:
    """The same tooth of the other side."""
    quadrant = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 8, 8: 7}[number // 10]
    return quadrant * 10 + number % 10


def name(number: int) -> str:
    """"upper right first molar"; deciduous teeth say so."""
    kinds, first = (_KINDS, "") if number < 50 else (_DECIDUOUS_KINDS, "deciduous ")
    return f"{first}{'upper' if is_upper(number) else 'lower'} {'right' if is_right(number) else 'left'} {kinds[number % 10 - 1]}"


def from_universal(text: str) -> int | None:
    """FDI of a Universal number 1-32 or letter A-T; None where there is no such tooth."""
    text = text.strip().upper()
    if text.isdigit() and 1 <= int(text) <= 32:
        return _UNIVERSAL[int(text) - 1]
    return _LETTERS[ord(text) - ord("A")] if len(text) == 1 and "A" <= text <= "T" else None


def to_universal(number: int) -> str:
    return chr(ord("A") + _LETTERS.index(number)) if number > 50 else str(_UNIVERSAL.index(number) + 1)


def to_palmer(number: int) -> str:
    """Palmer's notation in plain letters: UR6, LLd."""
    corner = ("U" if is_upper(number) else "L") + ("R" if is_right(number) else "L")
    return corner + ("abcde"[number % 10 - 1] if number > 50 else str(number % 10))


def neighbours(numbers: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pairs that stand next to each other among the teeth that are there, per arch."""
    pairs = []
    for arch in (UPPER, LOWER):
        present = [n for n in arch if n in numbers]
        pairs += list(zip(present, present[1:], strict=False))
    return pairs

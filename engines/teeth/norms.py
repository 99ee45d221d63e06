"""What is normal: the one table of norms for measures.py, each with its source."""

from dataclasses import dataclass

from engines.teeth import fdi

# Andrews, 120 casts of untreated normal occlusion: crown tip and torque in deg at the facial axis, places 1 to 7
TIP_DEG = {True: (3.6, 8.0, 8.4, 2.7, 2.8, 5.7, 0.4), False: (0.5, 0.4, 2.5, 1.3, 1.5, 2.0, 2.9)}
TORQUE_DEG = {True: (6.1, 4.4, -7.3, -8.5, -8.8, -11.5, -8.1), False: (-1.7, -3.2, -12.7, -19.0, -23.6, -30.7, -36.0)}
ANGLE_SD_DEG = 4.0  # 3 to 5 by tooth
QUARTER_UNIT_MM, HALF_UNIT_MM, FULL_UNIT_MM = 1.75, 3.5, 7.0


@dataclass(frozen=True)
class Norm:
    """Either mean and sd, or a range from low to high; in the unit of the measure."""

    source: str
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None

    def deviation(self, value: float) -> float:
        """In standard deviations from the mean, or in the measure's unit outside the range (0 inside)."""
        if self.mean is not None and self.sd is not None:
            return (value - self.mean) / self.sd
        low, high = self.low or 0.0, self.high or 0.0
        return value - high if value > high else value - low if value < low else 0.0

    def says(self, value: float, unit: str) -> str:
        """The deviation in words."""
        off = self.deviation(value)
        if self.mean is not None:
            return f"{off:+.1f} sd"
        return "normal" if abs(off) < 0.05 else f"{abs(off):.1f} {unit} {'above' if off > 0 else 'below'} normal"

    def text(self, unit: str) -> str:
        if self.mean is not None:
            return f"{self.mean:g} ± {self.sd:g} {unit}"
        return f"{self.low:g} {unit}" if self.low == self.high else f"{self.low:g} to {self.high:g} {unit}"


_PATIENTS = "5th to 95th percentile of 148 orthodontic patients"
NORMS = {
    "overjet": Norm("textbook mean", low=2, high=3), "overbite": Norm("textbook mean", low=2, high=3),
    "midline_upper": Norm("ideal", low=0, high=0), "midline_lower": Norm("ideal", low=0, high=0), "midline_difference": Norm("ideal", low=0, high=0),
    "crowding_upper": Norm("ideal", low=0, high=0), "crowding_lower": Norm("ideal", low=0, high=0),
    "little_upper": Norm("Little 1975: 0 ideal, to 3 minimal", low=0, high=3), "little_lower": Norm("Little 1975: 0 ideal, to 3 minimal", low=0, high=3),
    "bolton_anterior": Norm("Bolton 1958", mean=77.2, sd=1.65), "bolton_overall": Norm("Bolton 1958", mean=91.3, sd=1.91),
    "spee_right": Norm("Andrews 1972", low=0, high=2.5), "spee_left": Norm("Andrews 1972", low=0, high=2.5),
    "intercanine_upper": Norm(_PATIENTS, low=31.6, high=39.5), "intercanine_lower": Norm(_PATIENTS, low=22.7, high=30.4),
    "intermolar_upper": Norm(_PATIENTS, low=48, high=58), "intermolar_lower": Norm(_PATIENTS, low=40, high=51),
    "crossbites": Norm("ideal", low=0, high=0),
    **{f"{which}_class_{side}": Norm("Angle 1899: class I, to a quarter of a unit", low=-QUARTER_UNIT_MM, high=QUARTER_UNIT_MM)
       for which in ("molar", "canine") for side in ("right", "left")}}


def angle(which: str, number: int) -> Norm | None:
    """which: tip or torque. None for teeth that Andrews did not measure: third molars, deciduous teeth."""
    if number > 50 or fdi.place(number) > 7:
        return None
    table = TIP_DEG if which == "tip" else TORQUE_DEG
    return Norm("Andrews, 120 casts", mean=table[fdi.is_upper(number)][fdi.place(number) - 1], sd=ANGLE_SD_DEG)


def class_words(offset_mm: float) -> str:
    """Angle's class of an offset: positive where the lower tooth stands too far back."""
    name, far = ("II", offset_mm) if offset_mm > 0 else ("III", -offset_mm)
    if far <= QUARTER_UNIT_MM:
        return "class I"
    return f"{'half' if far < (HALF_UNIT_MM + FULL_UNIT_MM) / 2 else 'full'} unit class {name}"


def little_words(index_mm: float) -> str:
    """Little's grades of irregularity."""
    for limit, word in ((1, "ideal"), (3.5, "minimal"), (6.5, "moderate"), (9.5, "severe")):
        if index_mm < limit:
            return word
    return "very severe"

"""Words and scales of the GAN lab's controls."""

from engines.gan.request import GanRequest, Smart
from widgets.vernier_slider import Scale

LAMBDA, SIGMA = "\N{GREEK SMALL LETTER LAMDA}", "\N{GREEK SMALL LETTER SIGMA}"
FIRST, SMART = GanRequest(), Smart()
DATA_WORDS = {"25gaussians": "25 Gaussians", "two-rings": "Two rings", "spiral": "Spiral", "checkerboard": "Checkerboard", "drawing": "Your drawing"}
DATA_ROWS = (("25gaussians", "25 Gaussians", "Twenty-five small blobs on a grid: modes are easy to count"),
             ("two-rings", "Two rings", "Two circles, one inside the other"), ("spiral", "Spiral", "One long curve"),
             ("checkerboard", "Checkerboard", "Eight filled squares: areas instead of points"))
GRADIENT_ROWS = (("full", "Through the score", "The paper: the gradient runs through the frozen score model"),
                 ("stop", "Stopped", "A comparison, not the paper: the score's own slope is left out, as in score distillation"))
REACH_ROWS = (("all", "Every sample", "The paper: every sample is pulled"),
              ("off", "Only odd ones", "Ours: samples that are no harder to denoise than 95 % of the real ones are left alone"))
LAM_ROWS = (("constant", "Constant", "The paper: the same \N{GREEK SMALL LETTER LAMDA} from the first step to the last"),
            ("late", "Late", "Ours: nothing in the first half, so that modes are found first; whole from three quarters on"),
            ("fading", "Fading", "Ours: falls to nothing at the last step"))
FREQ_ROWS = (("constant", "Constant", "The paper: every n-th step from the first to the last"),
             ("denser", "Denser", "Ours: from every n-th step to every step"))

OFF = 0.001  # where a logarithmic slider says "off"
LAM = Scale(OFF, 10.0, SMART.lam, 0.05, 1, ticks=((0.1, "paper"), (1.0, "1")), sane=(OFF, 0.5), log=True, ends=("off", ""),
            reason="Near 1 and above, generators kept few of the 25 modes in our measurements.")
SIGMA_LOW = Scale(0.01, 0.95, SMART.sigma_low, 0.03, 2, log=True, sane=(0.03, 0.3), ticks=((SMART.sigma_low, "paper"),),
                  reason="Very small noise sees only what is close; large noise melts the modes into one.")
SIGMA_HIGH = Scale(0.01, 0.95, SMART.sigma_high, 0.03, 2, log=True, sane=(0.03, 0.3), ticks=((SMART.sigma_high, "paper"),), reason=SIGMA_LOW.reason)
FREQ = Scale(1, 32, SMART.freq, unit="steps", ticks=((1, "each"), (8, "paper")))
LIMIT = Scale(0, 5, SMART.limit, 0.25, 2, ticks=((0.0, "none"), (1.0, "1")))
BALANCE = Scale(0, 1, SMART.balance, 0.05, 2, ticks=((0.0, "off"),))
RATE = Scale(1e-5, 1e-1, FIRST.rate_g, 0.1, 1, log=True, sane=(1e-5, 5e-3), reason="Above about 0.005 a twin may run away: it is stopped and put back.")
R1 = Scale(1e-4, 10.0, FIRST.r1, 0.1, 1, log=True, ends=("off", ""), ticks=((FIRST.r1, ""),))
STEPS = Scale(1000, 30_000, FIRST.steps, 500, unit="steps", ticks=((6000, "6,000"),))
BATCH = Scale(32, 1024, FIRST.batch, 32, unit="samples", ticks=((256, "256"),))
MEASURES = (("off", "Off the manifold (%)", 100, "Share of generated points farther than four standard deviations from every centre: lower is better"),
            ("modes", "Modes covered", 1, "Modes that hold at least a tenth of their fair share of the points: more is better"),
            ("kl", "KL of modes", 1, "How unevenly the modes are filled, in nats: 0 is even"),
            ("width", "Width of modes", 1, "Spread of the on-manifold points against the data's: 1 is right, below 1 they have shrunk"),
            ("mmd", "MMD\N{SUPERSCRIPT TWO} (\N{MULTIPLICATION SIGN} 1000)", 1000,
             "Squared maximum mean discrepancy, kernels of width .05, .2, .5: 0 is right"))


def number(name: str, value: float) -> str:
    """A measure as the panel writes it."""
    factor = {key: scale for key, _, scale, _ in MEASURES}[name]
    if value != value:
        return "\N{EN DASH}"
    return {"off": f"{factor * value:.1f} %", "modes": f"{value:.0f}", "kl": f"{value:.3f}", "width": f"{value:.2f}", "mmd": f"{factor * value:.1f}"}[name]

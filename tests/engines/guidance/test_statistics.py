from dataclasses import replace

import numpy as np
import pytest

from engines.guidance import statistics
from engines.guidance.engine import GuidanceEngine
from engines.guidance.request import Sampling
from engines.job import EngineError, Job


@pytest.fixture
def found(data):
    return statistics.collect(data, Job())


def test_equal_weights_give_numpys_mean_and_variance(data, found):
    for label in range(3):
        members = data.images[data.labels == label, 0].transpose(0, 3, 1, 2) / 127.5 - 1
        assert np.allclose(found.mean[label], members.mean(0), atol=1e-6)
        assert np.allclose(found.variance[label], members.var(0), atol=1e-6)
    assert found.counts == (4, 4, 4)


def test_weights_renderings_and_mirroring_count_as_training_draws_them(data):
    images = np.concatenate([data.images, 255 - data.images], 1)  # two renderings of every drawing
    weights = np.linspace(1, 3, 12)
    found = statistics.collect(replace(data, images=images, weights=weights, mirror=np.ones(12, bool)), Job())
    chosen = images[:4].transpose(0, 1, 4, 2, 3) / 127.5 - 1
    everything = np.concatenate([chosen, chosen[..., ::-1]], 1)  # [4, 4, C, H, W]
    chance = np.repeat(weights[:4, None] / weights[:4].sum() / 4, 4, 1)
    mean = np.tensordot(chance, everything, 2)
    assert np.allclose(found.mean[0], mean, atol=1e-6)
    assert np.allclose(found.variance[0], np.tensordot(chance, np.square(everything - mean), 2), atol=1e-6)


def test_samples_that_are_the_data_show_no_shift_and_their_own_variance(data, found):
    images = data.images[data.labels == 1, 0]
    against = found.against(1, images)
    assert against.shift == pytest.approx(0, abs=1e-3)
    assert against.variance_ratio == pytest.approx(4 / 3, rel=1e-4)  # the unbiased variance of four, over that of all there are
    assert against.floor == pytest.approx(against.deviation[0] / 2, rel=1e-5)
    assert against.mean[0] == pytest.approx(images.mean(), abs=1e-3)


def test_a_shift_of_ten_grey_levels_is_found(found, data):
    images = np.clip(data.images[4:8, 0].astype(int) + 10, 0, 255).astype(np.uint8)
    assert found.against(1, images).shift == pytest.approx(10, abs=0.01)
    assert found.against(1, images[:1]).variance_ratio is None


def test_many_real_images_stray_by_what_is_said(data):
    random = np.random.default_rng(0)
    images = random.normal(128, 20, (4000, 1, 8, 8, 1)).clip(0, 255).astype(np.uint8)
    images[::2] = 128 + (images[::2].astype(int) - 128) // 4  # of two spreads, so that the variance ratio strays more
    found = statistics.collect(replace(data, images=images, labels=np.zeros(4000, int), weights=np.ones(4000), mirror=np.zeros(4000, bool),
                                       classes=("one",)), Job())
    drawn = [found.against(0, images[random.choice(4000, 25), 0]) for _ in range(200)]
    assert np.sqrt(np.mean([np.square(one.shift) for one in drawn])) == pytest.approx(drawn[0].floor, rel=0.1)
    assert np.std([one.variance_ratio for one in drawn]) == pytest.approx(drawn[0].ratio_error, rel=0.15)


def test_a_file_gives_back_what_was_written_to_half_precision(found, tmp_path):
    path = tmp_path / "m.statistics.safetensors"
    statistics.write(path, found, "m")
    again = statistics.read(path)
    assert (again.classes, again.counts, again.credit, again.dataset, again.licence) == (found.classes, found.counts, "made here", "tiny", "MIT")
    assert np.allclose(again.mean, found.mean, atol=1e-3) and len(again.hash) == 64
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_class_with_one_image_is_refused(data):
    with pytest.raises(EngineError, match="disc has 1 images"):
        statistics.collect(replace(data, images=data.images[3:], labels=data.labels[3:], weights=data.weights[3:], mirror=data.mirror[3:]), Job())


def test_another_file_is_refused(tiny, tmp_path):
    with pytest.raises(EngineError, match="no class statistics"):
        statistics.read(tiny)


def test_a_result_is_held_against_statistics_beside_the_model_and_says_why_it_is_not(tiny, found, tmp_path):
    settings = Sampling(model=str(tiny), mode="cfg", steps=2, count=4, label=1)
    side = GuidanceEngine(tmp_path).side(settings, Job())
    assert side.against is None and "statistics" in side.unknown
    statistics.write(statistics.place(str(tiny), (), tmp_path), found, "tiny")
    engine = GuidanceEngine(tmp_path)
    side = engine.side(settings, Job())
    assert side.against.source == "4 real images" and side.unknown == ""
    x = side.images.astype(float)
    assert side.against.variance_ratio == pytest.approx(x.var(0, ddof=1).mean() / (found.variance[1].mean() * 127.5**2), rel=1e-2)
    assert engine.side(replace(settings, label_2=2, blend=0.5), Job()).unknown == "there are no data of a blend of classes"


def test_every_step_says_what_the_predicted_sample_is_like(tiny, tmp_path):
    side = GuidanceEngine(tmp_path).side(Sampling(model=str(tiny), mode="cfg", steps=5, count=6, label=1, sampler="heun"), Job())
    steps = side.per_step
    assert len(steps["rho"]) == 9 and all(len(steps[key]) == 5 for key in ("step_rho", "mean", "deviation", "clipped"))
    last = np.clip(side.images.astype(float), 0, 255)
    if steps["clipped"][-1] == 0:  # nothing was cut off: the last prediction is the picture
        assert steps["mean"][-1] == pytest.approx(last.mean(), abs=0.5)
        assert steps["deviation"][-1] == pytest.approx(np.sqrt(last.var(0, ddof=1).mean()), rel=0.02)


def test_a_single_image_has_no_deviation(tiny, tmp_path):
    side = GuidanceEngine(tmp_path).side(Sampling(model=str(tiny), mode="cfg", steps=2, count=1), Job())
    assert np.isnan(side.per_step["deviation"]).all()


def test_a_toy_is_held_against_its_exact_moments(tmp_path):
    side = GuidanceEngine(tmp_path).side(Sampling(model="toy-1d", mode="cfg", gamma_1=1.0, steps=100, count=20_000), Job())
    assert side.against.mean == (1.5,) and side.against.deviation == (1.0,)
    assert side.against.shift < 4 * side.against.floor
    assert side.per_step["mean"].shape == (100, 1) and "clipped" not in side.per_step

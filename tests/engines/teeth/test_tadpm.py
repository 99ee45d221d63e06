"""The arrangement network: its frame, masks, losses, sampling, training and proposals, at tiny size."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from engines.job import Cancelled, EngineError, Job
from engines.teeth import arranger, baselines, crown_bank, holdouts, propose, residual, tadpm, tadpm_losses, tadpm_sampling, train_tadpm, training_cases, turns
from engines.teeth.case import Case, moved
from engines.teeth.contacts import Contacts
from engines.teeth.teeth_training import TeethTrainRequest

TINY = tadpm.TINY.to_dict()


@lru_cache(1)
def bank():
    return crown_bank.Bank(5, 1)


def batch(count=3, seed=1):
    return training_cases.draw(bank(), (seed,), count, 32)


def network(seed=0):
    torch.manual_seed(seed)
    net = tadpm.Tadpm(tadpm.TINY).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(.05 * torch.randn_like(p))
    return net


def denoised(net, seen, z, t=400.0):
    with torch.no_grad():
        return net.denoise(z, torch.full((len(z),), t), net.features(seen), seen.mask)


@lru_cache(1)
def case():
    return holdouts.generated(3)


def request(path, **more):
    return TeethTrainRequest(**{"out": str(path / "t.safetensors"), "hours": 9.0, "steps": 6, "batch": 4, "crowns": 1, "checks": 2, "checked": 6,
                                "widths": TINY, "warmup": 2, "pretrain": .34} | more)


def test_absent_teeth_change_nothing():
    net, seen = network(), batch()
    other = tadpm.Batch(*[part if k == 0 else torch.where(seen.mask.reshape(3, 32, *[1] * (part.ndim - 2)), part, torch.randn_like(part))
                          for k, part in enumerate(seen.parts())])
    z = torch.randn(3, 32, 6)
    mixed = torch.where(seen.mask[..., None], z, 100.0)
    assert not seen.mask.all()
    assert torch.allclose(denoised(net, seen, z)[seen.mask], denoised(net, other, mixed)[seen.mask], atol=1e-5)


def test_a_mirrored_mouth_gives_mirrored_moves():
    net, seen, z = network(), batch(), torch.randn(3, 32, 6)
    order = torch.from_numpy(residual.MIRROR)
    assert torch.allclose(denoised(net, seen.mirrored(), z[:, order]), denoised(net, seen, z)[:, order], atol=1e-5)


def test_a_mirrored_case_looks_the_same_to_the_network():
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    teeth = {}
    for number, tooth in case().teeth.items():
        twin = residual.SLOTS[residual.MIRROR[residual.SLOT[number]]]
        teeth[twin] = replace(tooth, number=twin, mesh=tooth.mesh.moved(flip), frame=flip @ tooth.frame @ np.diag([-1.0, 1, 1, 1]))
    here = arranger.view(case(), {n: np.eye(4) for n in case().teeth}).batch
    there = arranger.view(Case("mirror").with_teeth(teeth), {n: np.eye(4) for n in teeth}).batch.mirrored()
    for a, b in zip(here.parts()[:-1], there.parts()[:-1], strict=True):
        assert torch.allclose(a[here.mask].float(), b[here.mask].float(), atol=2e-3)


def test_axes_of_the_input_do_not_matter():
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = residual.exp(np.array([.4, -.2, .7])), (12, -30, 5)
    start = {n: np.eye(4) for n in case().teeth}
    a, b = arranger.view(case(), start), arranger.view(moved(case(), {n: turn for n in start}), start)
    assert torch.allclose(a.batch.facts, b.batch.facts, atol=1e-3) and torch.allclose(a.batch.frames, b.batch.frames, atol=1e-4)
    z = np.random.default_rng(0).normal(0, .5, (32, 6))
    for number, pose in a.moved(z).items():
        assert np.allclose(turn @ pose @ np.linalg.inv(turn), b.moved(z)[number], atol=5e-3)


def test_zero_is_do_not_move_and_poses_come_back():
    start = {n: np.eye(4) for n in case().teeth}
    seen = arranger.view(case(), start)
    assert all(np.array_equal(pose, np.eye(4)) for pose in seen.moved(np.zeros((32, 6))).values())
    back = seen.moved(seen.encoded(case().reference))
    assert all(np.allclose(back[n], case().reference[n], atol=1e-9) for n in start)


def test_the_untrained_network_moves_nothing():
    net, seen = tadpm.Tadpm(tadpm.TINY), batch()
    assert not denoised(net, seen, torch.randn(3, 32, 6)).any()


def test_one_time_embedding_serves_all_teeth_and_the_head_is_linear():
    net = network()
    assert isinstance(net.denoiser.head, torch.nn.Linear) and net.denoiser.time[-1].out_features == net.denoiser.norm.normalized_shape[0]


def test_rotations_come_back():
    vectors = torch.randn(50, 3, dtype=torch.float64)
    assert torch.allclose(turns.log(turns.exp(vectors)), vectors, atol=1e-5)
    assert np.allclose(residual.exp(vectors.numpy()), turns.exp(vectors).numpy(), atol=1e-6)
    assert np.allclose(residual.log(residual.exp(vectors.numpy())), vectors.numpy(), atol=1e-9)
    z = torch.zeros(3, requires_grad=True)
    turns.exp(z).sum().backward()
    assert torch.isfinite(z.grad).all()


def test_ddim_is_deterministic_and_locked_teeth_do_not_move():
    net, seen = network(), batch(1)
    locked = torch.zeros(32, dtype=torch.bool)
    locked[seen.mask[0].nonzero()[:3, 0]] = True
    features = net.features(seen).detach()
    a, b = (tadpm_sampling.sample(net, features, seen.mask, tadpm_sampling.seeded(4, count), 5, locked) for count in (2, 3))
    assert torch.allclose(a, b[:2], atol=1e-6) and not a[:, locked].any() and not a[:, ~seen.mask[0]].any()
    assert not torch.allclose(a[0], a[1])


def test_consensus_of_equal_proposals_is_that_proposal():
    z = (torch.randn(1, 32, 6) * .7).repeat(4, 1, 1)
    mm, deg = tadpm_sampling.spread(z)
    assert torch.allclose(tadpm_sampling.consensus(z), z[0], atol=1e-5) and mm.max() < 1e-5 and deg.max() < 1e-2


def test_the_expected_move_is_what_the_network_says_of_pure_noise_and_leaves_absent_teeth():
    net, seen = network(), batch(2)
    noise = tadpm_sampling.seeded(3, 2)
    with torch.no_grad():
        found = tadpm_sampling.expected(net, net.features(seen), seen.mask, noise)
    assert torch.allclose(found[seen.mask], denoised(net, seen, noise, net.schedule.last)[seen.mask], atol=1e-6)
    assert not found[~seen.mask].any() and found[seen.mask].any()


def test_losses_are_their_formulas():
    mask = torch.zeros(1, 32, dtype=torch.bool)
    mask[0, :2] = True
    centres, target = torch.zeros(1, 32, 3), torch.zeros(1, 32, 3)
    centres[0, 1], target[0, 1] = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 5.0, 0.0])
    assert tadpm_losses.relative_position(centres, target, mask).item() == pytest.approx(2.0)  # |3 - 5|
    z = torch.zeros(1, 32, 6)
    z[0, 0, 0], z[0, 5, 0] = 3.0, 99.0
    assert tadpm_losses.diffusion(z, torch.zeros_like(z), mask).item() == pytest.approx(9 / 6 / 2)
    points = torch.zeros(1, 32, 4, 3)
    shifted = points.clone()
    shifted[0, 0] += torch.tensor([3.0, 0.0, 4.0])
    assert tadpm_losses.reconstruction(shifted, points, mask).item() == pytest.approx(2.5, abs=1e-3)
    assert tadpm_losses.Weights() == tadpm_losses.Weights(.05, .5, 1.0, 0.0, 0.0)


def test_overlap_is_the_depth_beyond_the_tolerance_and_contact_the_gap():
    grid = torch.cartesian_prod(torch.linspace(-2, 2, 5), torch.linspace(-2, 2, 5))
    points, normals, mask = torch.zeros(1, 32, 25, 3), torch.zeros(1, 32, 25, 3), torch.zeros(1, 32, dtype=torch.bool)
    points[..., 1:], normals[:, 0, :, 0], normals[:, 1, :, 0], mask[0, :2] = grid, 1.0, -1.0, True  # two walls that face each other
    points[:, 1, :, 0] = -.6
    assert tadpm_losses.overlap(points, normals, mask).item() == pytest.approx(.5 / 2)
    points[:, 1, :, 0] = .4
    assert tadpm_losses.overlap(points, normals, mask).item() == 0
    assert tadpm_losses.contact(points, normals, mask, torch.ones(1, 30, dtype=torch.bool)).item() == pytest.approx(.3)


def test_pairs_are_seeded_and_undisturbed_ones_say_do_not_move():
    a, b = batch(seed=9), batch(seed=9)
    assert all(torch.equal(x, y) for x, y in zip(a.parts(), b.parts(), strict=True)) and not torch.equal(a.z, batch(seed=10).z)
    assert training_cases.draw(bank(), (1,), 2, 32, plain=0.0).z.abs().max() < 1e-4


def test_an_aligned_case_is_disturbed_about_its_crowns_and_its_reference_leads_back():
    case = holdouts.shifted(3)
    aligned = moved(case, case.reference)
    made = holdouts.disturbed(replace(aligned, reference=None), 1)
    back = moved(made, made.reference)
    for number, tooth in aligned.teeth.items():
        assert np.allclose(back.teeth[number].mesh.vertices, tooth.mesh.vertices, atol=1e-4)
    far = [np.linalg.norm(made.teeth[n].centre - tooth.centre) for n, tooth in aligned.teeth.items()]
    assert .5 < np.mean(far) < 2.5 and max(far) < 8
    again = holdouts.disturbed(replace(aligned, reference=None), 1)
    assert np.array_equal(again.teeth[11].frame, made.teeth[11].frame)
    assert not np.allclose(holdouts.disturbed(aligned, 2).teeth[11].frame, made.teeth[11].frame)
    with pytest.raises(EngineError, match="permanent teeth"):
        holdouts.disturbed(aligned.with_teeth({n: aligned.teeth[n] for n in (11, 12, 13)}), 0)


def test_the_bank_is_a_function_of_its_step():
    one, other = crown_bank.Bank(5, 1), crown_bank.Bank(5, 1, step=3)
    for _ in range(3):
        one.advance()
    assert np.array_equal(one.points, other.points) and not np.array_equal(one.points, bank().points)


def test_steps_make_the_loss_smaller(tmp_path):
    torch.manual_seed(0)
    net, seen = tadpm.Tadpm(tadpm.TINY), batch(4)
    optimiser, random, losses = torch.optim.AdamW(net.parameters(), 5e-3), torch.Generator().manual_seed(0), []
    for _ in range(60):
        many, z = train_tadpm.predicted(net, seen, 3, random)
        loss = tadpm_losses.total(many, z, tadpm_losses.Weights(overlap=.1, contact=.1))["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < .8 * losses[0]


def test_a_training_that_was_cancelled_goes_on_to_the_same_weights(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = request(tmp_path / "a")
    train_tadpm.train(whole, Job())
    cut, seen = request(tmp_path / "b"), []

    def tell(kind, values):
        if kind == "progress" and len(values) > 1 and "step 4" in values[1]:
            seen.append(1)
    job = Job(tell)
    real = train_tadpm.Run.update

    def update(self, *more):
        if self.step == 4:
            job.cancelled = True
        real(self, *more)
    train_tadpm.Run.update = update
    try:
        with pytest.raises(Cancelled):
            train_tadpm.train(cut, job)
    finally:
        train_tadpm.Run.update = real
    facts = train_tadpm.train(cut, Job())
    a, b = arranger.load(tmp_path / "a" / "t.safetensors"), arranger.load(tmp_path / "b" / "t.safetensors")
    assert facts["steps"] == 6 and all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    with pytest.raises(EngineError, match="other settings"):
        train_tadpm.train(replace(cut, seed=1), Job())


def test_locked_teeth_keep_exactly_their_poses_and_proposals_do_not_depend_on_their_number():
    start = {n: np.eye(4) for n in case().teeth}
    contacts, news = Contacts(case()), []
    job = Job(lambda kind, values: news.append(values[0]) if kind == "news" else None)
    one = propose.propose(network(), case(), start, propose.Ask(1, 2, (16, 11), steps=3), contacts, job)
    two, three = (propose.propose(network(), case(), start, propose.Ask(count, 2, (16, 11), steps=3), contacts) for count in (2, 3))
    assert all(np.array_equal(made.poses[-1][n], np.eye(4)) for made in (one, two, three) for n in (16, 11))
    for k, pair in ((0, (one, two)), (0, (two, three)), (1, (two, three))):
        assert all(np.allclose(pair[0].poses[k][n], pair[1].poses[k][n], atol=1e-4) for n in start)
    assert not np.allclose(three.poses[1][21], three.poses[2][21], atol=1e-3)
    assert [step.k for step in news] == [1, 2, 3] and two.overlap_mm["proposal 0"] <= two.overlap_mm["start"]


def test_modes_are_the_network_and_the_arch_fit_in_their_parts():
    z, turned, level = (np.random.default_rng(k).standard_normal((32, 6)) for k in range(3))
    assert propose.mixed("network", z, turned, level) is z
    assert np.array_equal(propose.mixed("blend", z, turned, level), (z + turned) / 2)
    assert np.array_equal(propose.mixed("hybrid", z, turned, level), np.hstack([level[:, :3], z[:, 3:]]))


@pytest.mark.parametrize("kind", ["mlp", "pstn", "tanet"])
def test_rivals_start_at_do_not_move_and_learn(kind):
    torch.manual_seed(0)
    net, seen = baselines.MODELS[kind](tadpm.TINY), batch(2)
    assert not net(seen).any()
    tadpm_losses.total(seen, net(seen), tadpm_losses.Weights())["loss"].backward()
    assert any(p.grad is not None and p.grad.any() for p in net.parameters())
    with pytest.raises(EngineError):
        propose.propose(net, case(), {n: np.eye(4) for n in case().teeth}, propose.Ask())


def test_the_full_network_is_small_enough_to_ship():
    count = sum(p.numel() for p in tadpm.Tadpm().parameters())
    assert 3e6 < count < 6e6 and 2 * count < 12e6

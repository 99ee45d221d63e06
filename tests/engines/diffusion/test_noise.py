import numpy as np
import torch

from engines.diffusion.noise import mixed, noise, noise_block


def test_an_image_has_the_same_noise_whatever_the_batch():
    whole = noise(7, 0, 10, (3, 8, 8))
    assert torch.equal(whole[4:7], noise(7, 4, 3, (3, 8, 8)))
    assert not torch.equal(whole[0], noise(8, 0, 1, (3, 8, 8))[0])


def test_the_noise_of_a_seed_never_changes():
    """Saved pictures are promises: image 2 of seed 5 starts with these numbers in every version."""
    assert np.allclose(noise(5, 2, 1, (3,))[0].numpy(), np.random.Generator(np.random.PCG64(np.random.SeedSequence([5, 2]))).standard_normal(3, np.float32))


def test_the_way_between_two_seeds_stays_standard_normal():
    ends = [mixed(1, 2, mix, 0, 64, (3, 64, 64)) for mix in (0.0, 0.5, 1.0)]
    assert torch.equal(ends[0], noise(1, 0, 64, (3, 64, 64)))
    assert torch.allclose(ends[2], noise(2, 0, 64, (3, 64, 64)), atol=1e-6)
    assert abs(float(ends[1].var()) - 1) < 0.01


def test_more_points_keep_the_first_ones():
    assert torch.equal(noise_block(3, 1000, 2)[:10], noise_block(3, 10, 2))

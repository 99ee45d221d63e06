def test_the_bench_says_frame_rates_and_what_the_coarse_forms_bring(vernier, qtbot):
    status, said = vernier("bench", "teeth-view", "--width", 240, "--height", 180, "--frames", 5)
    assert status == 0
    assert said["orbit_fps"] > 0 and said["drag_fps"] > 0 and said["full_detail_fps"] > 0
    assert said["orbit_to_full_detail_cpu"] > 1
    assert said["triangles"] > 100_000
    assert set(said["met"]) == {"orbit", "drag"}


def test_an_impossible_size_is_refused(vernier):
    status, said = vernier("bench", "teeth-view", "--width", 10)
    assert status == 1 and said["remedy"]

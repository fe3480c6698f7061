"""Energy, duration and power: the user's figure wins, what is unknown is said."""

import pytest

from tools.energy import EnergyError, coefficients, estimate, gpu_watts


def test_the_model_adds_gpus_cores_and_memory_and_multiplies_by_pue():
    found = estimate(gpu_minutes=240, cpu_cores=16, memory_gb=64, duration_hours=2, hardware="NVIDIA A100 80GB")
    watts = 2 * 300 + 16 * 12 + 64 * 0.3725
    assert found.energy_kwh == pytest.approx(watts * 2 / 1000 * 1.56)
    assert found.power_kw == pytest.approx(watts / 1000 * 1.56)
    assert found.gpus == 2
    assert found.duration_minutes == 120
    assert found.assumptions == ()


def test_the_users_figure_wins_and_is_flagged_when_more_than_three_times_off():
    near = estimate(cpu_cores=16, duration_hours=2, energy_kwh=1.0)
    far = estimate(cpu_cores=16, duration_hours=2, energy_kwh=10.0)
    assert (near.energy_kwh, near.energy_is_stated, near.assumptions) == (1.0, True, ())
    assert far.energy_kwh == 10.0
    assert "17 times" in far.assumptions[0]


def test_gpu_minutes_without_a_duration_run_on_one_gpu_and_it_says_so():
    found = estimate(gpu_minutes=90)
    assert found.duration_minutes == 90
    assert "90 GPU minutes" in found.assumptions[0]


def test_energy_without_a_duration_gives_it_from_the_power():
    found = estimate(energy_kwh=2.0, cpu_cores=32, memory_gb=128)
    power_kw = (32 * 12 + 128 * 0.3725) / 1000 * 1.56
    assert found.duration_minutes == pytest.approx(2.0 / power_kw * 60, abs=1)
    assert found.energy_kwh == 2.0


def test_nothing_known_is_all_assumption():
    found = estimate(workload_type="TRAINING_RUN")
    assert found.duration_minutes == 480
    assert len(found.assumptions) == 2


def test_the_longest_hardware_name_counts():
    assert gpu_watts("8x NVIDIA H100 SXM5") == 700
    assert gpu_watts("H100 PCIe") == 350
    assert gpu_watts("unheard of") == gpu_watts("") == 200


def test_embodied_share_is_a_lifetimes_fraction():
    found = estimate(gpu_minutes=60, duration_hours=1)
    assert found.embodied_g == pytest.approx(150_000 / 35064)


@pytest.mark.parametrize(
    "figures",
    [{"gpu_minutes": -1}, {"energy_kwh": float("nan")}, {"duration_hours": 1e9}, {"cpu_cores": float("inf")}],
)
def test_impossible_figures_are_named(figures):
    with pytest.raises(EnergyError, match=next(iter(figures))):
        estimate(**figures)


def test_every_coefficient_has_a_source():
    import csv
    from importlib.resources import files

    text = files("tools").joinpath("data/energy_coefficients.csv").read_text()
    assert all(len(row["source"]) > 10 for row in csv.DictReader(text.splitlines()))
    assert coefficients().reference_pue == 1.56

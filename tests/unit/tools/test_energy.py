"""Energy, duration and power: the user's figure wins, what is unknown is said."""

import pytest

from tests.unit.tools.instances import START, asset_of
from tools.energy import (
    EnergyError,
    asset_energy_kwh,
    asset_power_kw,
    coefficients,
    energy_words,
    estimate,
    gpu_model_in_text,
    gpu_note,
    gpu_watts,
)
from tools.placement import Limits, Problem


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


@pytest.mark.parametrize(
    ("hardware", "watts"),
    [
        ("8x NVIDIA H100 SXM5", 700),
        ("8xH100", 700),
        ("NVIDIA H100 80GB HBM3", 700),
        ("H100 PCIe", 350),
        ("NVIDIA A100 80GB PCIe", 300),
        ("A100-PCIE-40GB", 250),
        ("A100-SXM4-80GB", 400),
        ("a100s", 300),
        ("NVIDIA L4", 72),
        ("NVIDIA L40", 300),
        ("L40S", 350),
        ("A10", 150),
        ("NVIDIA Tesla T4", 70),
        ("V100S", 250),
        ("4x A100, 2x T4", 300),
        ("AMD EPYC 7763", 200),
        ("GH200", 200),
        ("", 200),
    ],
)
def test_the_gpu_that_a_description_names_counts_and_no_part_of_another_name(hardware, watts):
    assert gpu_watts(hardware) == watts


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("train on 4 A100s tonight", "a100"),
        ("use an L4 GPU", "l4"),
        ("the A40 is closed, priority P4", ""),
        ("H100 or A100, whatever is free", ""),
        ("", ""),
    ],
)
def test_a_request_names_a_gpu_only_where_it_can_mean_nothing_else(text, model):
    assert gpu_model_in_text(text) == model


def problem_of(sites, **figures):
    job = estimate(**figures).job()
    return Problem(
        now=START, job=job, limits=Limits(earliest_start=START), assets=tuple(sites), carbon_price_gbp_per_tonne=100
    )


def test_each_site_takes_what_its_own_gpus_and_its_pue_make_it_take():
    sites = [
        asset_of(1, hardware="NVIDIA L4", pue=1.2),
        asset_of(2, hardware="NVIDIA H100 SXM5", pue=1.5),
        asset_of(3),
    ]
    problem = problem_of(sites, gpu_minutes=600, cpu_cores=10, duration_hours=2, hardware="a100")
    cores_kwh = 10 * 0.012 * 2
    taken = [asset_energy_kwh(problem, site) for site in sites]
    assert taken == pytest.approx([1.2 * (cores_kwh + 0.72), 1.5 * (cores_kwh + 7.0), cores_kwh + 3.0])
    assert asset_power_kw(problem, sites[0]) == pytest.approx(taken[0] / 2)
    assert energy_words(problem) == "1.15 to 10.9 kWh by site"
    note = gpu_note(problem.job, sites)
    assert "100 % utilisation" in note
    assert all(part in note for part in ("L4 72 W", "H100 SXM 700 W", "A100 300 W"))


def test_a_stated_energy_is_the_data_centres_and_the_same_at_every_site():
    sites = [asset_of(1, hardware="NVIDIA L4", pue=1.2), asset_of(2, hardware="NVIDIA H100", pue=1.5)]
    problem = problem_of(sites, gpu_minutes=600, duration_hours=2, energy_kwh=4.2)
    assert [asset_energy_kwh(problem, site) for site in sites] == [4.2, 4.2]
    assert energy_words(problem) == "4.2 kWh"
    assert gpu_note(problem.job, sites) == ""


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

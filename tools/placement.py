"""The vocabulary of placement: assets, jobs, limits and options. Definitions: docs/placement.md."""

from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, JsonValue

from tools.tariff import Tariff

OptionSource: TypeAlias = Literal["compute", "energy"]
Objective: TypeAlias = Literal["balanced", "carbon", "cost"]


class Value(BaseModel):
    """A frozen value that can be stored in a checkpoint. Never move or rename a stored subclass."""

    model_config = ConfigDict(frozen=True)


class Asset(Value):
    """A place where a workload can run."""

    asset_id: UUID | None
    name: str
    region: int
    """NESO region id, 1-14."""
    region_id: UUID | None = None
    grid_zone_id: UUID | None = None
    hardware: str = ""
    gpu_count: int = 0
    cpu_cores: int = 0
    memory_gb: int = 0
    rated_power_kw: float | None = None
    pue: float
    """Power usage effectiveness, ≥ 1."""
    max_deferral_hours: float | None = None
    carbon_intensity_cap_gco2_kwh: float | None = None
    min_renewable_threshold_pct: float | None = None
    tariff: Tariff | None = None
    """What the site pays for electricity; None: the half-hourly Agile rate of its region, as a public proxy."""


class Job(Value):
    """What is to be placed: how much energy over how long, and whether it can pause."""

    energy_kwh: float
    """Energy that the data centre takes for the run. Where it is estimated: at a site with `reference_pue`; what it is
    on an asset, `tools.energy.asset_energy_kwh` tells."""
    reference_pue: float = 1.0
    duration_minutes: int
    power_kw: float
    """`energy_kwh` over the duration."""
    pausable: bool = False
    min_run_minutes: int = 30
    """Shortest uninterrupted stretch; counted in whole half-hours, rounded up."""
    resume_overhead_minutes: int = 0
    """Running minutes lost at each resume; they use energy like any other."""
    max_pauses: int | None = None
    """`None`: as many as pay."""
    energy_is_stated: bool = False
    """The user gave the energy: it is the data centre's, cooling included, and taken as it is on every asset."""
    it_kwh_without_gpus: float | None = None
    """Estimated energy of cores and memory, before PUE; None where the energy is stated, or of an older run."""
    gpu_hours: float = 0.0
    gpu_model: str = ""
    """That the request names; counts on assets that do not name theirs."""
    assumptions: tuple[str, ...] = ()
    """Plain sentences on what was assumed or looks odd (unknown duration, figure 3× off the model's)."""


class Segment(Value):
    """One uninterrupted stretch of a run."""

    start: datetime
    end: datetime


class Limits(Value):
    """Hard limits. `None` means unlimited. All times are aware UTC."""

    earliest_start: datetime
    latest_start: datetime | None = None
    latest_finish: datetime | None = None
    carbon_cap_g: float | None = None
    max_intensity_g_per_kwh: float | None = None
    min_renewable_pct: float | None = None
    max_cost_gbp: float | None = None
    required_regions: tuple[int, ...] | None = None
    excluded_regions: tuple[int, ...] = ()
    required_sites: tuple[str, ...] | None = None
    """Names of assets; `None`: any."""
    excluded_sites: tuple[str, ...] = ()
    forbidden: tuple[Segment, ...] = ()
    """Half-open times in which no part of the run may lie: forbidden hours, weekdays, dates, resolved by the clock."""
    max_price_gbp_per_kwh: float | None = None
    """Of every half-hour used."""
    max_mean_price_gbp_per_kwh: float | None = None
    """Of the run: cost over energy."""

    def allows(self, asset: Asset) -> bool:
        """Whether the run may be there at all: regions and sites, names without regard to case."""
        name = asset.name.casefold()
        return (
            (self.required_regions is None or asset.region in self.required_regions)
            and asset.region not in self.excluded_regions
            and (self.required_sites is None or name in {site.casefold() for site in self.required_sites})
            and name not in {site.casefold() for site in self.excluded_sites}
        )


class Relaxed(Value):
    """A limit that the workload's owner gave up after a failure, so far: `metadata.relaxed`, see docs/contract.md."""

    limit: str
    """The field of `Limits` or `Job`."""
    value: JsonValue = None
    """As `tools.errors.Change.needed`."""


class Commitment(Value):
    """Power already promised to another workload on an asset."""

    asset_id: UUID
    start: datetime
    end: datetime
    power_kw: float


class Problem(Value):
    """One workload's placement problem: complete, so that the search needs nothing else but the market."""

    now: datetime
    """The run's clock."""
    job: Job
    limits: Limits
    assets: tuple[Asset, ...]
    """Those that can host the job at all (hardware), preferred one included."""
    commitments: tuple[Commitment, ...] = ()
    preferred_asset: str | None = None
    """Name of the asset of the counterfactual (run now there)."""
    carbon_price_gbp_per_tonne: float
    min_saving: float = 0.05
    """Shifts that save less than this share of the counterfactual's objective are not recommended."""
    min_saving_gbp: float = 0.01
    """The same in GBP of the objective: a penny's worth."""
    objective: Objective = "balanced"
    """What comes first; the carbon price and the next field follow it."""
    dirtier_from_gbp_per_tonne: float | None = None
    """A first choice that emits more than running now must save this much for each tonne more; None: it must not."""
    notes: tuple[str, ...] = ()
    """What its user must read beside the recommendation: plain sentences."""
    relaxed: tuple[Relaxed, ...] = ()
    """What the words of the request may no longer ask for."""
    renewable_bonus_gbp_per_kwh: float = 0.0
    """Taken off the objective per kWh of wind, sun and water: a wish for green sources, beside their low carbon."""


class Option(Value):
    """One feasible placement with everything that is ever said about it. Numbers are computed, never from a model."""

    option_id: str
    """`c1`… from the compute agent's tools, `e1`… from the energy agent's; unique within a run."""
    source: OptionSource
    asset: Asset
    segments: tuple[Segment, ...]
    energy_kwh: float
    carbon_g: float
    intensity_g_per_kwh: float
    renewable_pct: float | None
    """None where the generation mix of a part of the run is unknown."""
    cost_gbp: float | None
    price_is_estimated: bool = False
    objective_gbp: float
    """cost + carbon × carbon price − the bonus on renewable energy; without the cost where no price is known."""
    label: str = ""
    """best, cleanest, cheapest, soonest, now"""

    @property
    def start(self) -> datetime:
        return self.segments[0].start

    @property
    def end(self) -> datetime:
        return self.segments[-1].end

"""Energy of this machine between two readings: RAPL for processors, NVML for GPUs, where they can be read."""

import importlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

JOULES_PER_KWH: Final = 3_600_000.0
POWERCAP: Final = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Reading:
    """Counters as they stood: name → (joules, joules at which it starts again from 0; 0 for never)."""

    counters: Mapping[str, tuple[float, float]]

    @classmethod
    def take(cls, folder: Path = POWERCAP, gpus: Callable[[], Mapping[str, float]] | None = None) -> Self:
        """Counters that cannot be read (no hardware, no permission, no driver) are left out."""
        found = {name: (joules, 0.0) for name, joules in (gpus or _gpu_joules)().items()}
        # packages only: core, uncore and dram below them are counted in the package or beside it, as the model has it
        for domain in sorted(folder.glob("intel-rapl:[0-9]*")):
            if domain.name.count(":") == 1:
                with suppress(OSError, ValueError):
                    joules = int((domain / "energy_uj").read_text()) / 1e6
                    found[f"rapl {domain.name}"] = (joules, int((domain / "max_energy_range_uj").read_text()) / 1e6)
        return cls(found)

    def kwh_until(self, later: "Reading") -> float | None:
        """None where no counter was readable both times. A counter that went round once counts right."""
        total, known = 0.0, False
        for name, (before, wraps_at) in self.counters.items():
            if name in later.counters:
                after = later.counters[name][0]
                total += after - before if after >= before else after - before + wraps_at
                known = known or after >= before or wraps_at > 0
        return total / JOULES_PER_KWH if known else None

    @property
    def sources(self) -> str:
        """What was read, in words."""
        kinds = {name.split()[0] for name in self.counters}
        return " and ".join(label for kind, label in (("rapl", "RAPL"), ("nvml", "NVML")) if kind in kinds)


def _gpu_joules() -> dict[str, float]:
    """By `nvidia-ml-py`, where it is installed and a driver answers."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return {}
    found: dict[str, float] = {}
    with suppress(Exception):  # the binding's errors are its own classes, and any of them means: not readable
        nvml.nvmlInit()
        try:
            for number in range(nvml.nvmlDeviceGetCount()):
                device = nvml.nvmlDeviceGetHandleByIndex(number)
                found[f"nvml {number}"] = nvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1000
        finally:
            nvml.nvmlShutdown()
    return found

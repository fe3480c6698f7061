"""The workloads that `gridwise demo` submits: what a team's week looks like, and two that cannot be placed."""

from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import JsonValue

SAMPLES_NAMESPACE = uuid5(NAMESPACE_URL, "gridwise/samples")


def sample_rows(now: datetime, *, run: str) -> list[dict[str, JsonValue]]:
    """Rows as a frontend would insert them at `now`, in the order of their claims; ids are unique per `run`."""

    def at(hours: float) -> str:
        return (now + timedelta(hours=hours)).isoformat()

    rows: list[dict[str, JsonValue]] = [
        {
            "workload_name": "Sample: nightly fraud-model training",
            "workload_type": "TRAINING_RUN",
            "urgency": "MEDIUM",
            "host_dc": "Sample London Docklands",
            "required_gpu_mins": 1920,
            "required_cpu_cores": 32,
            "required_memory_gb": 256,
            "estimated_energy_kwh": 24,
            "estimated_duration_hours": 4,
            "is_deferrable": True,
            "deferral_window_mins": 1200,
            "deadline": at(30),
        },
        {
            "workload_name": "Sample: chatbot answers, live",
            "workload_type": "RAG_QUERY",
            "urgency": "CRITICAL",
            "host_dc": "Sample London Docklands",
            "required_gpu_mins": 30,
            "required_cpu_cores": 8,
            "required_memory_gb": 64,
            "estimated_duration_hours": 0.5,
            "is_deferrable": False,
        },
        {
            "workload_name": "Sample: product embeddings refresh",
            "workload_type": "INFERENCE_BATCH",
            "urgency": "LOW",
            "host_dc": "Sample London Docklands",
            "required_gpu_mins": 240,
            "required_cpu_cores": 16,
            "required_memory_gb": 128,
            "estimated_duration_hours": 2,
            "is_deferrable": True,
            "deferral_window_mins": 1380,
            "metadata": {"user_request": "Run it whenever the grid is greenest, it must stay in Scotland."},
        },
        {
            "workload_name": "Sample: quarterly ledger export",
            "workload_type": "DATA_PROCESSING",
            "urgency": "HIGH",
            "host_dc": "Sample Leeds Exchange",
            "required_cpu_cores": 24,
            "required_memory_gb": 96,
            "estimated_duration_hours": 3,
            "is_deferrable": True,
            "deferral_window_mins": 360,
            "deadline": at(12),
        },
        {
            "workload_name": "Sample: speech model fine-tuning",
            "workload_type": "FINE_TUNING",
            "urgency": "LOW",
            "host_dc": "Sample Norwich Broads",
            "required_gpu_mins": 1440,
            "required_cpu_cores": 16,
            "required_memory_gb": 128,
            "estimated_duration_hours": 6,
            "is_deferrable": True,
            "deferral_window_mins": 1400,
            "metadata": {"user_request": "This job can be paused and resumed. Cheapest is best, carbon matters less."},
        },
        {
            "workload_name": "Sample: satellite tiles to Parquet",
            "workload_type": "DATA_PROCESSING",
            "urgency": "MEDIUM",
            "host_dc": "Sample Exeter Moor",
            "required_cpu_cores": 48,
            "required_memory_gb": 192,
            "estimated_energy_kwh": 9.5,
            "estimated_duration_hours": 5,
            "is_deferrable": True,
            "deferral_window_mins": 900,
            "max_carbon_intensity_gco2_kwh": 120,
        },
        {
            "workload_name": "Sample: recommendation model retraining",
            "workload_type": "ai_training",
            "urgency": "MEDIUM",
            "host_dc": "Sample London Docklands",
            "metadata": {
                "user_request": {
                    "required_gpu_mins": 960,
                    "required_cpu_cores": 16,
                    "required_memory_gb": 128,
                    "estimated_duration_hours": 2,
                    "is_deferrable": True,
                    "deferral_window_mins": 720,
                }
            },
        },
        {
            "workload_name": "Sample: genome alignment",
            "workload_type": "OTHER",
            "urgency": "LOW",
            "host_dc": "Sample Norwich Broads",
            "required_cpu_cores": 64,
            "required_memory_gb": 256,
            "estimated_energy_kwh": 6.5,
            "estimated_duration_hours": 10,
            "is_deferrable": True,
            "deferral_window_mins": 1440,
            "min_renewable_pct": 40,
        },
        {
            "workload_name": "Sample: invoice OCR backlog",
            "workload_type": "INFERENCE_BATCH",
            "urgency": "MEDIUM",
            "host_dc": "Sample Southampton Docks",
            "required_gpu_mins": 180,
            "required_cpu_cores": 8,
            "required_memory_gb": 32,
            "estimated_duration_hours": 1.5,
            "is_deferrable": True,
            "deferral_window_mins": 600,
            "max_price_gbp": 5,
            "earliest_start": at(1),
        },
        {
            "workload_name": "Sample: demand forecast backfill",
            "workload_type": "batch_processing",
            "urgency": "LOW",
            "host_dc": "Sample Manchester Science Hall",
            "required_cpu_cores": 16,
            "required_memory_gb": 64,
            "estimated_duration_hours": 1,
            "is_deferrable": True,
            "deferral_window_mins": 1440,
            "metadata": {"user_request": "Please keep it out of London."},
        },
        {
            "workload_name": "Sample: 30 hours of work due in 20 (infeasible on purpose)",
            "workload_type": "TRAINING_RUN",
            "urgency": "HIGH",
            "required_gpu_mins": 14400,
            "required_cpu_cores": 32,
            "required_memory_gb": 256,
            "estimated_duration_hours": 30,
            "is_deferrable": True,
            "deadline": at(20),
        },
        {
            "workload_name": "Sample: price limit of one penny (infeasible on purpose)",
            "workload_type": "FINE_TUNING",
            "urgency": "LOW",
            "required_gpu_mins": 960,
            "required_cpu_cores": 16,
            "required_memory_gb": 128,
            "estimated_energy_kwh": 30,
            "estimated_duration_hours": 4,
            "is_deferrable": True,
            "deferral_window_mins": 1200,
            "max_price_gbp": 0.01,
        },
    ]
    urgencies = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
    rows.sort(key=lambda row: urgencies.index(str(row["urgency"])))
    return [
        {"id": str(_sample_id(run, number)), "submitted_at": (now + timedelta(milliseconds=number)).isoformat(), **row}
        for number, row in enumerate(rows, 1)
    ]


def _sample_id(run: str, number: int) -> UUID:
    return uuid5(SAMPLES_NAMESPACE, f"{run}/{number}")

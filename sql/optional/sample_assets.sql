-- Twelve made-up sites over twelve regions, to try the system with. Never part of a migration: applied on the embedded
-- default and on request. Names begin with "Sample" and metadata.sample is true. Running it again changes nothing;
--   delete from compute_assets where metadata ->> 'sample' = 'true';
-- removes them. Thermal design powers behind rated_power_kw: tools/data/energy_coefficients.csv, which also tells what the
-- GPUs of a site draw; PUE between the best hyperscale value and the survey average (1.09-1.56). metadata.tariff: a site's own prices.

insert into public.compute_assets (
    id, asset_name, asset_type, region_id, grid_zone_id, rated_power_kw, max_deferral_hours,
    min_renewable_threshold_pct, carbon_intensity_cap_gco2_kwh, is_active, metadata
)
select
    md5('gridwise sample asset ' || s.number)::uuid, 'Sample ' || s.name, s.kind, u.id, agent.grid_zone_of(u.region_id),
    s.power_kw, s.deferral_hours, s.min_renewable, null, true,
    jsonb_build_object(
        'sample', true, 'hardware', s.hardware, 'gpu_count', s.gpus, 'cpu_cores', s.cores, 'memory_gb', s.memory,
        'pue', s.pue
    ) || case when s.tariff is null then '{}' else jsonb_build_object('tariff', s.tariff::jsonb) end
from (
    values
    (1, 'Inverness Wind Campus', 'gpu_cluster', 1, 60.0, 72, null::numeric, 'NVIDIA A100 80GB PCIe', 128, 4096, 32768, 1.15, null),
    (2, 'Edinburgh Research Park', 'gpu_cluster', 2, 40.0, 48, null::numeric, 'NVIDIA Tesla V100', 96, 2304, 16384, 1.18, null),
    (3, 'Manchester Science Hall', 'cpu_cluster', 3, 25.0, 48, null::numeric, 'AMD EPYC 7763', 0, 8192, 32768, 1.35, null),
    (4, 'Newcastle Quay', 'gpu_cluster', 4, 18.0, 24, null::numeric, 'NVIDIA L4', 128, 2048, 8192, 1.30, null),
    (5, 'Leeds Exchange', 'cpu_cluster', 5, 12.0, 24, null::numeric, 'AMD EPYC 7513', 0, 2048, 8192, 1.42, null),
    (6, 'Deeside Works', 'gpu_cluster', 6, 30.0, 48, null::numeric, 'NVIDIA A100 40GB PCIe', 64, 2048, 16384, 1.28, null),
    (7, 'Cardiff Bay', 'gpu_cluster', 7, 22.0, 48, null::numeric, 'NVIDIA A100 40GB PCIe', 48, 1536, 12288, 1.25, null),
    (8, 'Birmingham Arches', 'cpu_cluster', 8, 10.0, 24, null::numeric, 'AMD EPYC 7642', 0, 1536, 6144, 1.48, '{"kind": "fixed", "p_per_kwh": 21.4}'),
    (9, 'Norwich Broads', 'gpu_cluster', 10, 60.0, 72, null::numeric, 'NVIDIA H100 80GB SXM5', 64, 2048, 16384, 1.20, null),
    (10, 'Exeter Moor', 'cpu_cluster', 11, 9.0, 24, null::numeric, 'AMD EPYC 7513', 0, 1536, 6144, 1.40, '{"kind": "bands", "bands": [{"days": "all", "from": "00:30", "to": "07:30", "p_per_kwh": 14.2}], "otherwise_p_per_kwh": 24.8}'),
    (11, 'Southampton Docks', 'gpu_cluster', 12, 16.0, 24, null::numeric, 'NVIDIA Tesla T4', 96, 1536, 6144, 1.36, null),
    (12, 'London Docklands', 'gpu_cluster', 13, 120.0, 24, null::numeric, 'NVIDIA A100 80GB PCIe', 256, 8192, 65536, 1.56, null)
) as s (number, name, kind, region, power_kw, deferral_hours, min_renewable, hardware, gpus, cores, memory, pue, tariff)
inner join public.uk_regions as u on u.region_id = s.region
on conflict (id) do nothing;

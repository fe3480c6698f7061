-- Twelve made-up sites over twelve regions, to try the system with. Never part of a migration: applied on the embedded
-- default and on request. Names begin with "Sample" and metadata.sample is true. Running it again changes nothing;
--   delete from compute_assets where metadata ->> 'sample' = 'true';
-- removes them. Thermal design powers behind rated_power_kw: Green Algorithms, TDP tables (CC BY 4.0); PUE between the
-- best hyperscale value and the survey average of the same source (1.09-1.56).

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
    )
from (
    values
    (1, 'Inverness Wind Campus', 'gpu_cluster', 1, 60.0, 72, null::numeric, 'NVIDIA A100 80GB PCIe', 128, 4096, 32768, 1.15),
    (2, 'Edinburgh Research Park', 'gpu_cluster', 2, 40.0, 48, null::numeric, 'NVIDIA Tesla V100', 96, 2304, 16384, 1.18),
    (3, 'Manchester Science Hall', 'cpu_cluster', 3, 25.0, 48, null::numeric, 'AMD EPYC 7763', 0, 8192, 32768, 1.35),
    (4, 'Newcastle Quay', 'gpu_cluster', 4, 18.0, 24, null::numeric, 'NVIDIA Tesla T4', 128, 2048, 8192, 1.30),
    (5, 'Leeds Exchange', 'cpu_cluster', 5, 12.0, 24, null::numeric, 'AMD EPYC 7513', 0, 2048, 8192, 1.42),
    (6, 'Deeside Works', 'gpu_cluster', 6, 30.0, 48, null::numeric, 'NVIDIA A100 40GB PCIe', 64, 2048, 16384, 1.28),
    (7, 'Cardiff Bay', 'gpu_cluster', 7, 22.0, 48, null::numeric, 'NVIDIA A100 40GB PCIe', 48, 1536, 12288, 1.25),
    (8, 'Birmingham Arches', 'cpu_cluster', 8, 10.0, 24, null::numeric, 'AMD EPYC 7642', 0, 1536, 6144, 1.48),
    (9, 'Norwich Broads', 'gpu_cluster', 10, 35.0, 72, null::numeric, 'NVIDIA A100 80GB PCIe', 64, 2048, 16384, 1.20),
    (10, 'Exeter Moor', 'cpu_cluster', 11, 9.0, 24, null::numeric, 'AMD EPYC 7513', 0, 1536, 6144, 1.40),
    (11, 'Southampton Docks', 'gpu_cluster', 12, 16.0, 24, null::numeric, 'NVIDIA Tesla T4', 96, 1536, 6144, 1.36),
    (12, 'London Docklands', 'gpu_cluster', 13, 120.0, 24, null::numeric, 'NVIDIA A100 80GB PCIe', 256, 8192, 65536, 1.56)
) as s (number, name, kind, region, power_kw, deferral_hours, min_renewable, hardware, gpus, cores, memory, pue)
inner join public.uk_regions as u on u.region_id = s.region
on conflict (id) do nothing;

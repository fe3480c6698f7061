-- The tables a frontend and the poller share. On an empty database they are made; on an existing deployment
-- missing columns are added (null in old rows) and `asset_id` becomes nullable. Nothing is dropped or rewritten.
-- No check constraints on input columns: a malformed row is to reach the poller, which answers it in words.

create schema if not exists agent;

create table if not exists agent.migrations (
    name text primary key,
    checksum text,  -- null where the file was pasted by hand
    applied_at timestamptz not null default clock_timestamp()
);

-- Supabase's default privileges grant EXECUTE to anon and authenticated by name, so revoking from public is not enough.
create or replace function agent.only_service_role(functions text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    f text;
    outsider text;
begin
    foreach f in array functions loop
        execute format('revoke all on function %s from public', f::regprocedure);
        for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
            execute format('revoke all on function %s from %I', f::regprocedure, outsider);
        end loop;
        if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
            execute format('grant execute on function %s to service_role', f::regprocedure);
        end if;
    end loop;
end
$$;

select agent.only_service_role(array['agent.only_service_role(text[])']);

-- Brings a table to at least the given columns in ONE statement, and only when something is missing: the strong lock
-- is held for a catalogue change, never for a rewrite, and a second run takes none.
create or replace function agent.ensure_columns(target regclass, columns text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
    spec text;
    parts text[];
    changes text[] := '{}';
begin
    perform set_config('lock_timeout', '400ms', true);
    foreach spec in array columns loop
        parts := string_to_array(spec, '|');  -- name | type | default for new rows
        continue when exists (
            select from pg_catalog.pg_attribute
            where attrelid = target and attname = parts[1] and not attisdropped
        );
        changes := changes || format('add column %I %s', parts[1], parts[2]);
        if parts[3] is not null then
            -- not `add column … default`: that would also fill the rows that are there
            changes := changes || format('alter column %I set default %s', parts[1], parts[3]);
        end if;
    end loop;
    if changes <> '{}' then
        execute format('alter table %s %s', target, array_to_string(changes, ', '));
    end if;
end
$$;

select agent.only_service_role(array['agent.ensure_columns(regclass, text[])']);

do $$
declare
    supabase boolean := (
        select count(*) = 2 from pg_catalog.pg_roles where rolname in ('anon', 'authenticated')
    );
    t text;
begin
    perform set_config('lock_timeout', '400ms', true);
    foreach t in array array['uk_regions', 'grid_zones', 'compute_assets', 'compute_workloads'] loop
        continue when to_regclass(format('public.%I', t)) is not null;
        execute format('create table public.%I (id uuid primary key default gen_random_uuid())', t);
        if supabase then
            -- a table that WE make is closed until somebody opens it (see sql/optional/owner_policies.sql)
            execute format('alter table public.%I enable row level security', t);
        end if;
    end loop;
end
$$;

select agent.ensure_columns('public.uk_regions', array[
    'region_id|integer unique',
    'region_code|varchar',
    'region_name|varchar',
    'short_name|varchar',
    'postcode_prefix|varchar[]',
    'dno_region|varchar'
]);

select agent.ensure_columns('public.grid_zones', array[
    'zone_id|varchar unique',
    'zone_name|varchar',
    'grid_area|varchar',
    'grid_zone_code|varchar',
    'locality|varchar',
    'region|varchar',
    'country|varchar',
    'coordinates|jsonb'
]);

select agent.ensure_columns('public.compute_assets', array[
    'asset_name|varchar',
    'asset_type|varchar',
    'region_id|uuid',
    'grid_zone_id|uuid',
    'rated_power_kw|numeric',
    'max_deferral_hours|numeric',
    'min_renewable_threshold_pct|numeric',
    'carbon_intensity_cap_gco2_kwh|numeric',
    'is_active|boolean|true',
    'metadata|jsonb|''{}'''
]);

select agent.ensure_columns('public.compute_workloads', array[
    'workload_name|varchar',
    'job_id|varchar',
    'user_id|uuid',
    'asset_id|uuid',
    'workload_type|varchar',
    'urgency|varchar',
    'priority|integer',
    'host_dc|varchar',
    'required_gpu_mins|integer',
    'required_cpu_cores|integer',
    'required_memory_gb|integer',
    'estimated_energy_kwh|numeric',
    'estimated_duration_hours|numeric',
    'carbon_cap_gco2|integer',
    'max_carbon_intensity_gco2_kwh|numeric',
    'min_renewable_pct|numeric',
    'max_price_gbp|numeric',
    'is_deferrable|boolean',
    'deferral_window_mins|integer',
    'earliest_start|timestamptz',
    'deadline|timestamptz',
    'latest_completion|timestamptz',
    'status|varchar|''pending''',
    'submitted_at|timestamptz|now()',
    'metadata|jsonb|''{}''',
    -- null in old rows, so that what was `queued` before us is not claimed
    'agent_status|varchar|''pending''',
    'agent_started_at|timestamptz',
    'agent_completed_at|timestamptz',
    'agent_error|text',
    'decision_summary|text',
    'recommended_region|varchar',
    'recommended_region_id|uuid',
    'recommended_grid_zone_id|uuid',
    'recommended_asset_id|uuid',
    'recommended_carbon_intensity|numeric(10, 2)',
    'recommended_renewable_mix|numeric(5, 2)',
    'recommended_cost_gbp|numeric(10, 4)',
    'recommended_time_window_start|timestamptz',
    'recommended_time_window_end|timestamptz',
    'recommendation_source|varchar',
    'recommendation_rank|integer',
    'recommendation_confidence|numeric(3, 2)',
    'recommended_2_region|varchar',
    'recommended_2_region_id|uuid',
    'recommended_2_grid_zone_id|uuid',
    'recommended_2_asset_id|uuid',
    'recommended_2_carbon_intensity|numeric(10, 2)',
    'recommended_2_renewable_mix|numeric(5, 2)',
    'recommended_2_cost_gbp|numeric(10, 4)',
    'recommended_2_reason|varchar',
    'recommended_3_region|varchar',
    'recommended_3_region_id|uuid',
    'recommended_3_grid_zone_id|uuid',
    'recommended_3_asset_id|uuid',
    'recommended_3_carbon_intensity|numeric(10, 2)',
    'recommended_3_renewable_mix|numeric(5, 2)',
    'recommended_3_cost_gbp|numeric(10, 4)',
    'recommended_3_reason|varchar'
]);

do $$
begin
    -- an older schema bound every workload to an asset in advance; here the asset is the answer
    if exists (
        select from pg_catalog.pg_attribute
        where attrelid = 'public.compute_workloads'::regclass and attname = 'asset_id' and attnotnull
    ) then
        perform set_config('lock_timeout', '400ms', true);
        alter table public.compute_workloads alter column asset_id drop not null;
    end if;
end
$$;

insert into agent.migrations (name) values ('0001_tables') on conflict (name) do nothing;

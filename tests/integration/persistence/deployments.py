"""Databases as deployments left them before us: the tables of contract.md, fewer columns, and rows in them."""

import psycopg

REFERENCE = """
create table uk_regions (
    id uuid primary key default gen_random_uuid(), region_id integer unique not null, region_code varchar(10),
    region_name varchar(100) not null, short_name varchar(50), postcode_prefix text[], dno_region varchar(100)
);
create table grid_zones (
    id uuid primary key default gen_random_uuid(), zone_id varchar(20) unique not null, zone_name varchar(100),
    grid_area varchar(100), grid_zone_code varchar(20), locality varchar(100), region varchar(100),
    country varchar(50), coordinates jsonb
);
create table compute_assets (
    id uuid primary key default gen_random_uuid(), asset_name varchar(200) not null, asset_type varchar(50),
    region_id uuid references uk_regions (id), grid_zone_id uuid references grid_zones (id), rated_power_kw numeric,
    max_deferral_hours numeric, min_renewable_threshold_pct numeric, carbon_intensity_cap_gco2_kwh numeric,
    is_active boolean default true, metadata jsonb default '{}'
);
insert into uk_regions (region_id, region_code, region_name, short_name) values
    (1, 'THEIRS', 'Theirs', 'N Scotland'), (13, 'LON', 'London', 'London'), (17, 'WAL', 'Wales', 'Wales');
insert into grid_zones (zone_id, zone_name, region) values
    ('Z1', 'Highlands', 'N Scotland'), ('Z2', 'Islands', 'N Scotland'), ('Z3', 'City', 'london');
insert into compute_assets (asset_name, region_id) select 'Old hall', id from uk_regions where region_id = 13;
"""

OLD_COLUMNS = {
    "minimal": """
        id uuid primary key default gen_random_uuid(), asset_id uuid not null, workload_name varchar(200) not null,
        status varchar(20) default 'pending', metadata jsonb
    """,
    "inputs": """
        id uuid primary key default gen_random_uuid(), asset_id uuid not null references compute_assets (id),
        workload_name text not null, user_id uuid, workload_type varchar(50), urgency varchar(20) default 'MEDIUM',
        required_gpu_mins integer, carbon_cap_gco2 integer, deadline timestamptz,
        status text not null default 'pending' check (status in (
            'pending', 'processing', 'queued', 'scheduled', 'running', 'completed', 'failed', 'cancelled'
        )),
        submitted_at timestamptz not null default now(), metadata jsonb default '{}'
    """,
    "recommendations": """
        id uuid primary key default gen_random_uuid(), asset_id uuid not null, workload_name varchar not null,
        urgency varchar, deadline timestamptz, latest_completion timestamptz, status varchar default 'pending',
        submitted_at timestamptz default now(), agent_status varchar(20) default 'pending',
        agent_started_at timestamptz, agent_completed_at timestamptz, agent_error text, decision_summary text,
        recommended_region varchar(100), recommended_region_id uuid references uk_regions (id),
        recommended_carbon_intensity numeric(10, 2), recommended_cost_gbp numeric(10, 4), metadata jsonb default '{}'
    """,
}

ROWS = """
insert into compute_workloads (asset_id, workload_name, status, metadata)
select a.id, 'old ' || s || ' ' || g, s, jsonb_build_object('user_request', 'old ' || g)
from compute_assets as a, generate_series(1, 20) as g,
unnest(array['queued', 'scheduled', 'running', 'completed', 'failed', 'cancelled']) as s;
"""

OLD_VIEW = "create view workloads_with_recommendations as select id, workload_name from compute_workloads;"


def deployment(kind: str) -> str:
    """SQL that makes the deployment `minimal`, `inputs` or `recommendations`."""
    return f"{REFERENCE}\ncreate table compute_workloads ({OLD_COLUMNS[kind]});\n{ROWS}\n{OLD_VIEW}"


def definitions(url: str) -> dict[str, str]:
    """What there is of ours, by name: functions, views, triggers, columns, indexes; and who may use it."""
    query = (
        "select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') as text"
        " from pg_proc p where p.pronamespace in (select oid from pg_namespace where nspname in"
        " ('public', 'agent', 'agent_checkpoints'))"
        " union all select 'view ' || viewname, definition from pg_views where schemaname in ('public', 'agent')"
        " union all select 'trigger ' || tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal"
        " union all select 'column ' || attrelid::regclass || '.' || attname, atttypid::regtype || attnotnull::text"
        " from pg_attribute where attnum > 0 and not attisdropped and attrelid in (select oid from pg_class"
        " where relkind in ('r', 'v') and relnamespace in ('public'::regnamespace, to_regnamespace('agent')))"
        " union all select 'index ' || indexname, indexdef from pg_indexes where schemaname in ('public', 'agent')"
        " union all select 'rights ' || oid::regclass, relacl::text || relrowsecurity from pg_class"
        " where relkind = 'r' and relnamespace in ('public'::regnamespace, to_regnamespace('agent'))"
    )
    with psycopg.connect(url) as connection:
        return dict(connection.execute(query.encode()).fetchall())

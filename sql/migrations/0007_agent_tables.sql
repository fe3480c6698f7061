-- Who works on what, and what came of it. Outside the schema that PostgREST exposes, and beside compute_workloads, so
-- that a heartbeat neither bloats the users' table nor makes noise in Realtime.

create sequence if not exists agent.fence;  -- one for all: a token is never used twice, and only grows

-- A row = somebody may write the result of this workload, or (owner null) the time of its next attempt. No foreign
-- key: a deleted workload is noticed when its lease runs out.
create table if not exists agent.leases (
    workload_id uuid primary key,
    thread_id uuid not null,  -- one per submission
    token bigint not null,
    owner text,
    attempt integer not null,
    until timestamptz not null,  -- by this server's clock, nobody else's
    claimed_at timestamptz not null default clock_timestamp(),
    request uuid,  -- the claim call that took it: a call whose reply was lost is answered again
    last_error text
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
create index if not exists leases_until_idx on agent.leases (until);

-- Append-only. One row per attempt: queued, failed, retry, released, lost, cancelled. A completion that is sent twice
-- is answered from here.
create table if not exists agent.runs (
    workload_id uuid not null,
    token bigint not null,
    thread_id uuid not null,
    attempt integer not null,
    owner text,
    outcome text not null,
    claimed_at timestamptz not null,
    ended_at timestamptz not null default clock_timestamp(),
    error text,
    checkpoints_pruned boolean not null default false,
    primary key (workload_id, token)
);
create index if not exists runs_ended_idx on agent.runs (ended_at);
create index if not exists runs_failed_idx on agent.runs (ended_at) where outcome = 'failed';
create index if not exists runs_unpruned_idx on agent.runs (ended_at) where not checkpoints_pruned;

-- Threads that a run left for a new one under the same lease: agent.runs has but the thread that an attempt ended on.
create table if not exists agent.left_threads (
    thread_id uuid primary key,
    workload_id uuid not null,
    left_at timestamptz not null default clock_timestamp()
);

-- The last good answer of an outside source, shared by all pollers; whoever holds `locked_until` fetches.
create table if not exists agent.source_cache (
    key text primary key,
    payload jsonb,
    fetched_at timestamptz,
    locked_by uuid,
    locked_until timestamptz
);

alter table agent.migrations enable row level security;
alter table agent.leases enable row level security;
alter table agent.runs enable row level security;
alter table agent.source_cache enable row level security;
alter table agent.left_threads enable row level security;

do $$
declare
    outsider text;
begin
    revoke all on all tables in schema agent from public;
    revoke all on all sequences in schema agent from public;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on all tables in schema agent from %I', outsider);
        execute format('revoke all on all sequences in schema agent from %I', outsider);
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        grant usage on schema agent to service_role;
        grant select, insert, update, delete on agent.leases, agent.runs, agent.source_cache to service_role;
        grant select, insert, delete on agent.left_threads to service_role;
        grant select on agent.migrations to service_role;
        grant usage on sequence agent.fence to service_role;
        -- by default privileges it has these anyway, unless a deployment took them away
        grant select, insert, update on public.compute_workloads to service_role;
        grant select on public.uk_regions, public.grid_zones, public.compute_assets to service_role;
    end if;
end
$$;

insert into agent.migrations (name) values ('0007_agent_tables') on conflict (name) do nothing;

-- Nobody but the service role calls what is ours. The last of these files: it holds for all of them.

-- Ours in the two schemas that others write to as well: those that we call by name.
create or replace function agent.our_functions()
returns table (oid oid)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select p.oid from pg_proc as p
    where p.pronamespace = 'agent'::regnamespace
    or (p.pronamespace = 'public'::regnamespace and p.proname in (
        'adopt_orphans', 'cancel_workloads', 'claim_deliveries', 'claim_workloads', 'complete_workloads',
        'compute_catalogue', 'extend_leases', 'fail_workload', 'find_workloads', 'leave_poller', 'list_pollers',
        'list_workloads', 'mark_threads_pruned', 'power_commitments', 'project_workloads', 'prunable_threads',
        'purge_workloads', 'queue_depth', 'queue_status', 'read_workload', 'record_run', 'relax',
        'release_workloads', 'report_poller', 'report_poller_problems', 'requeue_workloads', 'reserve_power',
        'settle_delivery', 'source_cache_get', 'source_cache_lock', 'source_cache_put', 'source_cache_unlock',
        'start_new_thread', 'submit_workloads', 'trim_history', 'workload_history'
    ))
$$;

-- What our files have made, by name: `gridwise migrate` notes it, and notices later what somebody has taken away. Not
-- triggers that a project may drop (gridwise_guard).
create or replace function agent.our_objects()
returns text[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with tables as (
        select c.oid, c.oid::regclass::text as name, c.relkind from pg_class as c
        where c.relnamespace in (to_regnamespace('agent'), to_regnamespace('agent_checkpoints'))
        or (c.relnamespace = 'public'::regnamespace and c.relname in (
            'uk_regions', 'grid_zones', 'compute_assets', 'compute_workloads', 'workloads_with_recommendations',
            'workload_status_counts', 'workload_processing_times', 'failed_workloads', 'compute_workloads_open_idx'
        ))
    )
    select array_agg(x.name order by x.name)
    from (
        select t.name from tables as t
        union all
        select t.name || '.' || a.attname from tables as t
        inner join pg_attribute as a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
        where t.relkind in ('r', 'p')
        union all
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace = to_regnamespace('agent_checkpoints')
        or p.oid in (select o.oid from agent.our_functions() as o)
        union all
        select 'trigger ' || g.tgname from pg_trigger as g
        where g.tgname like 'gridwise\_%' and g.tgname <> 'gridwise_guard'
    ) as x (name)
$$;

-- Supabase's default privileges give anon and authenticated everything on a new table, and row level security knows
-- nothing of TRUNCATE, foreign keys and triggers. Where the owner policies rule (sql/optional/owner_policies.sql), what
-- they are about is left: SELECT, INSERT, UPDATE and DELETE, as far as they were granted.
create or replace function agent.narrow_grants()
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    t text;
    outsider text;
begin
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        foreach t in array array[
            'uk_regions', 'grid_zones', 'compute_assets', 'compute_workloads', 'workloads_with_recommendations',
            'workload_status_counts', 'workload_processing_times', 'failed_workloads'
        ] loop
            execute format('revoke truncate, references, trigger on public.%I from %I', t, outsider);
            if current_setting('server_version_num')::integer >= 170000 then
                execute format('revoke maintain on public.%I from %I', t, outsider);
            end if;
        end loop;
    end loop;
end
$$;

-- A deployment that has the policies from before there were this and the guard gets both, once.
do $$
begin
    if exists (select from agent.migrations as m where m.name = 'functions/rights') or not exists (
        select from pg_catalog.pg_policies
        where schemaname = 'public' and tablename = 'compute_workloads' and policyname = 'gridwise_owner_update'
    ) then
        return;
    end if;
    perform agent.narrow_grants();
    if not exists (select from agent.migrations as m where m.name = '0024_rights') then
        perform agent.install_guard();
    end if;
end
$$;

select agent.only_service_role(array(
    select p.oid::text from pg_catalog.pg_proc as p
    where p.oid in (select o.oid from agent.our_functions() as o)
    and (p.pronamespace = 'agent'::regnamespace or p.proconfig::text like '%search_path=%')  -- not a namesake of theirs
));

do $$
declare
    f regprocedure;
    outsider text;
begin
    -- `pg_temp` is searched for types before everything unless it is named: with an empty search path, whoever may create
    -- a temporary domain called `uuid` or `jsonb` has its CHECK, his own code, executed by our security definer functions.
    -- Those of the released files are brought to it here.
    for f in
        select p.oid from pg_catalog.pg_proc as p
        where p.pronamespace = 'agent'::regnamespace and 'search_path=""' = any(p.proconfig)
    loop
        execute format('alter function %s set search_path = pg_catalog, pg_temp', f);
    end loop;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on all tables in schema agent from %I', outsider);
        execute format('revoke all on all sequences in schema agent from %I', outsider);
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        grant select on agent.inputs to service_role;
    end if;
    if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
        -- its owner may accept what would make a workload feasible
        grant execute on function public.relax(uuid, integer) to authenticated;
    end if;
end
$$;

notify pgrst, 'reload schema';

-- What nobody but us may bring into our functions, and what owners of rows need not do to the tables.

-- `pg_temp` is searched for types before everything unless it is named: with an empty search path, whoever may create a
-- temporary domain called `uuid` or `jsonb` has its CHECK, his own code, executed by our security definer functions.
do $$
declare
    f regprocedure;
begin
    for f in
        select p.oid from pg_catalog.pg_proc as p
        where (p.pronamespace = 'agent'::regnamespace or p.oid = to_regprocedure('public.relax(uuid, integer)'))
        and 'search_path=""' = any(p.proconfig)
    loop
        execute format('alter function %s set search_path = pg_catalog, pg_temp', f);
    end loop;
end
$$;

-- Supabase's default privileges give anon and authenticated everything on a new table, and row level security knows
-- nothing of TRUNCATE, foreign keys and triggers. Where the owner policies rule (sql/optional/owner_policies.sql), what
-- they are about is left: SELECT, INSERT, UPDATE and DELETE, as far as they were granted.
create or replace function agent.narrow_grants()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
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

select agent.only_service_role(array['agent.narrow_grants()']);

do $$
begin
    if exists (
        select from pg_catalog.pg_policies
        where schemaname = 'public' and tablename = 'compute_workloads' and policyname = 'gridwise_owner_update'
    ) then
        perform agent.narrow_grants();
    end if;
end
$$;

insert into agent.migrations (name) values ('0042_least_privilege') on conflict (name) do nothing;

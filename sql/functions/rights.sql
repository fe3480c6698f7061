-- Nobody but the service role calls what is ours. The last of these files: it holds for all of them.

select agent.only_service_role(array(
    select p.oid::text from pg_catalog.pg_proc as p
    where p.pronamespace = 'agent'::regnamespace
    or (p.pronamespace = 'public'::regnamespace and p.proconfig::text like '%search_path=%' and p.proname in (
        'adopt_orphans', 'cancel_workloads', 'claim_deliveries', 'claim_workloads', 'complete_workloads',
        'compute_catalogue', 'extend_leases', 'fail_workload', 'find_workloads', 'leave_poller', 'list_pollers',
        'list_workloads', 'mark_threads_pruned', 'power_commitments', 'project_workloads', 'prunable_threads',
        'purge_workloads', 'queue_depth', 'queue_status', 'read_workload', 'record_run', 'relax',
        'release_workloads', 'report_poller', 'report_poller_problems', 'requeue_workloads', 'reserve_power',
        'settle_delivery', 'source_cache_get', 'source_cache_lock', 'source_cache_put', 'source_cache_unlock',
        'start_new_thread', 'submit_workloads', 'trim_history', 'workload_history'
    ))
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

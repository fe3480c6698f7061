-- Optional, for Supabase: a signed-in user sees, submits and edits his own workloads and nobody else's; reference data
-- can be read by every signed-in user. A trigger (agent.guard, see sql/functions/guard.sql) keeps what the service writes from him:
-- recommended_*, agent_*, its keys of metadata, its states. Policies that the table already has stay, and PostgreSQL joins policies with OR:
-- drop wider ones yourself, the notice at the end names them. The poller (service_role) passes row level security.

do $$
declare
    t text;
    p record;
begin
    perform set_config('lock_timeout', '400ms', true);
    if (select count(*) from pg_catalog.pg_roles where rolname in ('anon', 'authenticated')) < 2 then
        raise exception 'owner_policies needs the roles anon and authenticated: it is for Supabase projects';
    end if;

    alter table public.compute_workloads enable row level security;
    drop policy if exists gridwise_owner_select on public.compute_workloads;
    create policy gridwise_owner_select on public.compute_workloads for select to authenticated
        using (user_id = (select auth.uid()));
    drop policy if exists gridwise_owner_insert on public.compute_workloads;
    create policy gridwise_owner_insert on public.compute_workloads for insert to authenticated
        with check (user_id = (select auth.uid()));
    drop policy if exists gridwise_owner_update on public.compute_workloads;
    create policy gridwise_owner_update on public.compute_workloads for update to authenticated
        using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
    drop policy if exists gridwise_owner_delete on public.compute_workloads;
    create policy gridwise_owner_delete on public.compute_workloads for delete to authenticated
        using (user_id = (select auth.uid()));
    grant select, insert, update, delete on public.compute_workloads to authenticated;
    perform agent.install_guard();
    perform agent.narrow_grants();
    grant select on public.workloads_with_recommendations to authenticated;

    foreach t in array array['uk_regions', 'grid_zones', 'compute_assets'] loop
        execute format('alter table public.%I enable row level security', t);
        execute format('drop policy if exists gridwise_read on public.%I', t);
        execute format('create policy gridwise_read on public.%I for select to authenticated using (true)', t);
        execute format('grant select on public.%I to authenticated', t);
    end loop;

    for p in
        select policyname, tablename from pg_catalog.pg_policies
        where schemaname = 'public' and policyname not like 'gridwise\_%'
        and tablename in ('uk_regions', 'grid_zones', 'compute_assets', 'compute_workloads')
    loop
        raise notice 'policy % on % was there before and still applies', p.policyname, p.tablename;
    end loop;
end
$$;

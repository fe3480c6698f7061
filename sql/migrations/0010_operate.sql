-- What the command line and the graph ask: submit, read, catalogue, commitments, requeue.

-- Rows as objects with the columns' names. A row that is already there (a re-send) is left alone. Ids in given order.
create or replace function public.submit_workloads(p_rows jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    r jsonb;
    c text;
    names text;
    unknown text;
    v_id uuid;
    ids uuid[] := '{}';
begin
    for r in select value from jsonb_array_elements(p_rows) loop
        v_id := coalesce((r ->> 'id')::uuid, gen_random_uuid());
        r := (r - 'status' - 'agent_status') || jsonb_build_object('id', v_id, 'status', 'pending', 'agent_status', 'pending');
        select string_agg(k, ', ') into unknown from jsonb_object_keys(r) as k
        where not exists (
            select from pg_catalog.pg_attribute as a
            where a.attrelid = 'public.compute_workloads'::regclass and a.attname = k and a.attnum > 0
            and not a.attisdropped
        );
        if unknown is not null then
            raise exception 'compute_workloads has no column %', unknown using errcode = '42703';
        end if;
        select string_agg(format('%I', k), ', ') into names from jsonb_object_keys(r) as k;
        execute format(
            'insert into public.compute_workloads (%1$s) select %1$s '
            'from jsonb_populate_record(null::public.compute_workloads, $1) on conflict (id) do nothing', names
        ) using r;
        ids := ids || v_id;
    end loop;
    return to_jsonb(ids);
end
$$;

create or replace function public.read_workload(p_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(w) from public.compute_workloads as w where w.id = p_id
$$;

-- Active assets whose region is known. The region may be the row's id or NESO's number, as deployments have it.
create or replace function public.compute_catalogue()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'asset_id', a.id, 'asset_name', a.asset_name, 'asset_type', a.asset_type,
        'region_number', u.region_id, 'region_id', u.id,
        'grid_zone_id', coalesce(
            (select z.id from public.grid_zones as z where z.id::text = a.grid_zone_id::text),
            agent.grid_zone_of(u.region_id)
        ),
        'rated_power_kw', a.rated_power_kw, 'max_deferral_hours', a.max_deferral_hours,
        'min_renewable_threshold_pct', a.min_renewable_threshold_pct,
        'carbon_intensity_cap_gco2_kwh', a.carbon_intensity_cap_gco2_kwh, 'metadata', a.metadata
    ) order by u.region_id, a.asset_name, a.id), '[]')
    from public.compute_assets as a
    inner join public.uk_regions as u
        on u.id::text = a.region_id::text or u.region_id::text = a.region_id::text
    where a.is_active is not false
$$;

-- `gridwise retry`. A failed workload resumes on its last thread, or (fresh) is submitted again; one that waits for
-- its next attempt is due at once; one that somebody works on is left alone. Returns the ids it took.
create or replace function public.requeue_workloads(p_ids uuid[], p_fresh boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    waiting uuid[];
    given uuid[];
    taken uuid[];
begin
    if p_fresh then
        delete from agent.leases as l where l.workload_id = any(p_ids) and l.owner is null;
        with again as (
            update public.compute_workloads as w set status = 'pending', agent_status = 'pending'
            where w.id = any(p_ids)
            and not exists (select from agent.leases as l where l.workload_id = w.id)
            and (w.status in ('failed', 'processing') or (w.status = 'queued' and w.agent_status = 'completed'))
            returning w.id
        )
        select array_agg(a.id) into taken from again as a;
    else
        with due as (
            update agent.leases as l set until = clock_timestamp()
            where l.workload_id = any(p_ids) and l.owner is null returning l.workload_id
        )
        select array_agg(d.workload_id) into waiting from due as d;
        with made as (
            insert into agent.leases (workload_id, thread_id, token, owner, attempt, until)
            select
                w.id,
                coalesce(
                    (
                        select r.thread_id from agent.runs as r
                        where r.workload_id = w.id and not r.checkpoints_pruned order by r.token desc limit 1
                    ),
                    gen_random_uuid()
                ),
                nextval('agent.fence'), null, 0, clock_timestamp()
            from public.compute_workloads as w
            where w.id = any(p_ids) and w.status = 'failed'
            on conflict do nothing
            returning workload_id
        )
        select array_agg(m.workload_id) into given from made as m;
        with again as (
            update public.compute_workloads as w
            set status = 'processing', agent_status = 'processing', agent_error = null, agent_completed_at = null,
                agent_started_at = coalesce(w.agent_started_at, clock_timestamp()),
                metadata = agent.without_answer(w.metadata)
            where w.id = any(given) and w.status = 'failed'
            returning w.id
        )
        select array_agg(a.id) into taken from again as a;
        delete from agent.leases as l
        where l.workload_id = any(given) and not l.workload_id = any(coalesce(taken, '{}'));
        taken := coalesce(waiting, '{}') || coalesce(taken, '{}');
    end if;
    perform pg_catalog.pg_notify('compute_workloads', '');
    return coalesce(to_jsonb(taken), '[]');
end
$$;

select agent.only_service_role(array[
    'public.submit_workloads(jsonb)',
    'public.read_workload(uuid)',
    'public.compute_catalogue()',
    'public.requeue_workloads(uuid[], boolean)'
]);

insert into agent.migrations (name) values ('0010_operate') on conflict (name) do nothing;

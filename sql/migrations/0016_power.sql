-- The power of a site is promised once: to placed workloads, and to those that are being decided. A reservation stands
-- in the lease, so that it goes in the transaction that writes the promise, and with a workload that fails.

select agent.ensure_columns('agent.leases', array['reserved|jsonb']);  -- [{asset_id, start, end, power_kw}]

-- What overlaps [p_start, p_end): one row per stretch.
create or replace function agent.power_promises(p_start timestamptz, p_end timestamptz)
returns table (workload_id uuid, asset_id uuid, starts timestamptz, ends timestamptz, power_kw numeric)
language sql
stable
set search_path = ''
as $$
    select w.id, w.recommended_asset_id, s.starts, s.ends, (w.metadata #>> '{provenance,power_kw}')::numeric
    from public.compute_workloads as w
    cross join lateral (
        select (g.value ->> 'start')::timestamptz as starts, (g.value ->> 'end')::timestamptz as ends
        from jsonb_array_elements(
            case jsonb_typeof(w.metadata #> '{provenance,segments}')
                when 'array' then w.metadata #> '{provenance,segments}'
                else jsonb_build_array(jsonb_build_object(
                    'start', w.recommended_time_window_start, 'end', w.recommended_time_window_end
                ))
            end
        ) as g
    ) as s
    where w.recommended_asset_id is not null
    and w.recommended_time_window_end > p_start
    and w.recommended_time_window_start < p_end
    and w.agent_status = 'completed'
    and w.status in ('queued', 'scheduled', 'running')
    and jsonb_typeof(w.metadata #> '{provenance,power_kw}') = 'number'
    and s.starts < p_end and s.ends > p_start
    union all
    select l.workload_id, r.asset_id, r.start, r."end", r.power_kw
    from agent.leases as l
    cross join lateral jsonb_to_recordset(l.reserved) as r (
        asset_id uuid, start timestamptz, "end" timestamptz, power_kw numeric
    )
    where r.start < p_end and r."end" > p_start
$$;

create or replace function public.power_commitments(p_start timestamptz, p_end timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'workload_id', p.workload_id, 'asset_id', p.asset_id, 'start', p.starts, 'end', p.ends, 'power_kw', p.power_kw
    ) order by p.starts, p.workload_id), '[]')
    from agent.power_promises(p_start, p_end) as p
$$;

-- p_items: [{asset_id, start, end, power_kw}], in place of what this lease had reserved. Returns reserved; taken: by now
-- so much is promised to others that it would not fit, and nothing changes; lost: the lease is somebody else's. One
-- caller at a time per site. Without a token (the graph runs under `langgraph dev`) it only says whether it would fit.
create or replace function public.reserve_power(p_workload uuid, p_token bigint, p_items jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('gridwise power ' || x.asset_id, 0))
    from (select distinct i ->> 'asset_id' as asset_id from jsonb_array_elements(p_items) as i order by 1) as x;

    if exists (
        with mine as (
            select m.asset_id, m.start as starts, m."end" as ends, m.power_kw
            from jsonb_to_recordset(p_items) as m (
                asset_id uuid, start timestamptz, "end" timestamptz, power_kw numeric
            )
        ), others as (
            select p.asset_id, p.starts, p.ends, p.power_kw
            from agent.power_promises(
                (select min(m.starts) from mine as m), (select max(m.ends) from mine as m)
            ) as p
            where p.workload_id <> p_workload and p.asset_id in (select m.asset_id from mine as m)
        )
        select
        from mine as m
        inner join public.compute_assets as a on a.id = m.asset_id
        cross join lateral (  -- the sum only ever rises where a promise starts
            select m.starts as at
            union all
            select o.starts from others as o where o.asset_id = m.asset_id and o.starts > m.starts and o.starts < m.ends
        ) as t
        where m.power_kw + (
            select coalesce(sum(o.power_kw), 0) from others as o
            where o.asset_id = m.asset_id and o.starts <= t.at and o.ends > t.at
        ) > a.rated_power_kw + 0.001  -- promises are written with four decimals
    ) then
        return to_jsonb('taken'::text);
    end if;
    if p_token is not null then
        update agent.leases as l set reserved = p_items
        where l.workload_id = p_workload and l.token = p_token and l.owner is not null;
        if not found then
            return to_jsonb('lost'::text);
        end if;
    end if;
    return to_jsonb('reserved'::text);
end
$$;

select agent.only_service_role(array[
    'agent.power_promises(timestamptz, timestamptz)',
    'public.power_commitments(timestamptz, timestamptz)',
    'public.reserve_power(uuid, bigint, jsonb)'
]);

notify pgrst, 'reload schema';

insert into agent.migrations (name) values ('0016_power') on conflict (name) do nothing;

-- The power that an answer takes, for runs that reserved none; no row where it says nothing sound.
create or replace function agent.power_of(result jsonb)
returns table (asset_id uuid, starts timestamptz, ends timestamptz, power_kw numeric) language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    best jsonb := result -> 'options' -> 0;
    kw jsonb := result #> '{metadata,provenance,power_kw}';
    segments jsonb := result #> '{metadata,provenance,segments}';
begin
    if best ->> 'asset_id' is null or jsonb_typeof(kw) is distinct from 'number' then
        return;
    end if;
    if jsonb_typeof(segments) is distinct from 'array' then
        segments := jsonb_build_array(best);
    end if;
    return query
    select distinct on (s.starts) (best ->> 'asset_id')::uuid, s.starts, s.ends, (kw #>> '{}')::numeric
    from (
        select (g.value ->> 'start')::timestamptz as starts, (g.value ->> 'end')::timestamptz as ends
        from jsonb_array_elements(segments) as g
    ) as s
    where isfinite(s.starts) and isfinite(s.ends) and s.ends > s.starts and (kw #>> '{}')::numeric between 0 and 1e8;
exception when others then
    return;
end
$$;

-- The power of a site is promised once: to placed workloads, and to those that are being decided.
create or replace function agent.power_promises(p_start timestamptz, p_end timestamptz)
returns table (workload_id uuid, asset_id uuid, starts timestamptz, ends timestamptz, power_kw numeric)
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p.workload_id, p.asset_id, p.starts, p.ends, p.power_kw
    from agent.power as p
    where p.held and p.ends > p_start and p.starts < p_end
$$;

-- The most of a site's power that is promised to others at any moment of [p_start, p_end).
create or replace function agent.peak_kw(p_workload uuid, p_asset uuid, p_start timestamptz, p_end timestamptz)
returns numeric language sql stable set search_path = pg_catalog, pg_temp
as $$
    with others as (
        select p.starts, p.ends, p.power_kw from agent.power_promises(p_start, p_end) as p
        where p.asset_id = p_asset and p.workload_id <> p_workload
    ), moments as (  -- the sum only ever rises where a promise starts
        select greatest(o.starts, p_start) as at from others as o
    )
    select coalesce(max((select sum(o.power_kw) from others as o where o.starts <= m.at and o.ends > m.at)), 0)
    from moments as m
$$;

-- p_items: [{asset_id, start, end, power_kw}], in place of what this submission had reserved. Returns reserved; taken: by
-- now so much is promised to others that it would not fit, and nothing changes; lost: the lease is somebody else's. One
-- caller at a time per site. Without a token (the graph runs under `langgraph dev`) it only says whether it would fit.
create or replace function public.reserve_power(p_workload uuid, p_token bigint, p_items jsonb)
returns jsonb language plpgsql set search_path = ''
as $$
declare
    v_submission bigint;
begin
    perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('gridwise power ' || x.asset_id, 0))
    from (select distinct i ->> 'asset_id' as asset_id from jsonb_array_elements(p_items) as i order by 1) as x;

    if exists (
        select from jsonb_to_recordset(p_items) as m (
            asset_id uuid, start timestamptz, "end" timestamptz, power_kw numeric
        )
        inner join public.compute_assets as a on a.id = m.asset_id
        where m.power_kw + agent.peak_kw(p_workload, m.asset_id, m.start, m."end")
            > a.rated_power_kw + 0.001  -- promises are written with four decimals
    ) then
        return to_jsonb('taken'::text);
    end if;
    if p_token is not null then
        select q.submission into v_submission from agent.queue as q
        where q.workload_id = p_workload and q.token = p_token and q.state = 'running' for update;
        if not found then
            return to_jsonb('lost'::text);
        end if;
        delete from agent.power as p where p.workload_id = p_workload;
        insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
        select p_workload, v_submission, m.asset_id, m.start, max(m."end"), sum(m.power_kw)
        from jsonb_to_recordset(p_items) as m (
            asset_id uuid, start timestamptz, "end" timestamptz, power_kw numeric
        )
        group by m.asset_id, m.start;
    end if;
    return to_jsonb('reserved'::text);
end
$$;

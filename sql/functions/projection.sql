-- The shared row is told what is in agent.queue and agent.answers.

-- One option of a recommendation as columns; all null where there is none. An id that is not in the tables (any more)
-- becomes null.
create or replace function agent.placed(option jsonb)
returns table (
    region text, region_id uuid, grid_zone_id uuid, asset_id uuid, carbon_intensity numeric, renewable_mix numeric,
    cost_gbp numeric, reason text, starts timestamptz, ends timestamptz
) language sql stable
as $$
    select option ->> 'region',
        (select u.id from public.uk_regions as u where u.region_id = (option ->> 'region_number')::integer),
        case when option is not null then coalesce(
            (select z.id from public.grid_zones as z where z.id = (option ->> 'grid_zone_id')::uuid),
            agent.grid_zone_of((option ->> 'region_number')::integer)
        ) end,
        (select a.id from public.compute_assets as a where a.id = (option ->> 'asset_id')::uuid),
        (option ->> 'carbon_intensity')::numeric, (option ->> 'renewable_mix')::numeric,
        (option ->> 'cost_gbp')::numeric, option ->> 'reason',
        (option ->> 'start')::timestamptz, (option ->> 'end')::timestamptz
$$;  -- no SET: it is to be inlined

-- The shared rows of p_ids, all or an exception; always in a sub-transaction of the caller. p_items null: `processing`.
-- An item without an outcome is an answer (`queued`). An answer is written only to the inputs that were handed out, so that an edit is noticed even where a trigger was off.
create or replace function agent.show(p_ids uuid[], p_items jsonb)
returns void language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC'
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    n integer;
    m integer;
    setting text;
    t timestamptz := clock_timestamp();
begin
    perform from public.compute_workloads as w where w.id = any(p_ids) for no key update skip locked;
    get diagnostics n = row_count;
    if n < cardinality(p_ids) then
        if exists (
            select from unnest(p_ids) as i (id)
            where not exists (select from public.compute_workloads as w where w.id = i.id)
        ) then
            raise exception 'the row is gone' using errcode = 'GQ001';
        end if;
        raise lock_not_available using message = 'the row is locked';
    end if;
    setting := set_config('gridwise.writing', 'on', true);
    if p_items is null then
        with x as (
            update public.compute_workloads as w
            set status = 'processing', agent_status = 'processing', agent_started_at = coalesce(q.started_at, t),
                agent_completed_at = null, agent_error = null
            from agent.queue as q
            where w.id = any(p_ids) and q.workload_id = w.id and w.agent_completed_at is null
            and (w.status = 'processing' or agent.is_open(w.status, w.agent_status))
            returning w.status
        )
        select count(*) into n from x where x.status = 'processing';
        if n < cardinality(p_ids) then
            -- what an earlier submission was told does not belong to this one
            with x as (
                update public.compute_workloads as w
                set status = 'processing', agent_status = 'processing', agent_started_at = coalesce(q.started_at, t),
                    agent_completed_at = null, agent_error = null, decision_summary = null,
                    recommendation_source = null, recommendation_rank = null, recommendation_confidence = null,
                    recommended_region = null, recommended_region_id = null,
                    recommended_grid_zone_id = null, recommended_asset_id = null,
                    recommended_carbon_intensity = null, recommended_renewable_mix = null,
                    recommended_cost_gbp = null,
                    recommended_time_window_start = null, recommended_time_window_end = null,
                    recommended_2_region = null, recommended_2_region_id = null,
                    recommended_2_grid_zone_id = null, recommended_2_asset_id = null,
                    recommended_2_carbon_intensity = null, recommended_2_renewable_mix = null,
                    recommended_2_cost_gbp = null, recommended_2_reason = null,
                    recommended_3_region = null, recommended_3_region_id = null,
                    recommended_3_grid_zone_id = null, recommended_3_asset_id = null,
                    recommended_3_carbon_intensity = null, recommended_3_renewable_mix = null,
                    recommended_3_cost_gbp = null, recommended_3_reason = null,
                    metadata = agent.without_answer(w.metadata) - 'relaxations'
                from agent.queue as q
                where w.id = any(p_ids) and q.workload_id = w.id and w.agent_completed_at is not null
                and (w.status = 'processing' or agent.is_open(w.status, w.agent_status))
                returning w.status
            )
            select n + count(*) into n from x where x.status = 'processing';
        end if;
    else
        with x as (
            update public.compute_workloads as w
            set status = coalesce(i.outcome, 'queued'),
                agent_status = case i.outcome when 'failed' then 'failed' else 'completed' end,
                agent_started_at = coalesce(q.started_at, w.agent_started_at), agent_completed_at = t,
                agent_error = i.result ->> 'error', decision_summary = i.result ->> 'decision_summary',
                recommendation_source = i.result ->> 'source',
                recommendation_rank = (i.result ->> 'rank')::integer,
                recommendation_confidence = (i.result ->> 'confidence')::numeric,
                recommended_region = o1.region, recommended_region_id = o1.region_id,
                recommended_grid_zone_id = o1.grid_zone_id, recommended_asset_id = o1.asset_id,
                recommended_carbon_intensity = o1.carbon_intensity, recommended_renewable_mix = o1.renewable_mix,
                recommended_cost_gbp = o1.cost_gbp, recommended_time_window_start = o1.starts,
                recommended_time_window_end = o1.ends,
                recommended_2_region = o2.region, recommended_2_region_id = o2.region_id,
                recommended_2_grid_zone_id = o2.grid_zone_id, recommended_2_asset_id = o2.asset_id,
                recommended_2_carbon_intensity = o2.carbon_intensity, recommended_2_renewable_mix = o2.renewable_mix,
                recommended_2_cost_gbp = o2.cost_gbp, recommended_2_reason = o2.reason,
                recommended_3_region = o3.region, recommended_3_region_id = o3.region_id,
                recommended_3_grid_zone_id = o3.grid_zone_id, recommended_3_asset_id = o3.asset_id,
                recommended_3_carbon_intensity = o3.carbon_intensity, recommended_3_renewable_mix = o3.renewable_mix,
                recommended_3_cost_gbp = o3.cost_gbp, recommended_3_reason = o3.reason,
                metadata = agent.merged(w.metadata, coalesce(i.result -> 'metadata', '{}') || jsonb_build_object(
                    'agent_status', case i.outcome when 'failed' then 'failed' else 'completed' end,
                    'agent_started_at', coalesce(q.started_at, w.agent_started_at), 'agent_completed_at', t
                ) || case i.outcome when 'failed' then '{}'
                    else jsonb_build_object('decision_summary', i.result -> 'decision_summary') end)
            from jsonb_to_recordset(p_items) as i (workload_id uuid, outcome text, result jsonb)
            inner join agent.queue as q using (workload_id)
            cross join lateral agent.placed(i.result -> 'options' -> 0) as o1
            cross join lateral agent.placed(i.result -> 'options' -> 1) as o2
            cross join lateral agent.placed(i.result -> 'options' -> 2) as o3
            where w.id = i.workload_id and w.id = any(p_ids)
            and (w.status = 'processing' or agent.is_open(w.status, w.agent_status))
            and (
                q.inputs is null or w.xmin = q.version  -- the very version that the claim read
                or q.inputs = (select r.hash from agent.inputs as r where r.id = w.id)
            )
            returning w.status = coalesce(i.outcome, 'queued') as kept
        )
        select count(*) into n from x where x.kept;
    end if;
    setting := set_config('gridwise.writing', '', true);
    if n = cardinality(p_ids) then
        return;
    end if;
    select count(*) into m
    from agent.inputs as i
    inner join agent.queue as q on q.workload_id = i.id
    where i.id = any(p_ids) and not (
        (p_items is null or q.inputs is null or i.hash = q.inputs)
        and (i.status in ('processing', 'queued', 'failed') or agent.is_open(i.status, i.agent_status))
    );
    if m > 0 then
        raise exception 'the row has changed' using errcode = 'GQ001';
    end if;
    raise exception 'the row took the update without effect: a trigger of the table swallowed or reverted it'
        using errcode = 'GQ002';
end
$$;

-- Shows what is due, row by row, until it holds; what refuses is parked with the database's words and tried again later
-- (1 s, doubled up to 1 h). Any poller, any time, several at once. Returns [shown, busy, parked]. At most 50 a call: more
-- than 64 sub-transactions in one transaction slow down everybody's snapshots.
create or replace function agent.project(p_limit integer, p_ids uuid[] default null)
returns integer[] language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    t timestamptz := clock_timestamp();
    todo uuid[];
    id uuid;
    q agent.queue;
    h uuid;
    shown integer := 0;
    busy integer := 0;
    parks integer := 0;
    tired boolean := false;
begin
    perform set_config('lock_timeout', '200ms', true);
    todo := coalesce(p_ids, array(
        select k.workload_id from agent.queue as k
        where k.project is not null and k.show_at <= t order by k.show_at limit least(p_limit, 50)
    ));
    foreach id in array todo loop
        exit when tired;  -- the timer of a statement rings once
        begin
            select k.* into q from agent.queue as k
            where k.workload_id = id and k.project is not null and k.show_at <= clock_timestamp()
            for update skip locked;
            continue when not found;
            select i.hash into h from agent.inputs as i where i.id = q.workload_id;
            if q.project = 'answer' then
                perform agent.show(array[q.workload_id], (
                    select jsonb_agg(to_jsonb(a)) from agent.answers as a where a.workload_id = q.workload_id
                ));
                delete from agent.answers as a where a.workload_id = q.workload_id;
                update agent.queue as k set project = null, parked = null, parked_at = null, tries = 0
                where k.workload_id = q.workload_id;
            else
                perform agent.show(array[q.workload_id], null);
                update agent.queue as k
                set project = null, parked = null, parked_at = null, tries = 0,
                    inputs = case when k.inputs = h then i.hash else k.inputs end,
                    version = case when k.inputs = h then i.version else k.version end
                from agent.inputs as i
                where k.workload_id = q.workload_id and i.id = k.workload_id;
            end if;
            shown := shown + 1;
        exception
            when sqlstate 'GQ001' then  -- changed behind our back: answered anew, or left alone
                perform agent.drop_work(array[q.workload_id], 'the row was changed');
                if exists (
                    select from public.compute_workloads as w
                    where w.id = q.workload_id and (w.status = 'processing' or agent.is_open(w.status, w.agent_status))
                ) then
                    -- counts as an edit, however the run has ended, so that it cannot go on for ever
                    update agent.queue as k set state = 'running', token = null where k.workload_id = q.workload_id;
                    perform agent.enter(array[q.workload_id]);
                else
                    perform agent.leave(array[q.workload_id], 'cancelled');
                end if;
            when query_canceled or others then
                tired := sqlstate = '57014';
                update agent.queue as k
                set tries = q.tries + 1,
                    parked = case when sqlstate = '55P03' and q.tries < 5 then q.parked
                        else left(sqlerrm || ' (SQLSTATE ' || sqlstate || ')', 1000) end,
                    parked_at = case when sqlstate = '55P03' and q.tries < 5 then q.parked_at
                        else coalesce(q.parked_at, t) end,
                    show_at = clock_timestamp() + make_interval(secs => least(
                        case sqlstate when '55P03' then 30 else 3600 end, 0.25 * power(2, least(q.tries, 14))
                    ))
                where k.workload_id = q.workload_id;
                if sqlstate = '55P03' then
                    busy := busy + 1;
                else
                    parks := parks + 1;
                end if;
        end;
    end loop;
    return array[shown, busy, parks];
end
$$;

-- For pollers: {shown, busy, parked, next_seconds}; next_seconds until the next is due, null where nothing is left.
create or replace function public.project_workloads(p_limit integer)
returns jsonb language plpgsql set search_path = ''
as $$
declare
    n integer[] := agent.project(p_limit);
begin
    return jsonb_build_object('shown', n[1], 'busy', n[2], 'parked', n[3], 'next_seconds', (
        select extract(epoch from min(q.show_at) - clock_timestamp()) from agent.queue as q where q.project is not null
    ));
end
$$;

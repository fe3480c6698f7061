-- Heartbeat, completion, failure, release. All are fenced: the lease row with the caller's token IS the right to
-- write. Lock order: lease, then workload. Nothing here waits for the lock of another transaction: a row that somebody
-- holds (a user's edit, left open) costs its own result some time and no other, and no two can deadlock.

-- Tokens that are still held, as an array. One that is missing was taken over, or its row left `processing`. A lease that
-- is locked just now is not extended, and answered as it stands: by a completion on its way, it is still held; by a
-- takeover on its way, it is told as lost at the next heartbeat, and refused by the fence until then.
create or replace function public.extend_leases(p_ids uuid[], p_tokens bigint[], p_lease_seconds double precision)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_held bigint[];
begin
    with mine as (
        select l.workload_id
        from agent.leases as l
        inner join unnest(p_ids, p_tokens) as g (workload_id, token) using (workload_id, token)
        where l.owner is not null
        for update of l skip locked
    ), extended as (
        update agent.leases as l
        set until = clock_timestamp() + make_interval(secs => p_lease_seconds)
        from mine as m
        where l.workload_id = m.workload_id
        and exists (
            select from public.compute_workloads as w where w.id = l.workload_id and w.status = 'processing'
        )
        returning l.token
    )
    select array_agg(e.token) into v_held from extended as e;
    if coalesce(cardinality(v_held), 0) < cardinality(p_tokens) then
        v_held := array(
            select l.token
            from agent.leases as l
            inner join unnest(p_ids, p_tokens) as g (workload_id, token) using (workload_id, token)
            inner join public.compute_workloads as w on w.id = l.workload_id and w.status = 'processing'
            where l.owner is not null
        );
    end if;
    return coalesce(to_jsonb(v_held), '[]');
end
$$;

-- One option of a recommendation as columns. An id that is not in the tables (any more) becomes null. PL/pgSQL, because
-- it keeps its plans: a third of the time that the same as an SQL function takes, three times per completion.
create or replace function agent.option_columns(
    option jsonb,
    out region text,
    out region_id uuid,
    out grid_zone_id uuid,
    out asset_id uuid,
    out carbon_intensity numeric,
    out renewable_mix numeric,
    out cost_gbp numeric,
    out reason text,
    out starts timestamptz,
    out ends timestamptz
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
    v_number integer := (option ->> 'region_number')::integer;
    v_zone uuid := (option ->> 'grid_zone_id')::uuid;
    v_asset uuid := (option ->> 'asset_id')::uuid;
begin
    if option is null then
        return;
    end if;
    region := option ->> 'region';
    carbon_intensity := (option ->> 'carbon_intensity')::numeric;
    renewable_mix := (option ->> 'renewable_mix')::numeric;
    cost_gbp := (option ->> 'cost_gbp')::numeric;
    reason := option ->> 'reason';
    starts := (option ->> 'start')::timestamptz;
    ends := (option ->> 'end')::timestamptz;
    select u.id into region_id from public.uk_regions as u where u.region_id = v_number;
    if v_asset is not null then
        select a.id into asset_id from public.compute_assets as a where a.id = v_asset;
    end if;
    if v_zone is not null then
        select z.id into grid_zone_id from public.grid_zones as z where z.id = v_zone;
    end if;
    if grid_zone_id is null then
        grid_zone_id := agent.grid_zone_of(v_number);
    end if;
end
$$;

-- p_items: [{workload_id, token, result: {options[1-3], source, rank, confidence, decision_summary, metadata}}].
-- Returns {written, busy}: the tokens whose result stands in the table, whether this call or an earlier one whose reply
-- was lost wrote it; and those whose row or lease is locked by somebody, of which nothing was touched: send them again.
-- A token in neither was lost.
create or replace function public.complete_workloads(p_items jsonb)
returns jsonb
language plpgsql
set search_path = ''
set jit = off  -- before PostgreSQL 18 a disabled node counts as a cost that calls for compilation: 40 ms per workload
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- by index, whatever the statistics make of a table that was empty a minute ago
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_known bigint[];
    v_written bigint[];
    v_again bigint[];
    v_busy bigint[] := '{}';
begin
    with items as (
        select i.workload_id, i.token, i.result
        from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb)
    ), mine as (
        select l.workload_id
        from agent.leases as l
        inner join items as i using (workload_id, token)
        where l.owner is not null
        for update of l skip locked
    ), free as (
        -- as strong as the update below, and no stronger: a row that refers to this one does not make it busy
        select w.id
        from public.compute_workloads as w
        inner join mine as m on m.workload_id = w.id
        for no key update of w skip locked
    ), ended as (
        delete from agent.leases as l using free as f where l.workload_id = f.id returning l.*
    ), written as (
        update public.compute_workloads as w
        set status = 'queued', agent_status = 'completed', agent_completed_at = v_now, agent_error = null,
            decision_summary = i.result ->> 'decision_summary',
            recommended_region = o1.region,
            recommended_region_id = o1.region_id,
            recommended_grid_zone_id = o1.grid_zone_id,
            recommended_asset_id = o1.asset_id,
            recommended_carbon_intensity = o1.carbon_intensity,
            recommended_renewable_mix = o1.renewable_mix,
            recommended_cost_gbp = o1.cost_gbp,
            recommended_time_window_start = o1.starts,
            recommended_time_window_end = o1.ends,
            recommendation_source = i.result ->> 'source',
            recommendation_rank = (i.result ->> 'rank')::integer,
            recommendation_confidence = (i.result ->> 'confidence')::numeric,
            recommended_2_region = o2.region,
            recommended_2_region_id = o2.region_id,
            recommended_2_grid_zone_id = o2.grid_zone_id,
            recommended_2_asset_id = o2.asset_id,
            recommended_2_carbon_intensity = o2.carbon_intensity,
            recommended_2_renewable_mix = o2.renewable_mix,
            recommended_2_cost_gbp = o2.cost_gbp,
            recommended_2_reason = o2.reason,
            recommended_3_region = o3.region,
            recommended_3_region_id = o3.region_id,
            recommended_3_grid_zone_id = o3.grid_zone_id,
            recommended_3_asset_id = o3.asset_id,
            recommended_3_carbon_intensity = o3.carbon_intensity,
            recommended_3_renewable_mix = o3.renewable_mix,
            recommended_3_cost_gbp = o3.cost_gbp,
            recommended_3_reason = o3.reason,
            metadata = agent.merged(w.metadata, coalesce(i.result -> 'metadata', '{}') || jsonb_build_object(
                'agent_status', 'completed', 'agent_started_at', w.agent_started_at, 'agent_completed_at', v_now,
                'decision_summary', i.result -> 'decision_summary'
            ))
        from ended as e
        inner join items as i using (workload_id, token)
        cross join lateral agent.option_columns(i.result -> 'options' -> 0) as o1
        cross join lateral agent.option_columns(i.result -> 'options' -> 1) as o2
        cross join lateral agent.option_columns(i.result -> 'options' -> 2) as o3
        where w.id = e.workload_id and w.status = 'processing'
        returning e.token
    ), logged as (
        insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, ended_at, error)
        select e.workload_id, e.token, e.thread_id, e.attempt, e.owner,
            case when x.token is not null then 'queued' else 'cancelled' end, e.claimed_at, v_now,
            case when x.token is null then 'the workload left the state processing' end
        from ended as e left join written as x using (token)
    )
    select array_agg(e.token), array_agg(x.token) filter (where x.token is not null) into v_known, v_written
    from ended as e left join written as x using (token);

    if coalesce(cardinality(v_known), 0) < jsonb_array_length(p_items) then
        -- the row was deleted: the lease goes too
        with mine as (
            select l.workload_id
            from agent.leases as l
            inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
            where l.owner is not null
            and not exists (select from public.compute_workloads as w where w.id = l.workload_id)
            for update of l skip locked
        ), ended as (
            delete from agent.leases as l using mine as m where l.workload_id = m.workload_id returning l.*
        )
        insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, ended_at, error)
        select e.workload_id, e.token, e.thread_id, e.attempt, e.owner, 'cancelled', e.claimed_at, v_now,
            'the workload was deleted'
        from ended as e;

        -- of one moment: another call with this token may be under way
        select
            array(
                select l.token
                from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint)
                inner join agent.leases as l using (workload_id, token)
                where l.owner is not null
            ),
            array(
                select r.token
                from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint)
                inner join agent.runs as r using (workload_id, token)
                where r.outcome = 'queued' and not r.token = any(coalesce(v_known, '{}'))
            )
        into v_busy, v_again;
        v_written := coalesce(v_written, '{}') || v_again;
    end if;
    return jsonb_build_object('written', coalesce(v_written, '{}'), 'busy', v_busy);
end
$$;

-- p_retry_seconds null: it failed for good. Otherwise a lease without owner, due then, on the same thread; unless the
-- attempts are used up. Returns failed, retry or lost; or busy, and has touched nothing, where the row or the lease is
-- locked by somebody: send it again.
create or replace function public.fail_workload(
    p_id uuid,
    p_token bigint,
    p_error text,
    p_retry_seconds double precision,
    p_max_attempts integer,
    p_details jsonb default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_lease agent.leases;
    v_outcome text := 'failed';
    v_now timestamptz := clock_timestamp();
    v_error text := left(p_error, 4000);
begin
    select * into v_lease from agent.leases as l
    where l.workload_id = p_id and l.token = p_token and l.owner is not null for update skip locked;
    if not found then
        -- busy, lost, or done by a call whose reply was lost
        select case
            when exists (
                select from agent.leases as l
                where l.workload_id = p_id and l.token = p_token and l.owner is not null
            ) then 'busy'
            else coalesce(
                (
                    select r.outcome from agent.runs as r
                    where r.workload_id = p_id and r.token = p_token and r.outcome in ('failed', 'retry')
                ),
                'lost'
            )
        end into v_outcome;
        return to_jsonb(v_outcome);
    end if;

    if p_retry_seconds is not null and v_lease.attempt < p_max_attempts then
        v_outcome := 'retry';
        update agent.leases as l
        set owner = null, token = nextval('agent.fence'), request = null, last_error = v_error,
            until = v_now + make_interval(secs => greatest(p_retry_seconds, 0))
        where l.workload_id = p_id;
    else
        perform from public.compute_workloads as w where w.id = p_id for no key update skip locked;
        if not found and exists (select from public.compute_workloads as w where w.id = p_id) then
            return to_jsonb('busy'::text);
        end if;
        delete from agent.leases as l where l.workload_id = p_id;
        update public.compute_workloads as w
        set status = 'failed', agent_status = 'failed', agent_completed_at = v_now,
            agent_error = case
                when p_retry_seconds is null then v_error else agent.gave_up(v_lease.attempt, v_error)
            end,
            metadata = agent.merged(w.metadata, coalesce(p_details, '{}') || jsonb_build_object(
                'agent_status', 'failed', 'agent_started_at', w.agent_started_at, 'agent_completed_at', v_now
            ))
        where w.id = p_id and w.status = 'processing';
        if not found then
            v_outcome := 'cancelled';
        end if;
    end if;
    insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, ended_at, error)
    values (p_id, p_token, v_lease.thread_id, v_lease.attempt, v_lease.owner, v_outcome, v_lease.claimed_at, v_now,
        v_error);
    return to_jsonb(case v_outcome when 'cancelled' then 'lost' else v_outcome end);
end
$$;

-- At shutdown: due now, the attempt refunded; the thread stays, so the next holder resumes. Returns how many. A lease that
-- is locked just now is left to end by whoever locked it, or to run out.
create or replace function public.release_workloads(p_ids uuid[], p_tokens bigint[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    n integer;
begin
    with mine as (
        select l.*
        from agent.leases as l
        inner join unnest(p_ids, p_tokens) as g (workload_id, token) using (workload_id, token)
        where l.owner is not null
        for update of l skip locked
    ), released as (
        update agent.leases as l
        set owner = null, token = nextval('agent.fence'), request = null, until = clock_timestamp(),
            attempt = greatest(l.attempt - 1, 0)
        from mine as m
        where l.workload_id = m.workload_id
    )
    insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at)
    select m.workload_id, m.token, m.thread_id, m.attempt, m.owner, 'released', m.claimed_at from mine as m;
    get diagnostics n = row_count;
    if n > 0 then
        perform pg_catalog.pg_notify('compute_workloads', '');
    end if;
    return to_jsonb(n);
end
$$;

-- `processing` rows without a lease (an older worker, a manual edit) get one that is due.
create or replace function public.adopt_orphans(p_grace_seconds double precision)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    adopted uuid[];
begin
    with found as (
        insert into agent.leases (workload_id, thread_id, token, owner, attempt, until)
        select w.id, gen_random_uuid(), nextval('agent.fence'), null, 0, clock_timestamp()
        from public.compute_workloads as w
        where w.status = 'processing'
        and coalesce(w.agent_started_at, '-infinity') < now() - make_interval(secs => p_grace_seconds)
        and not exists (select from agent.leases as l where l.workload_id = w.id)
        limit 500
        on conflict do nothing
        returning workload_id
    )
    select array_agg(f.workload_id) into adopted from found as f;
    update public.compute_workloads as w
    set agent_status = 'processing', agent_started_at = coalesce(w.agent_started_at, clock_timestamp())
    where w.id = any(adopted) and w.status = 'processing'
    and (w.agent_status is distinct from 'processing' or w.agent_started_at is null);
    return to_jsonb(coalesce(cardinality(adopted), 0));
end
$$;

select agent.only_service_role(array[
    'public.extend_leases(uuid[], bigint[], double precision)',
    'agent.option_columns(jsonb)',
    'public.complete_workloads(jsonb)',
    'public.fail_workload(uuid, bigint, text, double precision, integer, jsonb)',
    'public.release_workloads(uuid[], bigint[])',
    'public.adopt_orphans(double precision)'
]);

insert into agent.migrations (name) values ('0009_finish') on conflict (name) do nothing;

-- Pollers turn to agent.queue. Names, arguments and answers of the functions are those of the release before (their
-- answers have some keys more), so that its pollers go on beside newer ones: they share this queue.

do $$
begin
    perform set_config('lock_timeout', '400ms', true);
    lock table agent.leases in access exclusive mode;  -- until commit: no call of a poller is under way
    drop trigger if exists leases_have_moved on agent.leases;
end
$$;

-- The shared rows of p_ids, all or an exception; always in a sub-transaction of the caller. p_items null: `processing`.
-- An answer is written only to the inputs that were handed out, so that an edit is noticed even where a trigger was off.
create or replace function agent.show(p_ids uuid[], p_items jsonb)
returns void
language plpgsql
set search_path = ''
set timezone = 'UTC'
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    n integer;
    m integer;
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
    perform set_config('gridwise.writing', 'on', true);
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
                    recommended_region = null, recommended_region_id = null, recommended_grid_zone_id = null,
                    recommended_asset_id = null, recommended_carbon_intensity = null,
                    recommended_renewable_mix = null, recommended_cost_gbp = null,
                    recommended_time_window_start = null, recommended_time_window_end = null,
                    recommendation_source = null, recommendation_rank = null, recommendation_confidence = null,
                    recommended_2_region = null, recommended_2_region_id = null, recommended_2_grid_zone_id = null,
                    recommended_2_asset_id = null, recommended_2_carbon_intensity = null,
                    recommended_2_renewable_mix = null, recommended_2_cost_gbp = null, recommended_2_reason = null,
                    recommended_3_region = null, recommended_3_region_id = null, recommended_3_grid_zone_id = null,
                    recommended_3_asset_id = null, recommended_3_carbon_intensity = null,
                    recommended_3_renewable_mix = null, recommended_3_cost_gbp = null, recommended_3_reason = null,
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
            set status = i.outcome, agent_status = case i.outcome when 'queued' then 'completed' else 'failed' end,
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
                    'agent_status', case i.outcome when 'queued' then 'completed' else 'failed' end,
                    'agent_started_at', coalesce(q.started_at, w.agent_started_at), 'agent_completed_at', t
                ) || case when i.outcome = 'queued'
                    then jsonb_build_object('decision_summary', i.result -> 'decision_summary') else '{}' end)
            from jsonb_to_recordset(p_items) as i (workload_id uuid, outcome text, result jsonb)
            inner join agent.queue as q using (workload_id)
            inner join agent.inputs as r on r.id = q.workload_id and (q.inputs is null or r.hash = q.inputs)
            cross join lateral agent.option_columns(i.result -> 'options' -> 0) as o1
            cross join lateral agent.option_columns(i.result -> 'options' -> 1) as o2
            cross join lateral agent.option_columns(i.result -> 'options' -> 2) as o3
            where w.id = i.workload_id and w.id = any(p_ids)
            and (w.status = 'processing' or agent.is_open(w.status, w.agent_status))
            returning w.status = i.outcome as kept
        )
        select count(*) into n from x where x.kept;
    end if;
    perform set_config('gridwise.writing', '', true);
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

-- Leases with what their runs read, as claim_workloads returns them.
create or replace function agent.claims(ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
set timezone = 'UTC'
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'workload_id', q.workload_id, 'submission', q.submission, 'thread_id', q.thread_id, 'token', q.token,
        'owner', q.owner, 'attempt', q.attempt, 'until', q.until,
        'row', i.inputs || jsonb_build_object(
            'agent_started_at', q.started_at,
            'submitted_at', coalesce(nullif(i.inputs -> 'submitted_at', 'null'), to_jsonb(q.started_at))
        )
    )), '[]')
    from agent.queue as q
    inner join agent.inputs as i on i.id = q.workload_id
    where q.workload_id = any(ids) and q.state = 'running'
$$;

-- [{workload_id, submission, thread_id, token, owner, attempt, until, row}], leases of p_lease_seconds. First what ran
-- out or is due goes back to its lane (used up: it fails); then turns. `processing` is shown in the same call where the
-- shared rows let it; else agent.project shows it. Flat: a handful of index heads, whatever waits.
-- A call whose reply was lost is sent again with the same p_request and p_resend.
create or replace function public.claim_workloads(
    p_owner text,
    p_limit integer,
    p_lease_seconds double precision,
    p_max_attempts integer,
    p_request uuid default null,
    p_resend boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
set timezone = 'UTC'
set enable_seqscan = off  -- a backlog that grew since the last ANALYZE must not bring a scan and a sort
set enable_sort = off
set jit = off  -- before PostgreSQL 18 a disabled node counts as a cost that calls for compilation: 40 ms per workload
set plan_cache_mode = force_generic_plan  -- planning anew for each array costs three times the claim itself
as $$
declare
    t timestamptz;
    v bigint[];
    last_round bigint;
    answer jsonb;
    tokens bigint[];
    elders integer;
    lanes integer[];
    suspects uuid[];
    shown uuid[];
    ids uuid[];
    got uuid[];
begin
    if p_limit not between 1 and 1000 or p_max_attempts < 1 or p_lease_seconds not between 0.05 and 86400 then
        raise exception 'claim_workloads: limit % (1-1000), lease % s (0.05-86400), max attempts % (from 1)',
            p_limit, p_lease_seconds, p_max_attempts using errcode = '22023';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'claim_workloads: read committed only' using errcode = '25001';
    end if;
    if p_request is not null then
        -- a re-send waits for the first call, which may still be under way
        perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(p_request::text, 0));
        if p_resend then
            select array_agg(q.workload_id) into got from agent.queue as q
            where q.state = 'running' and q.request = p_request and q.owner = p_owner;
            if got is not null then
                return agent.claims(got);
            end if;
        end if;
    end if;
    t := clock_timestamp();
    perform set_config('lock_timeout', '200ms', true);
    v := agent.turns();

    got := array(
        select q.workload_id from agent.queue as q
        where q.state in ('running', 'retry') and q.until <= t order by q.until limit p_limit for update skip locked
    );
    if got <> '{}' then
        perform agent.note(
            array(select q.workload_id from agent.queue as q where q.workload_id = any(got) and q.attempt < p_max_attempts),
            'lost', 'the lease ran out'
        );
        insert into agent.runs (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, error)
        select q.workload_id, q.token, q.thread_id, q.submission, q.attempt, q.owner, 'failed', q.claimed_at,
            agent.gave_up(q.attempt, q.last_error)
        from agent.queue as q
        where q.workload_id = any(got) and q.attempt >= p_max_attempts and q.token is not null
        on conflict do nothing;
        insert into agent.answers as a (workload_id, submission, outcome, result)
        select q.workload_id, q.submission, 'failed',
            jsonb_build_object('error', agent.gave_up(q.attempt, q.last_error))
        from agent.queue as q where q.workload_id = any(got) and q.attempt >= p_max_attempts
        on conflict (workload_id) do update
        set submission = excluded.submission, outcome = excluded.outcome, result = excluded.result;
        delete from agent.power as p using agent.queue as q
        where p.workload_id = any(got) and q.workload_id = p.workload_id and q.attempt >= p_max_attempts;
        update agent.queue as q
        set token = null, owner = null, until = null, request = null,
            state = case when q.attempt < p_max_attempts then 'waiting' else 'failed' end,
            project = case when q.attempt < p_max_attempts then q.project else 'answer' end,
            show_at = case when q.attempt < p_max_attempts then q.show_at else t end,
            tries = case when q.attempt < p_max_attempts then q.tries else 0 end,
            -- a lost lease into the round being served, a retry into the next
            round = greatest(q.round, v[q.rank + 1] + (q.state = 'retry')::integer)
        where q.workload_id = any(got);
        if exists (select from agent.queue as q where q.workload_id = any(got) and q.state = 'failed') then
            perform agent.project(10, array(
                select q.workload_id from agent.queue as q where q.workload_id = any(got) and q.state = 'failed'
            ));
        end if;
    end if;

    tokens := array(select nextval('agent.fence') from generate_series(1, p_limit));
    elders := (select count(*) from unnest(tokens) as k where k % 8 = 0);
    -- How many of each urgency: ordered lanes, merged by the due of their heads. (From V on: the index's entries below it
    -- are dead, and a snapshot held open elsewhere keeps them. What lives below it is served as an eighth.)
    select array_agg(coalesce(m.n, 0) order by c.r) into lanes
    from generate_series(0, 3) as c (r)
    left join (
        select y.rank, count(*) as n
        from (
            select x.rank
            from (
                select h.rank, max(h.due) over (
                    partition by h.rank order by h.round, h.arrived rows unbounded preceding
                ) as lane_due
                from generate_series(0, 3) as c (r)
                cross join lateral (
                    select q.rank, q.round, q.arrived, q.due from agent.queue as q
                    where q.state = 'waiting' and q.rank = c.r and q.round >= v[c.r + 1]
                    order by q.round, q.arrived limit p_limit
                ) as h
            ) as x
            order by x.lane_due limit p_limit - elders
        ) as y
        group by y.rank
    ) as m on m.rank = c.r;
    suspects := array(select distinct q.user_id from agent.queue as q where q.project is not null and q.tries > 0 limit 1000);

    for go in 1..2 loop
        begin
            ids := '{}';
            for r in 0..3 loop
                continue when lanes[r + 1] = 0;
                select array_agg(x.workload_id), max(x.round) into got, last_round
                from (
                    select q.workload_id, q.round from agent.queue as q
                    where q.state = 'waiting' and q.rank = r and q.round >= v[r + 1]
                    order by q.round, q.arrived limit lanes[r + 1] for update skip locked
                ) as x;
                ids := ids || coalesce(got, '{}');
                if last_round > v[r + 1] then
                    perform setval(('agent.turn_' || r)::regclass, last_round);
                end if;
            end loop;
            if cardinality(ids) < p_limit then  -- the eighths, and what a claim at the same moment took from under us
                ids := ids || array(
                    select q.workload_id from agent.queue as q
                    where q.state = 'waiting' and q.workload_id <> all(ids)
                    order by q.due limit p_limit - cardinality(ids) for update skip locked
                );
            end if;
            if ids = '{}' then
                return '[]';
            end if;
            shown := '{}';
            if go = 1 then
                shown := array(
                    select q.workload_id from agent.queue as q
                    where q.workload_id = any(ids) and q.user_id <> all(suspects)
                );
                update agent.queue as q set started_at = t where q.workload_id = any(shown) and q.started_at is null
                and q.attempt > 0;
                got := array(
                    select w.id from public.compute_workloads as w
                    where w.id = any(shown) and (
                        agent.is_open(w.status, w.agent_status) or (w.status = 'processing' and (
                            w.agent_status is distinct from 'processing' or w.agent_started_at is null
                        ))
                    )
                );
                if got <> '{}' then
                    perform agent.show(got, null);
                end if;
            end if;
            -- the hash comes after the showing: what a trigger of the deployment made of the row then is what is answered
            with given as (
                update agent.queue as q
                set state = 'running', owner = p_owner, token = k.token, attempt = q.attempt + 1,
                    until = clock_timestamp() + make_interval(secs => p_lease_seconds), claimed_at = t,
                    started_at = coalesce(q.started_at, t), request = p_request, inputs = i.hash,
                    project = case when agent.is_open(i.status, i.agent_status) then 'processing' end,
                    show_at = t, tries = case when q.project is null then 0 else q.tries end
                from unnest(ids, tokens) as k (id, token)
                inner join agent.inputs as i on i.id = k.id
                where q.workload_id = k.id and (agent.is_open(i.status, i.agent_status) or i.status = 'processing')
                returning q.workload_id, jsonb_build_object(
                    'workload_id', q.workload_id, 'submission', q.submission, 'thread_id', q.thread_id,
                    'token', q.token, 'owner', q.owner, 'attempt', q.attempt, 'until', q.until,
                    'row', i.inputs || jsonb_build_object(
                        'agent_started_at', q.started_at,
                        'submitted_at', coalesce(nullif(i.inputs -> 'submitted_at', 'null'), to_jsonb(q.started_at))
                    )
                ) as claim
            )
            select coalesce(jsonb_agg(g.claim), '[]'), coalesce(array_agg(g.workload_id), '{}') into answer, got
            from given as g;
            exit;
        exception when query_canceled or others then
            if go = 2 then
                raise;
            end if;
        end;
    end loop;
    if cardinality(ids) > cardinality(got) then  -- left or deleted while the triggers were off
        got := array(select k from unnest(ids) as k where k <> all(got));
        perform agent.drop_work(got, 'the workload left the state processing');
        perform agent.leave(got, 'cancelled');
    end if;
    return answer;
end
$$;

-- Shows what is due, row by row, until it holds; what refuses is parked with the database's words and tried again later
-- (1 s, doubled up to 1 h). Any poller, any time, several at once. Returns [shown, busy, parked]. At most 50 a call: more
-- than 64 sub-transactions in one transaction slow down everybody's snapshots.
create or replace function agent.project(p_limit integer, p_ids uuid[] default null)
returns integer[]
language plpgsql
set search_path = ''
set timezone = 'UTC'
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
                    inputs = case when k.inputs = h then i.hash else k.inputs end
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
                    perform agent.enter(
                        array[w.id], array[agent.user_of(w.user_id)],
                        array[agent.queue_rank(w.urgency, w.deadline, w.latest_completion)]
                    ) from public.compute_workloads as w where w.id = q.workload_id;
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
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    n integer[] := agent.project(p_limit);
begin
    return jsonb_build_object('shown', n[1], 'busy', n[2], 'parked', n[3], 'next_seconds', (
        select extract(epoch from min(q.show_at) - clock_timestamp()) from agent.queue as q where q.project is not null
    ));
end
$$;

-- Tokens that are still held, as an array. One that is missing was taken over, or its row edited, cancelled or deleted. A
-- lease that is locked just now is not extended, and answered as it stands.
create or replace function public.extend_leases(p_ids uuid[], p_tokens bigint[], p_lease_seconds double precision)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
    update agent.queue as q
    set until = clock_timestamp() + make_interval(secs => p_lease_seconds)
    where q.workload_id = any(array(
        select l.workload_id
        from agent.queue as l
        inner join unnest(p_ids, p_tokens) as g (workload_id, token) using (workload_id, token)
        where l.state = 'running'
        for update of l skip locked
    ));
    return coalesce((
        select jsonb_agg(q.token)
        from agent.queue as q
        inner join unnest(p_ids, p_tokens) as g (workload_id, token) using (workload_id, token)
        where q.state = 'running'
    ), '[]');
end
$$;

-- The power that an answer takes, for runs that reserved none; no row where it says nothing sound.
create or replace function agent.power_of(result jsonb)
returns table (asset_id uuid, starts timestamptz, ends timestamptz, power_kw numeric)
language plpgsql
stable
set search_path = ''
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

-- p_items: [{workload_id, token, result: {options[1-3], source, rank, confidence, decision_summary, metadata}}].
-- Returns {written, busy}: the tokens whose result stands, in the shared table or, where a row does not let it be written
-- yet, in agent.answers, from where it is shown as soon as it lets; whether this call or an earlier one whose reply was
-- lost wrote it. Busy: somebody edits that row this moment, nothing was touched, send them again. A token in neither was
-- lost.
create or replace function public.complete_workloads(p_items jsonb)
returns jsonb
language plpgsql
set search_path = ''
set jit = off
set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- by index, whatever the statistics make of a table that was empty a minute ago
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    t timestamptz := clock_timestamp();
    mine uuid[];
    written bigint[];
    busy bigint[] := '{}';
    tired boolean := false;
    items jsonb;
begin
    perform set_config('lock_timeout', '200ms', true);
    for go in 1..2 loop  -- 2: without the shared rows. (Lock and update in ONE sub-transaction, or each costs a multixact.)
        begin
            select array_agg(x.workload_id), array_agg(x.token) into mine, written
            from (
                select q.workload_id, q.token from agent.queue as q
                inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
                where q.state = 'running' for update of q skip locked
            ) as x;
            exit when mine is null;
            if go = 1 and exists (
                select from agent.queue as s inner join agent.queue as q on q.user_id = s.user_id
                where s.project is not null and s.tries > 0 and q.workload_id = any(mine)
            ) then
                continue;  -- suspects go alone
            end if;
            if go = 1 then
                select jsonb_agg(jsonb_build_object(
                    'workload_id', i.workload_id, 'outcome', 'queued', 'result', i.result
                )) into items
                from jsonb_to_recordset(p_items) as i (workload_id uuid, result jsonb)
                where i.workload_id = any(mine);
                perform agent.show(mine, items);
            else
                insert into agent.answers as a (workload_id, submission, outcome, result)
                select q.workload_id, q.submission, 'queued', i.result
                from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb)
                inner join agent.queue as q using (workload_id, token)
                where q.workload_id = any(mine)
                on conflict (workload_id) do update
                set submission = excluded.submission, outcome = excluded.outcome, result = excluded.result;
            end if;
            insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
            select q.workload_id, q.submission, p.asset_id, p.starts, p.ends, p.power_kw
            from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb)
            inner join agent.queue as q using (workload_id, token)
            cross join lateral agent.power_of(i.result) as p
            where q.workload_id = any(mine)
            and not exists (
                select from agent.power as o where o.workload_id = q.workload_id and o.submission = q.submission
            )
            on conflict do nothing;
            with ended as (
                update agent.queue as q
                set state = 'done', until = null, tries = 0, parked = null, parked_at = null, show_at = t, edits = 0,
                    project = case go when 2 then 'answer' end
                where q.workload_id = any(mine)
                returning q.*
            )
            insert into agent.runs
                (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, ended_at)
            select e.workload_id, e.token, e.thread_id, e.submission, e.attempt, e.owner, 'queued', e.claimed_at, t
            from ended as e;
            if go = 2 and not tired then
                perform agent.project(50, mine);
            end if;
            exit;
        exception when query_canceled or others then
            if go = 2 then
                raise;
            end if;
            tired := sqlstate = '57014';
        end;
    end loop;
    if coalesce(cardinality(written), 0) < jsonb_array_length(p_items) then  -- busy, lost, or sent again
        written := coalesce(written, '{}') || array(
            select r.token from agent.runs as r
            inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
            where r.outcome = 'queued' and not r.token = any(coalesce(written, '{}'))
        );
        busy := array(
            select q.token from agent.queue as q
            inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
            where q.state = 'running'
        );
    end if;
    return jsonb_build_object('written', coalesce(written, '{}'), 'busy', busy);
end
$$;

-- p_retry_seconds null: it failed for good. Otherwise due then, on the same thread; unless the attempts are used up.
-- p_details is merged into metadata; its `relaxations` are kept in agent.relaxations as well, which is what `relax` obeys.
-- Returns failed, retry or lost; or busy, and has touched nothing, where somebody edits the row this moment: send it again.
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
    q agent.queue;
    t timestamptz := clock_timestamp();
    v_error text := left(p_error, 4000);
    v_outcome text := 'failed';
begin
    perform set_config('lock_timeout', '200ms', true);
    select k.* into q from agent.queue as k
    where k.workload_id = p_id and k.token = p_token and k.state = 'running' for update skip locked;
    if not found then
        -- busy, lost, or done by a call whose reply was lost
        return to_jsonb(case
            when exists (
                select from agent.queue as k
                where k.workload_id = p_id and k.token = p_token and k.state = 'running'
            ) then 'busy'
            else coalesce((
                select r.outcome from agent.runs as r
                where r.workload_id = p_id and r.token = p_token and r.outcome in ('failed', 'retry')
            ), 'lost')
        end);
    end if;
    if p_retry_seconds is not null and q.attempt < p_max_attempts then
        v_outcome := 'retry';
        update agent.queue as k
        set state = 'retry', owner = null, token = nextval('agent.fence'), request = null, last_error = v_error,
            until = t + make_interval(secs => least(greatest(p_retry_seconds, 0), 86400))
        where k.workload_id = p_id;
    else
        if p_retry_seconds is not null then
            p_error := agent.gave_up(q.attempt, v_error);
        else
            p_error := v_error;
        end if;
        delete from agent.power as p where p.workload_id = p_id;
        if jsonb_typeof(p_details -> 'relaxations') = 'array' then
            insert into agent.relaxations as r (workload_id, submission, items)
            values (p_id, q.submission, p_details -> 'relaxations')
            on conflict (workload_id) do update set submission = excluded.submission, items = excluded.items;
        end if;
        insert into agent.answers as a (workload_id, submission, outcome, result)
        values (p_id, q.submission, 'failed', jsonb_build_object(
            'error', p_error, 'metadata', coalesce(p_details, '{}')
        ))
        on conflict (workload_id) do update
        set submission = excluded.submission, outcome = excluded.outcome, result = excluded.result;
        update agent.queue as k
        set state = 'failed', until = null, project = 'answer', show_at = t, tries = 0, parked = null,
            parked_at = null, edits = 0, last_error = v_error
        where k.workload_id = p_id;
    end if;
    insert into agent.runs
        (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, ended_at, error)
    values (p_id, p_token, q.thread_id, q.submission, q.attempt, q.owner, v_outcome, q.claimed_at, t, v_error);
    if v_outcome = 'failed' then
        perform agent.project(1, array[p_id]);
    end if;
    return to_jsonb(v_outcome);
end
$$;

-- At shutdown: due now, the attempt refunded; the thread stays, so the next holder resumes. Returns how many.
create or replace function public.release_workloads(p_ids uuid[], p_tokens bigint[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    mine uuid[];
begin
    mine := array(
        select l.workload_id
        from agent.queue as l
        inner join unnest(p_ids, p_tokens) as g (workload_id, token) using (workload_id, token)
        where l.state = 'running'
        for update of l skip locked
    );
    if mine = '{}' then
        return to_jsonb(0);
    end if;
    perform agent.note(mine, 'released', null);
    update agent.queue as q
    set state = 'retry', owner = null, token = nextval('agent.fence'), request = null, until = clock_timestamp(),
        attempt = greatest(q.attempt - 1, 0)
    where q.workload_id = any(mine);
    perform pg_catalog.pg_notify('compute_workloads', '');
    return to_jsonb(cardinality(mine));
end
$$;

-- A run that must be planned anew gets a new thread under the same lease. Null: the lease is lost.
create or replace function public.start_new_thread(p_id uuid, p_token bigint)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_old uuid;
    v_new uuid := gen_random_uuid();
begin
    select q.thread_id into v_old from agent.queue as q
    where q.workload_id = p_id and q.token = p_token and q.state = 'running' for update;
    if not found then
        return null;
    end if;
    update agent.queue as q set thread_id = v_new where q.workload_id = p_id;
    insert into agent.left_threads (thread_id, workload_id) values (v_old, p_id) on conflict do nothing;
    return to_jsonb(v_new);
end
$$;

-- Rows that came or left without our triggers (switched off, restored, a fault of ours): p_limit rows from where the last
-- call ended, one call at a time. Rows in `processing` that nobody works on enter after p_grace_seconds. Returns how many
-- entered, how many left, and whether the end was reached.
create or replace function agent.reconcile(p_grace_seconds double precision, p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    first constant uuid := '00000000-0000-0000-0000-000000000000';
    position uuid;
    last uuid;
    n integer;
    is_end boolean;
    ids uuid[];
    us uuid[];
    rs smallint[];
    stop uuid[];
begin
    perform set_config('lock_timeout', '200ms', true);  -- it takes many rows of the queue, and gives up, never a user
    if not pg_try_advisory_xact_lock(hashtextextended('gridwise reconcile', 0)) then
        return jsonb_build_object('entered', 0, 'left', 0, 'end', true);
    end if;
    position := coalesce((select s.position from agent.sweep as s where s.what = 'open'), first);
    select (array_agg(x.id order by x.id desc))[1], count(*) into last, n
    from (
        select w.id from public.compute_workloads as w
        where (w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')) and w.id > position
        order by w.id limit p_limit
    ) as x;
    is_end := n < p_limit;
    select array_agg(w.id order by w.id), array_agg(agent.user_of(w.user_id) order by w.id),
        array_agg(agent.queue_rank(w.urgency, w.deadline, w.latest_completion) order by w.id)
    into ids, us, rs
    from (
        select w.* from public.compute_workloads as w
        where (w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')) and w.id > position
        and w.id <= last
        union all
        (
            select w.* from public.compute_workloads as w
            where w.status = 'processing'
            and coalesce(w.agent_started_at, '-infinity') < now() - make_interval(secs => p_grace_seconds)
            limit 500
        )
    ) as w
    left join agent.queue as q on q.workload_id = w.id
    where not coalesce(q.state in ('waiting', 'running', 'retry') or q.project is not null, false);
    if ids is not null then
        perform agent.enter(ids, us, rs);
    end if;
    insert into agent.sweep as s (what, position) values ('open', case when is_end then first else last end)
    on conflict (what) do update set position = excluded.position;

    position := coalesce((select s.position from agent.sweep as s where s.what = 'queue'), first);
    select (array_agg(x.id order by x.id desc))[1], count(*) into last, n
    from (
        select q.workload_id as id from agent.queue as q where q.workload_id > position
        order by q.workload_id limit p_limit
    ) as x;
    select array_agg(q.workload_id) into stop
    from agent.queue as q
    left join public.compute_workloads as w on w.id = q.workload_id
    where q.workload_id > position and q.workload_id <= last
    and (q.state in ('waiting', 'running', 'retry') or q.project is not null)
    and not coalesce(w.status = 'processing' or agent.is_open(w.status, w.agent_status), false);
    if stop is not null then
        perform agent.drop_work(stop, 'the workload left the state processing');
        perform agent.leave(stop, 'gone');
    end if;
    insert into agent.sweep as s (what, position) values ('queue', case when n < p_limit then first else last end)
    on conflict (what) do update set position = excluded.position;
    return jsonb_build_object('entered', coalesce(cardinality(ids), 0), 'left', coalesce(cardinality(stop), 0), 'end', is_end);
end
$$;

-- How many rows nobody knew of.
create or replace function public.adopt_orphans(p_grace_seconds double precision)
returns jsonb
language sql
set search_path = ''
as $$
    select agent.reconcile(p_grace_seconds, 5000) -> 'entered'
$$;

-- `gridwise retry`. A failed workload resumes on its last thread, or (fresh) is submitted again; one that waits for its
-- next attempt is due at once; one that somebody works on is left alone. Row by row. Returns the ids it took.
create or replace function public.requeue_workloads(p_ids uuid[], p_fresh boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_id uuid;
    q agent.queue;
    v_status text;
    v_agent text;
    v_thread uuid;
    taken uuid[] := '{}';
begin
    perform set_config('lock_timeout', '2s', true);
    foreach v_id in array p_ids loop
        select w.status, w.agent_status into v_status, v_agent
        from public.compute_workloads as w where w.id = v_id for no key update;
        continue when not found;
        select k.* into q from agent.queue as k where k.workload_id = v_id for update;
        continue when q.state = 'running';
        if p_fresh then
            continue when not (v_status in ('failed', 'processing') or (v_status = 'queued' and v_agent = 'completed'));
            update public.compute_workloads as w set status = 'pending', agent_status = 'pending' where w.id = v_id;
            if not exists (
                select from agent.queue as k where k.workload_id = v_id and k.state in ('waiting', 'retry')
            ) then  -- the triggers are off
                perform agent.enter(
                    array[w.id], array[agent.user_of(w.user_id)],
                    array[agent.queue_rank(w.urgency, w.deadline, w.latest_completion)]
                ) from public.compute_workloads as w where w.id = v_id;
            end if;
        elsif q.state = 'retry' then
            update agent.queue as k set until = clock_timestamp() where k.workload_id = v_id;
        else
            continue when v_status is distinct from 'failed';
            v_thread := coalesce((
                select r.thread_id from agent.runs as r
                where r.workload_id = v_id and not r.checkpoints_pruned order by r.token desc limit 1
            ), gen_random_uuid());
            perform set_config('gridwise.writing', 'on', true);
            update public.compute_workloads as w
            set status = 'processing', agent_status = 'processing', agent_error = null, agent_completed_at = null,
                agent_started_at = coalesce(w.agent_started_at, clock_timestamp()),
                metadata = agent.without_answer(w.metadata) - 'relaxations'
            where w.id = v_id and w.status = 'failed';
            perform set_config('gridwise.writing', '', true);
            perform agent.enter(
                array[w.id], array[agent.user_of(w.user_id)],
                array[agent.queue_rank(w.urgency, w.deadline, w.latest_completion)]
            ) from public.compute_workloads as w where w.id = v_id;
            update agent.queue as k
            set thread_id = v_thread, state = 'retry', until = clock_timestamp(), token = nextval('agent.fence'),
                claimed_at = clock_timestamp(), started_at = w.agent_started_at
            from public.compute_workloads as w where k.workload_id = v_id and w.id = v_id;
            delete from agent.relaxations as r where r.workload_id = v_id;
        end if;
        taken := taken || v_id;
    end loop;
    perform pg_catalog.pg_notify('compute_workloads', '');
    return to_jsonb(taken);
end
$$;

-- The power of a site is promised once: to placed workloads, and to those that are being decided.
create or replace function agent.power_promises(p_start timestamptz, p_end timestamptz)
returns table (workload_id uuid, asset_id uuid, starts timestamptz, ends timestamptz, power_kw numeric)
language sql
stable
set search_path = ''
as $$
    select p.workload_id, p.asset_id, p.starts, p.ends, p.power_kw
    from agent.power as p
    where p.held and p.ends > p_start and p.starts < p_end
$$;

-- p_items: [{asset_id, start, end, power_kw}], in place of what this submission had reserved. Returns reserved; taken: by
-- now so much is promised to others that it would not fit, and nothing changes; lost: the lease is somebody else's. One
-- caller at a time per site. Without a token (the graph runs under `langgraph dev`) it only says whether it would fit.
create or replace function public.reserve_power(p_workload uuid, p_token bigint, p_items jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_submission bigint;
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

-- Cheap: for a metrics endpoint that is asked every few seconds. The queue's indexes only.
create or replace function public.queue_depth()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'pending', w.n, 'oldest_pending_seconds', w.seconds,
        'in_flight', (select count(*) from agent.queue as q where q.state = 'running'),
        'waiting_for_retry', (select count(*) from agent.queue as q where q.state = 'retry'),
        'overdue', (
            select count(*) from agent.queue as q where q.state in ('running', 'retry') and q.until < clock_timestamp()
        ),
        'next_due_seconds', (
            select extract(epoch from min(q.until) - clock_timestamp()) from agent.queue as q
            where q.state in ('running', 'retry')
        ),
        'unshown', (select count(*) from agent.queue as q where q.project is not null),
        'parked', (select count(*) from agent.queue as q where q.project is not null and q.parked is not null)
    )
    from (
        select count(*) as n, extract(epoch from clock_timestamp() - min(q.arrived)) as seconds
        from agent.queue as q where q.state = 'waiting'
    ) as w
$$;

-- Everything `gridwise status` shows. Reads the whole table once for the counts.
create or replace function public.queue_status()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select public.queue_depth() || jsonb_build_object(
        'counts', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'status', left(c.status, 100), 'agent_status', left(c.agent_status, 100), 'count', c.n
            ) order by c.n desc, c.status, c.agent_status), '[]')
            from (
                select w.status, w.agent_status, count(*) as n from public.compute_workloads as w
                group by w.status, w.agent_status order by n desc limit 100
            ) as c
        ),
        'oldest_pending', (
            select jsonb_build_object('id', w.id, 'workload_name', left(w.workload_name, 200), 'submitted_at', q.arrived)
            from (
                select k.workload_id, k.arrived from agent.queue as k where k.state = 'waiting' order by k.arrived limit 1
            ) as q
            inner join public.compute_workloads as w on w.id = q.workload_id
        ),
        'leases', (
            select coalesce(jsonb_agg(x.lease order by x.claimed_at), '[]')
            from (
                select q.claimed_at, jsonb_build_object(
                    'workload_id', q.workload_id, 'workload_name', left(w.workload_name, 200),
                    'thread_id', q.thread_id, 'owner', q.owner, 'attempt', q.attempt, 'claimed_at', q.claimed_at,
                    'age_seconds', coalesce(extract(epoch from clock_timestamp() - q.claimed_at), 0),
                    'until', q.until, 'last_error', q.last_error
                ) as lease
                from agent.queue as q
                left join public.compute_workloads as w on w.id = q.workload_id
                where q.state in ('running', 'retry')
                order by q.claimed_at limit 200
            ) as x
        ),
        -- rows whose state or answer the table refuses
        'parked', (select count(*) from agent.queue as q where q.project is not null and q.parked is not null),
        'parked_rows', (
            select coalesce(jsonb_agg(x.entry order by x.parked_at), '[]')
            from (
                select q.parked_at, jsonb_build_object(
                    'workload_id', q.workload_id, 'workload_name', left(w.workload_name, 200), 'what', q.project,
                    'reason', q.parked, 'since', q.parked_at, 'tries', q.tries, 'next_try', q.show_at
                ) as entry
                from agent.queue as q
                left join public.compute_workloads as w on w.id = q.workload_id
                where q.project is not null and q.parked is not null
                order by q.parked_at limit 20
            ) as x
        ),
        'failures', (
            select coalesce(jsonb_agg(x.failure order by x.ended_at desc), '[]')
            from (
                select r.ended_at, jsonb_build_object(
                    'workload_id', r.workload_id, 'workload_name', left(w.workload_name, 200), 'attempt', r.attempt,
                    'ended_at', r.ended_at, 'error', r.error
                ) as failure
                from agent.runs as r
                left join public.compute_workloads as w on w.id = r.workload_id
                where r.outcome = 'failed'
                order by r.ended_at desc limit 20
            ) as x
        ),
        'last_hour', (
            select jsonb_build_object(
                'queued', count(*) filter (where r.outcome = 'queued'),
                'failed', count(*) filter (where r.outcome = 'failed'),
                'retry', count(*) filter (where r.outcome = 'retry'),
                'lost', count(*) filter (where r.outcome = 'lost'),
                'released', count(*) filter (where r.outcome = 'released'),
                'cancelled', count(*) filter (where r.outcome = 'cancelled'),
                'median_seconds', percentile_cont(0.5) within group (
                    order by extract(epoch from r.ended_at - r.claimed_at)
                ) filter (where r.outcome = 'queued')
            )
            from agent.runs as r where r.ended_at > now() - interval '1 hour'
        ),
        -- a snapshot that somebody holds open keeps the dead from being swept away
        'oldest_transaction_seconds', (
            select extract(epoch from clock_timestamp() - min(a.xact_start)) from pg_catalog.pg_stat_activity as a
            where a.datname = current_database() and a.pid <> pg_backend_pid() and a.state <> 'idle'
        )
    )
$$;

-- Attempts, oldest first; the one under way or waited for last, with `outcome` running or waiting.
create or replace function public.workload_history(p_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(x.entry order by x.token), '[]')
    from (
        select r.token, jsonb_build_object(
            'workload_id', r.workload_id, 'thread_id', r.thread_id, 'submission', r.submission, 'token', r.token,
            'attempt', r.attempt, 'owner', r.owner, 'outcome', r.outcome, 'claimed_at', r.claimed_at,
            'ended_at', r.ended_at, 'seconds', extract(epoch from r.ended_at - r.claimed_at), 'error', r.error
        ) as entry
        from agent.runs as r where r.workload_id = p_id
        union all
        select coalesce(q.token, 9223372036854775807), jsonb_build_object(
            'workload_id', q.workload_id, 'thread_id', q.thread_id, 'submission', q.submission, 'token', q.token,
            'attempt', q.attempt, 'owner', q.owner,
            'outcome', case when q.state = 'running' then 'running' else 'waiting' end,
            'claimed_at', q.claimed_at, 'ended_at', null, 'due_at', case when q.state <> 'running' then q.until end,
            'seconds', extract(epoch from clock_timestamp() - q.claimed_at), 'error', q.last_error
        )
        from agent.queue as q
        where q.workload_id = p_id and q.claimed_at is not null and q.state in ('running', 'retry', 'waiting')
    ) as x
$$;

-- Forgets attempts that ended that long ago, oldest first; returns how many. It keeps what somebody still needs: an
-- attempt whose checkpoints are there (`gridwise retry` resumes a failed workload on that thread), all of a workload that
-- is worked on, and the last day whatever is asked (a completion whose reply was lost is answered from history). What has
-- long been over goes from the queue and from the promises as well.
create or replace function public.trim_history(p_retention_seconds double precision, p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
set enable_seqscan = off  -- from the old end of the indexes, however long the history and old its statistics
set enable_sort = off
set jit = off
as $$
declare
    n integer;
    v_ids uuid[];
begin
    -- several pollers may do this at once: each takes other rows
    with gone as (
        delete from agent.runs as r
        where r.ctid = any(array(
            select o.ctid from agent.runs as o
            where o.ended_at < now() - make_interval(secs => greatest(p_retention_seconds, 86400))
            and o.checkpoints_pruned
            and not exists (
                select from agent.queue as q
                where q.workload_id = o.workload_id and q.state in ('waiting', 'running', 'retry')
            )
            order by o.ended_at limit p_limit
            for update skip locked
        ))
        returning r.workload_id
    )
    select count(*), array_agg(distinct g.workload_id) into n, v_ids from gone as g;
    delete from agent.queue as q
    where q.workload_id = any(v_ids) and q.state in ('done', 'failed', 'cancelled', 'gone') and q.project is null
    and not exists (select from agent.runs as r where r.workload_id = q.workload_id);
    delete from agent.power as p
    where (p.workload_id, p.submission, p.asset_id, p.starts) in (
        select o.workload_id, o.submission, o.asset_id, o.starts from agent.power as o
        where o.ends < now() - interval '7 days' order by o.ends limit p_limit for update skip locked
    );
    return to_jsonb(n);
end
$$;

-- Threads that ended, or were left, that long ago, and that no lease will resume.
create or replace function public.prunable_threads(p_retention_seconds double precision, p_limit integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct x.thread_id), '[]')
    from (
        (
            select r.thread_id from agent.runs as r
            where not r.checkpoints_pruned
            and r.ended_at < now() - make_interval(secs => p_retention_seconds)
            and not exists (
                select from agent.queue as q
                where q.workload_id = r.workload_id and q.thread_id = r.thread_id
                and q.state in ('waiting', 'running', 'retry')
            )
            and not exists (
                select from agent.runs as n
                where n.workload_id = r.workload_id and n.thread_id = r.thread_id
                and n.ended_at >= now() - make_interval(secs => p_retention_seconds)
            )
            order by r.ended_at limit p_limit
        )
        union all
        (
            select t.thread_id from agent.left_threads as t
            where t.left_at < now() - make_interval(secs => p_retention_seconds)
            limit p_limit
        )
    ) as x
$$;

-- Takes over what the release before has: leases with their reservations, and rows that wait. Power that it promised is
-- rebuilt from our own history: a row counts as long as it is still the very version that our completion wrote (same
-- transaction, same moment), whatever its user may have written before or since.
do $$
declare
    t timestamptz := clock_timestamp();
begin
    perform set_config('timezone', 'UTC', true);
    perform set_config('lock_timeout', '400ms', true);
    insert into agent.queue as q (
        workload_id, submission, user_id, rank, round, arrived, due, state, thread_id, attempt, token, owner, until,
        claimed_at, started_at, request, last_error, inputs
    )
    select l.workload_id, 1, agent.user_of(w.user_id), agent.queue_rank(w.urgency, w.deadline, w.latest_completion), 0,
        l.claimed_at, l.claimed_at, case when l.owner is null then 'retry' else 'running' end, l.thread_id, l.attempt,
        l.token, l.owner, l.until, l.claimed_at, w.agent_started_at, l.request, l.last_error, i.hash
    from agent.leases as l
    inner join public.compute_workloads as w on w.id = l.workload_id and w.status = 'processing'
    inner join agent.inputs as i on i.id = w.id
    on conflict (workload_id) do update
    set submission = q.submission + 1, state = excluded.state, thread_id = excluded.thread_id,
        attempt = excluded.attempt, token = excluded.token, owner = excluded.owner, until = excluded.until,
        claimed_at = excluded.claimed_at, started_at = excluded.started_at, request = excluded.request,
        last_error = excluded.last_error, inputs = excluded.inputs, project = null;
    insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
    select l.workload_id, q.submission, p.asset_id, p.start, max(p."end"), sum(p.power_kw)
    from agent.leases as l
    inner join agent.queue as q on q.workload_id = l.workload_id
    cross join lateral jsonb_to_recordset(l.reserved) as p (
        asset_id uuid, start timestamptz, "end" timestamptz, power_kw numeric
    )
    where isfinite(p.start) and isfinite(p."end") and p."end" > p.start and p.power_kw >= 0 and p.power_kw < 1e9
    group by l.workload_id, q.submission, p.asset_id, p.start
    on conflict do nothing;
    delete from agent.leases;

    insert into agent.queue (
        workload_id, user_id, rank, round, arrived, due, state, thread_id, attempt, token, claimed_at, started_at
    )
    select r.workload_id, agent.user_of(w.user_id), 2, 0, r.claimed_at, r.claimed_at, 'done', r.thread_id, r.attempt,
        r.token, r.claimed_at, r.claimed_at
    from agent.runs as r
    inner join public.compute_workloads as w on w.id = r.workload_id
    where r.outcome = 'queued' and r.ended_at > now() - interval '30 days' and w.xmin = r.xmin
    and w.agent_completed_at = r.ended_at
    and not exists (  -- restored in one transaction: then equal transactions prove nothing
        select from agent.runs as o where o.xmin = r.xmin and o.ended_at <> r.ended_at
    )
    on conflict do nothing;
    insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
    select q.workload_id, q.submission, p.asset_id, p.starts, p.ends, p.power_kw
    from agent.queue as q
    inner join agent.runs as r on r.workload_id = q.workload_id and r.token = q.token and r.outcome = 'queued'
    inner join public.compute_workloads as w on w.id = q.workload_id and w.xmin = r.xmin
    cross join lateral agent.power_of(jsonb_build_object('metadata', w.metadata, 'options', jsonb_build_array(
        jsonb_build_object('asset_id', w.recommended_asset_id, 'start', w.recommended_time_window_start,
            'end', w.recommended_time_window_end)
    ))) as p
    where q.state = 'done' and w.recommended_asset_id is not null and p.ends > now()
    on conflict do nothing;

    -- in the order in which a user's rows came as far as one can tell; users in turn
    perform agent.enter(x.ids, x.us, x.rs)
    from (
        select array_agg(w.id order by w.n) as ids, array_agg(w.u order by w.n) as us, array_agg(w.r order by w.n) as rs
        from (
            select w.id, agent.user_of(w.user_id) as u,
                agent.queue_rank(w.urgency, w.deadline, w.latest_completion) as r,
                row_number() over (order by least(w.submitted_at, now()), w.id) as n
            from public.compute_workloads as w
            left join agent.queue as q on q.workload_id = w.id
            where (w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending'))
            and not coalesce(q.state in ('waiting', 'running', 'retry') or q.project is not null, false)
        ) as w
    ) as x
    where x.ids is not null;

    -- what only the functions of the release before read
    drop index if exists public.compute_workloads_queue_idx;
    drop index if exists public.compute_workloads_promised_idx;
end
$$;

-- A call that was under way with the body of the release before is told to come again, and finds the new one.
create or replace function agent.leases_have_moved()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'leases have moved to agent.queue while this call was under way; send it again'
        using errcode = '40001';
end
$$;
create trigger leases_have_moved before insert or update or delete on agent.leases
for each statement execute function agent.leases_have_moved();

select agent.only_service_role(array[
    'agent.show(uuid[], jsonb)',
    'agent.claims(uuid[])',
    'agent.project(integer, uuid[])',
    'agent.power_of(jsonb)',
    'agent.reconcile(double precision, integer)',
    'agent.leases_have_moved()',
    'agent.power_promises(timestamptz, timestamptz)',
    'public.project_workloads(integer)'
]);

notify pgrst, 'reload schema';

insert into agent.migrations (name) values ('0023_queue_functions') on conflict (name) do nothing;

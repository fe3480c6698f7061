-- Who works on what. Names, arguments and answers are those of the release before (the answers have some keys more), so
-- that its pollers go on beside newer ones: they share this queue.

-- Before anything here is replaced, and until commit: no call of a poller of the release before is under way
-- (previous_release.sql takes over its leases).
do $$
begin
    if not exists (select from pg_catalog.pg_trigger where tgname = 'leases_have_moved') then
        perform set_config('lock_timeout', '400ms', true);
        lock table agent.leases in access exclusive mode;
    end if;
end
$$;

-- Grows from call to call. Its last 20 bits are random: a database that was set back to an earlier moment hands its
-- numbers out again, and whoever still works under one that he was given before must not be taken for its new holder.
create or replace function agent.new_token()
returns bigint language sql
as $$
    select (pg_catalog.nextval('agent.fence'::pg_catalog.regclass) operator(pg_catalog.<<) 20)
        operator(pg_catalog.+) pg_catalog.floor(pg_catalog.random() operator(pg_catalog.*) 1048576)::pg_catalog.int8
$$;  -- no SET: it is to be inlined

-- Leases with what their runs read, as claim_workloads returns them.
create or replace function agent.claims(ids uuid[])
returns jsonb language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC'
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

-- A run that must be planned anew gets a new thread under the same lease. Null: the lease is lost.
create or replace function public.start_new_thread(p_id uuid, p_token bigint)
returns jsonb language sql set search_path = ''
as $$
    with mine as (
        select q.workload_id, q.thread_id from agent.queue as q
        where q.workload_id = p_id and q.token = p_token and q.state = 'running' for update
    ), gone as (
        insert into agent.left_threads (thread_id, workload_id) select m.thread_id, m.workload_id from mine as m
        on conflict do nothing
    )
    update agent.queue as q set thread_id = gen_random_uuid() from mine as m where q.workload_id = m.workload_id
    returning to_jsonb(q.thread_id)
$$;

-- [{workload_id, submission, thread_id, token, owner, attempt, until, row}], leases of p_lease_seconds. First what ran
-- out or is due goes back to its lane (used up: it fails); then turns. `processing` is shown in the same call where the
-- shared rows let it; else agent.project shows it. Flat: a handful of index heads, whatever waits.
-- A call whose reply was lost is sent again with the same p_request and p_resend.
create or replace function public.claim_workloads(
    p_owner text, p_limit integer, p_lease_seconds double precision, p_max_attempts integer,
    p_request uuid default null, p_resend boolean default false
)
returns jsonb language plpgsql set search_path = '' set timezone = 'UTC'
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
    found_ranks integer[];
    are_new boolean;
    is_lane_new boolean;
    lanes integer[];
    setting text;  -- an assignment runs no statement, as `perform` does
    ids uuid[];
    got uuid[];
begin
    if p_limit not between 1 and 1000 or p_max_attempts < 1 or p_lease_seconds not between 0.05 and 86400 then
        raise exception using errcode = '22023', message = format(
            'claim_workloads: limit %s (1-1000), lease %s s (0.05-86400), max attempts %s (from 1)',
            p_limit, p_lease_seconds, p_max_attempts
        );
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
    setting := set_config('lock_timeout', '200ms', true);
    if exists (select from agent.trigger_faults) then
        perform agent.catch_up();
    end if;
    t := clock_timestamp();
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

    select array_agg(k.token), count(*) filter (where (k.token >> 20) % 8 = 0) into tokens, elders
    from (select agent.new_token() as token from generate_series(1, p_limit)) as k;
    -- How many of each urgency: ordered lanes, merged by the due of their heads. (From V on: the index's entries below it
    -- are dead, and a snapshot held open elsewhere keeps them. What lives below it is served as an eighth.)
    found_ranks := array(
        select c.r from (values (0), (1), (2), (3)) as c (r)
        where exists (
            select from agent.queue as q where q.state = 'waiting' and q.rank = c.r and q.round >= v[c.r + 1]
        )
    );
    lanes := array[0, 0, 0, 0];
    if cardinality(found_ranks) = 1 then
        lanes[found_ranks[1] + 1] := p_limit - elders;
    elsif cardinality(found_ranks) > 1 then
        select array[
            count(*) filter (where y.rank = 0), count(*) filter (where y.rank = 1),
            count(*) filter (where y.rank = 2), count(*) filter (where y.rank = 3)
        ] into lanes
        from (
            select x.rank
            from (
                select h.rank, max(h.due) over (
                    partition by h.rank order by h.round, h.arrived rows unbounded preceding
                ) as lane_due
                from (values (0), (1), (2), (3)) as c (r)
                cross join lateral (
                    select q.rank, q.round, q.arrived, q.due from agent.queue as q
                    where q.state = 'waiting' and q.rank = c.r and q.round >= v[c.r + 1]
                    order by q.round, q.arrived limit p_limit
                ) as h
            ) as x
            order by x.lane_due limit p_limit - elders
        ) as y;
    end if;

    for go in 1..2 loop
        begin
            ids := '{}';
            are_new := true;
            for r in 0..3 loop
                continue when lanes[r + 1] = 0;
                select array_agg(x.workload_id), max(x.round), bool_and(x.attempt = 0) into got, last_round, is_lane_new
                from (
                    select q.workload_id, q.round, q.attempt from agent.queue as q
                    where q.state = 'waiting' and q.rank = r and q.round >= v[r + 1]
                    order by q.round, q.arrived limit lanes[r + 1] for update skip locked
                ) as x;
                ids := ids || coalesce(got, '{}');
                are_new := are_new and coalesce(is_lane_new, true);
                if last_round > v[r + 1] then
                    last_round := setval(('agent.turn_' || r)::regclass, last_round);
                end if;
            end loop;
            if cardinality(ids) < p_limit then  -- the eighths, and what a claim at the same moment took from under us
                select array_agg(x.workload_id), bool_and(x.attempt = 0) into got, is_lane_new
                from (
                    select q.workload_id, q.attempt from agent.queue as q
                    where q.state = 'waiting' and q.workload_id <> all(ids)
                    order by q.due limit p_limit - cardinality(ids) for update skip locked
                ) as x;
                ids := ids || coalesce(got, '{}');
                are_new := are_new and coalesce(is_lane_new, true);
            end if;
            if ids = '{}' then
                return '[]';
            end if;
            if go = 1 then
                got := ids;
                if not are_new or exists (select from agent.queue as s where s.project is not null and s.tries > 0) then
                    got := array(  -- suspects are shown alone, later; what was shown before is not shown again
                        select w.id
                        from public.compute_workloads as w
                        inner join agent.queue as q on q.workload_id = w.id
                        where w.id = any(ids) and (
                            agent.is_open(w.status, w.agent_status) or (w.status = 'processing' and (
                                w.agent_status is distinct from 'processing' or w.agent_started_at is null
                            ))
                        ) and not exists (
                            select from agent.queue as s
                            where s.user_id = q.user_id and s.project is not null and s.tries > 0
                        )
                    );
                end if;
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
                    version = i.version,
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

-- Tokens that are still held, as an array. One that is missing was taken over, or its row edited, cancelled or deleted. A
-- lease that is locked just now is not extended, and answered as it stands.
create or replace function public.extend_leases(p_ids uuid[], p_tokens bigint[], p_lease_seconds double precision)
returns jsonb language plpgsql set search_path = ''
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

-- At shutdown: due now, the attempt refunded; the thread stays, so the next holder resumes. Returns how many.
create or replace function public.release_workloads(p_ids uuid[], p_tokens bigint[])
returns jsonb language plpgsql set search_path = ''
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
    set state = 'retry', owner = null, token = agent.new_token(), request = null, until = clock_timestamp(),
        attempt = greatest(q.attempt - 1, 0)
    where q.workload_id = any(mine);
    perform pg_catalog.pg_notify('compute_workloads', '');
    return to_jsonb(cardinality(mine));
end
$$;

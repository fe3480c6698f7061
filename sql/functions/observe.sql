-- What is going on, and what happened to a workload.

-- Cheap: for a metrics endpoint that is asked every few seconds. The queue's indexes only.
create or replace function public.queue_depth()
returns jsonb language sql stable set search_path = ''
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
returns jsonb language sql stable set search_path = ''
as $$
    select public.queue_depth() || jsonb_build_object(
        -- not transaction_read_only: PostgREST calls a stable function in a transaction that is
        'is_read_only', pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean,
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
            select coalesce(jsonb_agg(to_jsonb(x) order by x.claimed_at), '[]')
            from (
                select q.workload_id, left(w.workload_name, 200) as workload_name, q.thread_id, q.owner, q.attempt,
                    q.claimed_at, coalesce(extract(epoch from clock_timestamp() - q.claimed_at), 0) as age_seconds,
                    q.until, q.last_error
                from agent.queue as q
                left join public.compute_workloads as w on w.id = q.workload_id
                where q.state in ('running', 'retry')
                order by q.claimed_at limit 200
            ) as x
        ),
        -- rows whose state or answer the table refuses
        'parked', (select count(*) from agent.queue as q where q.project is not null and q.parked is not null),
        'parked_rows', (
            select coalesce(jsonb_agg(to_jsonb(x) order by x.since), '[]')
            from (
                select q.workload_id, left(w.workload_name, 200) as workload_name, q.project as what,
                    q.parked as reason, q.parked_at as since, q.tries, q.show_at as next_try
                from agent.queue as q
                left join public.compute_workloads as w on w.id = q.workload_id
                where q.project is not null and q.parked is not null
                order by q.parked_at limit 20
            ) as x
        ),
        'failures', (
            select coalesce(jsonb_agg(to_jsonb(x) order by x.ended_at desc), '[]')
            from (
                select r.workload_id, left(w.workload_name, 200) as workload_name, r.attempt, r.ended_at, r.error
                from agent.runs as r left join public.compute_workloads as w on w.id = r.workload_id
                where r.outcome = 'failed' order by r.ended_at desc limit 20
            ) as x
        ),
        'last_hour', (
            select jsonb_build_object(
                'queued', count(*) filter (where o = 'queued'), 'failed', count(*) filter (where o = 'failed'),
                'retry', count(*) filter (where o = 'retry'), 'lost', count(*) filter (where o = 'lost'),
                'released', count(*) filter (where o = 'released'),
                'cancelled', count(*) filter (where o = 'cancelled'),
                'median_seconds', percentile_cont(0.5) within group (order by seconds) filter (where o = 'queued')
            )
            from (
                select r.outcome as o, extract(epoch from r.ended_at - r.claimed_at) as seconds
                from agent.runs as r where r.ended_at > now() - interval '1 hour'
            ) as x
        ),
        -- a snapshot that somebody holds open keeps the dead from being swept away
        'oldest_transaction_seconds', (
            select extract(epoch from clock_timestamp() - min(a.xact_start))
            from pg_catalog.pg_stat_activity as a
            where a.datname = current_database() and a.state <> 'idle' and a.pid <> pg_backend_pid()
        )
    )
$$;

-- Attempts, oldest first; the one under way or waited for last, with `outcome` running or waiting.
create or replace function public.workload_history(p_id uuid)
returns jsonb language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(to_jsonb(x) || jsonb_build_object(
        'seconds', extract(epoch from coalesce(x.ended_at, clock_timestamp()) - x.claimed_at)
    ) order by x.token), '[]')
    from (
        select r.workload_id, r.thread_id, r.submission, r.token, r.attempt, r.owner, r.outcome, r.claimed_at,
            r.ended_at, null::timestamptz as due_at, r.error
        from agent.runs as r where r.workload_id = p_id
        union all
        select q.workload_id, q.thread_id, q.submission, q.token, q.attempt, q.owner,
            case when q.state = 'running' then 'running' else 'waiting' end, q.claimed_at, null,
            case when q.state <> 'running' then q.until end, q.last_error
        from agent.queue as q
        where q.workload_id = p_id and q.claimed_at is not null and q.state in ('running', 'retry', 'waiting')
    ) as x
$$;

-- At most six workloads that a person may mean, newest first: by id, by the first digits of one (4 at least, dashes or
-- not), or by name.
create or replace function public.find_workloads(p_text text)
returns jsonb language plpgsql stable set search_path = ''
as $$
declare
    digits text := lower(replace(p_text, '-', ''));
    is_prefix boolean := lower(p_text) ~ '^[0-9a-f-]+$' and length(digits) between 4 and 32;
    low uuid := case when is_prefix then rpad(digits, 32, '0')::uuid end;
    high uuid := case when is_prefix then rpad(digits, 32, 'f')::uuid end;
begin
    return (
        select coalesce(jsonb_agg(x.found order by x.submitted_at desc nulls last), '[]')
        from (
            select m.submitted_at, jsonb_build_object(
                'id', m.id, 'workload_name', left(m.workload_name, 200), 'status', m.status,
                'agent_status', m.agent_status, 'submitted_at', m.submitted_at
            ) as found
            from (
                select w.* from public.compute_workloads as w where w.id between low and high
                union
                select w.* from public.compute_workloads as w where w.workload_name = p_text
            ) as m
            order by m.submitted_at desc nulls last limit 6
        ) as x
    );
end
$$;

-- Newest first. Null arguments do not filter; p_like is part of a name, in any case.
create or replace function public.list_workloads(p_limit integer, p_states text[], p_like text, p_since_seconds double precision)
returns jsonb language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(x.row order by x.submitted_at desc nulls last), '[]')
    from (
        select w.submitted_at, jsonb_build_object(
            'id', w.id, 'workload_name', left(w.workload_name, 200), 'status', w.status, 'agent_status', w.agent_status,
            'urgency', w.urgency, 'submitted_at', w.submitted_at, 'agent_completed_at', w.agent_completed_at,
            'agent_error', left(w.agent_error, 2000), 'recommended_region', w.recommended_region,
            'recommended_carbon_intensity', w.recommended_carbon_intensity,
            'recommended_renewable_mix', w.recommended_renewable_mix, 'recommended_cost_gbp', w.recommended_cost_gbp,
            'recommended_time_window_start', w.recommended_time_window_start,
            'recommended_time_window_end', w.recommended_time_window_end,
            'recommendation_confidence', w.recommendation_confidence,
            'metadata', case
                when jsonb_typeof(w.metadata) = 'object' and w.metadata ? 'provenance' then jsonb_build_object(
                    'provenance', jsonb_build_object('savings', w.metadata #> '{provenance,savings}')
                )
            end
        ) as row
        from public.compute_workloads as w
        where (p_states is null or w.status = any(p_states))
        and (p_like is null or strpos(lower(w.workload_name), lower(p_like)) > 0)
        and (p_since_seconds is null or w.submitted_at >= now() - make_interval(secs => p_since_seconds))
        order by w.submitted_at desc nulls last limit p_limit
    ) as x
$$;

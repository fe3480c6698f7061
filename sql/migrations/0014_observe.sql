-- What is going on, and what happened to a workload.

-- Cheap: for a metrics endpoint that is asked every few seconds. Indexes only.
create or replace function public.queue_depth()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'pending', (
            select count(*) from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
        ),
        -- a user may have put an infinite time there, which before PostgreSQL 17 cannot be subtracted
        'oldest_pending_seconds', (
            select extract(epoch from now() - min(w.submitted_at) filter (where isfinite(w.submitted_at)))
            from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
        ),
        'in_flight', (select count(*) from agent.leases as l where l.owner is not null),
        'waiting_for_retry', (select count(*) from agent.leases as l where l.owner is null),
        'overdue', (select count(*) from agent.leases as l where l.until < clock_timestamp()),
        'next_due_seconds', (select extract(epoch from min(l.until) - clock_timestamp()) from agent.leases as l)
    )
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
                'status', c.status, 'agent_status', c.agent_status, 'count', c.n
            ) order by c.status, c.agent_status), '[]')
            from (
                select w.status, w.agent_status, count(*) as n from public.compute_workloads as w
                group by w.status, w.agent_status
            ) as c
        ),
        'oldest_pending', (
            select jsonb_build_object('id', w.id, 'workload_name', left(w.workload_name, 200), 'submitted_at', w.submitted_at)
            from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
            order by w.submitted_at limit 1
        ),
        'leases', (
            select coalesce(jsonb_agg(x.lease order by x.claimed_at), '[]')
            from (
                select l.claimed_at, jsonb_build_object(
                    'workload_id', l.workload_id, 'workload_name', left(w.workload_name, 200),
                    'thread_id', l.thread_id, 'owner', l.owner, 'attempt', l.attempt, 'claimed_at', l.claimed_at,
                    'age_seconds', extract(epoch from clock_timestamp() - l.claimed_at), 'until', l.until,
                    'last_error', l.last_error
                ) as lease
                from agent.leases as l
                left join public.compute_workloads as w on w.id = l.workload_id
                order by l.claimed_at limit 200
            ) as x
        ),
        'failures', (
            select coalesce(jsonb_agg(x.failure order by x.ended_at desc), '[]')
            from (
                select r.ended_at, jsonb_build_object(
                    'workload_id', r.workload_id, 'workload_name', left(w.workload_name, 200), 'attempt', r.attempt,
                    'ended_at', r.ended_at, 'error', coalesce(w.agent_error, r.error)
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
        -- a snapshot that somebody holds open makes every claim slower
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
            'workload_id', r.workload_id, 'thread_id', r.thread_id, 'token', r.token, 'attempt', r.attempt,
            'owner', r.owner, 'outcome', r.outcome, 'claimed_at', r.claimed_at, 'ended_at', r.ended_at,
            'seconds', extract(epoch from r.ended_at - r.claimed_at), 'error', r.error
        ) as entry
        from agent.runs as r where r.workload_id = p_id
        union all
        select l.token, jsonb_build_object(
            'workload_id', l.workload_id, 'thread_id', l.thread_id, 'token', l.token, 'attempt', l.attempt,
            'owner', l.owner, 'outcome', case when l.owner is null then 'waiting' else 'running' end,
            'claimed_at', l.claimed_at, 'ended_at', null, 'due_at', case when l.owner is null then l.until end,
            'seconds', extract(epoch from clock_timestamp() - l.claimed_at), 'error', l.last_error
        )
        from agent.leases as l where l.workload_id = p_id
    ) as x
$$;

select agent.only_service_role(array[
    'public.queue_depth()',
    'public.queue_status()',
    'public.workload_history(uuid)'
]);

insert into agent.migrations (name) values ('0014_observe') on conflict (name) do nothing;

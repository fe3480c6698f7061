-- Into the queue and out of it. 0020_queue says how it is ordered, and in which order rows are locked.

-- The round that each urgency is at.
create or replace function agent.turns()
returns bigint[] language sql
as $$
    select array[
        coalesce(pg_catalog.pg_sequence_last_value('agent.turn_0'::pg_catalog.regclass), 0),
        coalesce(pg_catalog.pg_sequence_last_value('agent.turn_1'::pg_catalog.regclass), 0),
        coalesce(pg_catalog.pg_sequence_last_value('agent.turn_2'::pg_catalog.regclass), 0),
        coalesce(pg_catalog.pg_sequence_last_value('agent.turn_3'::pg_catalog.regclass), 0)
    ]
$$;  -- no SET: it is to be inlined

-- The head start of an urgency, less a quarter of an hour for each own row before it.
create or replace function agent.due_of(arrived timestamptz, rank smallint, ahead bigint)
returns timestamptz language sql stable
as $$
    select arrived + interval '15 minutes' * least(ahead, 10000)
        - case rank when 0 then interval '24 hours' when 1 then interval '4 hours' when 2 then interval '1 hour'
            else interval '0' end
$$;  -- no SET: it is to be inlined

-- Into the queue, or again: a new submission. A row that waits keeps its turn unless its user or urgency changed. Edited
-- over and over while it is worked on, a row waits longer and longer, so that it costs little. The caller holds the
-- shared rows (triggers) or is the only one of its kind (reconcile).
drop function if exists agent.enter(uuid[], uuid[], smallint[]);
create or replace function agent.enter(p_ids uuid[])
returns void language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v bigint[] := agent.turns();
    rounds bigint[];
    t timestamptz := clock_timestamp();
    ids uuid[];
    users uuid[];
    ranks smallint[];
begin
    select array_agg(w.id order by r.n), array_agg(agent.user_of(w.user_id) order by r.n),
        array_agg(agent.queue_rank(w.urgency, w.deadline, w.latest_completion) order by r.n)
    into ids, users, ranks
    from unnest(p_ids) with ordinality as r (id, n) inner join public.compute_workloads as w on w.id = r.id;
    if cardinality(ids) = 1 then  -- the usual statement, at half the cost
        rounds := array[1 + greatest(v[ranks[1] + 1], (
            select w.round from agent.queue as w
            where w.state = 'waiting' and w.user_id = users[1] and w.rank = ranks[1] order by w.round desc limit 1
        ))];
    else  -- apart from the insert, or each probe would wade through what the very statement inserts
        rounds := array(
            select x.base + row_number() over (partition by x.u, x.r order by x.n)
            from (
                select n.u, n.r, n.n, greatest(v[n.r + 1], g.round) as base
                from unnest(users, ranks) with ordinality as n (u, r, n)
                left join (
                    select d.u, d.r, (
                        select w.round from agent.queue as w
                        where w.state = 'waiting' and w.user_id = d.u and w.rank = d.r order by w.round desc limit 1
                    ) as round
                    from (select distinct e.u, e.r from unnest(users, ranks) as e (u, r)) as d
                ) as g on g.u = n.u and g.r = n.r
            ) as x
            order by x.n
        );
    end if;
    insert into agent.queue as q (workload_id, user_id, rank, round, arrived, due)
    select x.id, x.u, x.r, x.round, t, agent.due_of(t, x.r, x.round - v[x.r + 1] - 1)
    from unnest(ids, users, ranks, rounds) as x (id, u, r, round)
    on conflict (workload_id) do update
    set submission = q.submission + 1, thread_id = gen_random_uuid(), attempt = 0, token = null, owner = null,
        claimed_at = null, started_at = null, request = null, last_error = null, inputs = null, project = null,
        parked = null, parked_at = null, tries = 0, user_id = excluded.user_id, rank = excluded.rank,
        edits = case q.state when 'running' then q.edits + 1 when 'retry' then q.edits + 1 when 'waiting' then q.edits
            else 0 end,
        state = case when q.state in ('running', 'retry') and q.edits >= 3 then 'retry' else 'waiting' end,
        until = case when q.state in ('running', 'retry') and q.edits >= 3
            then t + make_interval(secs => least(600, power(2, least(q.edits - 2, 12)))) end,
        (round, arrived, due) = (
            select q.round, q.arrived, q.due
            where q.state = 'waiting' and q.user_id = excluded.user_id and q.rank = excluded.rank
            union all select excluded.round, excluded.arrived, excluded.due limit 1
        );
end
$$;

-- Out of the queue: cancelled by somebody, or deleted (then a tombstone: an id that comes again gets the next number).
create or replace function agent.leave(p_ids uuid[], p_state text)
returns void language sql set search_path = pg_catalog, pg_temp
as $$
    update agent.queue
    set state = p_state, submission = submission + 1, token = null, owner = null, until = null, request = null,
        project = null, parked = null, parked_at = null, tries = 0, edits = 0
    where workload_id = any(p_ids)
$$;

-- History, by whoever holds the queue's row.
create or replace function agent.note(p_ids uuid[], p_outcome text, p_error text)
returns void language sql set search_path = pg_catalog, pg_temp
as $$
    insert into agent.runs (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, error)
    select q.workload_id, q.token, q.thread_id, q.submission, q.attempt, q.owner, p_outcome, q.claimed_at, p_error
    from agent.queue as q where q.workload_id = any(p_ids) and q.state = 'running'
    on conflict do nothing
$$;

-- A run, an unshown answer, a promise and an offer end with their submission.
create or replace function agent.drop_work(p_ids uuid[], p_why text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from agent.queue as q where q.workload_id = any(p_ids) for update;
    if not found then
        return;
    end if;
    perform agent.note(p_ids, 'cancelled', p_why);
    delete from agent.power as p where p.workload_id = any(p_ids);
    delete from agent.answers as a where a.workload_id = any(p_ids);
    delete from agent.relaxations as r where r.workload_id = any(p_ids);
end
$$;

-- A trigger could not do its work, and the user's statement stands: pollers wake up, and the next claim catches up.
create or replace function agent.note_trigger_fault(p_sqlstate text, p_message text)
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    raise warning 'gridwise: % (the queue follows with the next claim)', p_message;
    if not exists (select from agent.trigger_faults as f where f.sqlstate = p_sqlstate and f.tried_at is null) then
        insert into agent.trigger_faults (sqlstate, message) values (p_sqlstate, left(p_message, 1000));
    end if;
    perform pg_catalog.pg_notify('compute_workloads', '');
exception when others then
    raise warning 'gridwise: % (the queue follows with the next scan)', sqlerrm;
end
$$;

-- The triggers on the shared table: security definer, since users have no right in this schema. Whatever goes wrong in
-- them, the user's statement stands: reconcile finds what they missed.
create or replace function agent.on_insert()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
set enable_seqscan = off set jit = off
as $$
begin
    -- one row, as a frontend inserts it: what agent.enter does, in one statement
    insert into agent.queue (workload_id, user_id, rank, round, arrived, due)
    select x.id, x.u, x.r, x.round, x.t, agent.due_of(x.t, x.r, x.round - x.v - 1)
    from (
        select y.id, y.u, y.r, y.v, y.t, 1 + greatest(y.v, (
            select w.round from agent.queue as w
            where w.state = 'waiting' and w.user_id = y.u and w.rank = y.r order by w.round desc limit 1
        )) as round
        from (
            select z.id, z.u, z.r, (agent.turns())[z.r + 1] as v, clock_timestamp() as t
            from (
                select n.id, agent.user_of(n.user_id) as u,
                    agent.queue_rank(n.urgency, n.deadline, n.latest_completion) as r
                from new_rows as n
                where agent.is_open(n.status, n.agent_status) and not exists (select from new_rows offset 1)
                offset 0
            ) as z
            offset 0
        ) as y
        offset 0
    ) as x
    on conflict do nothing;
    if not found then
        perform agent.enter(array(select n.id from new_rows as n where agent.is_open(n.status, n.agent_status)));
    end if;
    return null;
exception when others then
    perform agent.note_trigger_fault(sqlstate, sqlerrm);
    return null;
end
$$;

create or replace function agent.on_update()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
set lock_timeout = '2s'
as $$
declare
    changed uuid[];
    again uuid[];
    stop uuid[];
    gone uuid[];
    over uuid[];
    kept uuid[];
begin
    -- our own showing, and not what a trigger of the deployment does to other rows because of it; who forges this hides
    -- his edit from himself: the completion compares the inputs
    if current_setting('gridwise.writing', true) = 'on' and pg_catalog.pg_trigger_depth() = 1 then
        return null;
    end if;
    select array_agg(coalesce(n.id, o.id)) into changed
    from new_rows as n full join old_rows as o on o.id = n.id
    where (n.status, n.agent_status, n.user_id, n.id) is distinct from (o.status, o.agent_status, o.user_id, o.id)
    or agent.inputs_of(row(n.*)::public.compute_workloads)
        is distinct from agent.inputs_of(row(o.*)::public.compute_workloads);
    if changed is null then
        return null;
    end if;
    -- waits for a poller's short transaction, never for a run
    perform from agent.queue as q where q.workload_id = any(changed) for update;
    with c as (
        select coalesce(n.id, o.id) as id,
            n.id is null as deleted, n.status,
            n.status is distinct from o.status as moved, agent.is_open(n.status, n.agent_status) as open,
            agent.is_open(o.status, o.agent_status) as was_open,
            coalesce(q.state in ('waiting', 'running', 'retry') or q.project is not null, false) as active,
            coalesce(
                q.state = 'waiting' and q.claimed_at is null and q.user_id = agent.user_of(n.user_id)
                and q.rank = agent.queue_rank(n.urgency, n.deadline, n.latest_completion), false
            ) as untouched
        from new_rows as n
        full join old_rows as o on o.id = n.id
        left join agent.queue as q on q.workload_id = coalesce(n.id, o.id)
        where coalesce(n.id, o.id) = any(changed)
    ), d as (
        select c.*, case
            when deleted then 'gone'
            when open and untouched then 'none'
            when open and (not was_open or not moved or not active) then 'again'  -- submitted again, repaired, edited
            when active and status = 'processing' and not moved then 'again'  -- edited while it is worked on
            when active and moved and not open then 'stop'  -- cancelled
            when not active and moved and status in ('queued', 'accepted', 'scheduled', 'running') then 'keep'
            when not active and moved then 'over'
            else 'none'
        end as act
        from c
    )
    select array_agg(id) filter (where act = 'again'), array_agg(id) filter (where act = 'stop'),
        array_agg(id) filter (where act = 'gone'), array_agg(id) filter (where act = 'over'),
        array_agg(id) filter (where act = 'keep')
    into again, stop, gone, over, kept from d;
    if again is not null then
        perform agent.drop_work(again, 'edited or submitted again');
        perform agent.enter(again);
    end if;
    if stop is not null then
        perform agent.drop_work(stop, 'the workload left the state processing');
        perform agent.leave(stop, 'cancelled');
    end if;
    if gone is not null then
        perform agent.drop_work(gone, 'the workload was deleted');
        perform agent.leave(gone, 'gone');
    end if;
    if over is not null then
        update agent.power as p set held = false where p.workload_id = any(over) and p.held;
    end if;
    if kept is not null then
        update agent.power as p set held = true where p.workload_id = any(kept) and not p.held;
    end if;
    return null;
exception when others then
    perform agent.note_trigger_fault(sqlstate, sqlerrm);
    return null;
end
$$;

create or replace function agent.on_delete()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
    ids uuid[];
begin
    if tg_op = 'DELETE' then
        ids := array(select o.id from old_rows as o);
    else
        ids := array(select q.workload_id from agent.queue as q where q.state <> 'gone');
    end if;
    perform agent.drop_work(ids, 'the workload was deleted');
    perform agent.leave(ids, 'gone');
    return null;
exception when others then
    perform agent.note_trigger_fault(sqlstate, sqlerrm);
    return null;
end
$$;

select agent.ensure_trigger('gridwise_queue_insert', 'after insert on public.compute_workloads
    referencing new table as new_rows for each statement execute function agent.on_insert()');
select agent.ensure_trigger('gridwise_queue_update', 'after update on public.compute_workloads
    referencing old table as old_rows new table as new_rows for each statement execute function agent.on_update()');
select agent.ensure_trigger('gridwise_queue_delete', 'after delete on public.compute_workloads
    referencing old table as old_rows for each statement execute function agent.on_delete()');
select agent.ensure_trigger('gridwise_queue_truncate', 'after truncate on public.compute_workloads
    for each statement execute function agent.on_delete()');

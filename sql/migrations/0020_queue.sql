-- A queue of our own. public.compute_workloads belongs to its users, with their triggers, checks and dates; what is
-- claimed, in which order, and what was decided stands here, written by our functions only. The shared row is shown the
-- outcome afterwards. Nothing that a user can write is trusted, cast or counted here. docs/decisions/0108 says why.
--
-- ISOLATION   READ COMMITTED: every statement must see what was committed before the lock that the one before it took.
-- LOCK ORDER  Users come from the shared row (their statement locks it, our trigger then the queue's row). Pollers come
--   the other way round and therefore never WAIT for either: `skip locked`, and a write that has to wait inside the
--   shared table (a unique index, somebody's trigger) gives up after lock_timeout.
-- TURNS       Start-time fair queueing in whole rounds, per urgency: round = max(V, the user's last waiting round) + 1,
--   stamped by the trigger; V, the round being served, is a sequence per urgency: a register without row locks, snapshots
--   or bloat. A newcomer joins the round after the one being served, whatever others have queued.
-- AGE         due = arrival - head start of the urgency + 15 min for each own row before it. Urgencies are merged by the
--   due of their heads, so that waiting raises; and every eighth row claimed is the one with the smallest due of all.

create sequence if not exists agent.turn_0 minvalue 0 start with 0;
create sequence if not exists agent.turn_1 minvalue 0 start with 0;
create sequence if not exists agent.turn_2 minvalue 0 start with 0;
create sequence if not exists agent.turn_3 minvalue 0 start with 0;

create table if not exists agent.queue (
    workload_id uuid primary key,  -- no foreign key: its lock on the shared row would be one more lock order
    submission bigint not null default 1,  -- raised by every edit, resubmission and cancellation
    user_id uuid not null,
    rank smallint not null,  -- 0 critical … 3 low
    round bigint not null,
    arrived timestamptz not null,  -- this server's clock, never a column of the user's
    due timestamptz not null,
    -- waiting, running, retry, done, failed, cancelled, gone: no CHECK, which costs each insert a tenth
    state text not null default 'waiting',
    thread_id uuid not null default gen_random_uuid(),  -- one per submission
    attempt integer not null default 0,
    token bigint,
    owner text,
    until timestamptz,  -- the lease's end, or the time of the next attempt
    claimed_at timestamptz,
    started_at timestamptz,  -- the first claim of this submission
    request uuid,  -- the claim call that took it: one whose reply was lost is answered again
    last_error text,
    edits integer not null default 0,  -- submissions that an edit ended while they were worked on
    inputs uuid,  -- hash of what the claim handed out
    project text,  -- processing or answer: what the shared row has yet to be shown
    show_at timestamptz,
    tries integer not null default 0,
    parked text,  -- the database's message of the last refusal
    parked_at timestamptz
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create index if not exists queue_turn_idx on agent.queue (rank, round, arrived) where state = 'waiting';
create index if not exists queue_user_idx on agent.queue (user_id, rank, round) where state = 'waiting';
create index if not exists queue_due_idx on agent.queue (due) where state = 'waiting';
create index if not exists queue_until_idx on agent.queue (until) where state in ('running', 'retry');
create index if not exists queue_show_idx on agent.queue (show_at) where project is not null;
create index if not exists queue_suspect_idx on agent.queue (user_id) where project is not null and tries > 0;

-- Decided, and not yet shown.
create table if not exists agent.answers (
    workload_id uuid primary key,
    submission bigint not null,
    outcome text not null,
    result jsonb
);

-- Power that is promised to placed submissions or reserved for running ones.
create table if not exists agent.power (
    workload_id uuid not null,
    submission bigint not null,
    asset_id uuid not null,
    starts timestamptz not null,
    ends timestamptz not null,
    power_kw numeric not null,
    held boolean not null default true,  -- false where its user let the answer go
    primary key (workload_id, submission, asset_id, starts),
    check (power_kw >= 0 and power_kw < 1e9 and isfinite(starts) and isfinite(ends) and ends > starts)
);
create index if not exists power_ends_idx on agent.power (ends);

-- What would make a failed submission feasible, as the search found it; what `relax` obeys.
create table if not exists agent.relaxations (
    workload_id uuid primary key,
    submission bigint not null,
    items jsonb not null
);

-- How far the reconciling scan has come.
create table if not exists agent.sweep (
    what text primary key,
    position uuid not null
);

select agent.ensure_columns('agent.runs', array['submission|bigint']);

create or replace function agent.turns() returns bigint[]
language sql
stable
set search_path = ''
as $$
    select array[
        (select last_value from agent.turn_0), (select last_value from agent.turn_1),
        (select last_value from agent.turn_2), (select last_value from agent.turn_3)
    ]
$$;

-- Urgency as a lane of the queue. A deadline within four hours counts as HIGH: no more than a user may say anyway.
create or replace function agent.queue_rank(urgency text, deadline timestamptz, latest timestamptz)
returns smallint
language sql
stable
parallel safe
as $$
    select least(
        case upper(urgency) when 'CRITICAL' then 0 when 'HIGH' then 1 when 'LOW' then 3 else 2 end,
        case when least(deadline, latest) < now() + interval '4 hours' then 1 else 3 end
    )::smallint
$$;  -- no SET: it is to be inlined

create or replace function agent.is_open(status text, agent_status text)
returns boolean
language sql
immutable
parallel safe
as $$ select coalesce(status = 'pending' or (status = 'queued' and agent_status = 'pending'), false) $$;

create or replace function agent.user_of(user_id uuid)
returns uuid
language sql
immutable
parallel safe
as $$ select coalesce(user_id, '00000000-0000-0000-0000-000000000000'::uuid) $$;

-- The limits that the owner gave up after a failure (`relax`); nothing where that is more than we ever write.
create or replace function agent.relaxed_of(metadata jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select case
        when jsonb_typeof(metadata) = 'object' and jsonb_typeof(metadata -> 'relaxed') = 'array'
            and length(metadata ->> 'relaxed') < 20000
            and length(regexp_replace(metadata ->> 'relaxed', '[^[{]', '', 'g')) < 500
            -- a list of entries with a value each, at most a list of pairs
            and not jsonb_path_exists(metadata -> 'relaxed', 'strict $.**{5}')
            then jsonb_build_object('relaxed', metadata -> 'relaxed')
        else '{}'
    end
$$;

-- What a run reads of a row: the columns of the contract and no others, bounded and flat (agent.request_of). Callers
-- `set timezone`: the text of a time, and so the hash, differs from session to session.
create or replace function agent.inputs_of(w public.compute_workloads)
returns jsonb
language sql
stable
as $$
    select jsonb_build_object(
        'id', w.id, 'workload_name', left(w.workload_name, 100000), 'workload_type', left(w.workload_type, 100000),
        'urgency', left(w.urgency, 100000), 'priority', w.priority, 'host_dc', left(w.host_dc, 100000),
        'required_gpu_mins', w.required_gpu_mins, 'required_cpu_cores', w.required_cpu_cores,
        'required_memory_gb', w.required_memory_gb, 'estimated_energy_kwh', w.estimated_energy_kwh,
        'estimated_duration_hours', w.estimated_duration_hours, 'carbon_cap_gco2', w.carbon_cap_gco2,
        'max_carbon_intensity_gco2_kwh', w.max_carbon_intensity_gco2_kwh, 'min_renewable_pct', w.min_renewable_pct,
        'max_price_gbp', w.max_price_gbp, 'is_deferrable', w.is_deferrable,
        'deferral_window_mins', w.deferral_window_mins, 'earliest_start', w.earliest_start, 'deadline', w.deadline,
        'latest_completion', w.latest_completion, 'submitted_at', w.submitted_at,
        'metadata', agent.request_of(w.metadata) || agent.relaxed_of(w.metadata)
    )
$$;

create or replace view agent.inputs with (security_invoker = true) as
select w.id, w.status, w.agent_status, i.inputs, md5(i.inputs::text)::uuid as hash
from public.compute_workloads as w
cross join lateral (select agent.inputs_of(w) as inputs offset 0) as i;

-- Into the queue, or again: a new submission. A row that waits keeps its turn unless its user or urgency changed. Edited
-- over and over while it is worked on, a row waits longer and longer, so that it costs little. The caller holds the
-- shared rows (triggers) or is the only one of its kind (reconcile).
create or replace function agent.enter(p_ids uuid[], p_users uuid[], p_ranks smallint[])
returns void
language plpgsql
set search_path = ''
set enable_seqscan = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v bigint[] := agent.turns();
    rounds bigint[];
    t timestamptz := clock_timestamp();
begin
    if cardinality(p_ids) = 1 then  -- the usual statement, at half the cost
        rounds := array[1 + greatest(v[p_ranks[1] + 1], (
            select w.round from agent.queue as w
            where w.state = 'waiting' and w.user_id = p_users[1] and w.rank = p_ranks[1] order by w.round desc limit 1
        ))];
    else  -- apart from the insert, or each probe would wade through what the very statement inserts
        rounds := array(
            select x.base + row_number() over (partition by x.u, x.r order by x.n)
            from (
                select n.u, n.r, n.n, greatest(v[n.r + 1], g.round) as base
                from unnest(p_users, p_ranks) with ordinality as n (u, r, n)
                left join (
                    select d.u, d.r, (
                        select w.round from agent.queue as w
                        where w.state = 'waiting' and w.user_id = d.u and w.rank = d.r order by w.round desc limit 1
                    ) as round
                    from (select distinct e.u, e.r from unnest(p_users, p_ranks) as e (u, r)) as d
                ) as g on g.u = n.u and g.r = n.r
            ) as x
            order by x.n
        );
    end if;
    insert into agent.queue as q (workload_id, user_id, rank, round, arrived, due)
    select x.id, x.u, x.r, x.round, t, t + interval '15 minutes' * least(x.round - v[x.r + 1] - 1, 10000)
        - case x.r when 0 then interval '24 hours' when 1 then interval '4 hours' when 2 then interval '1 hour'
            else interval '0' end
    from unnest(p_ids, p_users, p_ranks, rounds) as x (id, u, r, round)
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
returns void
language sql
set search_path = ''
as $$
    update agent.queue
    set state = p_state, submission = submission + 1, token = null, owner = null, until = null, request = null,
        project = null, parked = null, parked_at = null, tries = 0, edits = 0
    where workload_id = any(p_ids)
$$;

-- History, by whoever holds the queue's row.
create or replace function agent.note(p_ids uuid[], p_outcome text, p_error text)
returns void
language sql
set search_path = ''
as $$
    insert into agent.runs (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, error)
    select q.workload_id, q.token, q.thread_id, q.submission, q.attempt, q.owner, p_outcome, q.claimed_at, p_error
    from agent.queue as q where q.workload_id = any(p_ids) and q.state = 'running'
    on conflict do nothing
$$;

-- A run, an unshown answer, a promise and an offer end with their submission.
create or replace function agent.drop_work(p_ids uuid[], p_why text)
returns void
language plpgsql
set search_path = ''
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

-- The triggers on the shared table: security definer, since users have no right in this schema. Whatever goes wrong in
-- them, the user's statement stands: reconcile finds what they missed.
create or replace function agent.on_insert()
returns trigger
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
set enable_seqscan = off
set jit = off
as $$
declare
    t timestamptz := clock_timestamp();
    i uuid;
    u uuid;
    r smallint;
    many boolean;
    v bigint;
    v_round bigint;
    ids uuid[];
    us uuid[];
    rs smallint[];
begin
    select n.id, agent.user_of(n.user_id), agent.queue_rank(n.urgency, n.deadline, n.latest_completion),
        exists (select from new_rows offset 1)
    into i, u, r, many from new_rows as n where agent.is_open(n.status, n.agent_status) limit 1;
    if i is null then
        return null;
    end if;
    if not many then  -- what a frontend does: agent.enter says the same at four times the cost
        v := coalesce(pg_catalog.pg_sequence_last_value(case r
            when 0 then 'agent.turn_0'::pg_catalog.regclass when 1 then 'agent.turn_1'::pg_catalog.regclass
            when 2 then 'agent.turn_2'::pg_catalog.regclass else 'agent.turn_3'::pg_catalog.regclass
        end), 0);
        v_round := (
            select w.round from agent.queue as w
            where w.state = 'waiting' and w.user_id = u and w.rank = r order by w.round desc limit 1
        );
        v_round := 1 + greatest(v, v_round);
        insert into agent.queue (workload_id, user_id, rank, round, arrived, due)
        values (i, u, r, v_round, t, t + interval '15 minutes' * least(v_round - v - 1, 10000) - case r
            when 0 then interval '24 hours' when 1 then interval '4 hours' when 2 then interval '1 hour'
            else interval '0' end)
        on conflict do nothing;
        if found then
            return null;
        end if;
    end if;
    select array_agg(n.id), array_agg(agent.user_of(n.user_id)),
        array_agg(agent.queue_rank(n.urgency, n.deadline, n.latest_completion))
    into ids, us, rs from new_rows as n where agent.is_open(n.status, n.agent_status);
    perform agent.enter(ids, us, rs);
    return null;
exception when others then
    raise warning 'gridwise: % (rows enter the queue with the next scan)', sqlerrm;
    return null;
end
$$;

create or replace function agent.on_update()
returns trigger
language plpgsql
security definer
set search_path = ''
set timezone = 'UTC'
set lock_timeout = '2s'
as $$
declare
    changed uuid[];
    again uuid[];
    us uuid[];
    rs smallint[];
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
        select coalesce(n.id, o.id) as id, agent.user_of(n.user_id) as u,
            agent.queue_rank(n.urgency, n.deadline, n.latest_completion) as r, n.id is null as deleted, n.status,
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
    select array_agg(id) filter (where act = 'again'), array_agg(u) filter (where act = 'again'),
        array_agg(r) filter (where act = 'again'), array_agg(id) filter (where act = 'stop'),
        array_agg(id) filter (where act = 'gone'), array_agg(id) filter (where act = 'over'),
        array_agg(id) filter (where act = 'keep')
    into again, us, rs, stop, gone, over, kept from d;
    if again is not null then
        perform agent.drop_work(again, 'edited or submitted again');
        perform agent.enter(again, us, rs);
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
    raise warning 'gridwise: % (the queue follows with the next scan)', sqlerrm;
    return null;
end
$$;

create or replace function agent.on_delete()
returns trigger
language plpgsql
security definer
set search_path = ''
set lock_timeout = '2s'
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
    raise warning 'gridwise: % (the queue follows with the next scan)', sqlerrm;
    return null;
end
$$;

do $$
declare
    t text;
    outsider text;
begin
    perform set_config('search_path', '', true);  -- so that the names below come qualified
    perform agent.only_service_role(array(
        select p.oid::pg_catalog.regprocedure::text from pg_catalog.pg_proc as p
        where p.pronamespace = 'agent'::pg_catalog.regnamespace and p.proname in (
            'turns', 'queue_rank', 'is_open', 'user_of', 'inputs_of', 'relaxed_of', 'enter', 'leave', 'note', 'drop_work',
            'on_insert', 'on_update', 'on_delete'
        )
    ));
    revoke all on agent.queue, agent.answers, agent.power, agent.relaxations, agent.sweep, agent.inputs from public;
    revoke all on sequence agent.turn_0, agent.turn_1, agent.turn_2, agent.turn_3 from public;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on all tables in schema agent from %I', outsider);
        execute format('revoke all on all sequences in schema agent from %I', outsider);
    end loop;
    foreach t in array array['queue', 'answers', 'power', 'relaxations', 'sweep'] loop
        execute format('alter table agent.%I enable row level security', t);
        if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
            execute format('grant select, insert, update, delete on agent.%I to service_role', t);
        end if;
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        grant select on agent.inputs to service_role;
        grant usage, select, update on sequence agent.turn_0, agent.turn_1, agent.turn_2, agent.turn_3 to service_role;
        grant delete on public.compute_workloads to service_role;
    end if;
end
$$;

insert into agent.migrations (name) values ('0020_queue') on conflict (name) do nothing;

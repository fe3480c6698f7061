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
    version xid,  -- the shared row's version that it was read from: as long as that stands, nobody has edited it
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
select agent.ensure_columns('agent.queue', array['version|xid']);

select agent.keep_private(array['queue', 'answers', 'power', 'relaxations', 'sweep']);

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        grant usage, select, update on sequence agent.turn_0, agent.turn_1, agent.turn_2, agent.turn_3 to service_role;
        grant delete on public.compute_workloads to service_role;
    end if;
end
$$;

insert into agent.migrations (name) values ('0020_queue') on conflict (name) do nothing;

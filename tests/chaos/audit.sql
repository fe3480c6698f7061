-- What really happened, recorded by the server itself in the transaction in which it happened.

create schema chaos;

create table chaos.status_changes (
    seq bigserial primary key, at timestamptz not null default clock_timestamp(),
    workload_id uuid, old_status text, new_status text
);
create function chaos.note_status() returns trigger language plpgsql as $$
begin
    insert into chaos.status_changes (workload_id, old_status, new_status)
    values (new.id, case when tg_op = 'UPDATE' then old.status end, new.status);
    return null;
end
$$;
create trigger chaos_status after insert or update on public.compute_workloads
for each row execute function chaos.note_status();

create table chaos.lease_changes (
    seq bigserial primary key, at timestamptz not null default clock_timestamp(), operation text, workload_id uuid,
    old_state text, old_submission bigint, old_token bigint, old_owner text, old_until timestamptz,
    new_state text, new_submission bigint, new_token bigint, new_owner text, new_until timestamptz, new_attempt integer,
    seen_priority integer  -- what the row said when it was claimed
);
create function chaos.note_lease() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.token is not distinct from new.token and old.state = new.state then
        return null;  -- a heartbeat, or a showing
    end if;
    insert into chaos.lease_changes
        (operation, workload_id, old_state, old_submission, old_token, old_owner, old_until,
        new_state, new_submission, new_token, new_owner, new_until, new_attempt, seen_priority)
    select tg_op, coalesce(new.workload_id, old.workload_id),
        old.state, old.submission, old.token, old.owner, old.until,
        new.state, new.submission, new.token, new.owner, new.until, new.attempt,
        case when new.state = 'running' then (
            select w.priority from public.compute_workloads as w where w.id = new.workload_id
        ) end;
    return null;
end
$$;
create trigger chaos_lease after insert or update or delete on agent.queue
for each row execute function chaos.note_lease();

create table chaos.checkpoints (
    seq bigserial primary key, at timestamptz not null default clock_timestamp(),
    thread_id text, checkpoint_ns text, checkpoint_id text, parent_id text, token bigint
);
create function chaos.note_checkpoint() returns trigger language plpgsql as $$
begin
    insert into chaos.checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_id, token)
    values (new.thread_id, new.checkpoint_ns, new.checkpoint_id, new.parent_checkpoint_id,
        (new.metadata ->> 'token')::bigint);
    return null;
end
$$;
create trigger chaos_checkpoint after insert or update on agent_checkpoints.checkpoints
for each row execute function chaos.note_checkpoint();

create table chaos.task_writes (
    seq bigserial primary key, at timestamptz not null default clock_timestamp(),
    thread_id text, task_id text, token bigint, newest_token bigint
);
-- The token is an argument, which no trigger sees: the real function is called from one of the same name.
alter function agent_checkpoints.put_writes(
    text, bigint, text, text, text, text, boolean, integer[], text[], text[], bytea[]
) rename to put_writes_unwatched;
create function agent_checkpoints.put_writes(
    p_thread text, p_token bigint, p_ns text, p_id text, p_task text, p_path text, p_replace boolean,
    p_idx integer[], p_channels text[], p_types text[], p_blobs bytea[]
) returns void language plpgsql as $$
begin
    perform agent_checkpoints.put_writes_unwatched(
        p_thread, p_token, p_ns, p_id, p_task, p_path, p_replace, p_idx, p_channels, p_types, p_blobs);
    insert into chaos.task_writes (thread_id, task_id, token, newest_token)
    select p_thread, p_task, p_token, f.token from agent.thread_fence as f
    where f.thread_id = p_thread and p_channels <> array['__error__'];  -- a step that failed has not finished
end
$$;

-- A deployment with a trigger of its own: some rows refuse every update, some wait for a lock that somebody may hold.
create function chaos.refuse() returns trigger language plpgsql as $$
begin
    if new.workload_name = 'poison' then
        raise exception 'this row refuses';
    elsif new.workload_name = 'slow' then
        perform pg_advisory_xact_lock(42);
    end if;
    return new;
end
$$;
create trigger chaos_refuse before update on public.compute_workloads
for each row execute function chaos.refuse();

-- Counts what a mutation of the functions really did; a sequence, so that a rollback does not take it back.
create sequence chaos.exercised;

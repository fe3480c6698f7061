-- What the fenced checkpoint writer calls. The tables are LangGraph's own and are made after these files, in the same
-- schema. Needs 0006_checkpoint_fence and nothing else: checkpoints may live in another database than the workloads.

-- Takes the thread for a new holder, before its checkpoint is read: 'fenced' (a newer token was here), 'new' (nothing
-- was ever written) or 'known'. In PL/pgSQL, since the second statement has to see what a writer committed while the
-- first one waited for it.
create or replace function agent_checkpoints.open_thread(p_thread text, p_token bigint)
returns text
language plpgsql
set search_path = ''
as $$
begin
    if not agent.raise_fence(p_thread, p_token) then
        return 'fenced';
    end if;
    if exists (select from agent_checkpoints.checkpoints as c where c.thread_id = p_thread) then
        return 'known';
    end if;
    return 'new';
end
$$;

-- Fence, blobs and checkpoint in one call: one round trip, one transaction, and a stale token writes nothing.
create or replace function agent_checkpoints.put_checkpoint(
    p_thread text,
    p_token bigint,
    p_ns text,
    p_id text,
    p_parent text,
    p_checkpoint jsonb,
    p_metadata jsonb,
    p_channels text[],
    p_versions text[],
    p_types text[],
    p_blobs bytea[]
)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform agent.check_fence(p_thread, p_token);
    if cardinality(p_channels) > 0 then
        insert into agent_checkpoints.checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
        select p_thread, p_ns, b.channel, b.version, b.type, b.blob
        from unnest(p_channels, p_versions, p_types, p_blobs) as b (channel, version, type, blob)
        on conflict (thread_id, checkpoint_ns, channel, version) do nothing;
    end if;
    insert into agent_checkpoints.checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    values (p_thread, p_ns, p_id, p_parent, p_checkpoint, p_metadata)
    on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
    set checkpoint = excluded.checkpoint, metadata = excluded.metadata;
end
$$;

-- A task's writes. p_replace: the special channels (error, interrupt, …) overwrite, ordinary ones keep the first.
create or replace function agent_checkpoints.put_writes(
    p_thread text,
    p_token bigint,
    p_ns text,
    p_id text,
    p_task text,
    p_path text,
    p_replace boolean,
    p_idx integer[],
    p_channels text[],
    p_types text[],
    p_blobs bytea[]
)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform agent.check_fence(p_thread, p_token);
    if p_replace then
        insert into agent_checkpoints.checkpoint_writes as w
            (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
        select p_thread, p_ns, p_id, p_task, p_path, b.idx, b.channel, b.type, b.blob
        from unnest(p_idx, p_channels, p_types, p_blobs) as b (idx, channel, type, blob)
        on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do update
        set channel = excluded.channel, type = excluded.type, blob = excluded.blob;
    else
        insert into agent_checkpoints.checkpoint_writes
            (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
        select p_thread, p_ns, p_id, p_task, p_path, b.idx, b.channel, b.type, b.blob
        from unnest(p_idx, p_channels, p_types, p_blobs) as b (idx, channel, type, blob)
        on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do nothing;
    end if;
end
$$;

-- What was done in these threads, in order: each step with the attempt that finished it. A node's name stands behind the
-- comma of its task's path; one that was sent to (`Send`) has a number there, and those are the agents' tools.
create or replace function agent_checkpoints.thread_steps(p_threads text[])
returns table (thread_id text, place text, nodes text[], attempt integer, token bigint, finished_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select
        c.thread_id,
        regexp_replace(regexp_replace(c.checkpoint_ns, ':[^|]*', '', 'g'), '\|', '/', 'g'),
        (
            select array_agg(distinct case
                when w.task_path like '~\_\_pregel\_push%' then 'tools' else split_part(w.task_path, ', ', 2)
            end)
            from agent_checkpoints.checkpoint_writes as w
            where w.thread_id = c.thread_id and w.checkpoint_ns = c.checkpoint_ns
            and w.checkpoint_id = c.parent_checkpoint_id and w.channel not in ('__error__', '__interrupt__')
        ),
        (c.metadata ->> 'attempt')::integer,
        (c.metadata ->> 'token')::bigint,
        (c.checkpoint ->> 'ts')::timestamptz
    from agent_checkpoints.checkpoints as c
    where c.thread_id = any(p_threads) and (c.metadata ->> 'step')::integer >= 1
    order by c.checkpoint_id;
end
$$;

-- All there is of these threads. The fence goes too: a writer that wakes after that finds none, and is refused.
create or replace function agent_checkpoints.delete_threads(p_threads text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
    delete from agent.thread_fence as f where f.thread_id = any(p_threads);
    delete from agent_checkpoints.checkpoint_writes as w where w.thread_id = any(p_threads);
    delete from agent_checkpoints.checkpoint_blobs as b where b.thread_id = any(p_threads);
    delete from agent_checkpoints.checkpoints as c where c.thread_id = any(p_threads);
end
$$;

do $$
declare
    outsider text;
begin
    revoke all on all functions in schema agent_checkpoints from public;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on all functions in schema agent_checkpoints from %I', outsider);
    end loop;
end
$$;

do $$
begin
    if to_regclass('agent.migrations') is not null then
        insert into agent.migrations (name) values ('0013_checkpoint_writes') on conflict (name) do nothing;
    end if;
end
$$;

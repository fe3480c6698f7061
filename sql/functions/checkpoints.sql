-- What the checkpoint writer and LangGraph's own server ask. Needs 0006_checkpoint_fence and 0013_checkpoint_writes and
-- nothing else: checkpoints may live in another database than the workloads.

-- Checkpoints whose values are stored once per thread (persistence/checkpoints/contents.py): blobs come with the namespace that each
-- belongs to, and a checkpoint says itself which nodes led to it, since their writes are not kept once it is there.
create or replace function agent_checkpoints.put_checkpoint_v2(
    p_thread text, p_token bigint, p_ns text, p_id text, p_parent text, p_checkpoint jsonb, p_metadata jsonb,
    p_spaces text[], p_channels text[], p_versions text[], p_types text[], p_blobs bytea[]
)
returns void language plpgsql set search_path = ''
as $$
begin
    perform agent_checkpoints.put_checkpoint(  -- passes the fence
        p_thread, p_token, p_ns, p_id, p_parent, p_checkpoint, p_metadata, '{}', '{}', '{}', '{}'
    );
    if cardinality(p_channels) > 0 then
        insert into agent_checkpoints.checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
        select p_thread, b.* from unnest(p_spaces, p_channels, p_versions, p_types, p_blobs) as b
        on conflict do nothing;
    end if;
end
$$;

-- The nodes that wrote to a checkpoint, by the paths of their tasks (0013_checkpoint_writes says how those read).
create or replace function agent_checkpoints.written_by(p_thread text, p_ns text, p_checkpoint text)
returns text[] language plpgsql stable set search_path = ''
as $$
begin
    return array(
        select distinct case when w.task_path like '~\_\_pregel\_push%' then 'tools'
            else split_part(w.task_path, ', ', 2) end
        from agent_checkpoints.checkpoint_writes as w
        where (w.thread_id, w.checkpoint_ns, w.checkpoint_id) = (p_thread, p_ns, p_checkpoint)
        and w.channel <> all(array['__error__', '__interrupt__'])
    );
end
$$;

-- As in 0013_checkpoint_writes; the nodes are the checkpoint's own where it names them.
create or replace function agent_checkpoints.thread_steps(p_threads text[])
returns table (thread_id text, place text, nodes text[], attempt integer, token bigint, finished_at timestamptz)
language plpgsql stable set search_path = ''
as $$
begin
    return query
    select c.thread_id, regexp_replace(regexp_replace(c.checkpoint_ns, ':[^|]*', '', 'g'), '\|', '/', 'g'),
        coalesce(
            (select array_agg(n.name) from jsonb_array_elements_text(c.metadata -> 'nodes') as n (name)),
            agent_checkpoints.written_by(c.thread_id, c.checkpoint_ns, c.parent_checkpoint_id)
        ),
        (c.metadata ->> 'attempt')::integer, (c.metadata ->> 'token')::bigint, (c.checkpoint ->> 'ts')::timestamptz
    from agent_checkpoints.checkpoints as c
    where c.thread_id = any(p_threads) and (c.metadata ->> 'step')::integer >= 1 order by c.checkpoint_id;
end
$$;

-- Whether a poller has ever opened the thread: then nobody else may write to it.
create or replace function agent_checkpoints.is_a_pollers(p_thread text)
returns boolean language plpgsql stable set search_path = ''
as $$
begin
    return exists (select from agent.thread_fence as f where f.thread_id = p_thread);
end
$$;

-- What runs of LangGraph's server stored, as if they had not been: its `multitask_strategy` rollback. Pollers' threads
-- have no such runs.
create or replace function agent_checkpoints.delete_runs(p_runs text[])
returns void language plpgsql set search_path = ''
as $$
declare
    touched text[];
begin
    with gone as (
        delete from agent_checkpoints.checkpoints as c
        where c.metadata ->> 'run_id' = any(p_runs)
        and not exists (select from agent.thread_fence as f where f.thread_id = c.thread_id)
        returning c.thread_id
    )
    select array_agg(distinct g.thread_id) into touched from gone as g;
    delete from agent_checkpoints.checkpoint_writes as w
    where w.thread_id = any(touched) and not exists (
        select from agent_checkpoints.checkpoints as c
        where c.thread_id = w.thread_id and c.checkpoint_ns = w.checkpoint_ns and c.checkpoint_id = w.checkpoint_id
    );
    delete from agent_checkpoints.checkpoint_blobs as b
    where b.thread_id = any(touched) and not exists (
        select from agent_checkpoints.checkpoints as c
        where c.thread_id = b.thread_id and c.checkpoint_ns = b.checkpoint_ns
        and c.checkpoint -> 'channel_versions' ->> b.channel = b.version
    );
end
$$;

do $$
begin
    execute (
        select string_agg(format('revoke all on all functions in schema agent_checkpoints from %s', x.who), '; ')
        from (
            select 'public' as who
            union all
            select quote_ident(r.rolname) from pg_catalog.pg_roles as r where r.rolname in ('anon', 'authenticated')
        ) as x
    );
end
$$;

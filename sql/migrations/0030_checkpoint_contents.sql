-- Checkpoints whose values are stored once per thread (persistence/contents.py): blobs come with the namespace that each
-- belongs to, and a checkpoint says itself which nodes led to it, since their writes are not kept once it is there.
-- The functions of 0013_checkpoint_writes stay for pollers of the version before.

create or replace function agent_checkpoints.put_checkpoint_v2(
    p_thread text,
    p_token bigint,
    p_ns text,
    p_id text,
    p_parent text,
    p_checkpoint jsonb,
    p_metadata jsonb,
    p_spaces text[],
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
        select p_thread, b.space, b.channel, b.version, b.type, b.blob
        from unnest(p_spaces, p_channels, p_versions, p_types, p_blobs) as b (space, channel, version, type, blob)
        on conflict (thread_id, checkpoint_ns, channel, version) do nothing;
    end if;
    insert into agent_checkpoints.checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    values (p_thread, p_ns, p_id, p_parent, p_checkpoint, p_metadata)
    on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
    set checkpoint = excluded.checkpoint, metadata = excluded.metadata;
end
$$;

-- As in 0013_checkpoint_writes; the nodes are the checkpoint's own where it names them.
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
        coalesce(
            (select array_agg(n.name) from jsonb_array_elements_text(c.metadata -> 'nodes') as n (name)),
            (
                select array_agg(distinct case
                    when w.task_path like '~\_\_pregel\_push%' then 'tools' else split_part(w.task_path, ', ', 2)
                end)
                from agent_checkpoints.checkpoint_writes as w
                where w.thread_id = c.thread_id and w.checkpoint_ns = c.checkpoint_ns
                and w.checkpoint_id = c.parent_checkpoint_id and w.channel not in ('__error__', '__interrupt__')
            )
        ),
        (c.metadata ->> 'attempt')::integer,
        (c.metadata ->> 'token')::bigint,
        (c.checkpoint ->> 'ts')::timestamptz
    from agent_checkpoints.checkpoints as c
    where c.thread_id = any(p_threads) and (c.metadata ->> 'step')::integer >= 1
    order by c.checkpoint_id;
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
        insert into agent.migrations (name) values ('0030_checkpoint_contents') on conflict (name) do nothing;
    end if;
end
$$;

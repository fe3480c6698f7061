-- What LangGraph's own server asks of the checkpoints. Needs 0006_checkpoint_fence and nothing else.

-- Whether a poller has ever opened the thread: then nobody else may write to it.
create or replace function agent_checkpoints.is_a_pollers(p_thread text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return exists (select from agent.thread_fence as f where f.thread_id = p_thread);
end
$$;

-- What runs of LangGraph's server stored, as if they had not been: its `multitask_strategy` rollback. Pollers' threads
-- have no such runs.
create or replace function agent_checkpoints.delete_runs(p_runs text[])
returns void
language plpgsql
set search_path = ''
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
declare
    outsider text;
begin
    revoke all on all functions in schema agent_checkpoints from public;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on all functions in schema agent_checkpoints from %I', outsider);
    end loop;
end
$$;

insert into agent.migrations (name) values ('0031_studio') on conflict (name) do nothing;

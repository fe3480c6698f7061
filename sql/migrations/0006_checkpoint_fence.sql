-- The fence that a checkpoint write passes in its own transaction: only the newest token of a thread may write.
-- Stands alone, because checkpoints may live in another database than the workloads.

create schema if not exists agent;
create schema if not exists agent_checkpoints;  -- LangGraph's own tables; `gridwise migrate` has LangGraph make them

create table if not exists agent.migrations (
    name text primary key,
    checksum text,
    applied_at timestamptz not null default clock_timestamp()
);
alter table agent.migrations enable row level security;

create table if not exists agent.thread_fence (
    thread_id text primary key,
    token bigint not null,
    raised_at timestamptz not null default clock_timestamp()
);
alter table agent.thread_fence enable row level security;

-- Called once per claim, before the checkpoint is read. False: a newer token was here.
create or replace function agent.raise_fence(p_thread text, p_token bigint)
returns boolean
language sql
set search_path = ''
as $$
    with raised as (
        insert into agent.thread_fence as f (thread_id, token)
        values (p_thread, p_token)
        on conflict (thread_id) do update
        set token = excluded.token, raised_at = clock_timestamp()
        where f.token <= excluded.token
        returning 1
    )
    select exists (select from raised)
$$;

-- FOR SHARE: a takeover waits for the write in flight, and the write sees the takeover.
create or replace function agent.check_fence(p_thread text, p_token bigint)
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform from agent.thread_fence where thread_id = p_thread and token = p_token for share;
    if not found then
        raise exception 'the lease of thread % was lost: token % may not write', p_thread, p_token
            using errcode = '55006';
    end if;
end
$$;

do $$
declare
    outsider text;
begin
    revoke all on schema agent, agent_checkpoints from public;
    revoke all on all tables in schema agent from public;
    revoke all on function agent.raise_fence(text, bigint), agent.check_fence(text, bigint) from public;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on schema agent, agent_checkpoints from %I', outsider);
        execute format('revoke all on all tables in schema agent from %I', outsider);
        execute format(
            'revoke all on function agent.raise_fence(text, bigint), agent.check_fence(text, bigint) from %I', outsider
        );
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        grant usage on schema agent to service_role;
        grant select, insert, update, delete on agent.thread_fence to service_role;
        grant execute on function agent.raise_fence(text, bigint), agent.check_fence(text, bigint) to service_role;
    end if;
end
$$;

insert into agent.migrations (name) values ('0006_checkpoint_fence') on conflict (name) do nothing;

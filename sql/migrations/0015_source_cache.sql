-- The last good answer of each outside source, shared by all pollers, and whose turn it is to fetch.

create or replace function public.source_cache_get(p_key text)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object('payload', c.payload, 'fetched_at', c.fetched_at)
    from agent.source_cache as c where c.key = p_key and c.fetched_at is not null
$$;

create or replace function public.source_cache_put(p_key text, p_payload jsonb)
returns jsonb
language sql
set search_path = ''
as $$
    insert into agent.source_cache as c (key, payload, fetched_at)
    values (p_key, p_payload, clock_timestamp())
    on conflict (key) do update set payload = excluded.payload, fetched_at = excluded.fetched_at
    returning to_jsonb(c.fetched_at)
$$;

-- True: the caller fetches, until it unlocks or the time is over. A lease and not an advisory lock, because a fetch
-- must not occupy a connection, and through PostgREST there is no session to hold one.
create or replace function public.source_cache_lock(p_key text, p_holder uuid, p_seconds double precision)
returns jsonb
language sql
set search_path = ''
as $$
    with locked as (
        insert into agent.source_cache as c (key, locked_by, locked_until)
        values (p_key, p_holder, clock_timestamp() + make_interval(secs => p_seconds))
        on conflict (key) do update set locked_by = excluded.locked_by, locked_until = excluded.locked_until
        where c.locked_by is null or c.locked_by = p_holder or c.locked_until < clock_timestamp()
        returning 1
    )
    select to_jsonb(exists (select from locked))
$$;

create or replace function public.source_cache_unlock(p_key text, p_holder uuid)
returns jsonb
language sql
set search_path = ''
as $$
    with unlocked as (
        update agent.source_cache as c set locked_by = null, locked_until = null
        where c.key = p_key and c.locked_by = p_holder
        returning 1
    )
    select to_jsonb(exists (select from unlocked))
$$;

select agent.only_service_role(array[
    'public.source_cache_get(text)',
    'public.source_cache_put(text, jsonb)',
    'public.source_cache_lock(text, uuid, double precision)',
    'public.source_cache_unlock(text, uuid)'
]);

-- PostgREST learns the functions of all these files
notify pgrst, 'reload schema';

insert into agent.migrations (name) values ('0015_source_cache') on conflict (name) do nothing;

-- What a signed-in user of a Supabase project may do, beside what row level security says about whose rows those are
-- (sql/optional/owner_policies.sql): write inputs and cancel, and say what comes after an answer. Never our answer, our
-- states, or our keys of `metadata`. The guard is a trigger of the roles anon and authenticated alone: the service role,
-- the owner of the table and functions of their own that a project runs as its owner pass. owner_policies.sql sets it; a
-- project that applied that file earlier gets it here. Policies and grants that exist stay as they are. To do without:
--   drop trigger gridwise_guard on public.compute_workloads;

create or replace function agent.guard()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    ours constant text[] := array[
        'agent_status', 'agent_started_at', 'agent_completed_at', 'compute_analysis', 'compute_options',
        'energy_options', 'head_decision', 'recommendations', 'selected_option', 'decision_summary', 'provenance',
        'request_reading', 'relaxations', 'relaxed', 'revisions', 'actual_run'
    ];
    is_insert constant boolean := tg_op = 'INSERT';
    before jsonb := '{}';
    after jsonb := to_jsonb(new);
    c text;
    k text;
    was text;
begin
    if not is_insert then
        before := to_jsonb(old);
        was := old.status;
    end if;
    -- an answer is merged into it, and tens of megabytes hold up the rows that are answered in the same call
    if pg_column_size(new.metadata) > 1000000 and after -> 'metadata' is distinct from before -> 'metadata' then
        raise exception 'compute_workloads.metadata takes % bytes; at most 1,000,000 are accepted',
            pg_column_size(new.metadata) using errcode = '54000', hint = 'Keep large data elsewhere, and its address here.';
    end if;
    for c in
        select x.key from jsonb_each(after) as x
        where (x.key like 'recommend%' or x.key like 'agent\_%' or x.key in ('decision_summary', 'id'))
        and x.value is distinct from coalesce(before -> x.key, 'null')
    loop
        -- an id of one's own choice, the state in which a row starts, and the state in which it starts again
        continue when c = 'id' and is_insert;
        continue when c = 'agent_status' and new.agent_status = 'pending' and (is_insert or new.status = 'pending');
        raise exception 'compute_workloads.% is written by the service alone', c using errcode = '42501';
    end loop;
    if is_insert and coalesce(new.status, 'pending') not in ('pending', 'draft') then
        raise exception 'a workload starts as pending, not as %', left(new.status, 40) using errcode = '42501',
            hint = 'Leave out status, or say pending.';
    end if;
    if not is_insert and new.status is distinct from was and not coalesce(case new.status
        when 'pending' then was in ('draft', 'cancelled', 'failed', 'queued') or was is null
        when 'cancelled' then true
        when 'draft' then was in ('pending', 'cancelled')
        when 'processing' then false
        when 'queued' then false
        when 'failed' then false
        else new.status is not null and was not in ('pending', 'draft', 'processing', 'failed', 'cancelled')
            and not (was = 'queued' and old.agent_status is distinct from 'completed')
    end, false) then
        raise exception 'a workload that is % cannot be made %', coalesce(left(was, 40), 'without status'),
            coalesce(left(new.status, 40), 'one without status') using errcode = '42501';
    end if;
    if jsonb_typeof(after -> 'metadata') = 'object' and after -> 'metadata' ?| ours
        or jsonb_typeof(before -> 'metadata') = 'object' and before -> 'metadata' ?| ours then
        foreach k in array ours loop
            continue when before -> 'metadata' -> k is not distinct from after -> 'metadata' -> k;
            if jsonb_typeof(after -> 'metadata') = 'object' and after -> 'metadata' ? k then
                raise exception 'compute_workloads.metadata.% is written by the service alone', k
                    using errcode = '42501';
            end if;
            -- a frontend that writes the whole of metadata keeps ours
            new.metadata := case when jsonb_typeof(to_jsonb(new) -> 'metadata') = 'object' then new.metadata else '{}' end
                || jsonb_build_object(k, before -> 'metadata' -> k);
        end loop;
    end if;
    return new;
end
$$;

create or replace function agent.install_guard()
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('lock_timeout', '400ms', true);
    drop trigger if exists gridwise_guard on public.compute_workloads;
    -- its name sorts before most: what a trigger of the project writes afterwards is the project's own affair
    create trigger gridwise_guard before insert or update on public.compute_workloads
    for each row when (current_user in ('anon', 'authenticated')) execute function agent.guard();
end
$$;

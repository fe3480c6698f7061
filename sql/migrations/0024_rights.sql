-- What a signed-in user of a Supabase project may do, beside what row level security says about whose rows those are
-- (sql/optional/owner_policies.sql): write inputs and cancel, and say what comes after an answer. Never our answer, our
-- states, or our keys of `metadata`. The guard is a trigger of the roles anon and authenticated alone: the service role,
-- the owner of the table and functions of their own that a project runs as its owner pass. owner_policies.sql sets it; a
-- project that applied that file earlier gets it here. Policies and grants that exist stay as they are. To do without:
--   drop trigger gridwise_guard on public.compute_workloads;

create or replace function agent.guard()
returns trigger
language plpgsql
set search_path = ''
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
returns void
language plpgsql
set search_path = ''
as $$
begin
    perform set_config('lock_timeout', '400ms', true);
    drop trigger if exists gridwise_guard on public.compute_workloads;
    -- its name sorts before most: what a trigger of the project writes afterwards is the project's own affair
    create trigger gridwise_guard before insert or update on public.compute_workloads
    for each row when (current_user in ('anon', 'authenticated')) execute function agent.guard();
end
$$;

select agent.only_service_role(array['agent.guard()', 'agent.install_guard()']);

do $$
begin
    if exists (
        select from pg_catalog.pg_policies
        where schemaname = 'public' and tablename = 'compute_workloads' and policyname = 'gridwise_owner_update'
    ) then
        perform agent.install_guard();
    end if;
end
$$;

-- Accepts relaxation n of a workload that no placement could satisfy (docs/contract.md): loosens what stands in the way
-- and submits the row again. Its owner may call it on Supabase. What is done is what our search found, kept in
-- agent.relaxations, and not what stands in the row's metadata. Returns the workload's new row of changes.
create or replace function public.relax(id uuid, n integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
set timezone = 'UTC'
as $$
declare
    v_id constant uuid := id;
    v_user uuid := coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid;
    w public.compute_workloads;
    p public.compute_workloads;
    entry jsonb;
    changes jsonb;
    patch jsonb;
    known text;
begin
    select x.* into w from public.compute_workloads as x where x.id = v_id for no key update;
    if not found or (
        current_setting('role', true) in ('anon', 'authenticated') and w.user_id is distinct from v_user
    ) then
        raise exception 'there is no workload %', v_id using errcode = 'P0001';
    end if;
    if w.status is distinct from 'failed' then
        raise exception 'workload % has not failed: it is %', v_id, left(w.status, 40) using errcode = '55000';
    end if;
    select e.value into entry
    from agent.relaxations as r
    inner join agent.queue as q on q.workload_id = r.workload_id and q.submission = r.submission
    cross join lateral jsonb_array_elements(r.items) as e
    where r.workload_id = v_id and e.value -> 'n' = to_jsonb(relax.n);
    if entry is null then
        select string_agg(e.value ->> 'n', ', ') into known
        from agent.relaxations as r cross join lateral jsonb_array_elements(r.items) as e where r.workload_id = v_id;
        raise exception 'workload % has no relaxation %; it has %', v_id, relax.n, coalesce(known, 'none')
            using errcode = 'P0001';
    end if;
    if entry ->> 'by' is distinct from 'owner' then
        raise exception 'relaxation % is not the owner''s to give: %', relax.n, entry ->> 'says' using errcode = '42501';
    end if;
    changes := jsonb_build_array(entry) || case jsonb_typeof(entry -> 'also') when 'array' then entry -> 'also' else '[]' end;
    select coalesce(jsonb_object_agg(c.value ->> 'column', c.value -> 'to'), '{}') into patch
    from jsonb_array_elements(changes) as c
    where c.value ->> 'column' in (
        'host_dc', 'carbon_cap_gco2', 'max_carbon_intensity_gco2_kwh', 'min_renewable_pct', 'max_price_gbp',
        'is_deferrable', 'deferral_window_mins', 'earliest_start', 'deadline', 'latest_completion'
    );
    p := jsonb_populate_record(w, patch);
    update public.compute_workloads as x
    set host_dc = p.host_dc, carbon_cap_gco2 = p.carbon_cap_gco2,
        max_carbon_intensity_gco2_kwh = p.max_carbon_intensity_gco2_kwh, min_renewable_pct = p.min_renewable_pct,
        max_price_gbp = p.max_price_gbp, is_deferrable = p.is_deferrable,
        deferral_window_mins = p.deferral_window_mins, earliest_start = p.earliest_start, deadline = p.deadline,
        latest_completion = p.latest_completion, status = 'pending', agent_status = 'pending',
        metadata = case when jsonb_typeof(x.metadata) = 'object' then x.metadata else '{}' end || jsonb_build_object(
            'relaxed',
            case jsonb_typeof(x.metadata -> 'relaxed') when 'array' then x.metadata -> 'relaxed' else '[]' end || (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'n', relax.n, 'limit', c.value -> 'limit', 'value', c.value -> 'value'
                )), '[]')
                from jsonb_array_elements(changes) as c
            )
        )
    where x.id = v_id;
    return jsonb_build_object('id', v_id, 'n', relax.n, 'says', entry -> 'says', 'changed', patch);
end
$$;

do $$
begin
    perform agent.only_service_role(array['public.relax(uuid, integer)']);
    if exists (select from pg_catalog.pg_roles where rolname = 'authenticated') then
        grant execute on function public.relax(uuid, integer) to authenticated;
    end if;
end
$$;

notify pgrst, 'reload schema';

insert into agent.migrations (name) values ('0024_rights') on conflict (name) do nothing;

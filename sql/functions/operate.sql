-- What people do by hand: again, cancel, purge, relax.

-- `gridwise retry`. A failed workload resumes on its last thread, or (fresh) is submitted again; one that waits for its
-- next attempt is due at once; one that somebody works on is left alone. Row by row. Returns the ids it took.
create or replace function public.requeue_workloads(p_ids uuid[], p_fresh boolean)
returns jsonb language plpgsql set search_path = ''
as $$
declare
    v_id uuid;
    q agent.queue;
    v_status text;
    v_agent text;
    v_thread uuid;
    taken uuid[] := '{}';
begin
    perform set_config('lock_timeout', '2s', true);
    foreach v_id in array p_ids loop
        select w.status, w.agent_status into v_status, v_agent
        from public.compute_workloads as w where w.id = v_id for no key update;
        continue when not found;
        select k.* into q from agent.queue as k where k.workload_id = v_id for update;
        continue when q.state = 'running';
        if p_fresh then
            continue when not (v_status in ('failed', 'processing') or (v_status = 'queued' and v_agent = 'completed'));
            update public.compute_workloads as w set status = 'pending', agent_status = 'pending' where w.id = v_id;
            if not exists (
                select from agent.queue as k where k.workload_id = v_id and k.state in ('waiting', 'retry')
            ) then  -- the triggers are off
                perform agent.enter(array[v_id]);
            end if;
        elsif q.state = 'retry' then
            update agent.queue as k set until = clock_timestamp() where k.workload_id = v_id;
        else
            continue when v_status is distinct from 'failed';
            v_thread := coalesce((
                select r.thread_id from agent.runs as r
                where r.workload_id = v_id and not r.checkpoints_pruned order by r.token desc limit 1
            ), gen_random_uuid());
            perform set_config('gridwise.writing', 'on', true);
            update public.compute_workloads as w
            set status = 'processing', agent_status = 'processing', agent_error = null, agent_completed_at = null,
                agent_started_at = coalesce(w.agent_started_at, clock_timestamp()),
                metadata = agent.without_answer(w.metadata) - 'relaxations'
            where w.id = v_id and w.status = 'failed';
            perform set_config('gridwise.writing', '', true);
            perform agent.enter(array[v_id]);
            update agent.queue as k
            set thread_id = v_thread, state = 'retry', until = clock_timestamp(), token = agent.new_token(),
                claimed_at = clock_timestamp(), started_at = w.agent_started_at
            from public.compute_workloads as w where k.workload_id = v_id and w.id = v_id;
            delete from agent.relaxations as r where r.workload_id = v_id;
        end if;
        taken := taken || v_id;
    end loop;
    perform pg_catalog.pg_notify('compute_workloads', '');
    return to_jsonb(taken);
end
$$;

-- What waits, is worked on or has an answer is cancelled; a run under way finds out and stops. The ids it took.
create or replace function public.cancel_workloads(p_ids uuid[])
returns jsonb language sql set search_path = ''
as $$
    with taken as (
        update public.compute_workloads as w set status = 'cancelled'
        where w.id = any(p_ids) and w.status in ('pending', 'processing', 'queued')
        returning w.id
    )
    select coalesce(jsonb_agg(t.id), '[]') from taken as t
$$;

-- Deletes finished workloads (an answer, a failure, cancelled): those named, or all in these states that were submitted
-- so long ago. At most p_limit at a time; how many. p_dry_run only counts them.
create or replace function public.purge_workloads(
    p_ids uuid[], p_states text[], p_older_seconds double precision, p_limit integer, p_dry_run boolean
)
returns bigint language sql set search_path = ''
as $$
    with chosen as (
        select w.id from public.compute_workloads as w
        where ((w.status = 'queued' and w.agent_status = 'completed') or w.status in ('failed', 'cancelled'))
        and (p_ids is null or w.id = any(p_ids))
        and (p_states is null or w.status = any(p_states))
        and (p_older_seconds is null or w.submitted_at < now() - make_interval(secs => p_older_seconds))
        limit p_limit
    ), gone as (
        delete from public.compute_workloads as w using chosen as c where w.id = c.id and not p_dry_run returning w.id
    )
    select case when p_dry_run then (select count(*) from chosen) else (select count(*) from gone) end
$$;

-- What a held command really did (`gridwise wait ID`): into `metadata.actual_run`, beside the recommendation. True where
-- the row is there. The row's status is its owner's and stays as it is.
create or replace function public.record_run(p_id uuid, p_details jsonb)
returns jsonb language plpgsql set search_path = ''
as $$
begin
    update public.compute_workloads as w
    set metadata = agent.merged(w.metadata, jsonb_build_object('actual_run', p_details))
    where w.id = p_id;
    return to_jsonb(found);
end
$$;

-- Accepts relaxation n of a workload that no placement could satisfy (docs/contract.md): loosens what stands in the way
-- and submits the row again. Its owner may call it on Supabase. What is done is what our search found, kept in
-- agent.relaxations, and not what stands in the row's metadata. Returns the workload's new row of changes.
create or replace function public.relax(id uuid, n integer)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
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

-- Claim: due leases (expired ones and retries) first, then waiting rows in queue order.
--
-- Lock order everywhere is lease, then workload. Here a waiting row has to be locked before its lease is known, so
-- nothing in this function waits for a lease: what is busy is skipped. Only where somebody else is making a lease for the
-- same row in this very moment does its insert wait for that.
--
-- Two plain SELECT … LIMIT … FOR UPDATE SKIP LOCKED into arrays and UPDATE … = ANY(array), in place of the textbook
-- CTE: the planner has no row count to guess wrongly, and the latency does not grow with the backlog.

create or replace function public.claim_workloads(
    p_owner text,
    p_limit integer,
    p_lease_seconds double precision,
    p_max_attempts integer,
    p_request uuid default null,
    p_resend boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
set enable_seqscan = off  -- a backlog that grew since the last ANALYZE must not bring a scan and a sort
set enable_sort = off
set jit = off  -- before PostgreSQL 18 a disabled node counts as a cost that calls for compilation: 40 ms per workload
set plan_cache_mode = force_generic_plan  -- planning anew for each array costs three times the claim itself
as $$
declare
    v_now timestamptz;
    v_until timestamptz;
    due uuid[];
    spent uuid[];
    fresh uuid[];
    held uuid[];
    taken uuid[] := '{}';
    first_timers integer;
begin
    if p_limit not between 1 and 1000 or p_max_attempts < 1 or p_lease_seconds not between 0.05 and 86400 then
        raise exception 'claim_workloads: limit % (1-1000), lease % s (0.05-86400), max attempts % (from 1)',
            p_limit, p_lease_seconds, p_max_attempts using errcode = '22023';
    end if;
    if p_request is not null then
        -- a re-send waits for the first call, which may still be under way
        perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(p_request::text, 0));
        if p_resend then
            select array_agg(l.workload_id) into taken from agent.leases as l
            where l.request = p_request and l.owner = p_owner;
            if taken is not null then
                return agent.claims(taken);
            end if;
            taken := '{}';
        end if;
    end if;

    v_now := clock_timestamp();
    v_until := v_now + make_interval(secs => p_lease_seconds);
    select array_agg(x.workload_id) into due
    from (
        select l.workload_id from agent.leases as l
        where l.until <= v_now order by l.until limit p_limit
        for update skip locked
    ) as x;

    if due is not null then
        -- cancelled, deleted or edited by somebody meanwhile: their state stands
        with gone as (
            delete from agent.leases as l
            where l.workload_id = any(due)
            and not exists (
                select from public.compute_workloads as w where w.id = l.workload_id and w.status = 'processing'
            )
            returning l.*
        )
        insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, error)
        select g.workload_id, g.token, g.thread_id, g.attempt, g.owner, 'cancelled', g.claimed_at,
            'the workload left the state processing'
        from gone as g where g.owner is not null;

        -- attempts used up
        select array_agg(x.id) into spent
        from (
            select w.id from public.compute_workloads as w
            where w.status = 'processing' and w.id = any(
                array(
                    select l.workload_id from agent.leases as l
                    where l.workload_id = any(due) and l.attempt >= p_max_attempts
                )
            )
            for update skip locked
        ) as x;
        if spent is not null then
            with gone as (
                delete from agent.leases as l where l.workload_id = any(spent) returning l.*
            ), logged as (
                insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, error)
                select g.workload_id, g.token, g.thread_id, g.attempt, g.owner, 'failed', g.claimed_at,
                    agent.gave_up(g.attempt, g.last_error)
                from gone as g
            )
            update public.compute_workloads as w
            set status = 'failed', agent_status = 'failed', agent_completed_at = clock_timestamp(),
                agent_error = agent.gave_up(g.attempt, g.last_error),
                metadata = agent.merged(w.metadata, jsonb_build_object(
                    'agent_status', 'failed', 'agent_started_at', w.agent_started_at,
                    'agent_completed_at', clock_timestamp()
                ))
            from gone as g
            where w.id = g.workload_id;
        end if;

        insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, error)
        select l.workload_id, l.token, l.thread_id, l.attempt, l.owner, 'lost', l.claimed_at, 'the lease ran out'
        from agent.leases as l
        where l.workload_id = any(due) and l.owner is not null and l.attempt < p_max_attempts;

        with again as (
            update agent.leases as l
            set token = nextval('agent.fence'), owner = p_owner, attempt = l.attempt + 1, until = v_until,
                claimed_at = v_now, request = p_request
            where l.workload_id = any(due) and l.attempt < p_max_attempts
            returning l.workload_id
        )
        select coalesce(array_agg(a.workload_id), '{}') into taken from again as a;
    end if;

    if p_limit > cardinality(taken) then
        -- the expression and the predicate are those of compute_workloads_queue_idx, word for word
        select array_agg(x.id) into fresh
        from (
            select w.id from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
            order by
                least(greatest(coalesce(submitted_at, timestamptz '2000-01-01 00:00+00'), timestamptz '2000-01-01 00:00+00'), timestamptz '2200-01-01 00:00+00') at time zone 'UTC'
                - case upper(urgency) when 'CRITICAL' then interval '24 hours' when 'HIGH' then interval '4 hours' when 'LOW' then interval '0 hours' else interval '1 hour' end
                - greatest(interval '0 hours', interval '4 hours' - greatest(interval '0 hours',
                    least(greatest(least(coalesce(deadline, timestamptz '2200-01-01 00:00+00'), coalesce(latest_completion, timestamptz '2200-01-01 00:00+00')), timestamptz '2000-01-01 00:00+00'), timestamptz '2200-01-01 00:00+00') at time zone 'UTC'
                    - least(greatest(coalesce(submitted_at, timestamptz '2000-01-01 00:00+00'), timestamptz '2000-01-01 00:00+00'), timestamptz '2200-01-01 00:00+00') at time zone 'UTC')),
                id
            limit p_limit - cardinality(taken)
            for update skip locked
        ) as x;
    end if;

    if fresh is not null then
        -- submitted again while an older run still holds the lease: end that run, or leave the row if it is busy
        if exists (select from agent.leases as l where l.workload_id = any(fresh)) then
            held := array(
                select l.workload_id from agent.leases as l where l.workload_id = any(fresh) for update skip locked
            );
            fresh := array(
                select f from unnest(fresh) as f
                where f = any(held) or not exists (select from agent.leases as l where l.workload_id = f)
            );
            with gone as (
                delete from agent.leases as l where l.workload_id = any(held) returning l.*
            )
            insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at, error)
            select g.workload_id, g.token, g.thread_id, g.attempt, g.owner, 'cancelled', g.claimed_at,
                'the workload was submitted again'
            from gone as g where g.owner is not null;
        end if;

        -- a row that is being adopted this moment gets its lease there, and is left to it
        with leased as (
            insert into agent.leases (workload_id, thread_id, token, owner, attempt, until, claimed_at, request)
            select f, gen_random_uuid(), nextval('agent.fence'), p_owner, 1, v_until, v_now, p_request
            from unnest(fresh) as f
            on conflict do nothing
            returning workload_id
        )
        select coalesce(array_agg(x.workload_id), '{}') into fresh from leased as x;

        update public.compute_workloads as w
        set status = 'processing', agent_status = 'processing', agent_started_at = v_now,
            agent_completed_at = null, agent_error = null
        where w.id = any(fresh) and w.agent_completed_at is null;
        get diagnostics first_timers = row_count;
        if first_timers < cardinality(fresh) then
            -- what an earlier submission was told does not belong to this one
            update public.compute_workloads as w
            set status = 'processing', agent_status = 'processing', agent_started_at = v_now,
                agent_completed_at = null, agent_error = null, decision_summary = null,
                recommended_region = null, recommended_region_id = null, recommended_grid_zone_id = null,
                recommended_asset_id = null, recommended_carbon_intensity = null, recommended_renewable_mix = null,
                recommended_cost_gbp = null, recommended_time_window_start = null, recommended_time_window_end = null,
                recommendation_source = null, recommendation_rank = null, recommendation_confidence = null,
                recommended_2_region = null, recommended_2_region_id = null, recommended_2_grid_zone_id = null,
                recommended_2_asset_id = null, recommended_2_carbon_intensity = null,
                recommended_2_renewable_mix = null, recommended_2_cost_gbp = null, recommended_2_reason = null,
                recommended_3_region = null, recommended_3_region_id = null, recommended_3_grid_zone_id = null,
                recommended_3_asset_id = null, recommended_3_carbon_intensity = null,
                recommended_3_renewable_mix = null, recommended_3_cost_gbp = null, recommended_3_reason = null,
                metadata = agent.without_answer(w.metadata)
            where w.id = any(fresh) and w.agent_completed_at is not null;
        end if;
        taken := taken || fresh;
    end if;

    return agent.claims(taken);
end
$$;

-- Of a user's metadata, what a run reads: {user_request}, bounded and one level deep. The users' JSON may be larger than
-- a poller has memory for and deeper than a parser goes, and it arrives in one answer with the rows of others. What is
-- emptied or cut here is refused in words by persistence/workload.py, as the whole of it would be.
create or replace function agent.request_of(metadata jsonb)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
    request jsonb;
begin
    if metadata is null or jsonb_typeof(metadata) = 'null' then
        return null;
    elsif jsonb_typeof(metadata) <> 'object' then
        return '[]';
    end if;
    request := metadata -> 'user_request';
    case jsonb_typeof(request)
        when 'object' then
            if jsonb_path_exists(request, '$.* ? (@.type() == "object" || @.type() == "array")') then
                select jsonb_object_agg(e.key, case jsonb_typeof(e.value)
                    when 'object' then '{}'::jsonb when 'array' then '[]'::jsonb else e.value
                end) into request
                from jsonb_each(request) as e;
            end if;
            if length(request::text) > 100000 then
                request := to_jsonb(left(request::text, 100000));
            end if;
        when 'string' then
            if length(request #>> '{}') > 100000 then
                request := to_jsonb(left(request #>> '{}', 100000));
            end if;
        when 'array' then
            request := '[]';
        else
            null;
    end case;
    return jsonb_build_object('user_request', request);
end
$$;

-- Leases with their rows, as claim_workloads returns them, in any order: the columns that a run reads and no others,
-- since an operator may have added some of their own, of any type and size.
create or replace function agent.claims(ids uuid[])
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'workload_id', l.workload_id, 'thread_id', l.thread_id, 'token', l.token, 'owner', l.owner,
        'attempt', l.attempt, 'until', l.until,
        'row', jsonb_build_object(
            'id', w.id, 'workload_name', left(w.workload_name, 100000),
            'workload_type', left(w.workload_type, 100000), 'urgency', left(w.urgency, 100000),
            'priority', w.priority, 'host_dc', left(w.host_dc, 100000), 'required_gpu_mins', w.required_gpu_mins,
            'required_cpu_cores', w.required_cpu_cores, 'required_memory_gb', w.required_memory_gb,
            'estimated_energy_kwh', w.estimated_energy_kwh, 'estimated_duration_hours', w.estimated_duration_hours,
            'carbon_cap_gco2', w.carbon_cap_gco2, 'max_carbon_intensity_gco2_kwh', w.max_carbon_intensity_gco2_kwh,
            'min_renewable_pct', w.min_renewable_pct, 'max_price_gbp', w.max_price_gbp,
            'is_deferrable', w.is_deferrable, 'deferral_window_mins', w.deferral_window_mins,
            'earliest_start', w.earliest_start, 'deadline', w.deadline, 'latest_completion', w.latest_completion,
            'agent_started_at', w.agent_started_at, 'submitted_at', coalesce(w.submitted_at, w.agent_started_at),
            'metadata', agent.request_of(w.metadata)
        )
    )), '[]')
    from agent.leases as l
    inner join public.compute_workloads as w on w.id = l.workload_id
    where l.workload_id = any(ids)
$$;

create or replace function agent.gave_up(attempts integer, last_error text)
returns text
language sql
immutable
set search_path = ''
as $$
    select format(
        'Gave up after %s attempt%s. %s', attempts, case when attempts <> 1 then 's' end,
        coalesce('The last error was: ' || last_error, 'The process that worked on it stopped without an answer.')
    )
$$;

-- Keys are added to an object; anything else that a user put there stays as it is.
create or replace function agent.merged(metadata jsonb, addition jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select case
        when metadata is null or jsonb_typeof(metadata) = 'null' then addition
        when jsonb_typeof(metadata) = 'object' then metadata || (addition - 'user_request')
        else metadata
    end
$$;

-- The keys that complete_workloads and fail_workload write.
create or replace function agent.without_answer(metadata jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
    select case when jsonb_typeof(metadata) = 'object' then metadata - array[
        'agent_status', 'agent_started_at', 'agent_completed_at', 'compute_analysis', 'compute_options',
        'energy_options', 'head_decision', 'recommendations', 'selected_option', 'decision_summary', 'provenance'
    ] else metadata end
$$;

select agent.only_service_role(array[
    'public.claim_workloads(text, integer, double precision, integer, uuid, boolean)',
    'agent.claims(uuid[])',
    'agent.request_of(jsonb)',
    'agent.gave_up(integer, text)',
    'agent.merged(jsonb, jsonb)',
    'agent.without_answer(jsonb)'
]);

insert into agent.migrations (name) values ('0008_claim') on conflict (name) do nothing;

-- What people ask of the queue by hand: find, list, cancel, purge.

-- At most six workloads that a person may mean, newest first: by id, by the first digits of one (4 at least, dashes or
-- not), or by name.
create or replace function public.find_workloads(p_text text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    digits text := lower(replace(p_text, '-', ''));
    is_prefix boolean := lower(p_text) ~ '^[0-9a-f-]+$' and length(digits) between 4 and 32;
    low uuid := case when is_prefix then rpad(digits, 32, '0')::uuid end;
    high uuid := case when is_prefix then rpad(digits, 32, 'f')::uuid end;
begin
    return (
        select coalesce(jsonb_agg(x.found order by x.submitted_at desc nulls last), '[]')
        from (
            select m.submitted_at, jsonb_build_object(
                'id', m.id, 'workload_name', left(m.workload_name, 200), 'status', m.status,
                'agent_status', m.agent_status, 'submitted_at', m.submitted_at
            ) as found
            from (
                select w.* from public.compute_workloads as w where w.id between low and high
                union
                select w.* from public.compute_workloads as w where w.workload_name = p_text
            ) as m
            order by m.submitted_at desc nulls last limit 6
        ) as x
    );
end
$$;

-- Newest first. Null arguments do not filter; p_like is part of a name, in any case.
create or replace function public.list_workloads(p_limit integer, p_states text[], p_like text, p_since_seconds double precision)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(x.row order by x.submitted_at desc nulls last), '[]')
    from (
        select w.submitted_at, jsonb_build_object(
            'id', w.id, 'workload_name', left(w.workload_name, 200), 'status', w.status, 'agent_status', w.agent_status,
            'urgency', w.urgency, 'submitted_at', w.submitted_at, 'agent_completed_at', w.agent_completed_at,
            'agent_error', left(w.agent_error, 2000), 'recommended_region', w.recommended_region,
            'recommended_carbon_intensity', w.recommended_carbon_intensity,
            'recommended_renewable_mix', w.recommended_renewable_mix, 'recommended_cost_gbp', w.recommended_cost_gbp,
            'recommended_time_window_start', w.recommended_time_window_start,
            'recommended_time_window_end', w.recommended_time_window_end,
            'recommendation_confidence', w.recommendation_confidence,
            'metadata', case
                when jsonb_typeof(w.metadata) = 'object' and w.metadata ? 'provenance' then jsonb_build_object(
                    'provenance', jsonb_build_object('savings', w.metadata #> '{provenance,savings}')
                )
            end
        ) as row
        from public.compute_workloads as w
        where (p_states is null or w.status = any(p_states))
        and (p_like is null or strpos(lower(w.workload_name), lower(p_like)) > 0)
        and (p_since_seconds is null or w.submitted_at >= now() - make_interval(secs => p_since_seconds))
        order by w.submitted_at desc nulls last limit p_limit
    ) as x
$$;

-- What waits, is worked on or has an answer is cancelled; a run under way finds out and stops. The ids it took.
create or replace function public.cancel_workloads(p_ids uuid[])
returns jsonb
language sql
set search_path = ''
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
returns bigint
language sql
set search_path = ''
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

select agent.only_service_role(array[
    'public.find_workloads(text)',
    'public.list_workloads(integer, text[], text, double precision)',
    'public.cancel_workloads(uuid[])',
    'public.purge_workloads(uuid[], text[], double precision, integer, boolean)'
]);

insert into agent.migrations (name) values ('0019_list_and_cancel') on conflict (name) do nothing;

-- A row of the shared table as the queue sees it.

-- Urgency as a lane of the queue. A deadline within four hours counts as HIGH: no more than a user may say anyway.
create or replace function agent.queue_rank(urgency text, deadline timestamptz, latest timestamptz)
returns smallint language sql stable parallel safe
as $$
    select least(
        case upper(urgency) when 'CRITICAL' then 0 when 'HIGH' then 1 when 'LOW' then 3 else 2 end,
        case when least(deadline, latest) < now() + interval '4 hours' then 1 else 3 end
    )::smallint
$$;  -- no SET: it is to be inlined

create or replace function agent.is_open(status text, agent_status text)
returns boolean language sql immutable parallel safe
as $$ select coalesce(status = 'pending' or (status = 'queued' and agent_status = 'pending'), false) $$;

create or replace function agent.user_of(user_id uuid)
returns uuid language sql immutable parallel safe
as $$ select coalesce(user_id, '00000000-0000-0000-0000-000000000000'::uuid) $$;

-- The limits that the owner gave up after a failure (`relax`); nothing where that is more than we ever write.
create or replace function agent.relaxed_of(metadata jsonb)
returns jsonb language sql stable
as $$
    select case
        when jsonb_typeof(metadata) = 'object' and jsonb_typeof(metadata -> 'relaxed') = 'array'
            and length(metadata ->> 'relaxed') < 20000
            and length(regexp_replace(metadata ->> 'relaxed', '[^[{]', '', 'g')) < 500
            -- a list of entries with a value each, at most a list of pairs
            and not jsonb_path_exists(metadata -> 'relaxed', 'strict $.**{5}')
            then jsonb_build_object('relaxed', metadata -> 'relaxed')
        else '{}'
    end
$$;  -- no SET: it is to be inlined

-- What a run reads of a row: the columns of the contract and no others, bounded and flat (agent.request_of). Callers
-- `set timezone`: the text of a time, and so the hash, differs from session to session.
create or replace function agent.inputs_of(w public.compute_workloads)
returns jsonb language sql stable
as $$
    select jsonb_build_object(
        'id', w.id, 'workload_name', left(w.workload_name, 100000),
        'workload_type', left(w.workload_type, 100000), 'urgency', left(w.urgency, 100000),
        'host_dc', left(w.host_dc, 100000), 'priority', w.priority, 'is_deferrable', w.is_deferrable,
        'required_gpu_mins', w.required_gpu_mins, 'required_cpu_cores', w.required_cpu_cores,
        'required_memory_gb', w.required_memory_gb, 'estimated_energy_kwh', w.estimated_energy_kwh,
        'estimated_duration_hours', w.estimated_duration_hours, 'deferral_window_mins', w.deferral_window_mins,
        'carbon_cap_gco2', w.carbon_cap_gco2, 'max_carbon_intensity_gco2_kwh', w.max_carbon_intensity_gco2_kwh,
        'min_renewable_pct', w.min_renewable_pct, 'max_price_gbp', w.max_price_gbp, 'submitted_at', w.submitted_at,
        'earliest_start', w.earliest_start, 'deadline', w.deadline, 'latest_completion', w.latest_completion,
        'metadata', agent.request_of(w.metadata) || agent.relaxed_of(w.metadata)
    )
$$;

create or replace view agent.inputs with (security_invoker = true) as
select w.id, w.status, w.agent_status, i.inputs,
    lpad(to_hex(jsonb_hash_extended(i.inputs, 0)), 32, '0')::uuid as hash, w.xmin as version
from public.compute_workloads as w
cross join lateral (select agent.inputs_of(w) as inputs offset 0) as i;

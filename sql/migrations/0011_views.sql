-- What people query. security_invoker: a view must not show more than the reader's own rights on the table do.

do $$
declare
    v text;
begin
    perform set_config('lock_timeout', '400ms', true);
    foreach v in array array[
        'workloads_with_recommendations', 'workload_status_counts', 'workload_processing_times', 'failed_workloads'
    ] loop
        -- a view of an earlier schema has other columns, so it cannot be replaced in place
        if exists (select from pg_catalog.pg_class where oid = to_regclass('public.' || v) and relkind = 'v') then
            execute format('drop view public.%I', v);
        end if;
    end loop;
end
$$;

-- Completed and failed workloads with everything that was recommended, and the names behind the ids.
create view public.workloads_with_recommendations with (security_invoker = true) as
select
    w.id, w.workload_name, w.job_id, w.user_id, w.workload_type, w.urgency, w.priority, w.status,
    w.submitted_at, w.deadline,
    w.agent_status, w.agent_started_at, w.agent_completed_at, w.agent_error,
    w.decision_summary,
    w.recommended_region, w.recommended_region_id, w.recommended_grid_zone_id, w.recommended_asset_id,
    w.recommended_carbon_intensity, w.recommended_renewable_mix, w.recommended_cost_gbp,
    w.recommended_time_window_start, w.recommended_time_window_end,
    w.recommendation_source, w.recommendation_rank, w.recommendation_confidence,
    w.recommended_2_region, w.recommended_2_region_id, w.recommended_2_grid_zone_id, w.recommended_2_asset_id,
    w.recommended_2_carbon_intensity, w.recommended_2_renewable_mix, w.recommended_2_cost_gbp,
    w.recommended_2_reason,
    w.recommended_3_region, w.recommended_3_region_id, w.recommended_3_grid_zone_id, w.recommended_3_asset_id,
    w.recommended_3_carbon_intensity, w.recommended_3_renewable_mix, w.recommended_3_cost_gbp,
    w.recommended_3_reason,
    w.metadata,
    u.region_name as recommended_region_name, u.dno_region as recommended_dno_region,
    z.zone_name as recommended_grid_zone_name,
    a.asset_name as recommended_asset_name
from public.compute_workloads as w
left join public.uk_regions as u on u.id = w.recommended_region_id
left join public.grid_zones as z on z.id = w.recommended_grid_zone_id
left join public.compute_assets as a on a.id = w.recommended_asset_id
where w.agent_status in ('completed', 'failed');

create view public.workload_status_counts with (security_invoker = true) as
select w.status, w.agent_status, count(*) as count, min(w.submitted_at) as oldest, max(w.submitted_at) as newest
from public.compute_workloads as w
group by w.status, w.agent_status;

create view public.workload_processing_times with (security_invoker = true) as
select
    w.id, w.workload_name, w.agent_status, w.agent_started_at, w.agent_completed_at,
    extract(epoch from w.agent_started_at - w.submitted_at) as waiting_seconds,
    extract(epoch from w.agent_completed_at - w.agent_started_at) as processing_seconds
from public.compute_workloads as w
where w.agent_completed_at is not null;

create view public.failed_workloads with (security_invoker = true) as
select w.id, w.workload_name, w.agent_error, w.agent_started_at, w.agent_completed_at
from public.compute_workloads as w
where w.agent_status = 'failed';

insert into agent.migrations (name) values ('0011_views') on conflict (name) do nothing;

-- agent.runs is appended to and never changed, except that old history goes.

-- Forgets attempts that ended that long ago, oldest first; returns how many. It keeps what somebody still needs: an
-- attempt whose checkpoints are there (`gridwise retry` resumes a failed workload on that thread), all of a workload that
-- holds a lease, and the last day whatever is asked (a completion whose reply was lost is answered from history).
create or replace function public.trim_history(p_retention_seconds double precision, p_limit integer)
returns jsonb
language plpgsql
set search_path = ''
set enable_seqscan = off  -- from the old end of runs_ended_idx, however long the history and old its statistics
set enable_sort = off
set jit = off
as $$
declare
    n integer;
begin
    -- several pollers may do this at once: each takes other rows
    delete from agent.runs as r
    where r.ctid = any(array(
        select o.ctid from agent.runs as o
        where o.ended_at < now() - make_interval(secs => greatest(p_retention_seconds, 86400))
        and o.checkpoints_pruned
        and not exists (select from agent.leases as l where l.workload_id = o.workload_id)
        order by o.ended_at limit p_limit
        for update skip locked
    ));
    get diagnostics n = row_count;
    return to_jsonb(n);
end
$$;

select agent.only_service_role(array['public.trim_history(double precision, integer)']);

notify pgrst, 'reload schema';

insert into agent.migrations (name) values ('0017_history_retention') on conflict (name) do nothing;

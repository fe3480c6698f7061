-- What has long been over is forgotten.

-- Forgets attempts that ended that long ago, oldest first; returns how many. It keeps what somebody still needs: an
-- attempt whose checkpoints are there (`gridwise retry` resumes a failed workload on that thread), all of a workload that
-- is worked on, and the last day whatever is asked (a completion whose reply was lost is answered from history). What has
-- long been over goes from the queue and from the promises as well.
create or replace function public.trim_history(p_retention_seconds double precision, p_limit integer)
returns jsonb language plpgsql set search_path = ''
set enable_seqscan = off  -- from the old end of the indexes, however long the history and old its statistics
set enable_sort = off set jit = off
as $$
declare
    n integer;
    v_ids uuid[];
begin
    -- several pollers may do this at once: each takes other rows
    with gone as (
        delete from agent.runs as r
        where r.ctid = any(array(
            select o.ctid from agent.runs as o
            where o.ended_at < now() - make_interval(secs => greatest(p_retention_seconds, 86400))
            and o.checkpoints_pruned
            and not exists (
                select from agent.queue as q
                where q.workload_id = o.workload_id and q.state in ('waiting', 'running', 'retry')
            )
            order by o.ended_at limit p_limit
            for update skip locked
        ))
        returning r.workload_id
    )
    select count(*), array_agg(distinct g.workload_id) into n, v_ids from gone as g;
    delete from agent.queue as q
    where q.workload_id = any(v_ids) and q.state in ('done', 'failed', 'cancelled', 'gone') and q.project is null
    and not exists (select from agent.runs as r where r.workload_id = q.workload_id);
    delete from agent.power as p
    where (p.workload_id, p.submission, p.asset_id, p.starts) in (
        select o.workload_id, o.submission, o.asset_id, o.starts from agent.power as o
        where o.ends < now() - interval '7 days' order by o.ends limit p_limit for update skip locked
    );
    return to_jsonb(n);
end
$$;

-- Threads that ended, or were left, that long ago, and that no lease will resume.
create or replace function public.prunable_threads(p_retention_seconds double precision, p_limit integer)
returns jsonb language sql stable set search_path = ''
as $$
    with ended as (
        select r.thread_id from agent.runs as r
        where not r.checkpoints_pruned and r.ended_at < now() - make_interval(secs => p_retention_seconds)
        and not exists (
            select from agent.queue as q where (q.workload_id, q.thread_id) = (r.workload_id, r.thread_id)
            and q.state in ('waiting', 'running', 'retry')
        ) and not exists (
            select from agent.runs as n where (n.workload_id, n.thread_id) = (r.workload_id, r.thread_id)
            and n.ended_at >= now() - make_interval(secs => p_retention_seconds)
        )
        order by r.ended_at limit p_limit
    ), abandoned as (
        select t.thread_id from agent.left_threads as t
        where t.left_at < now() - make_interval(secs => p_retention_seconds) limit p_limit
    )
    select coalesce(jsonb_agg(x.thread_id), '[]')
    from (select e.thread_id from ended as e union select a.thread_id from abandoned as a) as x
$$;

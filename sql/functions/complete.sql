-- What came of a run.

-- p_items: [{workload_id, token, result: {options[1-3], source, rank, confidence, decision_summary, metadata}}].
-- Returns {written, busy}: the tokens whose result stands, in the shared table or, where a row does not let it be written
-- yet, in agent.answers, from where it is shown as soon as it lets; whether this call or an earlier one whose reply was
-- lost wrote it. Busy: somebody edits that row this moment, nothing was touched, send them again. A token in neither was
-- lost.
create or replace function public.complete_workloads(p_items jsonb)
returns jsonb language plpgsql set search_path = '' set jit = off set plan_cache_mode = force_generic_plan
set enable_seqscan = off  -- by index, whatever the statistics make of a table that was empty a minute ago
set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    t timestamptz := clock_timestamp();
    mine uuid[];
    written bigint[];
    busy bigint[] := '{}';
    tired boolean := false;
    setting text := set_config('lock_timeout', '200ms', true);
begin
    for go in 1..2 loop  -- 2: without the shared rows. (Lock and update in ONE sub-transaction, or each costs a multixact.)
        begin
            select array_agg(x.workload_id), array_agg(x.token) into mine, written
            from (
                select q.workload_id, q.token from agent.queue as q
                inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
                where q.state = 'running' for update of q skip locked
            ) as x;
            exit when mine is null;
            if go = 1 and exists (select from agent.queue as s where s.project is not null and s.tries > 0) then
                continue when exists (  -- suspects go alone
                    select from agent.queue as s inner join agent.queue as q on q.user_id = s.user_id
                    where s.project is not null and s.tries > 0 and q.workload_id = any(mine)
                );
            end if;
            if go = 1 then
                perform agent.show(mine, p_items);
            else
                insert into agent.answers as a (workload_id, submission, outcome, result)
                select q.workload_id, q.submission, 'queued', i.result
                from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb)
                inner join agent.queue as q using (workload_id, token)
                where q.workload_id = any(mine)
                on conflict (workload_id) do update
                set submission = excluded.submission, outcome = excluded.outcome, result = excluded.result;
            end if;
            if jsonb_path_exists(p_items, '$[*].result.options[0].asset_id ? (@ != null)') then
                insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
                select q.workload_id, q.submission, p.asset_id, p.starts, p.ends, p.power_kw
                from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb)
                inner join agent.queue as q using (workload_id, token)
                cross join lateral agent.power_of(i.result) as p
                where q.workload_id = any(mine)
                and not exists (
                    select from agent.power as o where o.workload_id = q.workload_id and o.submission = q.submission
                )
                on conflict do nothing;
            end if;
            with ended as (
                update agent.queue as q
                set state = 'done', until = null, tries = 0, parked = null, parked_at = null, show_at = t, edits = 0,
                    project = case go when 2 then 'answer' end
                where q.workload_id = any(mine)
                returning q.*
            )
            insert into agent.runs
                (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, ended_at)
            select e.workload_id, e.token, e.thread_id, e.submission, e.attempt, e.owner, 'queued', e.claimed_at, t
            from ended as e;
            if go = 2 and not tired then
                perform agent.project(50, mine);
            end if;
            exit;
        exception when query_canceled or others then
            if go = 2 then
                raise;
            end if;
            tired := sqlstate = '57014';
        end;
    end loop;
    if coalesce(cardinality(written), 0) < jsonb_array_length(p_items) then  -- busy, lost, or sent again
        written := coalesce(written, '{}') || array(
            select r.token from agent.runs as r
            inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
            where r.outcome = 'queued' and not r.token = any(coalesce(written, '{}'))
        );
        busy := array(
            select q.token from agent.queue as q
            inner join jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint) using (workload_id, token)
            where q.state = 'running'
        );
    end if;
    return jsonb_build_object('written', coalesce(written, '{}'), 'busy', busy);
end
$$;

-- p_retry_seconds null: it failed for good. Otherwise due then, on the same thread; unless the attempts are used up.
-- p_details is merged into metadata; its `relaxations` are kept in agent.relaxations as well, which is what `relax` obeys.
-- Returns failed, retry or lost; or busy, and has touched nothing, where somebody edits the row this moment: send it again.
create or replace function public.fail_workload(
    p_id uuid, p_token bigint, p_error text, p_retry_seconds double precision, p_max_attempts integer,
    p_details jsonb default null
)
returns jsonb language plpgsql set search_path = ''
as $$
declare
    q agent.queue;
    t timestamptz := clock_timestamp();
    v_error text := left(p_error, 4000);
    v_outcome text := 'failed';
begin
    perform set_config('lock_timeout', '200ms', true);
    select k.* into q from agent.queue as k
    where k.workload_id = p_id and k.token = p_token and k.state = 'running' for update skip locked;
    if not found then
        -- busy, lost, or done by a call whose reply was lost
        return to_jsonb(case
            when exists (
                select from agent.queue as k
                where k.workload_id = p_id and k.token = p_token and k.state = 'running'
            ) then 'busy'
            else coalesce((
                select r.outcome from agent.runs as r
                where r.workload_id = p_id and r.token = p_token and r.outcome in ('failed', 'retry')
            ), 'lost')
        end);
    end if;
    if p_retry_seconds is not null and q.attempt < p_max_attempts then
        v_outcome := 'retry';
        update agent.queue as k
        set state = 'retry', owner = null, token = agent.new_token(), request = null, last_error = v_error,
            until = t + make_interval(secs => least(greatest(p_retry_seconds, 0), 86400))
        where k.workload_id = p_id;
    else
        if p_retry_seconds is not null then
            p_error := agent.gave_up(q.attempt, v_error);
        else
            p_error := v_error;
        end if;
        delete from agent.power as p where p.workload_id = p_id;
        if jsonb_typeof(p_details -> 'relaxations') = 'array' then
            insert into agent.relaxations as r (workload_id, submission, items)
            values (p_id, q.submission, p_details -> 'relaxations')
            on conflict (workload_id) do update set submission = excluded.submission, items = excluded.items;
        end if;
        insert into agent.answers as a (workload_id, submission, outcome, result)
        values (p_id, q.submission, 'failed', jsonb_build_object(
            'error', p_error, 'metadata', coalesce(p_details, '{}')
        ))
        on conflict (workload_id) do update
        set submission = excluded.submission, outcome = excluded.outcome, result = excluded.result;
        update agent.queue as k
        set state = 'failed', until = null, project = 'answer', show_at = t, tries = 0, parked = null,
            parked_at = null, edits = 0, last_error = v_error
        where k.workload_id = p_id;
    end if;
    insert into agent.runs
        (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, ended_at, error)
    values (p_id, p_token, q.thread_id, q.submission, q.attempt, q.owner, v_outcome, q.claimed_at, t, v_error);
    if v_outcome = 'failed' then
        perform agent.project(1, array[p_id]);
    end if;
    return to_jsonb(v_outcome);
end
$$;
